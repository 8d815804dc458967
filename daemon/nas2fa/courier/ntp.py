"""Asks time servers, all at once, each one question: over within 4 s, whatever they or the network do."""

from __future__ import annotations

import os
import selectors
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Final

from nas2fa.clock.words import Fault, Reading
from nas2fa.courier.names import Address, looked_up
from nas2fa.courier.packets import NONCE, judged, question
from nas2fa.courier.servers import Server

PORT: Final = 123
NAME_SECONDS: Final = 1.5
ANSWER_SECONDS: Final = 1.5
QUESTIONS_MAX: Final = 8  # addresses that are asked in all
_PACKET_MAX: Final = 1024  # bytes that are read of an answer


@dataclass(slots=True)
class _Question:
    """One that is on its way. Its socket is connected: what comes from elsewhere is dropped, and ICMP is told of."""

    about: Reading  # server and address; the fault if nothing better comes
    connection: socket.socket
    nonce: bytes
    wall: float  # Unix seconds when it was sent
    sent: float  # of the monotonic clock

    def hear(self) -> Reading | None:
        """The end of this question, if the next packet is one."""
        try:
            packet = self.connection.recv(_PACKET_MAX)
            took = time.monotonic() - self.sent
        except BlockingIOError:
            return None
        except OSError:
            return replace(self.about, fault=Fault.REFUSED)
        heard = judged(packet, self.nonce, self.wall, took)
        if heard is None:
            self.about = replace(self.about, fault=Fault.BROKEN)
            return None
        return replace(heard, server=self.about.server, address=self.about.address)


def ask(servers: Sequence[Server], port: int = PORT) -> tuple[Reading, ...]:
    """A reading for each server, for each of several addresses of a pool; in the order of the servers."""
    found = looked_up((server.name for server in servers), port, NAME_SECONDS)
    shares = [_of_one_family(found[server.name])[: server.most] for server in servers]
    turns = list(_in_turns(shares))[:QUESTIONS_MAX]
    places = {server.name: place for place, server in enumerate(servers)}
    unknown = [Reading(server.name, fault=Fault.NOT_FOUND) for server in servers if not found[server.name]]
    asked = [_asked(servers[place].name, address) for place, address in turns]
    questions = [one for one in asked if isinstance(one, _Question)]
    try:
        over = [*unknown, *(one for one in asked if isinstance(one, Reading)), *_answers(questions)]
    finally:
        for one in questions:
            one.connection.close()
    return tuple(sorted(over, key=lambda reading: places[reading.server]))


def _of_one_family(addresses: list[Address]) -> list[Address]:
    """Those of the first one's: a machine often has an address of IPv4 and one of IPv6, and is one witness."""
    return [address for address in addresses if address[0] == addresses[0][0]]


def _in_turns(shares: Iterable[list[Address]]) -> Iterator[tuple[int, Address]]:
    """The first address of each, then the second of each: no pool keeps another server from being asked."""
    seen: set[Address] = set()
    for turn in zip_longest(*shares):
        for place, address in enumerate(turn):
            if address is not None and address not in seen:
                seen.add(address)
                yield place, address


def _asked(server: str, address: Address) -> _Question | Reading:
    """Send the question; a Reading when the network does not take it."""
    family, where = address
    about = Reading(server, str(where[0]), Fault.SILENT)
    connection = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    nonce = os.urandom(NONCE)
    try:
        connection.connect(where)
        wall, sent = time.time(), time.monotonic()
        connection.send(question(nonce))
    except OSError:
        connection.close()
        return replace(about, fault=Fault.REFUSED)
    return _Question(about, connection, nonce, wall, sent)


def _answers(questions: Iterable[_Question]) -> Iterator[Reading]:
    """The end of each. One packet of each at a time: who floods keeps neither the others nor the deadline waiting."""
    with selectors.DefaultSelector() as selector:
        for one in questions:
            selector.register(one.connection, selectors.EVENT_READ, one)
        deadline = time.monotonic() + ANSWER_SECONDS
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                if (reading := key.data.hear()) is not None:
                    selector.unregister(key.fileobj)
                    yield reading
        for key in list(selector.get_map().values()):
            yield key.data.about
