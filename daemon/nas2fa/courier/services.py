"""Which time services are on this box, by systemd's own files: from here nothing may be asked of D-Bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from posixpath import basename
from types import MappingProxyType
from typing import Final

from nas2fa.clock.words import TimeService
from nas2fa.courier.files import Files

# Each with the names of its unit; where two packages use one name, a link says whose it is.
UNITS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "systemd-timesyncd": ("systemd-timesyncd.service",),
        "chrony": ("chrony.service", "chronyd.service"),
        "ntpsec": ("ntpsec.service",),
        "ntp": ("ntp.service", "ntpd.service"),
        "openntpd": ("openntpd.service",),
    }
)
_ADMINS: Final = ("/etc/systemd/system", "/run/systemd/system")  # the first has the last word
_VENDORS: Final = ("/usr/local/lib/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_SLICES: Final = tuple(f"/sys/fs/cgroup{where}/system.slice" for where in ("", "/unified", "/systemd"))


def services(files: Files) -> tuple[TimeService, ...]:
    """Those that are installed."""
    return tuple(service for name, units in UNITS.items() if (service := _service(files, name, units)))


def _service(files: Files, name: str, units: tuple[str, ...]) -> TimeService | None:
    own = [unit for unit in units if _is_there(files, unit)]
    if not own:
        return None
    on = not any(_masked(files, unit) for unit in own)
    return TimeService(name, on and _wanted(files, own), any(_runs(files, unit) for unit in own))


def _is_there(files: Files, unit: str) -> bool:
    """A unit of that name, and not only another one's second name."""
    return any(
        files.exists(f"{folder}/{unit}") and basename(files.target(f"{folder}/{unit}")) in ("", unit)
        for folder in (*_ADMINS, *_VENDORS)
    )


def _masked(files: Files, unit: str) -> bool:
    return any(files.target(f"{folder}/{unit}") == "/dev/null" for folder in _ADMINS)


def _wanted(files: Files, units: list[str]) -> bool:
    """Whether a target starts one of them: by a link to it in a folder TARGET.wants or .requires."""
    return any(name in units or basename(target) in units for name, target in _wants(files))


def _wants(files: Files) -> Iterator[tuple[str, str]]:
    for place in (*_ADMINS, *_VENDORS):
        for folder in files.names(place):
            if folder.endswith((".wants", ".requires")):
                for name in files.names(f"{place}/{folder}"):
                    yield name, files.target(f"{place}/{folder}/{name}")


def _runs(files: Files, unit: str) -> bool:
    """Its control group has a process: systemd removes the group of what has ended."""
    return any(files.text(f"{place}/{unit}/cgroup.procs").strip() for place in _SLICES)
