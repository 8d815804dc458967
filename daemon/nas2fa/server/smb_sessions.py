"""The client of smb.sock, behind which nas2fa-smb runs the programs. Never raises: what cannot be told is None."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Mapping
from typing import Any, Final

from nas2fa.control import codec
from nas2fa.control.messages import Done, Failed, Request, Rows, from_json, request_to_json
from nas2fa.control.smb import END, SESSIONS, Session, from_row
from nas2fa.errors import ProtocolError
from nas2fa.server.accepting import receive, send
from nas2fa.server.peers import peer_of
from nas2fa.shown import shown

logger = logging.getLogger(__name__)

# For all of a request: nas2fa-smb answers within 8 s, and a slow box takes some to start it.
ANSWER_SECONDS: Final = 12.0


class _RefusedError(Exception):
    """There was no answer, or not a good one; the text says why."""


async def sessions(path: str) -> list[Session] | None:
    """Every SMB session of this box, one row for each address it comes from. None when that cannot be told."""
    try:
        rows, done = await _asked(path, SESSIONS.name, {})
        codec.integer(done, "total", len(rows), len(rows))
        return [from_row(row) for row in rows]
    except (_RefusedError, ProtocolError) as error:
        logger.warning("the SMB sessions cannot be told: %s", error)
        return None


async def end(path: str, uid: int, address: str = "") -> int | None:
    """End the sessions of this uid, all or those from one address: how many. None when some may be left."""
    try:
        _, done = await _asked(path, END.name, {"uid": uid, "address": address})
        ended, left = codec.integer(done, "ended"), codec.integer(done, "left")
    except (_RefusedError, ProtocolError) as error:
        logger.warning("the SMB sessions of uid %d may go on: %s", uid, error)
        return None
    if left:
        logger.warning("%d SMB sessions of uid %d did not end", left, uid)
    return None if left else ended


async def _asked(path: str, verb: str, args: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """The rows and the end of one request. Raises _RefusedError, ProtocolError."""
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as connection:
                await asyncio.get_running_loop().sock_connect(connection, path)
                if peer_of(connection).uid not in (0, os.geteuid()):
                    raise _RefusedError(f"{path} is held by another than root")
                await send(connection, codec.encode(request_to_json(Request(verb, args))), ANSWER_SECONDS)
                return await _answer(connection)
    except TimeoutError:
        raise _RefusedError(f"{path}: no answer for {ANSWER_SECONDS:.0f} s") from None
    except OSError as error:
        raise _RefusedError(f"{path}: {error.strerror or error}") from None


async def _answer(connection: socket.socket) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    rows: list[dict[str, Any]] = []
    while packet := await receive(connection, codec.PACKET_MAX, ANSWER_SECONDS):
        match from_json(codec.decode(packet)):
            case Rows(page):
                rows += map(dict, page)
            case Done(value):
                return rows, value
            case Failed(_, text):
                raise _RefusedError(shown(text))
            case _:
                raise ProtocolError("a step that does not belong here")
    raise _RefusedError("nas2fa-smb left without an answer")
