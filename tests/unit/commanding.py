"""Runs the command in this process, as `nas2fa --root DIR …` with a standard input that is no terminal."""

from __future__ import annotations

import io
import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from nas2fa.cli.main import main

ME = {"uid": os.geteuid(), "user": pwd.getpwuid(os.geteuid()).pw_name}
ROOT = {"uid": 0, "user": "root"}


@dataclass(frozen=True)
class Outcome:
    """What came of it."""

    code: int
    out: str
    err: str


class Command:
    """`nas2fa` for the private instance under `root`."""

    def __init__(self, root: Path, monkeypatch, capsys) -> None:
        self.socket = root / "run" / "control.sock"
        self._root = root
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def __call__(self, *arguments: str, stdin: str | bytes = "") -> Outcome:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        self._monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given), "utf-8"))
        code = main(["--root", str(self._root), *arguments])
        captured = self._capsys.readouterr()
        return Outcome(code, captured.out, captured.err)
