"""The first part of every login: who is asked for a code. Rules and exemptions, then the account, then trust."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Final

from nas2fa.errors import ProtocolError, Reason
from nas2fa.login.attempt import Attempt, World
from nas2fa.login.facts import facts_of
from nas2fa.login.policy import SIGN_IN, Action, Decision, decide, groups_needed
from nas2fa.login.trust import granted_by, standing_trust, with_trust
from nas2fa.network import Own, place_of
from nas2fa.rules import Rule
from nas2fa.steps import InGroups, PasswordVersion, Reply, Step
from nas2fa.store.records import Credential, UserState

GROUPS_AT_ONCE: Final = 16  # so that names of 250 bytes fit into a packet


def admission(
    attempt: Attempt, world: World, *, trusting: bool = True, keys: frozenset[str] = frozenset()
) -> Generator[Step, Reply, Decision]:
    """Whether a code is to be asked in this attempt.

    trusting: False asks a trusted device all the same. keys: fingerprints that are imagined, beside those of the hello.
    """
    decision = yield from _by_rules(attempt, world, keys)
    if decision.action is Action.CODE:
        credential = loaded(attempt, world)
        if not credential.armed:
            decision = _unenrolled(decision, attempt, world)
        elif trusting and (yield from _trusted(attempt, world, credential, decision.rule)):
            why = f"{decision.why}, but this address is trusted"
            decision = replace(decision, action=Action.SKIP, why=why, reason=Reason.TRUSTED)
    for note in (*decision.notes, f"policy: {decision.why}"):
        attempt.note(note)
    return decision


def loaded(attempt: Attempt, world: World) -> Credential:
    """The credential as it stands now. StoreError."""
    assert attempt.hello.uid is not None  # protocol.decode: only a decoy has none
    return world.load(attempt.hello.uid, attempt.hello.user)


def remember(attempt: Attempt, world: World, rule: Rule, boot: float) -> Generator[Step, Reply, None]:
    """After a good code: a trust for this place, if the rule grants one and the password can be told from its next."""
    place = place_of(attempt.hello.rhost, world.own()) if _may_trust(attempt, rule) else None
    if place is None or not granted_by(rule, place):
        return
    password = yield from _password(attempt)
    if not password:
        return

    def step(credential: Credential, state: UserState) -> tuple[UserState, None]:
        return with_trust(state, credential, rule, place, password, attempt.source, boot), None

    assert attempt.hello.uid is not None
    world.update(attempt.hello.uid, attempt.hello.user, step)
    attempt.note(f"trust: no code from {place.address} for {rule.again_after} s")


def _by_rules(attempt: Attempt, world: World, keys: frozenset[str]) -> Generator[Step, Reply, Decision]:
    rules, exemptions, wall = world.rules().policy, world.exemptions(), attempt.began.wall
    placed = attempt.peer_is_root and bool(attempt.hello.rhost) and (exemptions or any(r.network for r in rules))
    own = world.own() if placed else Own()
    facts = facts_of(attempt.hello, attempt.peer_is_root, own)
    facts = replace(facts, keys=facts.keys | keys)
    needed = groups_needed(rules, exemptions, facts, wall)
    if needed:
        facts = replace(facts, groups=(yield from _groups(attempt, needed)))
    return decide(rules, exemptions, facts, wall)


def _groups(attempt: Attempt, names: tuple[str, ...]) -> Generator[Step, Reply, frozenset[str]]:
    found: set[str] = set()
    for at in range(0, len(names), GROUPS_AT_ONCE):
        found |= yield InGroups(names[at : at + GROUPS_AT_ONCE])
    attempt.note(f"groups: in {', '.join(sorted(found)) or 'none'} of {', '.join(names)}")
    return frozenset(found)


def _unenrolled(decision: Decision, attempt: Attempt, world: World) -> Decision:
    """Who has no second step cannot be asked for it: the option `unenrolled` (pass or deny) speaks.

    Where nobody gets in without one, setting one up must still be possible.
    """
    unenrolled = world.rules().unenrolled
    if attempt.hello.service == SIGN_IN:
        why, action = "not enrolled, and about to set up: no code", Action.SKIP
    else:
        why = f"not enrolled, and unenrolled = {unenrolled}"
        action = Action.SKIP if unenrolled == "pass" else Action.DENY
    return replace(decision, action=action, why=f"{decision.why}; {why}", reason=Reason.NOT_ENROLLED)


def _trusted(attempt: Attempt, world: World, credential: Credential, rule: Rule) -> Generator[Step, Reply, bool]:
    if not _may_trust(attempt, rule):
        return False
    place, boot = place_of(attempt.hello.rhost, world.own()), attempt.began.boot
    trust = standing_trust(world.state(credential.uid), credential, rule, place, boot)
    if trust is None:
        return False
    if trust.password != (yield from _password(attempt)):
        attempt.note("trust: the password is another by now")
        return False
    attempt.note(f"trust: a code was given from {place.address} {boot - trust.began:.0f} s ago")
    return True


def _may_trust(attempt: Attempt, rule: Rule) -> bool:
    """Only real logins of root's programs are remembered and believed; asking for a place costs time, so not always."""
    return attempt.peer_is_root and attempt.login and rule.again_after > 0 and bool(attempt.hello.rhost)


def _password(attempt: Attempt) -> Generator[Step, Reply, str]:
    """The version of the user's password; "" when it cannot be told: nobody is trusted then."""
    try:
        version = yield PasswordVersion()
    except ProtocolError as error:
        attempt.note(f"trust: {error.text}")
        return ""
    if not version:
        attempt.note("trust: none, as the box cannot tell when this password changes")
    return str(version)
