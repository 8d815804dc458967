"""What root does to other people's second step."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from nas2fa.enrolment import several
from nas2fa.enrolment.store import AccountStore, UseCase
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.factors import provisioning, recovery
from nas2fa.login.judgement import codes_per_try
from nas2fa.login.lockout import any_lock, unlocked
from nas2fa.steps import OffLoop, Reply, Step
from nas2fa.store.records import Credential, Instant


def add_beside(store: AccountStore, uid: int, user: str, uri: str, armed: bool, now: Instant) -> UseCase:
    """Import one more for somebody who is set up. Pending until its first good code, unless `armed`."""
    credential = store.load(uid, user)
    if credential.pending is not None:
        raise RequestError(Reason.ALREADY_ENROLLED, f"{user} has one already that waits for its first code.")
    more = several.with_another(credential, provisioning.parse(uri, now.wall))
    yield from _save(store, more if armed else replace(credential, pending=more.authenticators[-1]), uid, user)
    return {"armed": armed}


def add(store: AccountStore, uid: int, user: str, uri: str, armed: bool, replace_old: bool, now: Instant) -> UseCase:
    """Import one authenticator. Pending until its first good code, unless `armed`: then the next login needs it."""
    authenticator = provisioning.parse(uri, now.wall)
    credential = store.load(uid, user)
    if (credential.armed or credential.pending) and not replace_old:
        raise RequestError(
            Reason.ALREADY_ENROLLED, f"{user} has a second step already; --replace takes its place, --beside adds one."
        )
    if armed:
        new = replace(credential, authenticators=(authenticator,), pending=None, recovery=None, enrolled=int(now.wall))
    else:
        new = replace(credential, pending=authenticator)
    yield from _save(store, new, uid, user)
    return {"armed": armed}


def invite(store: AccountStore, uid: int, user: str, hours: int, now: Instant) -> UseCase:
    """A code that lets this user set up from anywhere, once."""
    credential = store.load(uid, user)
    if credential.armed:
        raise RequestError(Reason.ALREADY_ENROLLED, f"{user} is set up already; reset first (nas2fa user reset).")
    until = int(now.wall) + hours * 3600
    kept, code = recovery.new_invite(until)
    yield from _save(store, replace(credential, invite=kept), uid, user)
    return {"invite": code, "until": until}


def reset(store: AccountStore, uid: int) -> UseCase:
    """Remove the second step, whatever state its record is in. Used steps are remembered."""
    try:
        had = store.load(uid, None).armed
    except StoreError:
        had = True
    yield OffLoop(lambda: store.remove(uid))
    store.forget(uid)
    return {"had": had}


def unlock(store: AccountStore, uid: int, user: str, now: Instant) -> dict[str, Any]:
    """End every lock and start the day's budget anew."""
    credential = store.load(uid, user)
    if not credential.armed:
        raise RequestError(Reason.NOT_ENROLLED, f"{user} has no second step, so nothing is locked.")
    state = store.state(uid)
    locked = any_lock(state, now.boot, codes_per_try(credential)) is not None
    store.put(uid, unlocked(state))
    return {"was_locked": locked}


def rename(store: AccountStore, uid: int, user: str) -> UseCase:
    """The account of this uid has a new name. The admin says so, because a re-used uid looks just the same."""
    credential = store.load(uid, None)
    if credential.version == 0:
        raise RequestError(Reason.NOT_ENROLLED, f"There is no record of uid {uid}.")
    yield from _save(store, credential, uid, user)
    return {"was": credential.user}


def _save(store: AccountStore, credential: Credential, uid: int, user: str) -> Generator[Step, Reply, Credential]:
    named = replace(credential, uid=uid, user=user)
    saved: Credential = yield OffLoop(lambda: store.save(named))
    return saved
