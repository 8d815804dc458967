"""One request of nas2fad to a helper of its own behind a socket (docs/protocol.md, parts 3 and 4)."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from typing import Any

from nas2fa.control import codec
from nas2fa.control.messages import Done, Failed, Request, Rows, from_json, request_to_json
from nas2fa.errors import ProtocolError
from nas2fa.server.accepting import receive, send
from nas2fa.server.peers import peer_of
from nas2fa.shown import shown


class RefusedError(Exception):
    """There was no answer, or not a good one; the text says why."""


async def asked(
    path: str, verb: str, args: Mapping[str, Any], seconds: float, most: int
) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """The rows, `most` at most, and the end of one request, in so many seconds. Raises RefusedError, ProtocolError."""
    try:
        async with asyncio.timeout(seconds):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK) as connection:
                await asyncio.get_running_loop().sock_connect(connection, path)
                if peer_of(connection).uid not in (0, os.geteuid()):
                    raise RefusedError(f"{path} is held by another than root")
                await send(connection, codec.encode(request_to_json(Request(verb, args))), seconds)
                return await _answer(connection, path, seconds, most)
    except TimeoutError:
        raise RefusedError(f"{path}: no answer for {seconds:.0f} s") from None
    except OSError as error:
        raise RefusedError(f"{path}: {error.strerror or error}") from None


async def _answer(
    connection: socket.socket, path: str, seconds: float, most: int
) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """A helper that floods gets neither memory nor the loop: logins have their turn between any two packets."""
    rows: list[dict[str, Any]] = []
    while packet := await receive(connection, codec.PACKET_MAX, seconds):
        match from_json(codec.decode(packet)):
            case Rows(page):
                if not 0 < len(page) <= most - len(rows):
                    raise RefusedError(f"{path}: more than {most} rows, or a page of none")
                rows += map(dict, page)
                await asyncio.sleep(0)  # what is there already is received without a wait
            case Done(value):
                return rows, value
            case Failed(_, text):
                raise RefusedError(shown(text))
            case _:
                raise ProtocolError("a step that does not belong here")
    raise RefusedError(f"{path}: it left without an answer")
