"""A control group of its own for each box, on whatever hierarchy the host has.

Without one, nspawn makes its `payload` and `supervisor` groups at the top of the host's tree. Only the
hierarchy that systemd uses is touched: the unified one and, on a hybrid host, `name=systemd`.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

PREFIX = "nas2fa-box-"


def hierarchies() -> list[Path]:
    """Mount points of cgroup2 and of the v1 hierarchy `name=systemd`; empty in a bare chroot."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [
        Path(point)
        for _, point, kind, options, *_ in mounts
        if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options.split(","))
    ]


def create(name: str) -> list[Path]:
    """Make the group of box `name` in each hierarchy. Raises OSError where /sys/fs/cgroup is read-only."""
    groups = named(name)
    for group in groups:
        group.mkdir(exist_ok=True)
    return groups


def remove(groups: list[Path]) -> None:
    """Remove groups and the empty ones below them; a group with a process in it stays."""
    for group in filter(Path.is_dir, groups):
        for below in sorted(group.rglob("*"), reverse=True):
            if below.is_dir():
                with contextlib.suppress(OSError):
                    below.rmdir()
        with contextlib.suppress(OSError):
            group.rmdir()


def named(name: str) -> list[Path]:
    """Where the group of box `name` is, or would be, in each hierarchy."""
    return [hierarchy / f"{PREFIX}{name}" for hierarchy in hierarchies()]
