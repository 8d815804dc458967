"""What undoes a switch that nobody confirms without anybody's doing: a timer, and a unit of the next boot."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from nas2fa.activation import writing
from nas2fa.activation.places import BOOT_LINK, BOOT_UNIT, BOOT_UNIT_TEXT, DISABLING, TIMER, TRIAL
from nas2fa.activation.state import Facts, State
from nas2fa.activation.system import Ran, System


def arm_boot(system: System) -> None:
    """The way back of the next boot: without a switch that is pending it only removes itself."""
    writing.replace(system.path(BOOT_UNIT), BOOT_UNIT_TEXT.encode())
    link = system.path(BOOT_LINK)
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(BOOT_UNIT)
    writing.sync(link.parent)


def arm_timer(system: System, kept: State, told: Facts) -> Ran:
    """The way back when time is up; how systemd took it."""
    left = max(1, round(told.until - time.clock_gettime(time.CLOCK_BOOTTIME)))
    system.run(["systemctl", "reset-failed", f"{TIMER}.service"])
    return system.run(
        [
            "systemd-run", "--quiet", "--collect", f"--unit={TIMER}", f"--on-active={left}s",
            "--timer-property=AccuracySec=1s", "--property=Restart=on-failure", "--property=RestartSec=30s",
            "--property=Type=oneshot", "--description=Undo the switch to 2-step verification that nobody confirmed",
            "/bin/sh", str(kept.folder / "switch-back"), "roll-back",
        ]
    )  # fmt: skip


def disarm(system: System) -> None:
    """After a confirmation: no timer, no unit of the next boot, no word at logins."""
    system.run(["systemctl", "stop", f"{TIMER}.timer"])
    for name in (TRIAL, DISABLING, BOOT_LINK, BOOT_UNIT):
        system.path(name).unlink(missing_ok=True)
    _remove_empty(system.path(BOOT_LINK).parent)
    system.run(["systemctl", "daemon-reload"])


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
