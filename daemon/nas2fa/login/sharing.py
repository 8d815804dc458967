"""A login to the file shares: the account phase of Samba, in which nobody can be asked.

Samba has checked the password by then, so whoever has no grant knows it: that is worth a warning, and can be approved.
"""

from __future__ import annotations

from typing import Final

from nas2fa.errors import Reason
from nas2fa.login import grants
from nas2fa.login.admission import admission
from nas2fa.login.attempt import Attempt, Flow, Verdict, World
from nas2fa.login.policy import Action
from nas2fa.login.protocol import Hello
from nas2fa.network import Own, place_of
from nas2fa.rules import Rule, canonical
from nas2fa.store.records import Credential, UserState

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
    hello, boot, terms = attempt.hello, attempt.began.boot, world.rules().grants
    place = place_of(hello.rhost, world.own())
    assert hello.uid is not None  # protocol.decode: only a decoy has none
    attempt.new_place = attempt.source.key not in world.state(hello.uid).places

    def step(credential: Credential, state: UserState) -> tuple[UserState, bool]:
        state = grants.been_there(state, attempt.source.key)
        grant = grants.standing(state, credential, place, terms, boot)
        if grant is not None:
            return grants.used(state, grant, boot), True
        return (state if place.address is None else grants.knocked(state, str(place.address), boot)), False

    if world.update(hello.uid, hello.user, step):
        attempt.note(f"grant: this user and {place.address}")
        return Verdict("allow", Reason.GRANTED)
    attempt.note(f"grant: none for {place.address or 'a name'}{f' ({place.doubt})' if place.doubt else ''}")
    return Verdict("hidden" if terms.hidden else "expired", Reason.NO_GRANT)


def opened_by_login(attempt: Attempt, world: World, rule: Rule, credential: Credential, state: UserState) -> UserState:
    """The state after a good code in a login by ssh: with a grant for its address, if the rule or the option says so.

    Whether the address is the box's own or its gateway's is looked at when the grant is used, not in each login.
    """
    if not (attempt.peer_is_root and attempt.login):
        return state
    state = grants.been_there(state, attempt.source.key)
    terms = world.rules().grants
    wanted = terms.by_ssh if rule.opens_smb is None else rule.opens_smb
    place = place_of(attempt.hello.rhost, _ANY_OWN)
    if canonical(attempt.hello.service) != "sshd" or not wanted or not grants.grantable(place):
        return state
    attempt.opened = str(place.address)
    return grants.opened(state, credential, place, terms.most, terms, attempt.began.boot)
