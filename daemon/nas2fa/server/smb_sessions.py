"""The client of smb.sock, behind which nas2fa-smb runs the programs. Never raises: what cannot be told is None."""

from __future__ import annotations

import logging
from typing import Final

from nas2fa.control import codec
from nas2fa.control.smb import END, SESSIONS, Session, from_row
from nas2fa.errors import ProtocolError
from nas2fa.server.asking import RefusedError, asked

logger = logging.getLogger(__name__)

# For all of a request: nas2fa-smb answers within 8 s, and a slow box takes some to start it.
ANSWER_SECONDS: Final = 12.0
ROWS_MAX: Final = 20_000  # sessions that it tells of


async def sessions(path: str) -> list[Session] | None:
    """Every SMB session of this box, one row for each address it comes from. None when that cannot be told."""
    try:
        rows, done = await asked(path, SESSIONS.name, {}, ANSWER_SECONDS, ROWS_MAX)
        codec.integer(done, "total", len(rows), len(rows))
        return [from_row(row) for row in rows]
    except (RefusedError, ProtocolError) as error:
        logger.warning("the SMB sessions cannot be told: %s", error)
        return None


async def end(path: str, uid: int, address: str = "") -> int | None:
    """End the sessions of this uid, all or those from one address: how many. None when some may be left."""
    try:
        _, done = await asked(path, END.name, {"uid": uid, "address": address}, ANSWER_SECONDS, 0)
        ended, left = codec.integer(done, "ended"), codec.integer(done, "left")
    except (RefusedError, ProtocolError) as error:
        logger.warning("the SMB sessions of uid %d may go on: %s", uid, error)
        return None
    if left:
        logger.warning("%d SMB sessions of uid %d did not end", left, uid)
    return None if left else ended
