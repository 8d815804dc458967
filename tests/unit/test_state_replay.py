"""No code is accepted twice: the replay rule over histories of logins, kills, power cuts, clocks and moved volumes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nas2fa.store.owner import OwnerNote
from nas2fa.store.records import Instant
from replay_world import KEY, World

HOUR = 3600.0
DAY = 24 * HOUR

# Each line is one event of World; the thief tries every code again after each. The last login must get in, or not.
HISTORIES: dict[str, tuple[list[tuple[object, ...]], bool]] = {
    "state new: a code of before is refused, even in the same step": ([], False),
    "a minute later it is over": ([("wait", 60)], True),
    "killed and started again: the next code gets in at once": (
        [("wait", 90), ("login",), ("wait", 30), *[("kill",)] * 20],
        True,
    ),
    "killed: the same code does not": ([("wait", 90), ("login",), ("kill",)], False),
    "one ahead was used: the present one is refused": ([("wait", 90), ("login", 1)], False),
    "marker gone": ([("wait", 90), ("login",), ("wait", 30), ("marker_gone",)], False),
    "marker gone, a minute later": ([("wait", 90), ("login",), ("marker_gone",), ("wait", 61)], True),
    "power cut at once": ([("wait", 90), ("login", 1), ("power_cut", 0.0, 5.0)], False),
    "power cut, then time passes": ([("wait", 90), ("login", 1), ("power_cut",), ("wait", 65)], True),
    "power cut, slow RTC, corrected by NTP": (
        [("wait", 90), ("login",), ("power_cut", -HOUR), ("wait", 40), ("clock", 0.0), ("wait", 30)],
        True,
    ),
    "power cut, RTC of 1970 while nobody corrects it": (
        [("wait", 90), ("login",), ("power_cut", -1.6e9), ("wait", 600)],
        False,
    ),
    "power cut, forged time of before the login": (
        [("wait", 90), ("login",), ("power_cut",), ("wait", 600), ("clock", -650.0), ("wait", 5)],
        False,
    ),
    "clock forward, login, then back": (
        [("wait", 90), ("clock", HOUR), ("login",), ("clock", 0.0), ("wait", 90)],
        False,
    ),
    "clock forward, login, back, power cut: refused until that time has come": (
        [("wait", 90), ("clock", HOUR), ("login",), ("clock", 0.0), ("power_cut",), ("wait", HOUR - 111)],
        False,
    ),
    "and then let in": (
        [("wait", 90), ("clock", HOUR), ("login",), ("clock", 0.0), ("power_cut",), ("wait", HOUR + 60)],
        True,
    ),
    "clock back while running, nothing lost": ([("wait", 90), ("login",), ("clock", -300.0), ("wait", 250)], False),
    "volume to another box": ([("wait", 90), ("login",), ("move", "b", True)], False),
    "volume to another box and back": (
        [("wait", 90), ("login",), ("move", "b", True), ("wait", 90), ("login", 1), ("move", "a", True)],
        False,
    ),
    "back after a crash there": (
        [("wait", 90), ("move", "b", True), ("wait", 90), ("login", 1, False), ("move", "a", False)],
        False,
    ),
    "back to a box that booted meanwhile": (
        [("wait", 90), ("login",), ("move", "b", True), ("wait", 90), ("login",), ("move", "a", True), ("power_cut",)],
        False,
    ),
    "unmounted while the daemon runs, used elsewhere, mounted again": (
        [("wait", 90), ("login",), ("wait", 60), ("elsewhere_and_back", 1)],
        False,
    ),
    "container: its boot is the host's, a month ago": (
        [("containerised",), ("wait", 90), ("login", 1), ("power_cut", 0.0, 2.0)],
        False,
    ),
    "container, a minute later": ([("containerised",), ("login",), ("power_cut", 0.0, 2.0), ("wait", 61)], True),
}


def play(world: World, events: list[tuple[object, ...]]) -> None:
    for name, *args in events:
        world.play(str(name), *args)


@pytest.fixture
def world(tmp_path: object) -> World:
    return World(str(tmp_path))


@pytest.mark.parametrize("name", HISTORIES)
def test_history(world: World, name: str) -> None:
    events, let_in = HISTORIES[name]
    play(world, events)
    assert world.play("login") is let_in
    assert world.gaps == 0


def test_the_documented_gap(world: World) -> None:
    """A login of the last second before a power cut, and the clock set back: known, and nothing more than this."""
    play(world, [("wait", 90), ("login", 0, False), ("power_cut",), ("wait", 100), ("clock", -120.0)])
    assert world.gaps == 1


@pytest.mark.parametrize(
    "events",
    [
        [("wait", 90), ("login", 0, True), ("power_cut",), ("wait", 100), ("clock", -120.0)],  # it was on disk
        [("wait", 90), ("login", 0, False), ("power_cut",), ("wait", 100)],  # the clock is right
        [("wait", 90), ("login", 0, False), ("kill",), ("power_cut",), ("wait", 100), ("clock", -120.0)],
    ],
)
def test_next_to_the_gap(world: World, events: list[tuple[object, ...]]) -> None:
    play(world, events)
    assert world.gaps == 0


def test_born_here_is_accepted_at_once(world: World) -> None:
    """A secret made in this life needs no wait; after the state is lost it is one like any other."""
    world.state.mark_born(KEY)
    assert world.play("login")
    assert world.play("kill") is None
    world.wait(30)
    assert world.play("login")
    world.play("power_cut")
    assert not world.play("login")


def anchored_at_boot(used: int | None, _began: float, now: Instant, period: int, window: int, *, born: bool) -> int:
    """The rule that was not taken: correct on plain hardware, wrong in a container."""
    assert not born
    return max(used or 0, int((now.wall - now.boot) // period) + window)


def test_the_thief_would_be_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulation can fail: with another rule the thief gets in."""
    monkeypatch.setattr("replay_world.floor_step", anchored_at_boot)
    with pytest.raises(AssertionError, match="accepted twice"):
        play(world, [("containerised",), ("wait", 90), ("login", 1, False), ("power_cut", 0.0, 2.0)])


def test_an_unknown_owner_would_be_noticed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Likewise without the note of the volume's owner."""
    monkeypatch.setattr(OwnerNote, "read", lambda _self: "a a1")
    monkeypatch.setattr(OwnerNote, "seen", lambda _self: None)
    with pytest.raises(AssertionError, match="accepted twice"):
        play(world, [("wait", 90), ("move", "b", True), ("wait", 90), ("login", 1, False), ("move", "a", False)])


steps = st.sampled_from([-1, 0, 1])
errors = st.sampled_from([0.0, -HOUR, -120.0, -45.0, 45.0, 120.0, HOUR, DAY])
events = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([1.0, 14.0, 29.0, 30.0, 61.0, 120.0, HOUR])),
    st.tuples(st.just("login"), steps, st.booleans()),
    st.tuples(st.just("login"), steps, st.just(True)),  # the likelier, as it is behind each `allow`
    st.tuples(st.just("kill")),
    st.tuples(st.just("marker_gone")),
    st.tuples(st.just("power_cut"), errors, st.sampled_from([1.0, 20.0, 60.0])),
    st.tuples(st.just("clock"), errors),
    st.tuples(st.just("move"), st.sampled_from(["a", "b"]), st.booleans()),
    st.tuples(st.just("elsewhere_and_back"), steps),
    st.tuples(st.just("containerised")),
)


def folders() -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield folder


@settings(max_examples=120, deadline=None)
@given(st.lists(events, min_size=8, max_size=30))
def test_random_histories(history: list[tuple[object, ...]]) -> None:
    for folder in folders():
        world = World(folder)
        play(world, [("wait", 61), ("login", 0, True), *history])
        # The clock is right again and stays so: who waits two steps gets in.
        world.play("clock", 0.0)
        world.wait(2 * DAY)
        assert world.play("login")
