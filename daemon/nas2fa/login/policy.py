"""Who is asked for a code: one pure decision from rules, exemptions and facts. The first rule that fits decides.

A condition may fit perhaps: the network of an address that proves nothing (nas2fa/network.py). A rule that fits perhaps
decides only when it is stricter than what would be decided without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from nas2fa.errors import Reason
from nas2fa.login.facts import Facts
from nas2fa.network import Inside
from nas2fa.rules import ANY_KEY, DEFAULT, Rule
from nas2fa.store.records import Exemption

SIGN_IN: Final = "nas2fa"  # the PAM service by which nas2fa-signin proves a password; it opens nothing but the set-up


class Action(StrEnum):
    """code: ask one. skip: ask none. deny: refuse without asking."""

    CODE = "code"
    SKIP = "skip"
    DENY = "deny"


_STRICTNESS: Final = {Action.SKIP: 0, Action.CODE: 1, Action.DENY: 2}


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and in words who said so. `rule` is the one that decided; an exemption may have softened its code."""

    action: Action
    why: str
    reason: Reason = Reason.OK
    rule: Rule = DEFAULT
    exemption: str = ""  # id
    notes: tuple[str, ...] = ()  # what else was weighed, for the trace


def decide(rules: Sequence[Rule], exemptions: Iterable[Exemption], facts: Facts, wall: float) -> Decision:
    """Whether a code is to be asked, before anything is known of the account. `wall`: unix seconds."""
    if not facts.root:
        return Decision(Action.CODE, "asked by a program that is not root: no rule applies")
    if facts.service == SIGN_IN:
        return Decision(Action.CODE, "a change of the account: no rule applies")
    rule, notes = _first(rules, facts)
    if rule.action == Action.DENY:
        return Decision(Action.DENY, f"{rule}: deny", Reason.RULE, rule, notes=notes)
    if rule.action == Action.SKIP:
        return Decision(Action.SKIP, f"{rule}: no code", Reason.RULE, rule, notes=notes)
    for exemption in exemptions:
        if _member(exemption, facts.groups) and exempts(exemption, facts, wall):
            why = f"{rule}: a code, but exemption {exemption.id} asks none"
            return Decision(Action.SKIP, why, Reason.EXEMPT, rule, exemption.id, notes)
    return Decision(Action.CODE, f"{rule}: a code", Reason.OK, rule, notes=notes)


def groups_needed(rules: Sequence[Rule], exemptions: Iterable[Exemption], facts: Facts, wall: float) -> tuple[str, ...]:
    """The groups that must be asked for before `decide`: those on which the decision may hang, and no others."""
    if not facts.root or facts.service == SIGN_IN:
        return ()
    needed: set[str] = set()
    for rule in rules:
        fits = _fits(replace(rule, group=frozenset()), facts)
        if fits is Inside.NO:
            continue
        needed |= rule.group
        if fits is Inside.YES and not rule.group:
            break
    needed |= {e.group for e in exemptions if e.group and exempts(e, facts, wall)}
    return tuple(sorted(needed))


def exempts(exemption: Exemption, facts: Facts, wall: float) -> bool:
    """Whether an exemption is for this login, the membership in its group left aside.

    Every condition must hold for certain. A clock that stands before its beginning proves nothing of its end.
    """
    return (
        exemption.created <= wall < exemption.until
        and exemption.service == facts.service
        and exemption.user in ("", facts.user)
        and _by_its_key(exemption, facts)
        and (facts.uid != 0 or bool(exemption.key))
        and facts.place.inside((exemption.network,)) is Inside.YES
    )


def _by_its_key(exemption: Exemption, facts: Facts) -> bool:
    """Behind a key alone sshd does not tell which it was, so there only ANY_KEY fits."""
    if exemption.key == ANY_KEY:
        return facts.first == "key"
    return not exemption.key or exemption.key in facts.keys


def _member(exemption: Exemption, groups: frozenset[str]) -> bool:
    return not exemption.group or exemption.group in groups


def _first(rules: Sequence[Rule], facts: Facts) -> tuple[Rule, tuple[str, ...]]:
    """The first rule that fits, or a stricter one before it that fits perhaps."""
    perhaps: list[Rule] = []
    found = DEFAULT
    for rule in rules:
        fits = _fits(rule, facts)
        if fits is Inside.YES:
            found = rule
            break
        if fits is Inside.PERHAPS:
            perhaps.append(rule)
    strictest = max([found, *perhaps], key=lambda rule: _STRICTNESS[Action(rule.action)])
    notes = (f"{rule} fits perhaps ({facts.place.doubt}): it may only be stricter" for rule in perhaps)
    return strictest, tuple(notes)


def _fits(rule: Rule, facts: Facts) -> Inside:
    """All conditions of a rule together."""
    certain = (
        (not rule.service or facts.service in rule.service)
        and (not rule.user or facts.user in rule.user)
        and (not rule.group or not rule.group.isdisjoint(facts.groups))
        and rule.first in ("", facts.first)
        and rule.origin in ("", "remote" if facts.place.remote else "local")
    )
    if not certain:
        return Inside.NO
    return facts.place.inside(rule.network) if rule.network else Inside.YES
