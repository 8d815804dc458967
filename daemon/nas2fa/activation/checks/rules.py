"""Checks of the rules of nas2fa.toml: what they name, and whether they can fit anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nas2fa.activation import stacks
from nas2fa.activation.checks.shares import asking
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.places import CONFIG
from nas2fa.activation.rules import rules
from nas2fa.network import PREFIX_MIN
from nas2fa.rules import LOCAL, Rule

_NO_SUCH_NAME = 2  # exit status of getent(1)


def rules_skip_narrowly(look: Examination) -> Iterator[Finding]:
    """A rule that skips the code for everybody from everywhere switches the second step off."""
    found = rules(look.system)
    for place, rule in enumerate(found):
        narrow = rule.user or rule.group or rule.first == "key" or rule.origin == "local"
        wide = [network for network in rule.network if network.prefixlen < PREFIX_MIN[network.version]]
        everywhere = not rule.network or wide
        if rule.action == "skip" and everywhere and not narrow:
            services = ", ".join(sorted(rule.service)) or "every service"
            yield Finding(
                "rule-skips-too-much",
                Severity.NOTE if _shares_asked_otherwise(look, rule, found[:place]) else Severity.WARNING,
                f"{CONFIG}: {rule}",
                f"{str(rule).capitalize()} asks no code of anybody, from anywhere, for {services}.",
                "There, the password alone is enough.",
                f"Narrow it down in {CONFIG} by user, group or network; or exempt one user: nas2fa exempt add --help",
            )


def rules_name_what_there_is(look: Examination) -> Iterator[Finding]:
    """A name that is mistyped fits nobody, and the next rule decides."""
    for rule in rules(look.system):
        if unknown := list(_unknown(look, rule)):
            yield Finding(
                "rule-names-unknown",
                Severity.NOTE,
                f"{CONFIG}: {rule}",
                f"{str(rule).capitalize()} names what this box does not know: {', '.join(unknown)}.",
                "If that is mistyped, the rule does not fit whom it is meant for, and another decides about them.",
                f"Correct it in {CONFIG}, then: systemctl reload nas2fad",
            )


def rules_about_addresses_can_fit(look: Examination) -> Iterator[Finding]:
    """Programs of the box itself name no address, so that neither a network nor again_after is anything to them."""
    for rule in rules(look.system):
        words = [word for word, said in (("network", rule.network), ("again_after", rule.again_after)) if said]
        if words and rule.service and rule.service <= LOCAL:
            yield Finding(
                "rule-needs-address",
                Severity.NOTE,
                f"{CONFIG}: {rule}",
                f"{str(rule).capitalize()} has {' and '.join(words)}, but {', '.join(sorted(rule.service))} "
                "never tells where somebody comes from.",
                "With network it fits nobody; with again_after a code is asked each time all the same.",
                f"Take {' and '.join(words)} out of the rule in {CONFIG}, then: systemctl reload nas2fad",
            )


def _shares_asked_otherwise(look: Examination, rule: Rule, before: Sequence[Rule]) -> bool:
    """Whether a rule leaves the shares open to all but some people, or but some shares, as docs/smb.md has it."""
    if rule.service != {"samba"}:
        return False
    return any(one.action == "code" and "samba" in one.service for one in before) or any(asking(look))


def _unknown(look: Examination, rule: Rule) -> Iterator[str]:
    yield from (f"the service {service}" for service in sorted(rule.service - stacks.nameable(look.system)))
    for kind, database, names in (("user", "passwd", rule.user), ("group", "group", rule.group)):
        for name in sorted(names):
            if look.system.run(["getent", database, name]).status == _NO_SUCH_NAME:
                yield f"the {kind} {name}"


CHECKS = (rules_skip_narrowly, rules_name_what_there_is, rules_about_addresses_can_fit)
