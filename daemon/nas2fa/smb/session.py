"""One request of nas2fad over one connection: docs/protocol.md, part 3."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from nas2fa.control.messages import Done, Message, paged
from nas2fa.control.serving import serve_one
from nas2fa.control.smb import END, SESSIONS, VERBS, canonical, to_row
from nas2fa.control.verbs import Verb
from nas2fa.errors import Reason, RequestError
from nas2fa.smb.ending import Samba, end


def serve(connection: socket.socket, samba: Samba, trusted: frozenset[int]) -> None:
    """Answer one request. A peer whose uid is none of `trusted` is left without a word."""
    serve_one(connection, VERBS, partial(_answer, samba), trusted)


def _answer(samba: Samba, verb: Verb, args: Mapping[str, Any]) -> Iterator[Message]:
    if verb is SESSIONS:
        sessions = samba.status().sessions
        yield from paged(map(to_row, sessions))
        yield Done({"total": len(sessions)})
    elif verb is END:
        yield Done(_ended(samba, args))


def _ended(samba: Samba, args: Mapping[str, Any]) -> dict[str, int]:
    address = canonical(args["address"]) if args["address"] else ""
    if address is None:
        raise RequestError(Reason.BAD_REQUEST, "'address' must be an address")
    return asdict(end(samba, args["uid"], address))
