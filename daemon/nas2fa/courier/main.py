"""Entry point of `nas2fa-courier`: the socket comes from systemd, or is bound here on a box without it."""

from __future__ import annotations

import argparse
import os
import select
import socket
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from nas2fa.activated import harden, own_listener, passed_listener
from nas2fa.courier.session import Measure, measured, serve, view_is_old
from nas2fa.paths import Paths

BACKLOG: Final = 16
CONNECTIONS: Final = 4  # at once; the next ones wait in the queue of the socket
NOBODY: Final = 65_534  # uid and gid that own nothing, in Debian "nobody" and "nogroup"
IDLE_SECONDS: Final = 30.0  # after the last connection; systemd starts it anew for the next one


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until nobody has asked for a while, with --listen for ever; returns the exit code."""
    options = _parser().parse_args(arguments)
    harden()
    paths = Paths.under(str(Path(options.root).resolve())) if options.root else Paths.system()
    trusted = frozenset({0, os.geteuid()}) if options.root else frozenset({0})
    listener = own_listener(paths.socket("courier"), BACKLOG) if options.listen else passed_listener()
    if options.listen:
        _become_nobody()
    if listener is None:
        sys.stderr.write(
            "nas2fa-courier: no listening socket in descriptor 3; start it by its socket, or with --listen\n"
        )
        return 2
    with listener:
        if options.listen:
            serve_all(listener, measured, trusted, None, lambda: False)
        else:
            serve_all(listener, measured, trusted, IDLE_SECONDS, view_is_old)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="nas2fa-courier", description="Ask time servers for nas2fad.")
    parser.add_argument("--root", metavar="DIR", help="belong to the private nas2fad under DIR")
    parser.add_argument("--listen", action="store_true", help="bind courier.sock, and stay")
    return parser


def _become_nobody() -> None:
    """Who started it as root has no systemd that would make a user for it."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def serve_all(
    listener: socket.socket,
    measure: Measure,
    trusted: frozenset[int],
    idle: float | None,
    outdated: Callable[[], bool],
) -> None:
    """Serve connections, each in a thread, until there was none for `idle` seconds (None: for ever).

    outdated   asked before each connection but the first; then it is left in the queue, for the next process
    """
    places = threading.BoundedSemaphore(CONNECTIONS)
    threads: list[threading.Thread] = []
    served = False
    listener.setblocking(False)
    while True:
        ready, _, _ = select.select([listener], [], [], idle)
        threads = [thread for thread in threads if thread.is_alive()]
        if not ready and not threads:
            return
        if ready and served and outdated():
            return
        if ready:
            with suppress(BlockingIOError, ConnectionAbortedError):  # it left before its turn
                connection, _ = listener.accept()
                places.acquire()
                served = True
                threads.append(_started(connection, measure, trusted, places))


def _started(
    connection: socket.socket, measure: Measure, trusted: frozenset[int], places: threading.BoundedSemaphore
) -> threading.Thread:
    def work() -> None:
        try:
            with connection:
                serve(connection, measure, trusted)
        finally:
            places.release()

    thread = threading.Thread(target=work)
    thread.start()
    return thread
