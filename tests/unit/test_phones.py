"""How far off a phone is, and how its codes are followed: as formulas, over whatever a phone may do."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.clock import phones
from nas2fa.clock.phones import SHIFT_MAX, box_offset, in_force, is_far, offset_of, with_code
from nas2fa.store.records import EMPTY_STATE, Instant, Phone, UserState

EPOCH = 1_700_000_000.0
periods = st.sampled_from([30, 60])
moments = st.lists(st.tuples(st.floats(1, 86_400), st.floats(0, 10)), min_size=1, max_size=20)


def at(wall: float, was_set: float = 0.0) -> Instant:
    """A moment of a box whose clock was set by so many seconds since its start."""
    return Instant(wall + was_set, wall - EPOCH + 100_000)


def used(phone: Phone, ahead: float, logins: list[tuple[float, float]]) -> Phone:
    """Logins of a phone that is so far ahead: seconds since the one before, seconds for reading and typing."""
    wall = EPOCH
    for pause, delay in logins:
        wall += pause
        phone = with_code(phone, int((wall - delay + ahead) // phone.period), at(wall))
        phone = replace(phone, shift=phone.wanted)
    return phone


def at_all_times(logins: int) -> list[tuple[float, float]]:
    """Logins that come at all times of a step."""
    return [(3600.0 + 18.54, 5.0)] * logins


@given(periods, st.floats(-290, 290), moments)
def test_what_is_known_of_a_phone_is_true(period: int, ahead: float, logins: list[tuple[float, float]]) -> None:
    offset = offset_of(used(Phone(period), ahead, logins))
    assert offset is None or abs(offset - ahead) <= phones.KNOWN_WITHIN + 1.5  # both roundings
    assert offset is None or len(logins) >= phones.KNOWN_CODES


@given(st.floats(-290, 290))
def test_a_phone_becomes_known_and_is_followed(ahead: float) -> None:
    every = at_all_times(40)
    phone = used(Phone(), ahead, every)
    offset = offset_of(phone)
    assert offset is not None
    assert abs(offset - phone.shift) <= phones.FOLLOWED


@given(st.floats(-140, 140), st.floats(-140, 140))
def test_a_phone_whose_clock_is_set_is_another_one(before: float, after: float) -> None:
    every = at_all_times(12)
    offset = offset_of(used(used(Phone(), before, every), after, every))
    assert offset is not None
    assert abs(offset - after) <= phones.KNOWN_WITHIN + 1.5


@given(periods, st.lists(st.integers(-2000, 2000), min_size=1, max_size=40), st.booleans())
def test_whatever_codes_say_a_shift_is_bounded_and_moves_slowly(period: int, begins: list[int], disk: bool) -> None:
    phone = Phone(period)
    for begin in begins:
        wall = EPOCH + 2000
        wall = int(wall // period) * period - begin
        before, phone = phone, with_code(phone, int((EPOCH + 2000) // period), at(wall))
        assert phone.shift == before.shift
        assert abs(phone.wanted) <= SHIFT_MAX
        assert phone.wanted in (before.wanted, phone.wanted)
        assert abs(phone.wanted - phone.shift) <= period // 2 or phone.wanted == before.wanted
        assert len(phone.seen) <= phones.SEEN_MAX
        if disk:
            phone = replace(phone, shift=phone.wanted)
        assert phones.last_reach(phone) >= before.shift  # where the last accepted code was looked for


@given(st.integers(-300, 300), st.integers(-300, 300), st.integers(-4000, 4000))
def test_when_the_boxs_clock_is_set_a_shift_is_taken_back_and_never_made_larger(
    shift: int, wanted: int, was_set: int
) -> None:
    known = Phone(30, (shift - 20, shift - 21, shift - 15), shift, wanted, at(EPOCH).course)
    now = phones.at(known, at(EPOCH + 60, was_set))
    assert now.ahead <= known.ahead
    for before, after in ((shift, now.shift), (wanted, now.wanted)):
        assert min(0, before) <= after <= max(0, before)
    assert phones.at(replace(known, course=None), at(EPOCH + 60, was_set)).shift == shift
    assert phones.at(now, at(EPOCH + 90, was_set)) == now
    if abs(was_set) >= phones.FOLLOWED:
        assert [begin + was_set for begin in now.seen] == list(known.seen)
        assert now.shift == shift - was_set or now.shift in (0, shift)


def test_little_is_left_alone_and_then_given_back() -> None:
    every = at_all_times(20)
    assert used(Phone(), 6.0, every).shift == 0
    far = used(Phone(), 25.0, every)
    assert abs(far.shift - 25) <= 5
    assert used(far, 4.0, every).shift == 0


@pytest.mark.parametrize(
    ("offset", "period", "far"), [(19, 30, False), (20, 30, True), (-20, 30, True), (39, 60, False), (-40, 60, True)]
)
def test_two_thirds_of_the_window_deserve_a_warning(offset: int, period: int, far: bool) -> None:
    assert is_far(offset, period, 1) is far


@pytest.mark.parametrize(
    ("offsets", "box"),
    [
        ([], None),
        ([24], None),
        ([24, 25], None),
        ([24, 25, 26], 25),
        ([-24, -25, -26], -25),
        ([24, 25, 26, 1], 24),
        ([24, 25, 26, 1, 2], None),
        ([24, 25, -26], None),
        ([9, 9, 9], None),
        ([24, 25, 26, -250], 24),
        ([24] * 6 + [0] * 3, 24),
        ([24] * 6 + [0] * 4, None),
    ],
)
def test_many_phones_blame_the_box_and_few_do_not(offsets: list[int], box: int | None) -> None:
    assert box_offset(offsets) == box


def having(phone: Phone) -> UserState:
    return replace(EMPTY_STATE, phones=MappingProxyType({"phone": phone}))


def test_a_shift_is_in_force_when_the_disk_knows_it_and_not_before() -> None:
    phone = Phone(30, (20, 21, 22), 0, 15)
    assert in_force(having(phone), having(phone)).phones["phone"].shift == 15
    meanwhile = having(replace(phone, seen=(21, 22, 23), wanted=0))
    assert in_force(meanwhile, having(phone)) == meanwhile
    assert in_force(having(phone), EMPTY_STATE) == having(phone)


@given(st.integers(-300, 300), st.integers(-300, 300))
def test_what_may_have_been_in_force_covers_both(shift: int, wanted: int) -> None:
    assert Phone(30, (), shift, wanted).ahead == max(0, shift, wanted)
