"""What the control socket tells about an account: credential and state as plain rows. No secret gets in here."""

from __future__ import annotations

from typing import Any

from nas2fa.clock import phones
from nas2fa.errors import StoreError
from nas2fa.factors import hotp, recovery
from nas2fa.login import lockout, trust
from nas2fa.login.judgement import codes_per_try
from nas2fa.shown import shown
from nas2fa.store.records import Authenticator, Credential, Exemption, Instant, Phone, UserState


def status(credential: Credential, state: UserState, now: Instant) -> dict[str, Any]:
    """For the user and the admin."""
    return {
        "uid": credential.uid,
        "user": credential.user,
        "armed": credential.armed,
        "pending": credential.pending is not None,
        "authenticators": [_authenticator(a, state, now) for a in credential.authenticators],
        "recovery_left": recovery.left(credential.recovery, state.spent),
        "locked": _lock(credential, state, now),
        "last_ok": state.last_ok,
    }


def whole(credential: Credential, state: UserState, now: Instant, fault: StoreError | None) -> dict[str, Any]:
    """For the admin: with tallies, budget and what is wrong with the record."""
    return {
        **status(credential, state, now),
        "fault": None if fault is None else {"reason": str(fault.reason), "text": fault.text},
        "tallies": [
            {
                "source": shown(key),
                "failures": len(tally.failures),
                "refused": tally.refused,
                "locked_seconds": max(0, round(tally.locked_until - now.boot)),
            }
            for key, tally in sorted(state.tallies.items())
        ],
        "budget": [
            {"purse": purse, "used": lockout.spent_guesses(state, purse, now.boot), "limit": limit}
            for purse, limit in lockout.BUDGET.items()
        ],
        "wrong_in_row": state.wrong_in_row,
        "trusts": [
            {"services": t.services, "address": t.address, "seconds": round(t.until - now.boot)}
            for t in trust.live(state, now.boot)
        ],
        "invite_until": None if credential.invite is None else credential.invite.expires,
    }


def row(credential: Credential, state: UserState, now: Instant, fault: StoreError | None) -> dict[str, Any]:
    """One line of the list of users."""
    full = status(credential, state, now)
    keys = ("uid", "user", "armed", "pending", "recovery_left", "last_ok")
    return {
        **{key: full[key] for key in keys},
        "locked": full["locked"] is not None,
        "fault": None if fault is None else str(fault.reason),
    }


def exemption(found: Exemption, wall: float) -> dict[str, Any]:
    """One exemption; `over` when its time is."""
    return {
        "id": found.id,
        "user": shown(found.user),
        "group": shown(found.group),
        "service": shown(found.service),
        "network": str(found.network),
        "key": shown(found.key),
        "created": found.created,
        "until": found.until,
        "reason": shown(found.reason, 256),
        "by": found.by,
        "over": wall >= found.until,
    }


def _authenticator(authenticator: Authenticator, state: UserState, now: Instant) -> dict[str, Any]:
    name = authenticator.secret.fingerprint()
    phone = phones.at(state.phones.get(name, Phone(authenticator.period)), now)
    return {
        "label": authenticator.called,
        "algorithm": authenticator.algorithm,
        "digits": authenticator.digits,
        "period": authenticator.period,
        "created": authenticator.created,
        "counter": None if authenticator.counter is None else hotp.last_used(authenticator, state) + 1,
        "last_used": state.uses.get(name, 0),
        "offset": phones.offset_of(phone),
        "shift": phone.shift,
    }


def _lock(credential: Credential, state: UserState, now: Instant) -> dict[str, Any] | None:
    found = lockout.any_lock(state, now.boot, codes_per_try(credential))
    if found is None:
        return None
    source, lock = found
    seconds = None if lock.seconds >= lockout.FOREVER else round(lock.seconds)
    return {"reason": str(lock.reason), "source": shown(source), "seconds": seconds}
