"""One request of nas2fad over one connection: docs/protocol.md, part 3."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any, Final

from nas2fa.activated import peer_of
from nas2fa.control import codec
from nas2fa.control.messages import Done, Failed, Message, paged, request_from_json, to_json
from nas2fa.control.smb import END, SESSIONS, VERBS, canonical, to_row
from nas2fa.control.verbs import check_args
from nas2fa.errors import Nas2faError, Reason, RequestError
from nas2fa.smb.ending import Samba, end

WAIT_SECONDS: Final = 5.0  # for the request, and for nas2fad to take a packet


def serve(connection: socket.socket, samba: Samba, trusted: frozenset[int]) -> None:
    """Answer one request. A peer whose uid is none of `trusted` is left without a word."""
    if peer_of(connection)[1] not in trusted:
        return
    connection.settimeout(WAIT_SECONDS)
    with suppress(OSError):  # the peer left or does not read
        try:
            packet, _, _, _ = connection.recvmsg(codec.PACKET_MAX + 1)
            if packet:
                for message in _answer(packet, samba):
                    _say(connection, message)
        except Nas2faError as error:
            _say(connection, Failed(str(error.reason), error.text))


def _say(connection: socket.socket, message: Message) -> None:
    connection.sendall(codec.encode(to_json(message)), socket.MSG_NOSIGNAL)


def _answer(packet: bytes, samba: Samba) -> Iterator[Message]:
    request = request_from_json(codec.decode(packet))
    verb = VERBS.get(request.verb)
    if verb is None:
        raise RequestError(Reason.BAD_REQUEST, "no such verb")
    args = check_args(verb, request.args)
    if verb is SESSIONS:
        sessions = samba.status().sessions
        yield from paged(map(to_row, sessions))
        yield Done({"total": len(sessions)})
    elif verb is END:
        yield Done(_ended(samba, args))


def _ended(samba: Samba, args: dict[str, Any]) -> dict[str, int]:
    address = canonical(args["address"]) if args["address"] else ""
    if address is None:
        raise RequestError(Reason.BAD_REQUEST, "'address' must be an address")
    return asdict(end(samba, args["uid"], address))
