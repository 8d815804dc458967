"""What root asks about the box as a whole: attempts, store, daemon."""

from __future__ import annotations

import os
from datetime import UTC, datetime

from nas2fa import __version__, audit
from nas2fa.clock.kernel import kernel_word
from nas2fa.clock.now import now
from nas2fa.control.messages import paged
from nas2fa.enrolment import clock_rescue
from nas2fa.errors import Reason, RequestError
from nas2fa.server.peers import Peer
from nas2fa.server.verbs.clock import plain
from nas2fa.server.verbs.desk import Act, Args, Desk
from nas2fa.steps import OffLoop


def explain(desk: Desk, peer: Peer, args: Args) -> Act:
    """One attempt with its trace, or the latest as a table."""
    if args["attempt"]:
        ended = desk.attempts.find(args["attempt"])
        if ended is None:
            raise RequestError(Reason.BAD_REQUEST, "The daemon does not remember that attempt.")
        return dict(ended.whole())
    latest = desk.attempts.latest(args["limit"])
    yield from paged(e.row() for e in latest)
    return {"total": len(latest)}


def accepted(desk: Desk, peer: Peer, args: Args) -> Act:
    """Logins by ssh or at the console that passed with a code since then: what `nas2fa system confirm` needs."""
    logins = desk.attempts.accepted(args["since"])
    yield from paged(e.entry() for e in logins)
    return {"total": len(logins)}


def repair(desk: Desk, peer: Peer, args: Args) -> Act:
    """Name the store's faults; take a backup back, or make /etc and the users folder agree, when told to."""
    credentials, action, repaired = desk.world.credentials, args["action"], 0
    if action == "restore":
        if args["uid"] is None:
            raise RequestError(Reason.BAD_REQUEST, "Which user? restore takes the backup of one.")
        yield OffLoop(lambda: credentials.restore(args["uid"]))
        repaired = 1
    elif action == "adopt":
        yield OffLoop(credentials.adopt)
        repaired = 1
    if repaired:
        audit.emit(audit.Event.REPAIRED, uid=args["uid"], by=peer.uid, reason=action)
    faults = yield OffLoop(credentials.faults)
    chosen = [f for f in faults if args["uid"] is None or f[0] in (None, args["uid"])]
    keys = ("uid", "fault", "text", "remedy")
    yield from paged(dict(zip(keys, (f[0], str(f[1]), f[2], f[3]), strict=True)) for f in chosen)
    return {"faults": len(chosen), "repaired": repaired}


def rescue_clock(desk: Desk, peer: Peer, args: Args) -> Act:
    """The time that two codes tell, for a client that sets the clock by it."""

    def changed(old: float, new: float) -> None:
        times = f"from {_utc(old)} to {_utc(new)}"
        audit.emit(audit.Event.CLOCK_RESCUED, user=args["user"], uid=args["uid"], by=peer.uid, reason=times)

    return (yield from clock_rescue.rescue(desk.world, args["uid"], args["user"], now(), changed))


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def health(desk: Desk, peer: Peer, args: Args) -> Act:
    """How the daemon is, and whether every record can be read."""
    fault = desk.world.credentials.health()
    faults = yield OffLoop(desk.world.credentials.faults)
    return {
        "version": __version__,
        "pid": os.getpid(),
        "started": int(desk.started),
        "store": "ok" if fault is None else str(fault),
        "faults": len(faults),
        "exemptions": "ok" if (exemptions := desk.world.exempted.fault()) is None else exemptions.text,
        "config": desk.config_fault or "ok",
        "clock": plain(kernel_word().synchronised),
        "unenrolled": desk.world.rules().unenrolled,
        "open": desk.open_conversations(),
    }
