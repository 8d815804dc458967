"""The floor of used steps as a formula; its promise over whole histories is in test_state_replay.py."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.clock import now as clock
from nas2fa.clock.floor import floor_step
from nas2fa.store.records import Instant

START = 1_700_000_010.0  # a step of 30 s begins here
STEP = int(START // 30)


@pytest.mark.parametrize(
    ("used", "ran", "born", "expected"),
    [
        (None, 0, False, STEP + 1),
        (None, 29, False, STEP + 1),
        (None, 3000, False, STEP + 1),
        (STEP + 50, 3000, False, STEP + 50),
        (STEP - 50, 3000, False, STEP + 1),
        (None, 0, True, -1),
        (STEP - 1, 0, True, STEP - 1),
        (0, 0, False, STEP + 1),
    ],
)
def test_table(used: int | None, ran: float, born: bool, expected: int) -> None:
    began = 500.0
    assert floor_step(used, began, Instant(START + ran, began + ran), 30, 1, born=born) == expected


def test_a_corrected_clock_moves_the_floor_along() -> None:
    """The RTC was an hour slow at the start; NTP corrects it 60 s later: the floor is at the true start."""
    slow = floor_step(None, 10.0, Instant(START - 3600, 10.0), 30, 1)
    right = floor_step(None, 10.0, Instant(START + 60, 70.0), 30, 1)
    assert (slow, right) == (STEP - 120 + 1, STEP + 1)


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(1e9, 2e9), st.sampled_from([30, 60]))
def test_no_step_of_before_the_start_is_above_the_floor(began: float, ran: float, start: float, period: int) -> None:
    before = int(start // period) + 1  # the furthest step that a clock at the start would have accepted
    assert floor_step(None, began, Instant(start + ran, began + ran), period, 1) >= before - 1
    if ran == 0:
        assert floor_step(None, began, Instant(start, began), period, 1) == before


def test_the_real_clocks() -> None:
    first = clock.now()
    second = clock.now()
    assert first.boot <= second.boot
    assert abs(first.wall - time.time()) < 60
    assert len(clock.boot_id()) == 36
    assert "\n" not in clock.machine_id()


def test_boottime_is_read_first(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def answer(which: int) -> float:
        asked.append(which)
        return 0.0

    monkeypatch.setattr(time, "clock_gettime", answer)
    clock.now()
    assert asked == [time.CLOCK_BOOTTIME, time.CLOCK_REALTIME]


def test_absent_ids_are_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "MACHINE_ID", os.devnull + "/none")
    assert clock.machine_id() == ""
