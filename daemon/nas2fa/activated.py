"""What the programs have in common that systemd starts for one connection each (Accept=yes)."""

from __future__ import annotations

import ctypes
import os
import resource
import socket
import struct
from contextlib import suppress

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
    by_name = os.environ.get("LISTEN_PID") == str(os.getpid()) and os.environ.get("LISTEN_FDS") == "1"
    try:
        connection = socket.socket(fileno=_FIRST_PASSED if by_name else 0)
    except OSError:
        return None
    if connection.family != socket.AF_UNIX or connection.type != socket.SOCK_SEQPACKET:
        connection.detach()
        return None
    connection.set_inheritable(False)
    return connection


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """The pid and uid of the process at the other end, as they were when it connected."""
    pid, uid, _ = _PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return pid, uid & 0xFFFFFFFF
