"""The two clocks and the names of this machine and boot. The only file that reads them for a decision."""

from __future__ import annotations

import os
import time

from nas2fa.store.records import Instant

BOOT_ID = "/proc/sys/kernel/random/boot_id"
MACHINE_ID = "/etc/machine-id"


def now() -> Instant:
    """The present moment.

    CLOCK_BOOTTIME is read first: a pause between the two reads then only makes the floor of used time steps higher
    (clock/floor.py), never lower.
    """
    boot = time.clock_gettime(time.CLOCK_BOOTTIME)
    return Instant(wall=time.clock_gettime(time.CLOCK_REALTIME), boot=boot)


def boot_id() -> str:
    """The kernel's random id of this boot (random(4)); "" when it cannot be read. In a container: the host's.

    The unit hands it over (systemd.unit(5), %b), since there is no /proc in the cage.
    """
    return os.environ.get("NAS2FA_BOOT_ID") or _first_line(BOOT_ID)


def machine_id() -> str:
    """machine-id(5); "" when absent."""
    return _first_line(MACHINE_ID)


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="ascii") as file:
            return file.readline(128).strip()
    except (OSError, ValueError):
        return ""
