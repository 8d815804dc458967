"""A real nas2fad whose clock is wrong, goes wrong, and is set right (libfaketime), asked by the real module.

There are two clocks: the true time, by which the phone goes, and that of the box, `off` seconds from it. CLOCK_BOOTTIME
is the kernel's, which nobody sets; only a suspended box's is moved.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from nas2fa.control import codec
from pam_client import PRODUCTION, Pam, PamStack
from running import PATIENCE, Running, code, running

UID, USER = 1, "daemon"  # one whom every name service has
HOUR, DAY, YEAR = 3600, 86_400, 365 * 86_400
STEP = 30
LIBRARY = "/usr/$LIB/faketime/libfaketime.so.1"  # $LIB: see ld.so(8)


@dataclass
class FakedBox:
    """One nas2fad with a clock of its own."""

    daemon: Running
    dial: Path
    off: float = 0.0  # seconds, box minus truth
    passed: float = 0.0  # seconds that went by without being waited for
    key: str = ""
    recovery: list[str] = field(default_factory=list)

    def clock(self, off: float) -> None:
        """Set the clock of the box: so many seconds ahead of the truth, or behind."""
        self.off = off
        self._turn()

    def go_on(self, seconds: float) -> None:
        """Time passes, for both. CLOCK_BOOTTIME stays, as if the box had started so much later."""
        self.passed += seconds
        self._turn()

    def _turn(self) -> None:
        fresh = self.dial.with_suffix(".new")
        fresh.write_text(f"{self.passed + self.off:+.0f}\n")
        fresh.rename(self.dial)

    def phone(self, steps: int = 0) -> str:
        """What the phone shows, by the true time."""
        return code(self.key, int(self.passed // STEP) + steps)

    def at(self, off: float) -> str:
        """The code of a time so far from the truth: what somebody wrote down then, or would like to know."""
        return self.phone(int(off // STEP))

    def login(self, text: str) -> tuple[Pam, str]:
        """A login by libpam and the module; libpam's word, and the reason in the journal."""
        stack = PamStack(self.daemon.root / "run", PRODUCTION).write("auth required OURS SOCKET")
        outcome = stack.run(USER, "rhost=192.0.2.7", f"answer={text}", "auth")
        last = self.daemon.records()[-1]
        return outcome.code, last.get("reason", last["event"])

    def reason(self, text: str) -> str:
        """The reason alone, OK where PAM says so."""
        word, reason = self.login(text)
        return "OK" if word is Pam.SUCCESS else reason

    def long_after(self) -> None:
        """So long after the start of the daemon that its start is no reason any more to refuse a code."""
        self.daemon.stop()
        self.daemon.age(2 * HOUR)
        self.daemon.start()

    def reboot(self, off: float, how: signal.Signals = signal.SIGTERM) -> None:
        """/run is gone, and the clock is so far off when the daemon starts. SIGKILL: the plug was pulled."""
        self.daemon.stop(how)
        shutil.rmtree(self.daemon.root / "run/state")
        self.clock(off)
        self.daemon.start()


def faked(tmp_path: Path, **environment: str) -> Iterator[FakedBox]:
    dial = tmp_path / "dial"
    dial.write_text("+0\n")
    preload = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(dial), "FAKETIME_NO_CACHE": "1"}
    before = set(Path("/dev/shm").iterdir())
    with running(tmp_path, environment={**preload, "NO_FAKE_STAT": "1", **environment}) as daemon:
        box = FakedBox(daemon, dial)
        box.key, box.recovery = daemon.set_up(UID, USER)
        box.go_on(2 * STEP)  # the code of the set-up is used
        yield box
    for left in set(Path("/dev/shm").glob("*faketime*")) - before:  # by a daemon that was killed
        left.unlink(missing_ok=True)


@pytest.fixture
def box(tmp_path: Path, pam_programs: None) -> Iterator[FakedBox]:
    yield from faked(tmp_path, FAKETIME_DONT_FAKE_MONOTONIC="1")


def test_the_clock_is_faked(box: FakedBox) -> None:
    """Else nothing here would be tested."""
    box.clock(-YEAR)
    there = box.daemon.ask("health")["done"]["clock"]["iso"]
    assert there.startswith(time.strftime("%Y-%m", time.gmtime(time.time() - YEAR)))


def test_an_hour_back_during_logins(box: FakedBox) -> None:
    used = [box.phone()]
    assert box.reason(used[0]) == "OK"
    box.clock(-HOUR)
    assert box.login(box.phone(1)) == (Pam.AUTH_ERR, "CLOCK")
    assert box.reason(box.at(-HOUR)) == "CLOCK"  # written down an hour ago
    assert box.reason(used[0]) == "CLOCK"
    assert box.reason(box.recovery[0]) == "OK"
    assert box.reason(box.recovery[0]) == "SPENT"

    box.clock(0)
    assert box.reason(used[0]) == "REUSED"
    box.go_on(STEP)
    used.append(box.phone())
    assert box.reason(used[1]) == "OK"
    assert {box.reason(text) for text in used} == {"REUSED"}
    assert "LOCKED" not in {record["event"] for record in box.daemon.records()}  # who is refused for the clock pays not


def test_a_used_code_stays_used_while_the_clock_swings_past_it(box: FakedBox) -> None:
    used = box.phone()
    assert box.reason(used) == "OK"
    for off in (-HOUR, -STEP, STEP, HOUR, -YEAR, YEAR, 0):
        box.clock(off)
        assert box.login(used)[0] is Pam.AUTH_ERR
        box.daemon.ask("user.unlock", uid=UID, user=USER)


def test_a_hardware_clock_of_1970_that_is_corrected_later(box: FakedBox) -> None:
    used = box.phone()
    assert box.reason(used) == "OK"
    box.reboot(-(time.time() + box.passed) + 20.0)
    assert box.reason(box.phone(1)) == "CLOCK"
    assert box.reason(box.recovery[0]) == "OK"

    box.clock(0)  # by a time service
    assert box.reason(used) == "REUSED"
    assert box.reason(box.phone(1)) == "FRESH_START"  # may have been used before the start
    box.go_on(3 * STEP)
    box.long_after()
    assert box.reason(box.phone()) == "OK"
    assert box.reason(box.phone()) == "REUSED"


def test_a_time_forged_after_a_reboot_opens_no_code_of_before(box: FakedBox) -> None:
    used = box.phone()
    assert box.reason(used) == "OK"
    box.go_on(HOUR)
    for off in (-HOUR, -HOUR - STEP, -HOUR + STEP, -HOUR - 60 * STEP):
        box.reboot(off, signal.SIGKILL)
        assert box.login(used)[0] is Pam.AUTH_ERR
    box.clock(0)
    box.long_after()
    assert box.reason(box.phone()) == "OK"


def test_a_jump_of_a_year_ahead_and_back_shuts_nobody_out(box: FakedBox) -> None:
    box.clock(YEAR)
    assert box.login(box.phone()) == (Pam.AUTH_ERR, "WRONG")
    assert box.reason(box.recovery[0]) == "OK"
    box.clock(0)
    assert box.reason(box.phone()) == "OK"
    box.clock(YEAR)
    box.long_after()
    box.clock(0)
    box.go_on(STEP)
    assert box.reason(box.phone()) == "OK"


def test_a_leap_second(box: FakedBox) -> None:
    """23:59:59 comes twice: at the border of a step, the box is in the step before once more."""
    now = time.time() + box.passed
    box.go_on(STEP - now % STEP + 0.6)  # just behind the border
    used = box.phone()
    assert box.reason(used) == "OK"
    box.clock(-2)
    assert box.reason(used) == "REUSED"
    box.go_on(STEP)
    assert box.reason(used) == "REUSED"
    assert box.reason(box.phone()) == "OK"


def test_a_suspended_box(tmp_path: Path, pam_programs: None) -> None:
    """Both clocks of the box go on by a night."""
    for box in faked(tmp_path):
        used = box.phone()
        assert box.reason(used) == "OK"
        for _ in range(5):
            box.login("000000")
        assert box.reason(box.phone(1)) == "LOCKED"
        box.go_on(8 * HOUR)
        assert box.reason(used) == "WRONG"
        assert box.reason(box.phone()) == "OK"
        assert box.reason(box.phone()) == "REUSED"


# --- nas2fa rescue-clock


def rescued(box: FakedBox, sets: float | None) -> tuple[dict, dict, list[str]]:
    """What was found and how it ended, with the two codes; the clock is set to `sets` off before the last answer."""
    answers = {"code": box.phone(), "next": box.phone(1)}
    with box.daemon.control() as link:
        link.settimeout(6 * PATIENCE)
        link.send(codec.encode({"v": 1, "verb": "rescue-clock", "args": {"uid": UID, "user": USER}}))
        found: dict = {}
        while True:
            message = codec.decode(link.recv(codec.PACKET_MAX))
            if message.get("show") == "clock_found":
                found = message["value"]
            if message.get("name") == "set" and sets is not None:
                box.clock(sets)
            if "ask" in message:
                link.send(codec.encode({"answer": answers.get(message["name"], "set")}))
            elif "show" not in message:
                return found, message, list(answers.values())


@pytest.mark.parametrize("off", [-200 * DAY, 2 * HOUR])
def test_two_codes_tell_the_time_and_are_used_up(box: FakedBox, off: float) -> None:
    box.clock(off)
    assert box.login(box.phone())[0] is Pam.AUTH_ERR
    found, end, texts = rescued(box, sets=0)
    assert end == {"done": {"set": True}}
    assert abs(found["found"] - (time.time() + box.passed)) <= found["doubt"] + STEP + PATIENCE
    assert abs(found["box"] - found["found"] - off) < 2 * STEP + PATIENCE
    (record,) = [r for r in box.daemon.records() if r["event"] == "CLOCK_RESCUED"]
    assert f"clock set by uid {os.geteuid()} by codes of {USER}: from 20" in record["message"]
    assert {box.reason(text) for text in texts} == {"REUSED"}
    box.go_on(2 * STEP)
    assert box.reason(box.phone()) == "OK"


def test_a_clock_that_is_not_set_leaves_no_record(box: FakedBox) -> None:
    box.clock(10 * STEP)
    _, end, _ = rescued(box, sets=None)
    assert end == {"done": {"set": False}}
    assert "CLOCK_RESCUED" not in {record["event"] for record in box.daemon.records()}
    box.daemon.ask("user.unlock", uid=UID, user=USER)
    assert box.reason(box.at(10 * STEP)) == "OK"


def test_logins_go_on_during_the_search(box: FakedBox) -> None:
    """A search through years keeps nobody waiting, not for a disk either: the module itself waits only so long."""
    box.clock(-YEAR)
    with box.daemon.control() as link:
        link.settimeout(6 * PATIENCE)
        link.send(codec.encode({"v": 1, "verb": "rescue-clock", "args": {"uid": UID, "user": USER}}))
        for text in ("000000", "000001"):
            codec.decode(link.recv(codec.PACKET_MAX))
            link.send(codec.encode({"answer": text}))
        for text in box.recovery[:5]:
            assert "clock_search" in codec.decode(link.recv(codec.PACKET_MAX)).values()
            assert box.reason(text) == "OK"
        assert "clock_search" in codec.decode(link.recv(codec.PACKET_MAX)).values()  # it still goes on
