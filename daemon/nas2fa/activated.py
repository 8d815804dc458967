"""What the programs have in common that systemd starts when somebody connects to their socket."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
from contextlib import suppress
from pathlib import Path

_PR_SET_DUMPABLE = 4  # prctl(2)
_FIRST_PASSED = 3  # SD_LISTEN_FDS_START, see sd_listen_fds(3)
_PEER = struct.Struct("3i")  # struct ucred of SO_PEERCRED, see socket(7): pid, uid, gid


def harden() -> None:
    """No core dump, and no reading of this memory by another process of uid 0 without capabilities."""
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    with suppress(ValueError, OSError):  # the cage denies the call and sets the limit itself
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def passed_connection() -> socket.socket | None:
    """The connection: descriptor 3 when the environment says so, else standard input. None when it is neither."""
    return _taken(_FIRST_PASSED if _one_was_passed() else 0)


def passed_listener() -> socket.socket | None:
    """The listening socket of a service that takes its connections itself (Accept=no). None when there is none."""
    listener = _taken(_FIRST_PASSED) if _one_was_passed() else None
    if listener is not None and not listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        listener.detach()
        return None
    return listener


def own_listener(path: str, backlog: int) -> socket.socket:
    """A listening socket of our own, mode 0600, for a box without systemd. Raises OSError."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    before = os.umask(0o177)
    listener.bind(path)
    os.umask(before)
    listener.listen(backlog)
    return listener


def _one_was_passed() -> bool:
    return os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1"


def _taken(descriptor: int) -> socket.socket | None:
    """The socket in a descriptor, if it is one of ours."""
    try:
        found = socket.socket(fileno=descriptor)
    except OSError:
        return None
    if found.family != socket.AF_UNIX or found.type != socket.SOCK_SEQPACKET:
        found.detach()
        return None
    found.set_inheritable(False)
    return found


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """The pid and uid of the process at the other end, as they were when it connected."""
    pid, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return pid, uid & 0xFFFFFFFF
