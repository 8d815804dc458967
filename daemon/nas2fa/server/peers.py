"""Who is on the other end, and how many of them may be."""

from __future__ import annotations

import socket
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_UCRED: Final = struct.Struct("3i")  # pid, uid, gid: unix(7), SO_PEERCRED


@dataclass(frozen=True, slots=True)
class Peer:
    """The credentials the kernel noted when the peer connected. A pid may be re-used: it is for the log alone."""

    pid: int
    uid: int

    @property
    def is_root(self) -> bool:
        """True for uid 0."""
        return self.uid == 0


def peer_of(connection: socket.socket) -> Peer:
    """The credentials of the peer of a Unix socket (unix(7), SO_PEERCRED)."""
    pid, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    return Peer(pid, uid & 0xFFFFFFFF)


class Places:
    """So many places in all, and so many for one key. `reserve` of them are for those who may take the last ones."""

    def __init__(self, total: int, per_key: int, reserve: int = 0) -> None:
        self._total = total
        self._per_key = per_key
        self._reserve = reserve
        self._taken: Counter[object] = Counter()
        self._all = 0

    def __len__(self) -> int:
        return self._all

    @contextmanager
    def place(self, key: object, reserved: bool = False) -> Iterator[bool]:
        """True inside when there was a place; it is given back at the end."""
        limit = self._total if reserved else self._total - self._reserve
        if self._all >= limit or self._taken[key] >= self._per_key:
            yield False
            return
        self._all += 1
        self._taken[key] += 1
        try:
            yield True
        finally:
            self._all -= 1
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]
