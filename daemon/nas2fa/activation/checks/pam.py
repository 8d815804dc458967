"""Checks of the PAM stacks: that every service that asks for a password asks for the code, and heeds the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nas2fa.activation import outcomes, stacks
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.outcomes import ASKED, CODE, GUARDED, KEYED, PROVED, REFUSED
from nas2fa.activation.places import SSHD_STACK
from nas2fa.activation.plan import edited_by_hand
from nas2fa.activation.stacks import Line
from nas2fa.activation.walk import Way, ways

COMMON = "/etc/pam.d/common-auth"
ONE_FIELD = ("vsftpd", "proftpd", "cups", "dovecot")  # they ask once, for password and code together
_ON = "nas2fa system enable"
_SKIPS = "stack-skips-code"
_IGNORES = "stack-ignores-code"
_ALONE = "code-alone-is-enough"
_UNCHECKED = "password-not-checked"
_NOTHING = "service-asks-nothing"
_OPEN = "stack-lets-in"
_ALWAYS_ASK = ["sshd", "login", "su", "su-l", "sudo", "sudo-i", "polkit-1"]
_GREETED = "nopasswdlogin"  # the group whose members Debian's graphical logins ask for nothing


def every_service_asks(look: Examination) -> Iterator[Finding]:
    """No way through a stack may let in without the code, or with a wrong one.

    While it is off, common-auth is looked at for one thing: behind a password that nobody checks, a code is the only
    step.
    """
    skips: dict[tuple[str, str], list[str]] = {}
    for service in stacks.services(look.system) if look.on else [COMMON]:
        lines = stacks.flatten(look.system, service, "auth")
        opener = outcomes.opener(lines)
        for way in outcomes.admitting(lines):
            name = _fault(way)
            if opener and (name == _ALONE or (name == _NOTHING and opener.file == COMMON)):
                skips.setdefault((_UNCHECKED, f"{opener.where}: {opener}"), []).append(service)
            elif name and look.on:
                name = _OPEN if name == _NOTHING and _has_to_ask(service, lines, way) else name
                skips.setdefault((name, _where(look, service, lines, way)), []).append(service)
    for (name, where), services in skips.items():
        yield _FAULTS[name](where, ", ".join(dict.fromkeys(services)))


def _fault(way: Way) -> str | None:
    """What is wrong with a way that lets in."""
    asked = way.notes & {ASKED, CODE, KEYED, REFUSED}
    if not asked:
        return _SKIPS if PROVED in way.notes else _NOTHING
    if asked == {REFUSED}:
        return _IGNORES
    if CODE in asked and PROVED not in way.notes:
        return _ALONE
    return None


def _has_to_ask(service: str, lines: Sequence[Line], way: Way) -> bool:
    """Whether a way that asks for nothing is a hole: the service guards what root may do, or asks on another way."""
    last = outcomes.bypass(way)
    asks = service in _ALWAYS_ASK or any(map(outcomes.asks, lines))
    return asks and not (last and _GREETED in last.arguments)


def _where(look: Examination, service: str, lines: Sequence[Line], way: Way) -> str:
    """The line to look at: ours when it is not heeded, the one that leaves before ours, or the one that lets in."""
    called = [step.line for step in way.steps if step.line.ours]
    ahead = outcomes.bypass(way) if any(line.ours for line in lines) else None
    line = called[-1] if called else ahead or outcomes.prover(way)
    return f"{line.where}: {line}" if line else stacks.file_of(look.system, service) or COMMON


def _skips(where: str, services: str) -> Finding:
    return Finding(
        _SKIPS,
        Severity.ERROR,
        where,
        f"A right password is enough for: {services}. On one way through the stack, our module is not called.",
        "Whoever knows the password gets in without a code.",
        "If a line before ours is sufficient, or jumps: let it end at ours (`required`), or raise nothing above "
        "priority 1000 in /usr/share/pam-configs. If the service does not take in common-auth: add "
        "`auth requisite pam_nas2fa.so` behind its password line. To ask no code on purpose: a rule in nas2fa.toml(5).",
    )


def _ignores(where: str, services: str) -> Finding:
    return Finding(
        _IGNORES,
        Severity.ERROR,
        where,
        f"A wrong code is not heeded by: {services}.",
        "Whoever knows the password gets in with any code, or whenever nas2fad does not run.",
        f"The control of our line must be `requisite`. To write it anew: {_ON}",
    )


def _alone(where: str, services: str) -> Finding:
    return Finding(
        _ALONE,
        Severity.ERROR,
        where,
        f"A code is enough, without a password, for: {services}.",
        "Whoever holds the phone gets in; that is one step, not two.",
        f"Our line must be `requisite` and come behind the password's. To write it anew: {_ON}",
    )


def _unchecked(where: str, services: str) -> Finding:
    return Finding(
        _UNCHECKED,
        Severity.ERROR,
        where,
        f"Any password is accepted, right or wrong, by: {services}.",
        "Anybody gets in; with the second step on, a code alone is enough.",
        "Take out the line above if it stands before the password's; behind that, a wrong password must end the stack, "
        "as in Debian's own file: `auth requisite pam_deny.so`",
    )


def _nothing(where: str, services: str) -> Finding:
    return Finding(
        _NOTHING,
        Severity.NOTE,
        where,
        f"Lets in without password and code: {services}.",
        "Some services are made so (an automatic login, a greeter). Is this one of them?",
        "If it is not, write `@include common-auth` into its file.",
    )


def _open(where: str, services: str) -> Finding:
    return Finding(
        _OPEN,
        Severity.ERROR,
        where,
        f"On one way through the stack, nothing is asked, neither password nor code, by: {services}.",
        "Whom this line lets through gets in as anybody; by su and sudo as root.",
        "Take the line out; or let it end at the password's, by `required` in the place of `sufficient`.",
    )


_FAULTS = {
    _OPEN: _open,
    _SKIPS: _skips,
    _IGNORES: _ignores,
    _ALONE: _alone,
    _UNCHECKED: _unchecked,
    _NOTHING: _nothing,
}


def the_guard_decides(look: Examination) -> Iterator[Finding]:
    """In sshd's account phase, no line may let in before the guard, or whom it refuses."""
    lines = stacks.flatten(look.system, "sshd", "account")
    if not look.on or not any(line.ours for line in lines):  # keys_are_guarded() tells when it is not there
        return
    admitting = [way for way in ways(lines, outcomes.of_account) if way.result in outcomes.ADMITS]
    if overruled := next((way for way in admitting if REFUSED in way.notes), None):
        line = next(step.line for step in overruled.steps if step.line.ours)
        yield _guard("guard-ignored", line.where, f"sshd's account stack does not heed our guard: {line}.")
    elif skipping := next((way for way in admitting if GUARDED not in way.notes), None):
        jump = outcomes.bypass(skipping)
        where = jump.where if jump else SSHD_STACK
        what = f"sshd's account stack can end before our guard: {jump or 'our line is not reached'}."
        yield _guard("guard-skipped", where, what)


def _guard(name: str, where: str, what: str) -> Finding:
    return Finding(
        name,
        Severity.ERROR,
        where,
        what,
        "A key alone then lets in by ssh, whoever has a second step.",
        "Our guard must be the first line of the kind account in /etc/pam.d/sshd, and `required`. To write it anew: "
        + _ON,
    )


def stacks_can_be_read(look: Examination) -> Iterator[Finding]:
    """Lines that libpam fails at shut everybody out of a service."""
    seen: dict[str, list[str]] = {}
    for service in stacks.services(look.system):
        for kind in ("auth", "account"):
            for line in stacks.flatten(look.system, service, kind):
                if line.form in ("broken", "absent") or line.refuses:
                    seen.setdefault(line.where, []).append(service)
    for where, services in seen.items():
        yield Finding(
            "stack-broken",
            Severity.ERROR,
            where,
            "libpam cannot do what this line says: an unknown word, no module, a file that is not there, an end of "
            f"line from Windows, a backslash before nothing. It is part of: {', '.join(dict.fromkeys(services))}.",
            "These services refuse everybody, unless the line's control forgives the failure.",
            "Correct the line, or take it out. Ends of line from Windows: sed -i 's/\\r$//' FILE",
        )


def common_auth_has_our_line(look: Examination) -> Iterator[Finding]:
    """The line that pam-auth-update writes, and whether it could."""
    by_hand = edited_by_hand(look.system)
    if look.on and not any(line.ours for line in stacks.flatten(look.system, COMMON, "auth")):
        yield Finding(
            "profile-off",
            Severity.ERROR,
            COMMON,
            f"The second step is switched on, but our line is not in {COMMON}.",
            "No service that takes in this file asks for a code."
            + (" The file was changed by hand, so pam-auth-update leaves it as it is." if by_hand else ""),
            "Put it back: pam-auth-update --enable nas2fa" + (" --force" if by_hand else ""),
        )
    elif by_hand:
        yield Finding(
            "common-auth-by-hand",
            Severity.WARNING,
            "/etc/pam.d/common-*",
            "The part that pam-auth-update writes was changed by hand, in at least one of these files.",
            "It then changes nothing there, without a word: no switch and no upgrade can add or take away a line.",
            "Let Debian write the files anew (your changes in them get lost): pam-auth-update --force",
        )


def one_field_services_split(look: Examination) -> Iterator[Finding]:
    """A service that asks once needs a line that cuts the code off the password."""
    for service in ONE_FIELD:
        file = stacks.file_of(look.system, service)
        lines = stacks.flatten(look.system, service, "auth") if file else []
        asks = any(line.ours and "split" not in line.arguments for line in lines)
        if look.on and file and asks and not any(line.ours and "split" in line.arguments for line in lines):
            yield Finding(
                "one-field-not-split",
                Severity.WARNING,
                file,
                f"{service} asks once, for one field, and no line cuts the code off what is typed there.",
                "Who has a second step cannot log in to it.",
                f"Write the lines of /usr/share/nas2fa/pam.d/{service} before `@include common-auth`: {_ON}",
            )


def passwords_are_not_empty(look: Examination) -> Iterator[Finding]:
    """With nullok, an account without a password needs none; a second step is then its only one."""
    nullok = [
        line
        for line in stacks.flatten(look.system, COMMON, "auth")
        if line.module == "pam_unix.so" and "nullok" in line.arguments
    ]
    for entry in (look.system.read("/etc/shadow") or "").splitlines():
        name, _, rest = entry.partition(":")
        if nullok and rest.startswith(":"):
            yield Finding(
                "password-empty",
                Severity.ERROR,
                f"/etc/shadow: {name}",
                f"{name} has no password, and {nullok[0].where} accepts that (nullok).",
                "Anybody gets in as that user at the console; a second step would be the only one.",
                f"Set a password: passwd {name}. Or lock the account: passwd --lock {name}",
            )


CHECKS = (
    every_service_asks,
    the_guard_decides,
    stacks_can_be_read,
    common_auth_has_our_line,
    one_field_services_split,
    passwords_are_not_empty,
)
