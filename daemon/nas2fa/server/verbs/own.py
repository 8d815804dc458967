"""What people do about their own account; root does it for anybody."""

from __future__ import annotations

import socket
from collections.abc import Generator
from functools import partial
from typing import Any, Final

from nas2fa import audit, texts
from nas2fa.clock.now import now
from nas2fa.enrolment import setup, several
from nas2fa.enrolment.proof import check_proof
from nas2fa.errors import Reason, RequestError
from nas2fa.login.attempt import Flow, Verdict
from nas2fa.login.protocol import Hello
from nas2fa.server import views
from nas2fa.server.attempts import new_id
from nas2fa.server.peers import Peer
from nas2fa.server.verbs import clock
from nas2fa.server.verbs.desk import Act, Args, Desk, named
from nas2fa.steps import InGroups, PasswordVersion, Tell

OWN_SERVICE: Final = "nas2fa"  # what the journal calls a code asked by the command itself


def status(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """The own account, or any for root."""
    credential = desk.world.load(args["uid"], args["user"] if peer.is_root else None)
    return views.status(named(credential, args), desk.world.state(args["uid"]), now())


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
    shown = yield from clock.checked(peer, args["despite_clock"])
    uid, user, moment = args["uid"], args["user"], now()
    if not peer.is_root:
        signed_in = desk.tokens.look(args["token"], uid, moment)
        user = signed_in.user
        credential = desk.world.load(uid, user)
        if not args["replace"]:
            check_proof(credential, signed_in.source, args["invite"], desk.world.config.enroll_from, moment)
        desk.tokens.use(args["token"])
    if args["replace"]:
        yield from fresh_code(desk, peer, args)  # what speaks for the caller here, beside the password
    saved = partial(audit.emit, audit.Event.ENROLLED, user=user, uid=uid, by=peer.uid)
    new = _new_key(desk, args)
    return (yield from setup.set_up(desk.world, uid, user, new, shown, moment, saved, replacing=args["replace"]))


def authenticator_add(desk: Desk, peer: Peer, args: Args) -> Act:
    """One more beside those that are set up: the password (or root), and a fresh code."""
    shown = yield from clock.checked(peer, args["despite_clock"])
    user, moment = _proved(desk, peer, args), now()
    credential = desk.world.load(args["uid"], user)
    several.check_room(credential, credential.pending)  # before a code is used up for nothing
    yield from fresh_code(desk, peer, args)
    saved = partial(audit.emit, audit.Event.AUTHENTICATOR_ADDED, user=user, uid=args["uid"], by=peer.uid)
    new = _new_key(desk, args)
    return (yield from setup.set_up(desk.world, args["uid"], user, new, shown, moment, saved, beside=True))


def authenticator_remove(desk: Desk, peer: Peer, args: Args) -> Act:
    """One of several goes: the password (or root), and a fresh code, which may be of the one that goes."""
    uid, label, user = args["uid"], args["label"], _proved(desk, peer, args)
    several.without(desk.world.load(uid, user), label)  # as above
    yield from fresh_code(desk, peer, args)
    saved = partial(audit.emit, audit.Event.AUTHENTICATOR_REMOVED, user=user, uid=uid, by=peer.uid, reason=label)
    return (yield from several.remove(desk.world, uid, user, label, saved))


def _proved(desk: Desk, peer: Peer, args: Args) -> str:
    """Whom it is about: who proved their password just now, by a token that is spent by this, or whom root names."""
    if peer.is_root:
        return str(args["user"])
    signed_in = desk.tokens.look(args["token"], args["uid"], now())
    desk.tokens.use(args["token"])
    return signed_in.user


def _new_key(desk: Desk, args: Args) -> setup.NewKey:
    """As asked for, else as nas2fa.toml says."""
    config = desk.world.config
    return setup.NewKey(
        args["algorithm"] or config.algorithm,
        args["digits"] or config.digits,
        args["period"] or config.period,
        args["label"],
        args["issuer"] or config.issuer or socket.gethostname(),
    )


def disable(desk: Desk, peer: Peer, args: Args) -> Act:
    """Switch the second step off, with a fresh code. Who could not log in again without it is kept from that."""
    if desk.world.rules().unenrolled == "deny":
        if not peer.is_root:
            raise RequestError(Reason.REFUSED, texts.NEEDED_HERE)
        yield Tell(texts.SHUTS_OUT, error=True)
    user, _ = yield from fresh_code(desk, peer, args)
    done = yield from setup.disable(desk.world, args["uid"])
    audit.emit(audit.Event.DISABLED, user=user, uid=args["uid"], by=peer.uid)
    return done


def recovery_codes(desk: Desk, peer: Peer, args: Args) -> Act:
    """A new set, with a fresh code."""
    user, _ = yield from fresh_code(desk, peer, args)

    def saved() -> None:
        audit.emit(audit.Event.RECOVERY_NEW, user=user, uid=args["uid"], by=peer.uid)

    return (yield from setup.new_recovery_codes(desk.world, args["uid"], user, saved))


def signin_verified(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """nas2fa-signin says that this user's password was right just now."""
    token = desk.tokens.issue(args["uid"], args["user"], args["source"], now())
    return {"token": token, "seconds": 120}


def _converse(desk: Desk, peer: Peer, args: Args, service: str, rhost: str) -> Generator[Any, Any, tuple[Verdict, str]]:
    user, attempt = args["user"] if peer.is_root else desk.world.own_name(args["uid"]), new_id()
    hello = Hello("auth", service, args["uid"], user, rhost=rhost)
    verdict = yield from _answering(desk.attempts.rehearse(hello, peer.is_root, attempt), args.get("groups") or "")
    return verdict, attempt


def _answering(flow: Flow, groups: str) -> Generator[Any, Any, Verdict]:
    """A login conversation without a module: what that would be asked about the user is in the request."""
    reply: Any = None
    try:
        while True:
            try:
                step = flow.send(reply)
            except StopIteration as end:
                verdict: Verdict = end.value
                return verdict
            match step:
                case InGroups(names):
                    reply = frozenset(groups.split(":")) & frozenset(names)
                case PasswordVersion():
                    reply = ""
                case _:
                    reply = yield step
    finally:
        flow.close()


def fresh_code(desk: Desk, peer: Peer, args: Args) -> Generator[Any, Any, tuple[str, str]]:
    """A code typed in this very request; returns name and attempt. No exemption stands in for it."""
    verdict, attempt = yield from _converse(desk, peer, args, OWN_SERVICE, "")
    if verdict.word == "pass":
        raise RequestError(Reason.NOT_ENROLLED, "Two-step verification is not set up.")
    if verdict.word != "allow":
        raise RequestError(Reason.REFUSED, "Nothing was changed.")
    return (str(args["user"]) if peer.is_root else desk.world.load(args["uid"], None).user), attempt
