"""The box that is switched on or examined: its files and its programs, as root sees them.

All of activation reaches the box through this one object, so that a test can give it a folder instead of a root.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

RUN_SECONDS = 60  # for one program; a name service that hangs must not hang the doctor for ever
HOSTS_CLOCK = "In a container the clock is the host's: put it right there."
FILE_MAX = 1 << 20  # bytes of a configuration file


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended. `status` 127: there is no such program; 124: it did not end in time."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class System:
    """Files below `root` ("" is the box itself), and programs."""

    root: str = ""

    def path(self, name: str) -> Path:
        """Where the file that the box calls `name` (absolute) lies."""
        return Path(self.root + name)

    def read(self, name: str) -> str | None:
        """The text of a file, undecodable bytes as surrogates; None when there is none. OSError for all else."""
        try:
            with self.path(name).open("rb") as file:
                return file.read(FILE_MAX).decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, folder: str) -> list[str]:
        """The names in a folder, sorted bytewise as shells and sshd sort them; [] when there is none."""
        try:
            return sorted(os.listdir(self.path(folder)), key=os.fsencode)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        """Run a program of the box and wait for it: C locale, no terminal, never a shell."""
        environment = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "DEBIAN_FRONTEND": "noninteractive",
        }
        try:
            done = subprocess.run(
                command, input=stdin, capture_output=True, text=True, errors="surrogateescape", check=False,
                env=environment, timeout=RUN_SECONDS,
            )  # fmt: skip
        except FileNotFoundError:
            return Ran(127, "", f"{command[0]}: not found")
        except subprocess.TimeoutExpired:
            return Ran(124, "", f"{command[0]}: did not end within {RUN_SECONDS} s")
        return Ran(done.returncode, done.stdout, done.stderr)


def contained(system: System) -> bool:
    """Whether this is a container: kernel line, clock and console are then the host's."""
    return system.run(["systemd-detect-virt", "--quiet", "--container"]).status == 0
