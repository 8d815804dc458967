"""Trusted devices: after a good code, none is asked again at this address for a while. Pure; kept in UserState.

A trust holds for one user, one address that proves something, and the services of the rule that grants it. It ends with
its time, the boot, a lock (login/lockout.py), and any change of password or factors: those are part of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nas2fa.login.lockout import standing
from nas2fa.login.source import Source
from nas2fa.network import Place
from nas2fa.rules import Rule
from nas2fa.store.records import Credential, Trust, UserState

TRUSTS_MAX: Final = 32  # of one user; the oldest gives way


def granted_by(rule: Rule, place: Place) -> bool:
    """Whether logins from this place may be remembered by this rule."""
    return rule.action == "code" and rule.again_after > 0 and place.address is not None and not place.doubt


def standing_trust(state: UserState, credential: Credential, rule: Rule, place: Place, boot: float) -> Trust | None:
    """The trust that may stand in for a code now, if its password is still the user's."""
    if not granted_by(rule, place):
        return None
    for trust in state.trusts:
        if (trust.services, trust.address) == (_services(rule), str(place.address)):
            holds = trust.began <= boot < trust.until and boot - trust.began < rule.again_after
            return trust if holds and trust.factors == credential.factors else None
    return None


def with_trust(
    state: UserState, credential: Credential, rule: Rule, place: Place, password: str, source: Source, boot: float
) -> UserState:
    """The state after a good code of this moment. Nothing is remembered while a lock stands."""
    if not granted_by(rule, place) or standing(state, source, boot, 0) is not None:
        return state
    new = Trust(_services(rule), str(place.address), boot, boot + rule.again_after, password, credential.factors)
    others = [t for t in live(state, boot) if (t.services, t.address) != (new.services, new.address)]
    return replace(state, trusts=(*others[-(TRUSTS_MAX - 1) :], new))


def live(state: UserState, boot: float) -> tuple[Trust, ...]:
    """The trusts whose time is not over."""
    return tuple(t for t in state.trusts if boot < t.until)


def _services(rule: Rule) -> str:
    return ",".join(sorted(rule.service)) or "*"
