"""The state: what goes on after a kill, what begins anew, and what the disk adds. Replay has its own file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from accounts import ALICE
from nas2fa.errors import Reason
from nas2fa.paths import Paths
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import Marks
from nas2fa.store.records import EMPTY_STATE, Credential, Grant, Guess, Instant, Tally, Trust, UserState
from nas2fa.store.state import State

NOW = Instant(1_700_000_000.0, 1000.0)
LATER = Instant(1_700_000_060.0, 1060.0)
FULL = UserState(
    used=MappingProxyType({"phone": 50}),
    tallies=MappingProxyType({"10.0.0.5": Tally((990.5,), 2, 1500.0)}),
    guesses=(Guess(990.123456, 3, "remote"),),
    wrong_in_row=4,
    spent=frozenset({"set:1"}),
    last_ok=1_699_999_000,
    version=7,
)


@pytest.fixture
def started(paths: Paths, alice: Credential) -> State:
    state = State(paths, Marks(paths))
    assert alice.armed
    assert state.open(NOW, "m", "b")
    return state


def restarted(paths: Paths, now: Instant = LATER, machine: str = "m", boot: str = "b") -> tuple[State, bool]:
    state = State(paths, Marks(paths))
    return state, state.open(now, machine, boot)


def test_what_the_marks_leave_out_wakes_no_disk(started: State) -> None:
    started.put(1000, FULL)
    started.take_dirty()
    started.put(1000, replace(FULL, tallies=MappingProxyType({"10.0.0.5": Tally((990.5,), 3, 1500.0)})))
    assert started.take_dirty() == set()
    assert started.get(1000).tallies["10.0.0.5"].refused == 3
    started.put(1000, replace(FULL, wrong_in_row=5))
    assert started.take_dirty() == {1000}


def test_empty(started: State) -> None:
    assert started.began == NOW.boot
    assert started.get(1000) == EMPTY_STATE
    assert started.get(4711) == EMPTY_STATE
    assert not started.born("phone")


def test_goes_on_after_a_kill(started: State, paths: Paths) -> None:
    started.put(1000, FULL)
    started.mark_born("phone")
    state, new = restarted(paths)
    assert not new
    assert state.began == NOW.boot
    assert state.get(1000) == FULL
    assert state.born("phone")
    assert not state.born("tablet")


def test_not_on_disk_without_flush(started: State, paths: Paths, marks: Marks) -> None:
    started.put(1000, FULL)
    found = marks.read(1000)
    assert found is not None
    assert found.state == EMPTY_STATE
    assert started.take_dirty() == {1000}
    assert started.take_dirty() == set()
    assert restarted(paths)[0].take_dirty() == {1000}  # killed in between, for all it knows


def test_flush_is_what_a_power_cut_leaves(started: State, paths: Paths) -> None:
    """On another boot the guesses are as old as they were; the tallies, whose clock is gone, are not kept."""
    started.put(1000, FULL)
    assert started.flush(1000, started.get(1000), LATER)
    clear(paths.state)
    state, new = restarted(paths, Instant(NOW.wall + 999_999, 20.0), boot="b2")
    assert new
    found = state.get(1000)
    assert [g.at for g in found.guesses] == pytest.approx([20.0 - (1060.0 - 990.123)])
    assert replace(found, guesses=FULL.guesses, tallies=FULL.tallies) == FULL
    assert found.tallies == {}


def test_guesses_are_not_counted_twice(started: State, paths: Paths) -> None:
    started.put(1000, FULL)
    assert started.flush(1000, started.get(1000), LATER)
    for _ in range(3):
        state, _ = restarted(paths)
        assert state.get(1000).guesses == FULL.guesses
        state.put(1000, state.get(1000))
    os.unlink(f"{paths.state}/complete")
    assert restarted(paths)[0].get(1000).guesses == FULL.guesses


def clear(folder: str) -> None:
    for name in os.listdir(folder):
        os.unlink(f"{folder}/{name}")


def broken_user(paths: Paths) -> None:
    Path(paths.state, "1000.json").write_bytes(b"{")


def readable_by_all(paths: Paths) -> None:
    os.chmod(f"{paths.state}/1000.json", 0o644)


def foreign_note(paths: Paths) -> None:
    Path(paths.owner).write_bytes(b"other box".ljust(256))


NEW = [
    lambda p: os.unlink(f"{p.state}/complete"),
    lambda p: Path(p.state, "complete").write_bytes(b""),
    lambda p: Path(p.state, "complete").write_bytes(b'{"owner": "m b", "began": null}'),
    lambda p: Path(p.state, "complete").write_bytes(b'{"owner": "m b", "began": 1e9}'),
    lambda p: Path(p.state, "complete").write_bytes(b'{"owner": "m b", "began": NaN}'),
    lambda p: clear(p.state),
    broken_user,
    readable_by_all,
    foreign_note,
    lambda p: os.unlink(p.owner),
    lambda p: os.truncate(p.owner, 100),
    lambda p: os.chmod(p.owner, 0o666),
]


@pytest.mark.parametrize("damage", NEW)
def test_begins_anew(started: State, paths: Paths, damage: object) -> None:
    started.put(1000, FULL)
    started.flush(1000, started.get(1000), NOW)
    started.mark_born("phone")
    damage(paths)  # type: ignore[operator]
    state, new = restarted(paths)
    assert new
    assert state.began == LATER.boot
    assert state.get(1000).used == {"phone": 50}
    assert state.get(1000).spent == {"set:1"}
    assert [g.cost for g in state.get(1000).guesses] == [3]
    assert not state.born("phone")
    assert not restarted(paths)[1]


@pytest.mark.parametrize(("machine", "boot"), [("m", "b2"), ("m2", "b"), ("m", ""), ("", "b")])
def test_another_machine_or_boot(started: State, paths: Paths, machine: str, boot: str) -> None:
    started.put(1000, FULL)
    state, new = restarted(paths, machine=machine, boot=boot)
    assert new
    assert state.get(1000).used == {"phone": 50}
    assert state.get(1000).tallies == {}
    assert state.get(1000).guesses == ()


def test_who_was_let_in_before_is_not_when_something_could_not_be_written(started: State, paths: Paths) -> None:
    """It may have been the end of just that."""
    grant, trust = Grant("10.0.0.5", 990.0, 9000.0, 990.0, "f"), Trust("*", "10.0.0.5", 990.0, 9000.0, "$y$", "f")
    started.put(1000, replace(FULL, grants=(grant,), trusts=(trust,)))
    goes_on, new = restarted(paths)
    assert not new
    assert (goes_on.get(1000).grants, goes_on.get(1000).trusts) == ((grant,), (trust,))
    os.unlink(f"{paths.state}/complete")
    again, new = restarted(paths)
    assert new
    assert (again.get(1000).grants, again.get(1000).trusts) == ((), ())
    assert again.get(1000).tallies == FULL.tallies


def test_unknown_boot_is_always_new(paths: Paths, alice: Credential) -> None:
    assert alice.armed
    assert restarted(paths, boot="")[1]
    assert restarted(paths, boot="")[1]


def test_folder_taken_away_while_running(started: State, paths: Paths) -> None:
    started.put(1000, FULL)
    clear(paths.state)
    os.rmdir(paths.state)
    started.put(1001, EMPTY_STATE)
    started.put(1001, EMPTY_STATE)
    state, new = restarted(paths)
    assert not new
    assert state.get(1000) == FULL


def test_forget(started: State) -> None:
    started.put(1000, FULL)
    started.forget(1000)
    assert started.get(1000) == replace(EMPTY_STATE, used=FULL.used, spent=FULL.spent, version=8)
    started.forget(1000, keep_used=False)
    assert started.get(1000).used == {}


def test_follow_notices_a_volume_that_was_elsewhere(started: State, paths: Paths) -> None:
    started.put(1000, FULL)
    assert not started.follow(LATER)
    elsewhere, _ = restarted(Paths(paths.etc, paths.run + "2", paths.lib), machine="other")
    elsewhere.put(1000, replace(elsewhere.get(1000), used=MappingProxyType({"phone": 60})))
    assert elsewhere.flush(1000, elsewhere.get(1000), NOW)
    assert started.follow(LATER)
    assert not started.follow(LATER)
    assert started.began == LATER.boot
    assert started.get(1000).used == {"phone": 60}
    assert not restarted(paths)[1]


def test_marks_that_cannot_be_read(started: State, paths: Paths, credentials: Credentials) -> None:
    """The login by TOTP goes on; that the spent recovery codes are not known is said, until they are."""
    assert started.marks_fault(1000) is None
    os.rename(f"{paths.users}/1000.marks", f"{paths.users}/away")
    state, _ = restarted(paths)
    assert state.get(1000) == EMPTY_STATE
    assert state.marks_fault(1000) is Reason.RECORD_MISSING
    Path(paths.users, "1000.marks").write_bytes(b"")
    os.chmod(f"{paths.users}/1000.marks", 0o600)
    assert state.marks_fault(1000) is Reason.RECORD_UNREADABLE
    assert not state.flush(1000, FULL, NOW)
    assert 1000 in state.take_dirty()
    state.put(1000, FULL)
    os.rename(f"{paths.users}/away", f"{paths.users}/1000.marks")
    assert state.marks_fault(1000) is None
    assert state.get(1000) == FULL
    assert credentials.load(1000, ALICE.user).armed


def test_the_disk_is_read_once(started: State, paths: Paths) -> None:
    started.put(1000, FULL)
    started.get(1000)
    os.unlink(f"{paths.users}/1000.marks")
    assert started.get(1000) == FULL
