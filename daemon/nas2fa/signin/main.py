"""Entry point of `nas2fa-signin`: one connection from systemd, or a server of its own for a box without systemd."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from nas2fa.activated import harden, passed_connection
from nas2fa.paths import Paths
from nas2fa.signin.listener import listen
from nas2fa.signin.session import serve


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one connection, or with --listen many; returns the exit code."""
    options = _parser().parse_args(arguments)
    harden()
    paths = Paths.under(str(Path(options.root).resolve())) if options.root else Paths.system()
    trusted = frozenset({0, os.geteuid()}) if options.root else frozenset({0})
    if options.listen:
        return listen(paths, lambda connection: serve(connection, paths, options.confdir, trusted))
    connection = passed_connection()
    if connection is None:
        sys.stderr.write(
            "nas2fa-signin: no connection in descriptor 3 or 0; start it by its socket, or with --listen\n"
        )
        return 2
    with connection:
        serve(connection, paths, options.confdir, trusted)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nas2fa-signin", description="Prove a password by PAM (service nas2fa).")
    parser.add_argument("--root", metavar="DIR", help="belong to the private nas2fad under DIR")
    parser.add_argument("--listen", action="store_true", help="bind signin.sock and serve each connection in a child")
    parser.add_argument("--confdir", metavar="DIR", help="take the PAM service from DIR (with --root)")
    return parser
