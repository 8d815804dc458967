"""Boxes, clocks and a volume in simulated time, over the real store: what test_state_replay.py plays histories on.

Somebody has written down every code that was ever accepted, and tries it again after each event. That must never
work, but for the one gap that docs/threat-model.md names: the login never reached the disk, the state was lost, and
the clock was set back.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from nas2fa.clock.floor import floor_step
from nas2fa.paths import Paths
from nas2fa.store import files
from nas2fa.store.marks import Marks
from nas2fa.store.records import Instant
from nas2fa.store.state import State

UID = 1000
PERIOD = 30
WINDOW = 1
EPOCH = 1_700_000_010.0  # true time at the beginning; a step begins here
KEY = "phone"


@dataclass
class Box:
    """One machine: its clocks and its boot. `error` is its wall clock minus true time, seconds."""

    name: str
    booted: float  # true time at which its CLOCK_BOOTTIME was 0
    error: float = 0.0
    boots: int = 1
    container: bool = False  # its boot is the host's: /run goes at a restart, the two clocks and the boot id do not

    def now(self, true: float) -> Instant:
        return Instant(true + self.error, true - self.booted)


@dataclass
class Accepted:
    """One login that was let in."""

    true: float
    wall: float
    on_disk: bool = False


@dataclass
class World:
    """A volume with one user, and the boxes it may be attached to; the daemon runs on one of them."""

    root: str
    true: float = EPOCH
    boxes: dict[str, Box] = field(default_factory=dict)
    accepted: dict[int, Accepted] = field(default_factory=dict)
    gaps: int = 0
    state: State = field(default=None)  # type: ignore[assignment]  # set by start()

    def __post_init__(self) -> None:
        for name in ("a", "b"):
            self.boxes[name] = Box(name, self.true - 300)
        self.here = self.boxes["a"]
        os.makedirs(self.paths.users, 0o700)
        with files.directory(self.paths.users) as fd:
            Marks(self.paths).create(fd, UID)
        self.start()

    @property
    def paths(self) -> Paths:
        return Paths(f"{self.root}/etc", f"{self.root}/{self.here.name}", f"{self.root}/lib")

    @property
    def now(self) -> Instant:
        return self.here.now(self.true)

    def start(self) -> None:
        """Start the daemon on this box; another one that ran there is dead."""
        self.stop()
        self.state = State(self.paths, Marks(self.paths))
        boot_id = "host" if self.here.container else f"{self.here.name}{self.here.boots}"
        self.state.open(self.now, self.here.name, boot_id)
        self.flush()

    def stop(self) -> None:
        """End it as kill -9 does: nothing is written."""
        if self.state is not None:
            self.state.close()

    def flush(self) -> None:
        """What the daemon does behind each `allow`, at SIGTERM, and with what it finds at its start."""
        for uid in self.state.take_dirty():
            assert self.state.flush(uid, self.state.get(uid), self.now)
            for step, login in self.accepted.items():
                login.on_disk |= self.state.get(uid).used.get(KEY, -1) >= step

    # Events; each is one line of a history.

    def wait(self, seconds: float) -> None:
        self.true += seconds

    def login(self, ahead: int = 0, on_disk: bool = True) -> bool:
        """The phone's owner, whose code is `ahead` steps from the box's now; True when let in."""
        step = int(self.now.wall // PERIOD) + ahead
        if not self.acceptable(step):
            return False
        before = self.state.get(UID)
        self.state.put(UID, replace(before, used=MappingProxyType({**before.used, KEY: step})))
        self.accepted[step] = Accepted(self.true, self.now.wall)
        if on_disk:
            self.flush()
        return True

    def kill(self) -> None:
        self.start()

    def marker_gone(self) -> None:
        os.unlink(f"{self.paths.state}/complete")
        self.start()

    def power_cut(self, error: float = 0.0, away: float = 20.0) -> None:
        """The box boots again after `away` seconds, with an RTC that is wrong by `error`."""
        self.wait(away)
        self._lose_run()
        self.here.error = error
        if not self.here.container:
            self.here.booted = self.true - 5
            self.here.boots += 1
        self.start()

    def clock(self, error: float) -> None:
        """NTP, an admin or a forger sets the wall clock."""
        self.here.error = error

    def move(self, name: str, cleanly: bool) -> None:
        """The volume goes to another box, which is up already; the first one stays up, and its /run with it."""
        if cleanly:
            self.flush()
        self.here = self.boxes[name]
        self.wait(10)
        self.start()

    def elsewhere_and_back(self, ahead: int) -> None:
        """Unmounted under a running daemon, used on the other box, and mounted again."""
        first, running = self.here, self.state
        self.flush()
        self.here, self.state = self.boxes["b" if first.name == "a" else "a"], None  # type: ignore[assignment]
        self.start()
        self.login(ahead)
        self.stop()
        self.here, self.state = first, running

    def containerised(self) -> None:
        """From now on this box is a container; its host has been up for a month."""
        self.here.container = True
        self.here.booted = self.true - 30 * 86400
        self._lose_run()
        self.start()

    # The thief

    def acceptable(self, step: int) -> bool:
        self.state.follow(self.now)
        now = self.now
        used = self.state.get(UID).used.get(KEY)
        floor = floor_step(used, self.state.began, now, PERIOD, WINDOW, born=self.state.born(KEY))
        return abs(step - int(now.wall // PERIOD)) <= WINDOW and step > floor

    def thief(self) -> None:
        """Every code that was ever accepted is tried again."""
        for step, login in self.accepted.items():
            if self.acceptable(step):
                set_back = self.now.wall - login.wall < self.true - login.true - 1e-3
                assert set_back, f"step {step} accepted twice"
                assert not login.on_disk, f"step {step} was on disk and is accepted twice"
                self.gaps += 1

    def play(self, event: str, *args: object) -> object:
        """One event, then the thief."""
        result = getattr(self, event)(*args)
        self.thief()
        return result

    def _lose_run(self) -> None:
        shutil.rmtree(self.paths.run)
