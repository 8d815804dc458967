"""Exemptions, and what policy would decide: for root."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nas2fa import audit
from nas2fa.clock.now import now
from nas2fa.control.messages import paged
from nas2fa.enrolment import exempting
from nas2fa.errors import Reason, RequestError
from nas2fa.login.admission import admission, loaded
from nas2fa.login.attempt import Attempt
from nas2fa.login.judgement import codes_per_try
from nas2fa.login.lockout import standing
from nas2fa.login.policy import Action, Decision
from nas2fa.login.protocol import Hello
from nas2fa.login.sharing import SERVICES, grant_of, is_sharing, opens
from nas2fa.login.source import source_of
from nas2fa.rules import canonical
from nas2fa.server import views
from nas2fa.server.peers import Peer
from nas2fa.server.verbs.desk import Act, Args, Desk
from nas2fa.steps import InGroups, OffLoop, PasswordVersion
from nas2fa.store.records import Exemption


def add(desk: Desk, peer: Peer, args: Args) -> Act:
    """Ask no code of somebody in one network, at one service, until a day."""
    made = exempting.new(args, desk.world.own(), peer.uid, now())
    yield OffLoop(lambda: desk.world.exempted.change(lambda found: (*exempting.kept(found, made.created), made)))
    _emit(audit.Event.EXEMPTION_ADDED, made, peer)
    return {"id": made.id, "until": made.until}


def listing(desk: Desk, peer: Peer, args: Args) -> Act:
    """All of them."""
    found, wall = desk.world.exempted.current(), now().wall
    if fault := desk.world.exempted.fault():
        raise fault
    yield from paged(views.exemption(e, wall) for e in found)
    return {"total": len(found)}


def remove(desk: Desk, peer: Peer, args: Args) -> Act:
    """End one."""
    found = desk.world.exempted.current()
    if fault := desk.world.exempted.fault():
        raise fault
    gone = next((e for e in found if e.id == args["id"]), None)
    if gone is None:
        raise RequestError(Reason.BAD_REQUEST, "There is no exemption of that id (nas2fa exempt list).")
    yield OffLoop(lambda: desk.world.exempted.change(lambda found: tuple(e for e in found if e.id != gone.id)))
    _emit(audit.Event.EXEMPTION_REMOVED, gone, peer)
    return views.exemption(gone, now().wall)


def imagine(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """What policy would decide about a login, and why. Nothing is asked, used up or recorded."""
    key = frozenset({args["key"]}) if args["key"] and not args["alone"] else frozenset()
    first = "publickey " if args["first"] == "key" or key else ""
    phase = "account" if canonical(args["service"]) in SERVICES else "guard" if args["alone"] else "auth"
    hello = Hello(phase, args["service"], args["uid"], args["user"], args["rhost"], args["tty"], "", first)
    attempt = Attempt("imagined", hello, True, now())
    attempt.source = source_of(hello, True, desk.world.rules().console)
    decision = _imagined(desk, attempt, key, frozenset(args["groups"].split(":")))
    if decision.action is Action.CODE:
        decision = _unasked(desk, attempt, decision)
    return {
        "action": str(decision.action),
        "reason": str(decision.reason),
        "why": decision.why,
        "rule": decision.rule.number,
        "exemption": decision.exemption,
        "source": attempt.source.key,
        "trace": attempt.trace,
    }


def _unasked(desk: Desk, attempt: Attempt, decision: Decision) -> Decision:
    """What becomes of a decision for a code where none can be asked, or none would be taken."""
    if is_sharing(attempt.hello, True):
        return replace(decision, reason=Reason.GRANTED if grant_of(attempt, desk.world) else Reason.NO_GRANT)
    if attempt.hello.phase == "guard":
        why = f"{decision.why}; behind a key alone none can be asked"
        return replace(decision, action=Action.DENY, reason=Reason.NOT_VERIFIED, why=why)
    codes = codes_per_try(loaded(attempt, desk.world))
    lock = standing(desk.world.state(attempt.hello.uid or 0), attempt.source, attempt.began.boot, codes)
    if lock is None:
        if opens(attempt.hello, decision.rule, desk.world.rules().grants):
            attempt.note("file shares: a good code opens them at this address")
        return decision
    why = f"{decision.why}; but too many wrong ones were given"
    return replace(decision, action=Action.DENY, reason=lock.reason, why=why)


def _imagined(desk: Desk, attempt: Attempt, keys: frozenset[str], groups: frozenset[str]) -> Decision:
    flow = admission(attempt, desk.world, trusting=attempt.hello.phase != "account", keys=keys)
    reply: Any = None
    try:
        while True:
            match flow.send(reply):
                case InGroups(names):
                    reply = groups & frozenset(names)
                case PasswordVersion():
                    attempt.note("imagined: the password was not changed since the code was given")
                    reply = next((t.password for t in desk.world.state(attempt.hello.uid or 0).trusts), "")
    except StopIteration as end:
        decision: Decision = end.value
        return decision


def _emit(event: audit.Event, exemption: Exemption, peer: Peer) -> None:
    who = f"user {exemption.user}" if exemption.user else f"group {exemption.group}"
    key = f" with key {exemption.key}" if exemption.key else ""
    audit.emit(
        event,
        exemption=exemption.id,
        user=exemption.user,
        service=exemption.service,
        by=peer.uid,
        reason=f"{who} from {exemption.network} via {exemption.service}{key}: {exemption.reason}",
    )
