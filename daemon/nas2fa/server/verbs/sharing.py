"""The file shares: who may open them from where, who tried, and the end of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nas2fa import audit
from nas2fa.clock.now import now
from nas2fa.control.messages import paged
from nas2fa.control.smb import Session
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.login import grants
from nas2fa.network import Place, literal, place_of
from nas2fa.server.peers import Peer
from nas2fa.server.verbs.desk import Act, Args, Desk
from nas2fa.server.verbs.own import fresh_code
from nas2fa.shown import shown
from nas2fa.steps import EndSessions, LiveSessions, Tell
from nas2fa.store.records import Credential, UserState


def unlock(desk: Desk, peer: Peer, args: Args) -> Act:
    """Open the shares at one address, with a fresh code."""
    place, terms = _grantable(desk, args["address"]), desk.world.rules().grants
    name = args["user"] if peer.is_root else desk.world.own_name(args["uid"])
    if not desk.world.load(args["uid"], name).armed:
        raise RequestError(Reason.NOT_ENROLLED, "Two-step verification is not set up, so the shares ask for no code.")
    yield Tell(f"This opens the file shares to {shown(name)} at {place.address}.")
    user, attempt = yield from fresh_code(desk, peer, args)

    def step(credential: Credential, state: UserState) -> tuple[UserState, float]:
        boot = now().boot
        state = grants.opened(state, credential, place, args["seconds"] or terms.most, terms, boot)
        return state, state.grants[-1].until - boot

    seconds = desk.world.update(args["uid"], user, step)
    address = str(place.address)
    audit.emit(
        audit.Event.SHARES_OPENED, user=user, uid=args["uid"], source=address, service="nas2fa", attempt=attempt,
        by=peer.uid,
    )  # fmt: skip
    return {"address": address, "seconds": round(seconds), "idle_seconds": terms.idle}


def attempts(desk: Desk, peer: Peer, args: Args) -> Act:
    """Right passwords without a grant, of the last minutes, the latest first."""
    moment = now()
    rows = sorted(_knocks(desk, args["uid"], moment.boot), key=lambda row: row["seconds_ago"])
    yield from paged(rows)
    return {"total": len(rows)}


def listing(desk: Desk, peer: Peer, args: Args) -> Act:
    """The grants that stand, and those that are over while a session is open; with their sessions (None: not known)."""
    rows = list(_standing(desk, args["uid"]))
    live: list[Session] | None = (yield LiveSessions()) if rows else []
    for row in rows:
        mine = None if live is None else [s for s in live if (s.uid, s.address) == (row["uid"], row["address"])]
        row["sessions"] = None if mine is None else len(mine)
    rows = [row for row in rows if row["seconds"] or row["sessions"] != 0]
    yield from paged(rows)
    return {"total": len(rows)}


def revoke(desk: Desk, peer: Peer, args: Args) -> Act:
    """End grants and sessions of a user, from one address or all. It only makes stricter: no code is asked."""
    uid, address = args["uid"], _canonical(args["address"]) if args["address"] else ""
    before = desk.world.state(uid)
    if not peer.is_root and not before.grants:
        return {"revoked": 0, "ended": 0}  # what costs nothing to ask must cost little to answer
    after = grants.revoked(before, address)
    desk.world.put(uid, after)
    for one in [one for one in desk.world.lost if one[0] == uid and address in ("", one[1])]:
        del desk.world.lost[one]  # done here and now, and its number told
    ended: int | None = yield EndSessions(uid, address)
    gone = len(before.grants) - len(after.grants)
    if ended is None:
        desk.world.lost[uid, address] = 1  # tried again
        desk.world.sweep_now.set()
    told = "sessions could not be ended" if ended is None else f"{ended} sessions ended"
    user = args["user"] if peer.is_root else desk.world.own_name(uid)
    audit.emit(
        audit.Event.SHARES_CLOSED, user=user, uid=uid, source=address or "everywhere", by=peer.uid,
        reason=f"revoked, {told}",
    )  # fmt: skip
    return {"revoked": gone, "ended": ended}


def _grantable(desk: Desk, text: str) -> Place:
    place = place_of(text, desk.world.own())
    if place.address is None:
        raise _no_address()
    if place.doubt:
        raise RequestError(
            Reason.BAD_REQUEST,
            f"{place.address} is {place.doubt}: whoever comes from there cannot be told from others, so the shares are "
            "not opened for it. Use the address that your computer has in the network.",
        )
    return place


def _canonical(text: str) -> str:
    """An address as grants have it."""
    address = literal(text)
    if address is None:
        raise _no_address()
    return str(address)


def _no_address() -> RequestError:
    return RequestError(
        Reason.BAD_REQUEST, "--from takes the address of one computer, such as 192.168.1.20: no network and no name."
    )


def _knocks(desk: Desk, uid: int | None, boot: float) -> Iterator[dict[str, Any]]:
    for each, state in _states(desk, uid):
        for knock in grants.waiting(state, boot):
            yield {
                "uid": each,
                "user": shown(_name(desk, each)),
                "address": knock.address,
                "seconds_ago": round(boot - knock.last),
                "count": knock.count,
                "doubt": place_of(knock.address, desk.world.own()).doubt,
            }


def _standing(desk: Desk, uid: int | None) -> Iterator[dict[str, Any]]:
    boot, terms, own = now().boot, desk.world.rules().grants, desk.world.own()
    for each, state in _states(desk, uid):
        try:
            credential = desk.world.load(each, None)
        except StoreError:
            continue  # nobody of this record gets in
        for grant in state.grants:
            stands = grants.standing(state, credential, place_of(grant.address, own), terms, boot) is not None
            ends = min(grant.until, grant.began + terms.most)
            yield {
                "uid": each,
                "user": shown(credential.user),
                "address": grant.address,
                "seconds": max(1, round(ends - boot)) if stands else 0,
                "idle_seconds": max(1, round(grant.seen + terms.idle - boot)) if stands else 0,
            }


def _states(desk: Desk, uid: int | None) -> list[tuple[int, UserState]]:
    return [(uid, desk.world.state(uid))] if uid is not None else sorted(desk.world.states.known().items())


def _name(desk: Desk, uid: int) -> str:
    try:
        return desk.world.load(uid, None).user
    except StoreError:
        return ""
