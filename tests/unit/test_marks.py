"""The marks on disk: two slots, never less strict than before, whatever tears them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store import files, statecodec
from nas2fa.store.codec import MalformedError
from nas2fa.store.marks import SIZE, SLOT, Marked, Marks
from nas2fa.store.records import EMPTY_STATE, Guess, Instant, Noted, Phone, Tally, UserState

NOW = Instant(1_700_000_000.0, 500.0)


def state(step: int, **more: object) -> UserState:
    return replace(EMPTY_STATE, used=MappingProxyType({"phone": step}), **more)  # type: ignore[arg-type]


@pytest.fixture
def path(paths: Paths, marks: Marks) -> Path:
    marks.owner = "machine boot"
    with files.directory(paths.users) as fd:
        marks.create(fd, 1000)
    return Path(paths.users, "1000.marks")


def read(marks: Marks) -> Marked:
    found = marks.read(1000)
    assert found is not None
    return found


def test_new_file(path: Path, marks: Marks) -> None:
    assert path.stat().st_size == SIZE
    assert path.stat().st_blocks * 512 >= SIZE  # real blocks, not a hole that a full disk could refuse
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(marks).state == EMPTY_STATE


def test_absent(marks: Marks, paths: Paths) -> None:
    assert marks.read(1000) is None
    with pytest.raises(StoreError) as error:
        marks.write(1000, state(1), NOW)
    assert error.value.reason is Reason.WRITE_FAILED
    assert os.listdir(paths.users) == []


def test_written_in_place_and_in_turn(path: Path, marks: Marks) -> None:
    inode = path.stat().st_ino
    before = path.read_bytes()
    for step in range(1, 6):
        marks.write(1000, state(step), NOW)
        after = path.read_bytes()
        changed = [before[at : at + SLOT] != after[at : at + SLOT] for at in (0, SLOT)]
        assert changed.count(True) == 1
        assert read(marks).state == state(step)
        before = after
    assert (path.stat().st_ino, path.stat().st_size) == (inode, SIZE)
    assert (read(marks).owner, read(marks).at) == ("machine boot", 500.0)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.integers(0, SLOT - 1), st.integers(1, SLOT), st.binary(min_size=1, max_size=8))
def test_torn_write_leaves_the_one_before(path: Path, marks: Marks, start: int, length: int, junk: bytes) -> None:
    """However a power cut tears the newest slot, the other one counts."""
    marks.write(1000, state(7), NOW)
    kept = read(marks)
    marks.write(1000, state(8), NOW)
    newest = SLOT * (read(marks).seq % 2)
    content = bytearray(path.read_bytes())
    end = min(start + length, SLOT)
    content[newest + start : newest + end] = (junk * SLOT)[: end - start]
    torn = bytes(content) != path.read_bytes()
    path.write_bytes(content)
    assert read(marks) == (kept if torn else replace(kept, seq=kept.seq + 1, state=state(8)))


@pytest.mark.parametrize("content", [b"", b"\0" * SIZE, b"\xff" * SIZE, b"x" * SLOT])
def test_both_slots_lost(path: Path, marks: Marks, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError) as error:
        marks.read(1000)
    assert error.value.reason is Reason.RECORD_UNREADABLE
    with pytest.raises(StoreError):
        marks.write(1000, state(1), NOW)
    assert path.read_bytes() == content


def test_unsafe(path: Path, marks: Marks) -> None:
    path.chmod(0o640)
    with pytest.raises(StoreError) as error:
        marks.write(1000, state(1), NOW)
    assert error.value.reason is Reason.RECORD_UNSAFE


def test_never_taken_back(path: Path, marks: Marks) -> None:
    """A daemon that lost track, or a reset, does not make a used code good again."""
    marks.write(1000, state(9, spent=frozenset({"a:1"}), wrong_in_row=5), NOW)
    marks.write(1000, replace(state(3), spent=frozenset({"a:2"})), NOW)
    marks.write(1000, EMPTY_STATE, NOW)
    found = read(marks).state
    assert found.used == {"phone": 9}
    assert found.spent == {"a:1", "a:2"}
    assert found.wrong_in_row == 0


def having(step: int, shift: int, **more: object) -> UserState:
    phones = MappingProxyType({"phone": Phone(30, tuple(range(8)), shift, shift)})
    return replace(state(step), phones=phones, noted=Noted("phone", step, 0, 1.0), **more)  # type: ignore[arg-type]


def test_a_shift_becomes_smaller_on_disk_only_by_who_knows_of_the_last_code(path: Path, marks: Marks) -> None:
    for step, shift, kept in ((9, 60, 60), (9, 45, 45), (8, 30, 45), (8, 90, 90), (10, 15, 15)):
        marks.write(1000, having(step, shift), NOW)
        assert read(marks).state.phones["phone"].shift == kept
    marks.write(1000, EMPTY_STATE, NOW)
    assert read(marks).state.phones["phone"].shift == 15
    assert read(marks).state.noted is None  # it ends with the boot


def test_what_a_phone_has_told_gives_way_and_its_shift_does_not(path: Path, marks: Marks) -> None:
    own = frozenset({f"{99:016x}:{i}" for i in range(166)})
    marks.write(1000, having(9, 60, places=tuple(f"192.0.2.{n}" for n in range(16)), spent=own), NOW)
    found = read(marks).state
    assert (found.phones["phone"].shift, found.phones["phone"].seen) == (60, ())
    assert found.spent == own


def test_tallies_stay_in_run(path: Path, marks: Marks) -> None:
    marks.write(1000, state(1, tallies=MappingProxyType({"10.0.0.5": Tally((1.0,), 0, 2.0)})), NOW)
    assert read(marks).state.tallies == {}


def test_too_many_guesses_become_fewer_never_cheaper(path: Path, marks: Marks) -> None:
    guesses = tuple(Guess(float(n) + 0.123456, 3, purse) for n in range(400) for purse in ("remote", "console"))
    marks.write(1000, state(1, guesses=guesses), NOW)
    found = read(marks).state.guesses
    assert len(found) < len(guesses)
    for purse in ("remote", "console"):
        for since in (0, 100, 250, 399):
            was = sum(g.cost for g in guesses if g.purse == purse and g.at >= since)
            assert sum(g.cost for g in found if g.purse == purse and g.at >= since - 0.001) >= was


def test_too_much_for_a_slot(path: Path, marks: Marks) -> None:
    """What only the disk remembers goes first; what the state says itself is written or refused, never dropped."""
    for n in range(6):
        marks.write(1000, replace(EMPTY_STATE, spent=frozenset(f"{n:016x}:{i}" for i in range(20))), NOW)
    own = frozenset(f"{99:016x}:{i}" for i in range(100))
    marks.write(1000, replace(EMPTY_STATE, spent=own), NOW)
    assert read(marks).state.spent >= own
    with pytest.raises(StoreError) as error:
        marks.write(1000, replace(EMPTY_STATE, spent=frozenset(f"{n:016x}:0" for n in range(300))), NOW)
    assert error.value.reason is Reason.WRITE_FAILED
    assert read(marks).state.spent >= own


def test_rebase() -> None:
    """A guess is as old at the new start as it was when written: only time in which the box ran counts."""
    guesses = (Guess(400.0, 3, "remote"), Guess(510.0, 3, "remote"))
    assert [g.at for g in statecodec.rebase(guesses, written_at=500.0, anchor=20.0)] == [-80.0, 20.0]


times = st.floats(-1e11, 1e11)
seconds = st.integers(-400, 400)
phone_records = st.builds(
    Phone, st.sampled_from([30, 60]), st.lists(seconds, max_size=8).map(tuple), seconds, seconds, st.none() | seconds
)
states = st.builds(
    UserState,
    used=st.dictionaries(st.text(min_size=1, max_size=16), st.integers(0, 2**40), max_size=3).map(MappingProxyType),
    tallies=st.dictionaries(
        st.text(min_size=1, max_size=16),
        st.builds(Tally, st.lists(times, max_size=5).map(tuple), st.integers(0, 99), times),
        max_size=3,
    ).map(MappingProxyType),
    guesses=st.lists(st.builds(Guess, times, st.integers(0, 90), st.sampled_from(["remote", "own"])), max_size=5).map(
        tuple
    ),
    wrong_in_row=st.integers(0, 200),
    spent=st.frozensets(st.text(min_size=1, max_size=20), max_size=5),
    last_ok=st.integers(0, 2**40),
    phones=st.dictionaries(st.text(min_size=1, max_size=16), phone_records, max_size=3).map(MappingProxyType),
    noted=st.none() | st.builds(Noted, st.text(min_size=1, max_size=16), st.integers(0, 2**40), seconds, times),
    version=st.integers(0, 2**40),
)


@given(states)
def test_codec_round_trip(found: UserState) -> None:
    assert statecodec.decode(statecodec.encode(found)) == found


@given(states, states)
def test_merge_loses_nothing_used(one: UserState, two: UserState) -> None:
    merged = statecodec.merge(one, two)
    assert merged.spent == one.spent | two.spent
    for each in (one, two):
        assert all(merged.used[key] >= step for key, step in each.used.items())
        assert all(merged.phones[key].ahead >= phone.ahead for key, phone in each.phones.items())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(sorted(statecodec.encode(EMPTY_STATE))), json_values)
def test_codec_state_or_refusal(name: str, value: object) -> None:
    found = {**statecodec.encode(EMPTY_STATE), name: value}
    try:
        assert isinstance(statecodec.decode(found), UserState)
    except MalformedError as error:
        assert str(error)
