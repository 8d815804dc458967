"""Who is at the other end of the connection: account by the peer's credentials, terminal and session by its pid."""

from __future__ import annotations

import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path

from nas2fa.activated import peer_of
from nas2fa.errors import Reason, RequestError
from nas2fa.interfaces import own_addresses
from nas2fa.signin import place

_SESSIONS = Path("/run/systemd/sessions")
_FILE_MAX = 65_536  # bytes that are read of one file in /proc or /run


@dataclass(frozen=True, slots=True)
class Caller:
    """uid and name of the account, terminal of the machine itself if it sits at one, and the word for its place."""

    uid: int
    user: str
    tty: str
    source: str

    @property
    def address(self) -> str:
        """The literal address it came from; empty when local or unknown."""
        return "" if self.source in (place.CONSOLE, place.UNKNOWN) else self.source


def caller_of(connection: socket.socket) -> Caller:
    """The caller of a connection. Raises RequestError when its uid has no name."""
    pid, uid = peer_of(connection)
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        raise RequestError(Reason.UNKNOWN_USER, f"uid {uid} has no account on this box") from None
    tty, source = _place_of(pid, uid)
    return Caller(uid, user, tty, source)


def _place_of(pid: int, uid: int) -> tuple[str, str]:
    """Terminal and source of a process; unknown when it is gone, or when its number is somebody else's by now."""
    process = Path("/proc") / str(pid)
    try:
        stat, cgroup = _read(process / "stat"), _read(process / "cgroup")
        try:
            sessionid = _read(process / "sessionid")
        except FileNotFoundError:
            sessionid = ""  # a kernel without audit
        if process.stat().st_uid != uid:
            return "", place.UNKNOWN
    except OSError:
        return "", place.UNKNOWN
    tty = place.tty_of(stat)
    return tty, place.source_of(tty, _session(place.session_of(cgroup, sessionid)), _SESSIONS.is_dir(), own_addresses())


def _session(name: str) -> dict[str, str] | None:
    """The fields of a session; None when logind has no such session any more."""
    if not name:
        return None
    try:
        return place.parsed(_read(_SESSIONS / name))
    except OSError:
        return None


def _read(path: Path) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _FILE_MAX).decode(errors="replace")
    finally:
        os.close(descriptor)
