"""Entry point of `nas2fa-signin`: one connection from systemd, or a server of its own for a box without systemd."""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from nas2fa.paths import Paths
from nas2fa.signin.listener import listen
from nas2fa.signin.session import serve

PR_SET_DUMPABLE = 4  # prctl(2)
FIRST_PASSED = 3  # SD_LISTEN_FDS_START, see sd_listen_fds(3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one connection, or with --listen many; returns the exit code."""
    options = _parser().parse_args(arguments)
    # Of two processes of uid 0 without capabilities, one could read the other's memory, and here that is a password.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    with suppress(ValueError, OSError):  # the cage denies the call and sets the limit itself
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    paths = Paths.under(str(Path(options.root).resolve())) if options.root else Paths.system()
    trusted = frozenset({0, os.geteuid()}) if options.root else frozenset({0})
    if options.listen:
        return listen(paths, lambda connection: serve(connection, paths, options.confdir, trusted))
    connection = _passed()
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


def _passed() -> socket.socket | None:
    """The connection of Accept=yes: descriptor 3 when the environment says so, else standard input."""
    by_name = os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1"
    try:
        connection = socket.socket(fileno=FIRST_PASSED if by_name else 0)
    except OSError:
        return None
    if connection.family != socket.AF_UNIX or connection.type != socket.SOCK_SEQPACKET:
        connection.detach()
        return None
    connection.set_inheritable(False)
    return connection
