"""The client of courier.sock, behind which nas2fa-courier asks the network. Never raises: no answer is None."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from nas2fa.clock.words import Network
from nas2fa.control import codec
from nas2fa.control.courier import NTP, ROWS_MAX, from_rows
from nas2fa.errors import ProtocolError
from nas2fa.server.asking import RefusedError, asked

logger = logging.getLogger(__name__)

# For all of a request: nas2fa-courier answers within 4 s, and a slow box takes some to start it.
ANSWER_SECONDS: Final = 8.0


async def times(path: str, servers: Sequence[str]) -> Network | None:
    """What these time servers say, or those of the box's own time service when none is given; and which services run.

    None when that cannot be told. Servers that do not answer are no reason: each has a row that says so.
    """
    try:
        rows, done = await asked(path, NTP.name, {"servers": " ".join(servers)}, ANSWER_SECONDS, ROWS_MAX)
        codec.integer(done, "total", len(rows), len(rows))
        return from_rows(rows, done)
    except (RefusedError, ProtocolError) as error:
        logger.warning("the time servers cannot be asked: %s", error)
        return None
