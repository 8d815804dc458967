"""What anybody may know of the box's clock, and what stands in the way of a set-up by it."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from nas2fa import audit
from nas2fa.clock import telling
from nas2fa.clock.words import Network, Reading
from nas2fa.errors import Reason, RequestError
from nas2fa.server.clock import Told
from nas2fa.server.peers import Peer
from nas2fa.server.verbs.desk import Act, Args, Desk
from nas2fa.steps import ReadClock


def clock(desk: Desk, peer: Peer, args: Args) -> Act:
    """All that is known of the clock; `despite`: root goes on although it is too far off."""
    told: Told = yield ReadClock(args["measure"])
    if told.refusal and args["despite"]:
        _override(told, peer, args["despite"])
    # When somebody logged in last, and whose phone is off, is not everybody's business.
    return {**whole(told), **({"newest": told.newest, "phones": desk.world.phones()} if peer.is_root else {})}


def checked(peer: Peer, despite: str) -> Generator[Any, Any, dict[str, Any]]:
    """Look at the clock before something is set up; what is to be shown. RequestError when it is too far off.

    despite: why root goes on all the same; empty: not.
    """
    told: Told = yield ReadClock(measure=True)
    if told.refusal and despite:
        _override(told, peer, despite)
    elif told.refusal:
        own = "Put it right, or overrule this by --despite-clock REASON." if peer.is_root else "Tell the administrator."
        raise RequestError(Reason.CLOCK_OFF, f"{told.refusal} {own}")
    return whole(told)


def whole(told: Told) -> dict[str, Any]:
    """The answer of the verb, and what `setup` shows."""
    network, verdict = told.network or Network(), told.verdict
    services = None if told.network is None else network.services
    return {
        **plain(told.kernel.synchronised),
        "estimated_error": None if told.kernel.est_error_us is None else told.kernel.est_error_us / 1e6,
        "state": str(verdict.state),
        "seconds": verdict.seconds,
        "whose": told.whose,
        "limit": told.limit,
        "source": network.source,
        "measured_ago": None if told.measured is None else round(told.at.boot - told.measured.boot),
        "servers": [
            {**_said(reading), "standing": str(standing)}
            for reading, standing in zip(network.readings, verdict.standings, strict=False)
        ],
        "services": None if services is None else list(map(asdict, services)),
        "head": told.head,
        "lines": list(telling.lines(verdict, told.network)),
        "doubt": telling.doubt(verdict),
        "refusal": told.refusal,
        "remedy": list(telling.remedy(verdict, services, told.kernel.synchronised)),
    }


def _said(reading: Reading) -> dict[str, Any]:
    """A server's row: null where it said nothing, as a 0 there would read as an agreement with the box."""
    return {**asdict(reading), **({"offset": None, "delay": None, "stratum": None} if reading.fault else {})}


def plain(synchronised: bool | None) -> dict[str, Any]:
    """Date, time and zone of this box, and whether the kernel calls its clock synchronised (None: unknown)."""
    here = datetime.now().astimezone()
    offset = here.utcoffset()
    return {
        "iso": here.isoformat(timespec="seconds"),
        "zone": here.tzname() or "",
        "utc_offset": 0 if offset is None else int(offset.total_seconds()),
        "synchronised": synchronised,
    }


def _override(told: Told, peer: Peer, despite: str) -> None:
    audit.emit(audit.Event.CLOCK_OVERRIDDEN, by=peer.uid, reason=f"{despite} ({told.head})")
