"""Entry point of `nas2fa-smb`: one connection from systemd, or a server of its own for a box without systemd."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from nas2fa.activated import harden, own_listener, passed_connection
from nas2fa.paths import Paths
from nas2fa.smb.samba import Running
from nas2fa.smb.session import serve

BACKLOG: Final = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one connection, or with --listen many, one after the other; returns the exit code."""
    options = _parser().parse_args(arguments)
    harden()
    paths = Paths.under(str(Path(options.root).resolve())) if options.root else Paths.system()
    trusted = frozenset({0, os.geteuid()}) if options.root else frozenset({0})
    if options.listen:
        return _listen(paths.socket("smb"), trusted)
    connection = passed_connection()
    if connection is None:
        sys.stderr.write("nas2fa-smb: no connection in descriptor 3 or 0; start it by its socket, or with --listen\n")
        return 2
    with connection:
        serve(connection, Running(), trusted)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nas2fa-smb", description="Tell and end SMB sessions for nas2fad.")
    parser.add_argument("--root", metavar="DIR", help="belong to the private nas2fad under DIR")
    parser.add_argument("--listen", action="store_true", help="bind smb.sock and serve one connection after the other")
    return parser


def _listen(path: str, trusted: frozenset[int]) -> int:
    with own_listener(path, BACKLOG) as listener:
        while True:
            connection, _ = listener.accept()
            with connection:
                serve(connection, Running(), trusted)
