"""What a switch leaves on the disk so that there is a way back: a folder for each, and two links that say which counts.

`pending` is a switch that nobody has confirmed, `enforced` the one that is confirmed. Each change of the two is one
rename(2), so that a power cut finds either the one or the other. `switch-back` reads the same folders.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nas2fa.activation import writing
from nas2fa.activation.places import BALLAST, BALLAST_BYTES, BOOT_UNIT_TEXT, ENFORCED, LOCK, PENDING, SCRIPT, TOP
from nas2fa.activation.plan import Change
from nas2fa.activation.system import System


@dataclass(frozen=True, slots=True)
class Facts:
    """What is told about a switch later."""

    by: str  # who ran it
    since: float  # unix time
    boot_id: str  # the boot in which it was on trial
    began: float  # CLOCK_BOOTTIME seconds at which the trial began
    until: float  # CLOCK_BOOTTIME seconds at which it ends
    uids: tuple[int, ...]  # administrators
    options: Mapping[str, Any]  # as status shows them


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one switch."""

    folder: Path

    @property
    def facts(self) -> Facts:
        """What is told about it. Raises OSError or ValueError for a folder that is not whole."""
        try:
            found = json.loads((self.folder / "facts.json").read_bytes())
            return Facts(**{**found, "uids": tuple(found["uids"])})
        except (TypeError, KeyError) as error:
            raise ValueError(f"{self.folder}/facts.json: {error}") from None

    @property
    def files(self) -> list[tuple[str, str, bool]]:
        """Number, path, and whether the file was there before the first switch, in the order of the way back."""
        rows = [line.split(" ", 3) for line in (self.folder / "manifest").read_text().splitlines()]
        return [(number, path, first == "present") for number, _, first, path in rows]

    def drift(self, system: System) -> list[str]:
        """The files that are no longer as the switch wrote them."""
        found = []
        for number, path, _ in self.files:
            wrote, now = self.folder / "wrote" / number, system.path(path)
            held = now.read_bytes() if now.exists() else None
            if held != (wrote.read_bytes() if wrote.exists() else None):
                found.append(path)
        return found


def pending(system: System) -> State | None:
    """The switch that is on trial."""
    return _linked(system, PENDING)


def enforced(system: System) -> State | None:
    """The switch that is confirmed."""
    return _linked(system, ENFORCED)


def left_over(system: System) -> State | None:
    """A switch that an earlier boot had on trial, so that its way back did not run; or one that cannot be read."""
    on_trial = pending(system)
    with suppress(OSError, ValueError):
        if on_trial is not None and on_trial.facts.boot_id == boot_id():
            return None
    return on_trial


def boot_id() -> str:
    """The kernel's name for this boot."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _linked(system: System, link: str) -> State | None:
    path = system.path(link)
    return State(path.parent / path.readlink()) if path.is_symlink() else None


@contextmanager
def locked(system: System) -> Iterator[None]:
    """One at a time: enable, confirm, and the way back. Waits; the way back not for ever.

    Ctrl-Z is ignored meanwhile: whoever stopped in here would keep everybody else waiting.
    """
    top = system.path(TOP)
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    stops = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with system.path(LOCK).open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    finally:
        signal.signal(signal.SIGTSTP, stops)


def keep(system: System, changes: Sequence[Change], profiles: Sequence[str], facts: Facts) -> State:
    """Put on the disk all that the way back needs, and then `pending`. Before that nothing has changed. OSError."""
    top = system.path(TOP)
    _sweep(system)
    folder = Path(tempfile.mkdtemp(prefix="state.", dir=top))
    try:
        _fill(system, folder, changes, profiles, facts)
        _reserve(system)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    for inside in (*filter(Path.is_dir, folder.iterdir()), folder, top):
        writing.sync(inside)
    link = top / "pending.new"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name)
    link.rename(system.path(PENDING))
    writing.sync(top)
    return State(folder)


def _fill(system: System, folder: Path, changes: Sequence[Change], profiles: Sequence[str], facts: Facts) -> None:
    for name in ("was", "first", "wrote"):
        (folder / name).mkdir()
    before = enforced(system)
    firsts = {path: before.folder / "first" / number for number, path, _ in before.files} if before else {}
    rows = []
    for number, change in enumerate(reversed(changes)):  # the way back goes the other way
        path = system.path(change.path)
        first = firsts.get(change.path, path)
        for name, content, like in (
            ("was", change.was, path),
            ("first", change.first, first),
            ("wrote", change.new, path),
        ):
            if content is not None:
                writing.write(folder / name / str(number), content, 0o644, like if like.exists() else None)
        rows.append(f"{number} {_presence(change.was)} {_presence(change.first)} {change.path}\n")
    writing.write(folder / "manifest", "".join(rows).encode())
    writing.write(folder / "profiles", f"{' '.join(profiles)}\n".encode())
    writing.write(folder / "profiles.was", (before.folder / "profiles").read_bytes() if before else b"")
    writing.write(folder / "profiles.first", b"")
    writing.write(folder / "facts.json", json.dumps(asdict(facts)).encode())
    writing.write(folder / "boot.service", BOOT_UNIT_TEXT.encode(), 0o644)
    writing.write(folder / "switch-back", system.path(SCRIPT).read_bytes(), 0o700)


def _presence(content: bytes | None) -> str:
    return "absent" if content is None else "present"


def _reserve(system: System) -> None:
    """Room on the disk of /etc that the way back can free; not zeros, which some file systems store in no room."""
    ballast = system.path(BALLAST)
    if not ballast.exists():
        writing.write(ballast, os.urandom(BALLAST_BYTES))


def confirm(system: System) -> None:
    """Make the pending switch the enforced one: one rename. Raises OSError."""
    system.path(PENDING).rename(system.path(ENFORCED))
    writing.sync(system.path(TOP))
    _sweep(system)


def _sweep(system: System) -> None:
    """Remove folders that no link names: of switches that ended, or never began."""
    named = {state.folder.name for state in (pending(system), enforced(system)) if state}
    for folder in system.path(TOP).glob("state.*"):
        if folder.name not in named:
            shutil.rmtree(folder, ignore_errors=True)
