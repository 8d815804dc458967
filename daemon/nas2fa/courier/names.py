"""Looks names up, all at once and with a deadline: a resolver that hangs is left to itself."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

HANGING_MAX: Final = 32  # look-ups at once, those included that nobody waits for any more
# The address family, and what connect(2) takes.
Address: TypeAlias = tuple[int, tuple[object, ...]]

_places = threading.Semaphore(HANGING_MAX)


def looked_up(names: Iterable[str], port: int, seconds: float) -> dict[str, list[Address]]:
    """The addresses of each, in the resolver's order; none where there is none, or not within these seconds."""
    deadline = time.monotonic() + seconds
    found: dict[str, list[Address]] = {}
    waiting: set[str] = set()
    answers: SimpleQueue[tuple[str, list[Address]]] = SimpleQueue()
    for name in names:
        found[name] = _addresses(name, port, socket.AI_NUMERICHOST)
        if not found[name] and _places.acquire(blocking=False):
            waiting.add(name)
            threading.Thread(target=_look_up, args=(name, port, answers), daemon=True).start()
    while waiting:
        try:
            name, addresses = answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            break
        found[name] = addresses
        waiting.discard(name)
    return found


def _look_up(name: str, port: int, answers: SimpleQueue[tuple[str, list[Address]]]) -> None:
    try:
        answers.put((name, _addresses(name, port, 0)))
    finally:
        _places.release()


def _addresses(name: str, port: int, flags: int) -> list[Address]:
    try:
        entries = socket.getaddrinfo(name, port, type=socket.SOCK_DGRAM, flags=flags)
    except (OSError, UnicodeError):  # UnicodeError: Python's word for a name with an empty or a long label
        return []
    return [(family, address) for family, _, _, _, address in entries]
