"""The verbs of the control socket, each a few lines between the table (control/verbs.py) and a use case."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from nas2fa import __version__, audit
from nas2fa.clock.kernel import kernel_word
from nas2fa.clock.now import now
from nas2fa.control.messages import paged
from nas2fa.enrolment import admin, setup
from nas2fa.enrolment.proof import Tokens, check_proof
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.login.conversation import Verdict
from nas2fa.login.protocol import Hello
from nas2fa.server import views
from nas2fa.server.attempts import Attempts, new_id
from nas2fa.server.peers import Peer
from nas2fa.server.world import StoreWorld
from nas2fa.steps import OffLoop
from nas2fa.store.records import Credential, Instant, UserState

OWN_SERVICE: Final = "nas2fa"  # what the journal calls a code asked by the command itself


@dataclass(slots=True)
class Desk:
    """What the verbs work with."""

    world: StoreWorld
    attempts: Attempts
    open_conversations: Callable[[], int]
    config_fault: str | None = None
    started: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)


Args: TypeAlias = Mapping[str, Any]
Act: TypeAlias = Generator[Any, Any, dict[str, Any]]


def status(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """The own account, or any for root."""
    credential = desk.world.load(args["uid"], args["user"] if peer.is_root else None)
    return views.status(_named(credential, args), desk.world.state(args["uid"]), now())


def test(desk: Desk, peer: Peer, args: Args) -> Act:
    """The real decision without logging in; a right code is used up by it."""
    rhost = args["rhost"] if peer.is_root else ""
    verdict, attempt = yield from _converse(desk, peer, args, args["service"], rhost)
    reason = verdict.reason
    if reason is Reason.FUTURE and not peer.is_root:
        reason = Reason.WRONG  # else a guesser would know which code to try in two minutes
    return {"verdict": verdict.word, "reason": str(reason), "attempt": attempt}


def set_up(desk: Desk, peer: Peer, args: Args) -> Act:
    """The wizard."""
    uid, user, moment = args["uid"], args["user"], now()
    if not peer.is_root:
        signed_in = desk.tokens.look(args["token"], uid, moment)
        user = signed_in.user
        credential = desk.world.load(uid, user)
        check_proof(credential, signed_in.source, args["invite"], desk.world.config.enroll_from, moment)
        desk.tokens.use(args["token"])
    config = desk.world.config
    new = setup.NewKey(
        args["algorithm"] or config.algorithm,
        args["digits"] or config.digits,
        args["period"] or config.period,
        args["label"],
        args["issuer"] or config.issuer or socket.gethostname(),
    )

    def saved() -> None:
        audit.emit(audit.Event.ENROLLED, user=user, uid=uid, by=peer.uid)

    return (yield from setup.set_up(desk.world, uid, user, new, clock(), moment, saved))


def disable(desk: Desk, peer: Peer, args: Args) -> Act:
    """Switch the second step off, with a fresh code."""
    user = yield from _fresh_code(desk, peer, args)
    done = yield from setup.disable(desk.world, args["uid"])
    audit.emit(audit.Event.DISABLED, user=user, uid=args["uid"], by=peer.uid)
    return done


def recovery_codes(desk: Desk, peer: Peer, args: Args) -> Act:
    """A new set, with a fresh code."""
    user = yield from _fresh_code(desk, peer, args)

    def saved() -> None:
        audit.emit(audit.Event.RECOVERY_NEW, user=user, uid=args["uid"], by=peer.uid)

    return (yield from setup.new_recovery_codes(desk.world, args["uid"], user, saved))


def signin_verified(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """nas2fa-signin says that this user's password was right just now."""
    token = desk.tokens.issue(args["uid"], args["user"], args["source"], now())
    return {"token": token, "seconds": 120}


def user_list(desk: Desk, peer: Peer, args: Args) -> Act:
    """All records, in pages; reading them is the writer thread's work."""
    names: list[tuple[int, str]] = yield OffLoop(desk.world.credentials.names)
    moment = now()
    yield from paged(_row(desk, uid, user, moment) for uid, user in names)
    return {"total": len(names)}


def user_show(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """Everything about one account but secrets."""
    credential, state, fault = _with_fault(desk, args["uid"], args["user"])
    return views.whole(_named(credential, args), state, now(), fault)


def user_add(desk: Desk, peer: Peer, args: Args) -> Act:
    """Import an authenticator."""
    done = yield from admin.add(
        desk.world, args["uid"], args["user"], args["uri"], args["armed"], args["replace"], now()
    )
    audit.emit(audit.Event.IMPORTED, user=args["user"], uid=args["uid"], by=peer.uid)
    return done


def user_invite(desk: Desk, peer: Peer, args: Args) -> Act:
    """A code that lets the user set up."""
    hours = args["hours"] or desk.world.config.invite_hours
    done = yield from admin.invite(desk.world, args["uid"], args["user"], hours, now())
    audit.emit(audit.Event.INVITED, user=args["user"], uid=args["uid"], by=peer.uid)
    return done


def user_reset(desk: Desk, peer: Peer, args: Args) -> Act:
    """Remove the second step."""
    done = yield from admin.reset(desk.world, args["uid"])
    if done["had"]:
        audit.emit(audit.Event.RESET, user=args["user"], uid=args["uid"], by=peer.uid)
    return done


def user_unlock(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """End every lock."""
    done = admin.unlock(desk.world, args["uid"], args["user"], now())
    audit.emit(audit.Event.UNLOCKED, user=args["user"], uid=args["uid"], by=peer.uid)
    return done


def user_rename(desk: Desk, peer: Peer, args: Args) -> Act:
    """The account has a new name."""
    done = yield from admin.rename(desk.world, args["uid"], args["user"])
    audit.emit(audit.Event.RENAMED, user=args["user"], uid=args["uid"], by=peer.uid)
    return done


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
        "config": desk.config_fault or "ok",
        "clock": clock(),
        "open": desk.open_conversations(),
    }


VERBS: Final[Mapping[str, Callable[[Desk, Peer, Args], Act | dict[str, Any]]]] = {
    "status": status,
    "test": test,
    "setup": set_up,
    "disable": disable,
    "recovery-codes": recovery_codes,
    "signin.verified": signin_verified,
    "user.list": user_list,
    "user.show": user_show,
    "user.add": user_add,
    "user.invite": user_invite,
    "user.reset": user_reset,
    "user.unlock": user_unlock,
    "user.rename": user_rename,
    "explain": explain,
    "repair": repair,
    "health": health,
}


def clock() -> dict[str, Any]:
    """Date, time and zone of this box, and whether the kernel calls its clock synchronised (None: unknown)."""
    here = datetime.fromtimestamp(time.time()).astimezone()
    offset = here.utcoffset()
    return {
        "iso": here.isoformat(timespec="seconds"),
        "zone": here.tzname() or "",
        "utc_offset": 0 if offset is None else int(offset.total_seconds()),
        "synchronised": kernel_word().synchronised,
    }


def _converse(desk: Desk, peer: Peer, args: Args, service: str, rhost: str) -> Generator[Any, Any, tuple[Verdict, str]]:
    user, attempt = args["user"] if peer.is_root else desk.world.own_name(args["uid"]), new_id()
    hello = Hello("auth", service, args["uid"], user, rhost=rhost)
    verdict = yield from desk.attempts.run(hello, peer.is_root, attempt)
    return verdict, attempt


def _fresh_code(desk: Desk, peer: Peer, args: Args) -> Generator[Any, Any, str]:
    """A code typed in this very request; returns the canonical name. No exemption stands in for it."""
    verdict, _ = yield from _converse(desk, peer, args, OWN_SERVICE, "")
    if verdict.word == "pass":
        raise RequestError(Reason.NOT_ENROLLED, "Two-step verification is not set up.")
    if verdict.word != "allow":
        raise RequestError(Reason.REFUSED, "Nothing was changed.")
    return str(args["user"]) if peer.is_root else desk.world.load(args["uid"], None).user


def _row(desk: Desk, uid: int, user: str, moment: Instant) -> dict[str, Any]:
    credential, state, fault = _with_fault(desk, uid, user)
    return views.row(credential, state, moment, fault)


def _with_fault(desk: Desk, uid: int, user: str) -> tuple[Credential, UserState, StoreError | None]:
    """The record as far as it can be told; a broken one is shown as empty, with its fault."""
    try:
        return desk.world.load(uid, user or None), desk.world.state(uid), None
    except StoreError as error:
        return Credential(uid, user), desk.world.state(uid), error


def _named(credential: Credential, args: Args) -> Credential:
    """A record that does not exist has no name; the caller's own stands in for it on display."""
    return credential if credential.user else replace(credential, user=args["user"])
