"""Checks of the last way back in: the kernel word, and who else could use it."""

from __future__ import annotations

from collections.abc import Iterator

from nas2fa.activation import rescue, state
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import SWITCH, Finding, Severity
from nas2fa.activation.places import BOOT_UNIT, PENDING, SCRIPT


def rescue_is_ready(look: Examination) -> Iterator[Finding]:
    """The unit that heeds the kernel word, and whether somebody has tried it. A container has no kernel line."""
    if look.contained:
        return
    if not rescue.in_place(look.system):
        yield Finding(
            "rescue-missing",
            Severity.WARNING,
            rescue.UNIT,
            f"{rescue.UNIT} or its program is not there, or masked.",
            "When nobody can log in any more, the kernel word nas2fa.rescue would change nothing.",
            f"systemctl unmask {rescue.UNIT}; if that is not it: apt-get install --reinstall nas2fa",
        )
    elif rescue.tested(look.system) is None:
        yield Finding(
            "rescue-untested",
            Severity.NOTE,
            rescue.MARK,
            "Nobody has become root on this box by the kernel word nas2fa.rescue yet.",
            "A way back that was never tried may not be one: is there a screen, does the boot menu appear?",
            "Try it once, as nas2fa-rescue(7) tells.",
        )


def boot_loader_is_guarded(look: Examination) -> Iterator[Finding]:
    """Whoever can change the kernel line is root without any password."""
    if not look.contained and rescue.boot_loader_guarded(look.system) is False:
        yield Finding(
            "boot-loader-open",
            Severity.NOTE,
            "boot loader",
            "The boot loader lets anybody at the screen change the kernel line.",
            "With init=/bin/sh or nas2fa.rescue there, whoever stands before the box gets in without a code.",
            "If others can get at screen and keyboard: a GRUB password (superusers), or `editor no` in loader.conf(5).",
        )


def trial_is_of_this_boot(look: Examination) -> Iterator[Finding]:
    """A switch that nobody confirmed is undone when the box starts, if not before."""
    if state.left_over(look.system) is not None:
        yield Finding(
            "trial-left-over",
            Severity.ERROR,
            PENDING,
            f"A switch that nobody confirmed outlived a start of the box: {BOOT_UNIT} did not undo it.",
            "What is in force was only tried, perhaps since nobody could log in; and it can no longer be confirmed.",
            f"{SCRIPT} roll-back ({SWITCH} does that first, too)",
        )


CHECKS = (trial_is_of_this_boot, rescue_is_ready, boot_loader_is_guarded)
