"""One request of nas2fad over one connection: the server's side of docs/protocol.md, parts 3 and 4."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Final

from nas2fa.activated import peer_of
from nas2fa.control import codec
from nas2fa.control.messages import Failed, Message, request_from_json, to_json
from nas2fa.control.verbs import Verb, check_args
from nas2fa.errors import Nas2faError, Reason, RequestError

WAIT_SECONDS: Final = 5.0  # for the request, and for nas2fad to take a packet


def serve_one(
    connection: socket.socket,
    verbs: Mapping[str, Verb],
    answer: Callable[[Verb, Mapping[str, Any]], Iterable[Message]],
    trusted: frozenset[int],
) -> None:
    """Answer one request. A peer whose uid is none of `trusted` is left without a word."""
    if peer_of(connection)[1] not in trusted:
        return
    connection.settimeout(WAIT_SECONDS)
    with suppress(OSError):  # the peer left or does not read
        try:
            packet, _, _, _ = connection.recvmsg(codec.PACKET_MAX + 1)
            if packet:
                for message in answer(*_understood(packet, verbs)):
                    _say(connection, message)
        except Nas2faError as error:
            _say(connection, Failed(str(error.reason), error.text))


def _understood(packet: bytes, verbs: Mapping[str, Verb]) -> tuple[Verb, Mapping[str, Any]]:
    """The verb and its arguments. Raises ProtocolError, RequestError."""
    request = request_from_json(codec.decode(packet))
    verb = verbs.get(request.verb)
    if verb is None:
        raise RequestError(Reason.BAD_REQUEST, "no such verb")
    return verb, check_args(verb, request.args)


def _say(connection: socket.socket, message: Message) -> None:
    connection.sendall(codec.encode(to_json(message)), socket.MSG_NOSIGNAL)
