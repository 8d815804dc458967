"""The three listening sockets: handed over by systemd, or bound here on a box without it."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

from systemd import daemon

from nas2fa.paths import Paths

BACKLOG: Final = 128
MODES: Final[Mapping[str, int]] = {"login": 0o600, "user": 0o666, "control": 0o666}


def listening(paths: Paths) -> dict[str, socket.socket]:
    """Every socket of MODES by its name; the order in which systemd hands them over differs between versions.

    AlreadyRunningError when another process listens there: in its place, this one would shut everybody out at its end.
    """
    handed = {name: socket.socket(fileno=fd) for fd, name in daemon.listen_fds_with_names().items()}
    for name in MODES.keys() - handed.keys():
        _refuse_a_second(paths.socket(name))
    sockets = {name: handed.get(name) or _bound(paths.socket(name), mode) for name, mode in MODES.items()}
    for listener in sockets.values():
        listener.setblocking(False)
    return sockets


class AlreadyRunningError(Exception):
    """Another nas2fad, or systemd for it, listens on the socket that the text names."""


def _refuse_a_second(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return  # nothing there, or what a process left that is gone
        except BlockingIOError:
            pass  # its backlog is full: somebody listens
    raise AlreadyRunningError(f"nas2fad is already running: somebody listens on {path}")


def _bound(path: str, mode: int) -> socket.socket:
    """A fresh listener. It is made under another name and renamed, so that its mode holds from the first moment."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    os.chmod(folder, 0o755)  # noqa: S103  a private instance only: everybody must reach user.sock, whatever the umask
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    fresh = f"{path}.new"
    if os.path.lexists(fresh):
        os.unlink(fresh)
    listener.bind(fresh)
    os.chmod(fresh, mode)
    listener.listen(BACKLOG)
    os.rename(fresh, path)
    return listener
