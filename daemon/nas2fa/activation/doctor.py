"""The doctor looks for what lets somebody in without a code, and for what shuts somebody out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from nas2fa.activation.checks import (
    boot,
    clock,
    exemptions,
    lines,
    pam,
    people,
    places,
    rules,
    samba,
    services,
    shares,
    ssh,
    sshd_files,
    units,
)
from nas2fa.activation.examination import Ask, Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.system import System

Check = Callable[[Examination], Iterable[Finding]]

BROKE_OFF = "check-failed"  # the finding about a check, not about the box
CHECKS: tuple[Check, ...] = (
    *units.CHECKS,
    *clock.CHECKS,
    *pam.CHECKS,
    *lines.CHECKS,
    *sshd_files.CHECKS,
    *ssh.CHECKS,
    *samba.CHECKS,
    *shares.CHECKS,
    *services.CHECKS,
    *places.CHECKS,
    *rules.CHECKS,
    *people.CHECKS,
    *exemptions.CHECKS,
    *boot.CHECKS,
)


def examine(system: System, ask: Ask | None, checks: Iterable[Check] = CHECKS) -> list[Finding]:
    """All findings, the worst first. `ask` puts a request to nas2fad, as root; None when it is away."""
    examination = Examination(system, ask)
    found = [finding for check in checks for finding in _run(check, examination)]
    order = list(Severity)
    return sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.severity))


def _run(check: Check, examination: Examination) -> Iterator[Finding]:
    """What one check finds; if it breaks, that it did: it must not take the others with it."""
    try:
        yield from list(check(examination))
    except Exception as error:  # noqa: BLE001 (whatever it met in this box's files)
        yield Finding(
            BROKE_OFF,
            Severity.WARNING,
            check.__name__.replace("_", " "),
            f"This check broke off: {type(error).__name__}: {error}",
            "What it looks for may be there or not.",
            "If the text above does not tell what to put right, report it as a defect of nas2fa.",
        )
