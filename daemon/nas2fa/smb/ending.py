"""Ends the sessions of a user, also those that a login in flight still opens. Pure: Samba comes as an object.

A login that nas2fad answered just before the revocation opens its session a moment after it, and a client that is cut
off tries again at once. So one look is not enough: it looks again and again, for two seconds at least, and as long as
a login from there has not ended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from nas2fa.control.smb import Session
from nas2fa.smb.status import Status

WATCH_SECONDS: Final = 2.0  # at least; a login takes some 10 ms from nas2fad's word to its session
END_SECONDS: Final = 6.0  # at most: a login may hang, and a process that is busy ends late
PAUSE_SECONDS: Final = 0.1  # between two looks


class Samba(Protocol):
    """The running Samba, and its time."""

    def status(self) -> Status:
        """The sessions now. Raises RequestError when they cannot be told."""

    def parent(self) -> int | None:
        """The smbd that accepts connections: with its end, all of Samba ends. None when none runs. RequestError."""

    def shut(self, pid: int) -> None:
        """Tell the process to end. Raises RequestError when it takes too long."""

    def now(self) -> float:
        """Seconds that only go on."""

    def pause(self, seconds: float) -> None:
        """Wait."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Sessions that were there and are gone, and those that are still there."""

    ended: int
    left: int


def end(samba: Samba, uid: int, address: str = "") -> Ended:
    """End the sessions of this uid, all or those of one address. Raises RequestError.

    A process serves all sessions of one TCP connection, so those of other users on it are cut off as well.
    """
    started = samba.now()
    seen: set[str] = set()
    told: set[str] = set()
    while True:
        status = samba.status()
        found = [s for s in status.sessions if s.uid == uid and address in ("", s.address)]
        seen.update(session.id for session in found)
        passed = samba.now() - started
        waiting = found or (status.logging_in if not address else address in status.logging_in)
        left = {session.id for session in found}
        # However long a look takes (anybody can fill Samba's table with logins that never end), each is told once.
        if (passed >= END_SECONDS and left <= told) or (passed >= WATCH_SECONDS and not waiting):
            return Ended(len(seen - left), len(left))
        told |= left
        for pid in _pids(found, samba.parent() if found else None):
            samba.shut(pid)
        samba.pause(PAUSE_SECONDS)


def _pids(sessions: list[Session], parent: int | None) -> list[int]:
    return sorted({session.pid for session in sessions} - {parent})
