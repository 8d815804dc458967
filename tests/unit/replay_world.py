"""Boxes, a phone and a volume in simulated time, over the real store and judgement, for test_state_replay.py.

Somebody has written down every code that was ever accepted, and tries it again after each event, alone and as one of
two in a row. That must never work, but for the one gap that docs/threat-model.md names: the login never reached the
disk, the state was lost, and the clock was set back.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field

from nas2fa.clock import phones
from nas2fa.clock.floor import floor_step
from nas2fa.errors import Reason
from nas2fa.factors import totp
from nas2fa.factors.totp import WINDOW
from nas2fa.login.judgement import Outcome, judge
from nas2fa.login.lockout import Limits
from nas2fa.login.resync import CODES
from nas2fa.login.source import CONSOLE
from nas2fa.paths import Paths
from nas2fa.store import files
from nas2fa.store.marks import Marks
from nas2fa.store.records import Authenticator, Credential, Instant, Secret, UserState
from nas2fa.store.state import State

UID = 1000
PERIOD = 30
EPOCH = 1_700_000_010.0  # true time at the beginning; a step begins here
PHONE = Authenticator(Secret(b"12345678901234567890"))
KEY = PHONE.secret.fingerprint()
OWNER = Credential(UID, "alice", (PHONE,))
LIMITS = Limits(deny=1000, fail_interval=900, unlock_time=600)


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
    ahead: float = 0.0  # the phone's clock minus true time, seconds
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

    @property
    def shift(self) -> int:
        """By which the phone's codes are looked for."""
        phone = self.state.get(UID).phones.get(KEY)
        return phone.shift if phone else 0

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
        while self.flush_only():
            pass

    def flush_only(self) -> bool:
        """One write of it; True when what came of it is to be written, too."""
        for uid in self.state.take_dirty():
            written = self.state.get(uid)
            assert self.state.flush(uid, written, self.now)
            for step, login in self.accepted.items():
                login.on_disk |= written.used.get(KEY, -1) >= step
            after = phones.in_force(self.state.get(uid), written)
            if after != self.state.get(uid):
                self.state.put(uid, after)
                return True
        return False

    # Events; each is one line of a history.

    def wait(self, seconds: float) -> None:
        self.true += seconds

    def login(self, off: int = 0, on_disk: bool = True) -> bool:
        """A code `off` steps from the box's now; True when let in."""
        return self._typed(int(self.now.wall // PERIOD) + off, on_disk)

    def owner(self, on_disk: bool = True, delay: float = 5.0) -> bool:
        """The phone's owner, who types what it shows, `delay` seconds later; True when let in."""
        step = int((self.true + self.ahead) // PERIOD)
        self.wait(delay)
        return self._typed(step, on_disk)

    def in_a_row(self) -> bool:
        """The owner, who takes the next code when the first one is refused; True when let in."""
        return self.owner() or self.play("wait", 25.0) or self.owner()

    def phone(self, ahead: float) -> None:
        """The phone's clock is set, or drifts."""
        self.ahead = ahead

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

    def elsewhere_and_back(self, off: int) -> None:
        """Unmounted under a running daemon, used on the other box, and mounted again."""
        first, running = self.here, self.state
        self.flush()
        self.here, self.state = self.boxes["b" if first.name == "a" else "a"], None  # type: ignore[assignment]
        self.start()
        self.login(off)
        self.stop()
        self.here, self.state = first, running

    def containerised(self) -> None:
        """From now on this box is a container; its host has been up for a month."""
        self.here.container = True
        self.here.booted = self.true - 30 * 86400
        self._lose_run()
        self.start()

    # The judgement

    def floor(self, uid: int, authenticator: Authenticator, state: UserState, at: Instant) -> int:
        """As server/world.py has it."""
        phone = state.phones.get(KEY)
        ahead = (phone.ahead if phone else 0) if self.state.settled(uid) else phones.SHIFT_MAX
        used, born = state.used.get(KEY), self.state.born(KEY)
        return floor_step(used, self.state.began, at, PERIOD, WINDOW, born=born, ahead=ahead)

    def judged(self, state: UserState, step: int, now: Instant) -> tuple[UserState, Outcome]:
        """What comes of the code of this step."""
        return judge(OWNER, state, totp.code_at(PHONE, step), CONSOLE, now, self.floor, LIMITS)

    def _typed(self, step: int, on_disk: bool) -> bool:
        self.state.follow(self.now)
        after, outcome = self.judged(self.state.get(UID), step, self.now)
        self.state.put(UID, after)
        if outcome.reason is not Reason.OK:
            return False
        if on_disk or outcome.durable:
            self.flush()
        self.accepted[step] = Accepted(self.true, self.now.wall, on_disk or outcome.durable)
        return True

    # The thief

    def thief(self) -> None:
        """Every code that was ever accepted is tried again, and after each the ones that follow it."""
        self.state.follow(self.now)
        for step in self.accepted:
            if abs(step - int(self.now.wall // PERIOD)) > 2 * totp.REACH:
                continue  # nothing is looked for there
            after, outcome = self.judged(self.state.get(UID), step, self.now)
            if outcome.reason is Reason.OK:
                self._stolen(step)
            elif after.noted is not None:
                self._in_a_row(step, after)

    def _in_a_row(self, first: int, noted: UserState) -> None:
        for step in range(first + 1, first + 1 + CODES):
            for seconds in (0.0, 29.0, 59.0) if step in self.accepted else ():
                later = Instant(self.now.wall + seconds, self.now.boot + seconds)
                if self.judged(noted, step, later)[1].reason is Reason.OK:
                    self._stolen(step)

    def _stolen(self, step: int) -> None:
        login = self.accepted[step]
        set_back = self.now.wall - login.wall < self.true - login.true - 1e-3
        assert set_back, f"step {step} accepted twice"
        assert not login.on_disk, f"step {step} was on disk and is accepted twice"
        self.gaps += 1

    def play(self, event: str, *args: object) -> object:
        """One event, then the thief."""
        act: Callable[..., object] = getattr(self, event)
        result = act(*args)
        self.thief()
        return result

    def _lose_run(self) -> None:
        shutil.rmtree(self.paths.run)
