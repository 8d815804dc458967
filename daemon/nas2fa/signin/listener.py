"""signin.sock without systemd: each connection in a child of its own, as Accept=yes would do it."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from nas2fa.activated import peer_of
from nas2fa.paths import Paths

OPEN_MAX = 16  # sign-ins at one moment
OPEN_PER_UID = 4  # of one caller, so that nobody takes all of them
BACKLOG = 32


def listen(paths: Paths, serve: Callable[[socket.socket], None]) -> int:
    """Bind and serve until the process is told to end."""
    path = paths.socket("signin")
    Path(path).unlink(missing_ok=True)
    children: dict[int, int] = {}  # pid: uid of the caller
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        before = os.umask(0)
        listener.bind(path)
        os.umask(before)
        listener.listen(BACKLOG)
        while True:
            connection, _ = listener.accept()
            _reap(children)
            with connection:
                _, uid = peer_of(connection)
                if len(children) < OPEN_MAX and Counter(children.values())[uid] < OPEN_PER_UID:
                    children[_child(listener, connection, serve)] = uid


def _child(listener: socket.socket, connection: socket.socket, serve: Callable[[socket.socket], None]) -> int:
    """The pid of a child that serves this connection and ends."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        listener.close()
        serve(connection)
        code = 0
    finally:
        os._exit(code)  # never back into the parent's loop


def _reap(children: dict[int, int]) -> None:
    """Forget the children that have ended."""
    while children:
        pid, _ = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        children.pop(pid, None)
