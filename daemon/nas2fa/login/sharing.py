"""A login to the file shares: the account phase of Samba, in which nobody can be asked.

Samba has checked the password by then, so whoever has no grant knows it: that is worth a warning, and can be approved.
"""

from __future__ import annotations

from typing import Final

from nas2fa.errors import Reason
from nas2fa.login import grants
from nas2fa.login.admission import admission, loaded
from nas2fa.login.attempt import Attempt, Flow, Verdict, World
from nas2fa.login.grants import Terms
from nas2fa.login.policy import Action
from nas2fa.login.protocol import Hello
from nas2fa.network import Own, literal, place_of
from nas2fa.rules import Rule, canonical
from nas2fa.shown import shown
from nas2fa.store.records import Credential, Grant, UserState

STEP_UP: Final = "nas2fa-share"  # the service by which one share asks for a grant (nas2fa-share(8))
SERVICES: Final = frozenset({"samba", STEP_UP})
_ANY_OWN: Final = Own(frozenset(), frozenset({4, 6}))


def is_sharing(hello: Hello, peer_is_root: bool) -> bool:
    """Whether grants are read for this hello: for Samba's account phase alone, and only when root asks."""
    return peer_is_root and hello.phase == "account" and canonical(hello.service) in SERVICES


def share(attempt: Attempt, world: World) -> Flow:
    """Let in by a grant, or where policy asks no code. No line is told: smbd would not show it."""
    decision = yield from admission(attempt, world, trusting=False)
    attempt.exemption = decision.exemption
    if decision.action is not Action.CODE:
        return Verdict("allow" if decision.action is Action.SKIP else "deny", decision.reason)
    hello, boot, source = attempt.hello, attempt.began.boot, attempt.source.key
    grant, address = grant_of(attempt, world), literal(hello.rhost)
    assert hello.uid is not None  # protocol.decode: only a decoy has none
    before = world.state(hello.uid)
    knocks = {knock.address for knock in grants.waiting(before, boot)}
    attempt.new_place = source not in before.places and str(address) not in knocks

    def step(_: Credential, state: UserState) -> tuple[UserState, None]:
        if grant is not None:
            return grants.been_there(grants.used(state, grant, world.rules().grants, boot), source), None
        return (state if address is None else grants.knocked(state, str(address), boot)), None

    world.update(hello.uid, hello.user, step)
    if grant is not None:
        return Verdict("allow", Reason.GRANTED)
    return Verdict("hidden" if world.rules().grants.hidden else "expired", Reason.NO_GRANT)


def grant_of(attempt: Attempt, world: World) -> Grant | None:
    """The grant by which this login is let in. StoreError."""
    place = place_of(attempt.hello.rhost, world.own())
    credential = loaded(attempt, world)
    found = grants.standing(world.state(credential.uid), credential, place, world.rules().grants, attempt.began.boot)
    doubt = f" ({place.doubt})" if place.doubt else ""
    where = place.address or shown(place.rhost) or "no address"
    attempt.note(f"grant: {'this user and' if found else 'none for'} {where}{doubt}")
    return found


def opened_by_login(attempt: Attempt, world: World, rule: Rule, credential: Credential, state: UserState) -> UserState:
    """The state after a good code in a login by ssh: with a grant for its address, if the rule or the option says so.

    Whether the address is the box's own or its gateway's is looked at when the grant is used, not in each login.
    """
    if not (attempt.peer_is_root and attempt.login):
        return state
    state = grants.been_there(state, attempt.source.key)
    place, terms = place_of(attempt.hello.rhost, _ANY_OWN), world.rules().grants
    if not opens(attempt.hello, rule, terms) or not grants.grantable(place):
        return state
    attempt.opened = str(place.address)
    return grants.opened(state, credential, place, terms.most, terms, attempt.began.boot)


def opens(hello: Hello, rule: Rule, terms: Terms) -> bool:
    """Whether a good code in such a login opens the file shares at its address."""
    return canonical(hello.service) == "sshd" and (terms.by_ssh if rule.opens_smb is None else rule.opens_smb)
