"""What root does about the users of the box."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from nas2fa import audit
from nas2fa.clock.now import now
from nas2fa.control.messages import paged
from nas2fa.enrolment import admin
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.login.trust import live
from nas2fa.server import views
from nas2fa.server.peers import Peer
from nas2fa.server.verbs.desk import Act, Args, Desk, named
from nas2fa.steps import OffLoop
from nas2fa.store.records import Credential, Instant, UserState


def user_list(desk: Desk, peer: Peer, args: Args) -> Act:
    """All records, in pages; reading them is the writer thread's work."""
    names: list[tuple[int, str]] = yield OffLoop(desk.world.credentials.names)
    moment = now()
    yield from paged(_row(desk, uid, user, moment) for uid, user in names)
    return {"total": len(names)}


def user_show(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """Everything about one account but secrets."""
    credential, state, fault = _with_fault(desk, args["uid"], args["user"])
    return views.whole(named(credential, args), state, now(), fault)


def user_add(desk: Desk, peer: Peer, args: Args) -> Act:
    """Import an authenticator."""
    common = (desk.world, args["uid"], args["user"], args["uri"], args["armed"])
    if args["beside"]:
        if args["replace"]:
            raise RequestError(Reason.BAD_REQUEST, "'beside' and 'replace' exclude each other")
        done = yield from admin.add_beside(*common, now())
    else:
        done = yield from admin.add(*common, args["replace"], now())
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


def user_forget(desk: Desk, peer: Peer, args: Args) -> dict[str, Any]:
    """End the trust in all devices of a user."""
    state = desk.world.state(args["uid"])
    if state.trusts:
        desk.world.put(args["uid"], replace(state, trusts=()))
        audit.emit(audit.Event.FORGOTTEN, user=args["user"], uid=args["uid"], by=peer.uid)
    return {"forgotten": len(live(state, now().boot))}


def user_rename(desk: Desk, peer: Peer, args: Args) -> Act:
    """The account has a new name."""
    done = yield from admin.rename(desk.world, args["uid"], args["user"])
    audit.emit(audit.Event.RENAMED, user=args["user"], uid=args["uid"], by=peer.uid)
    return done


def _row(desk: Desk, uid: int, user: str, moment: Instant) -> dict[str, Any]:
    credential, state, fault = _with_fault(desk, uid, user)
    return views.row(credential, state, moment, fault)


def _with_fault(desk: Desk, uid: int, user: str) -> tuple[Credential, UserState, StoreError | None]:
    """The record as far as it can be told; a broken one is shown as empty, with its fault."""
    try:
        return desk.world.load(uid, user or None), desk.world.state(uid), None
    except StoreError as error:
        return Credential(uid, user), desk.world.state(uid), error
