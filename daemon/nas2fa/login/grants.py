"""Grants: a code given elsewhere opens the file shares from one address, for some hours. Pure; kept in UserState.

SMB has no second question, so the login that needs the code is not the one that shows it (docs/smb.md). A grant holds
for one user at one address that proves something. It ends with its time, the boot, when no session of it was open for a
while, with a lock (login/lockout.py), a reset, and any change of factors: those are part of it.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Final

from nas2fa.network import Place
from nas2fa.store.records import PLACES_MAX, Credential, Grant, Knock, UserState

GRANTS_MAX: Final = 16  # of one user; the oldest gives way, and so it is with knocks
APPROVABLE: Final = 600.0  # seconds after the last knock in which its address can be approved
SEEN_STEP: Final = 30.0  # seconds; a grant that was seen a moment ago is not written again


@dataclass(frozen=True, slots=True)
class Terms:
    """What nas2fa.toml says of grants, in seconds."""

    idle: int = 1800  # without a session of that user and address
    most: int = 43_200  # in all
    hidden: bool = False  # refuse as a wrong password is refused
    by_ssh: bool = True  # a login by ssh with a code opens one, where no rule says otherwise


def grantable(place: Place) -> bool:
    """Whether this place tells its user from others: an address, and no loopback, gateway or address of the link."""
    return place.address is not None and not place.doubt


def standing(state: UserState, credential: Credential, place: Place, terms: Terms, boot: float) -> Grant | None:
    """The grant that lets this user in from this place now."""
    if not grantable(place):
        return None
    found = next((g for g in state.grants if g.address == str(place.address)), None)
    return found if found is not None and holds(found, credential, terms, boot) else None


def holds(grant: Grant, credential: Credential, terms: Terms, boot: float) -> bool:
    """Whether a grant is in force, by the terms of now as well as by those of its beginning."""
    in_time = grant.began <= boot < min(grant.until, grant.began + terms.most)
    return in_time and boot - grant.seen < terms.idle and grant.factors == credential.factors


def opened(
    state: UserState, credential: Credential, place: Place, seconds: float, terms: Terms, boot: float
) -> UserState:
    """The state with a grant for this place, of `seconds` at most from now on. Its knocks are answered.

    Raises ValueError for a place that is not grantable.
    """
    if not grantable(place):
        raise ValueError(place.doubt or "no address")
    address = str(place.address)
    grant = Grant(address, boot, boot + min(seconds, terms.most), boot, credential.factors)
    others = [g for g in state.grants if g.address != address]
    knocks = tuple(k for k in state.knocks if k.address != address)
    return replace(state, grants=(*others[-(GRANTS_MAX - 1) :], grant), knocks=knocks)


def used(state: UserState, grant: Grant, terms: Terms, boot: float) -> UserState:
    """The state after a login by this grant."""
    if boot - grant.seen < min(SEEN_STEP, terms.idle / 3) and grant.seen > grant.began:
        return state
    return replace(state, grants=tuple(replace(g, seen=boot) if g == grant else g for g in state.grants))


def knocked(state: UserState, address: str, boot: float) -> UserState:
    """The state after a right password from an address that has no grant."""
    before = next((k for k in state.knocks if k.address == address and boot - k.last < APPROVABLE), None)
    knock = Knock(address, boot, boot) if before is None else replace(before, last=boot, count=before.count + 1)
    others = [k for k in waiting(state, boot) if k.address != address]
    return replace(state, knocks=(*others[-(GRANTS_MAX - 1) :], knock))


def waiting(state: UserState, boot: float) -> tuple[Knock, ...]:
    """The knocks that can still be approved, the latest last."""
    return tuple(k for k in state.knocks if boot - k.last < APPROVABLE)


def been_there(state: UserState, source: str) -> UserState:
    """The state that knows this source (login/source.py: an address, of IPv6 its /64) from now on."""
    if source in state.places:
        return state
    return replace(state, places=(*state.places, source)[-PLACES_MAX:])


def revoked(state: UserState, address: str = "") -> UserState:
    """The state without the grant for this address, or without any."""
    return replace(state, grants=tuple(g for g in state.grants if address and g.address != address))


def lost(before: UserState, after: UserState) -> set[str]:
    """The addresses whose grant is gone; one that is over counts, as it is kept while a session of it is open."""
    return {g.address for g in before.grants} - {g.address for g in after.grants}


def swept(state: UserState, open_at: Set[str] | None, terms: Terms, boot: float) -> UserState:
    """The state after a look at the sessions: `open_at` are this user's addresses with one, None if that is not known.

    What is over is kept as long as a session of it may be open, so that it is known who let that in.
    """
    grants = []
    for grant in state.grants:
        in_use = open_at is not None and grant.address in open_at
        over = boot >= grant.until or boot - grant.seen >= terms.idle
        if in_use:
            grants.append(replace(grant, seen=boot))
        elif not over or open_at is None:
            grants.append(grant)
    return replace(state, grants=tuple(grants))
