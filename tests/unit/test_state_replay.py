"""No code is accepted twice: the replay rule over histories of logins, kills, power cuts, clocks and moved volumes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nas2fa.clock.floor import floor_step
from nas2fa.clock.phones import SHIFT_MAX, with_code
from nas2fa.store.owner import OwnerNote
from nas2fa.store.records import Instant, Phone
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


DAYS = [("wait", 8 * HOUR + 7), ("owner",)] * 8  # logins at all times of a step
FOLLOWED = [("wait", 90), ("phone", 25.0), *DAYS, ("phone", 50.0), *DAYS, ("phone", 75.0), *DAYS]  # a drift


@pytest.mark.parametrize(("ahead", "least", "most"), [(25.0, 15, 30), (50.0, 40, 55), (75.0, 65, 80)])
def test_a_phone_that_drifts_is_followed(world: World, ahead: float, least: int, most: int) -> None:
    for drift in (25.0, 50.0, 75.0):
        if drift <= ahead:
            play(world, [("phone", drift), *DAYS])
    assert least <= world.shift <= most
    assert world.play("wait", 60.0) is None
    assert world.play("owner")


# What happens to a phone that was followed to 75 s ahead; then the owner gets in by one code, by two, or not.
PHONES: dict[str, tuple[list[tuple[object, ...]], str]] = {
    "nothing": ([("wait", 60)], "owner"),
    "killed": ([("owner", False), ("kill",), ("wait", 60)], "owner"),
    "a login that no disk saw, a power cut, the same code": ([("owner", False), ("power_cut", 0.0, 1.0)], ""),
    "a login that no disk saw, a power cut, two periods": (
        [("owner", False), ("power_cut", 0.0, 1.0), ("wait", 60)],
        "owner",
    ),
    "power cut, the disk knows the login": ([("owner",), ("power_cut", 0.0, 1.0), ("wait", 60)], "owner"),
    "marker gone after a login that no disk saw": ([("owner", False), ("marker_gone",), ("wait", 62)], "owner"),
    "set to automatic time": ([("wait", HOUR), ("phone", 0.0)], "in_a_row"),
    "set to automatic time right after a login": ([("owner",), ("phone", 0.0), ("wait", 106)], "in_a_row"),
    "the same, before the codes of ahead are over": ([("owner",), ("phone", 0.0), ("wait", 30)], ""),
    "set back, and followed back": ([("wait", 60), ("phone", 0.0), ("in_a_row",), ("wait", 60)], "owner"),
    "set back, followed back, nothing on disk since, power cut": (
        [("wait", 120), ("phone", 0.0), ("in_a_row",), ("wait", 60), ("owner", False), ("power_cut",), ("wait", 60)],
        "owner",
    ),
    "minutes ahead": ([("wait", 60), ("phone", 240.0)], "in_a_row"),
    "minutes ahead, then one code is enough": ([("phone", 240.0), ("in_a_row",), ("wait", 60)], "owner"),
    "minutes ahead, and a power cut behind it": (
        [("phone", 240.0), ("in_a_row",), ("wait", 60), ("owner", False), ("power_cut",), ("wait", 65)],
        "owner",
    ),
    "from minutes ahead to minutes behind, after the codes of ahead are over": (
        [("phone", 240.0), ("in_a_row",), ("phone", -240.0), ("wait", 520)],
        "in_a_row",
    ),
    "too far": ([("phone", 400.0), ("wait", 60)], ""),
    "the box goes back, not the phone": ([("owner",), ("clock", -HOUR), ("wait", 60)], ""),
    "volume to a box whose clock is right": ([("wait", 60), ("move", "b", True), ("wait", 60)], "owner"),
}


@pytest.mark.parametrize("name", PHONES)
def test_a_phone_that_is_off(world: World, name: str) -> None:
    events, let_in = PHONES[name]
    play(world, [*FOLLOWED, *events])
    for way in ("owner", "in_a_row"):
        if way == let_in or (way == "owner" and not let_in):
            assert bool(world.play(way)) is bool(let_in)
    assert world.gaps == 0


@pytest.mark.parametrize("error", [-200.0, -45.0, 45.0, 200.0])
@pytest.mark.parametrize("between", [[], [("kill",)], [("marker_gone",)], [("owner", False), ("marker_gone",)]])
def test_a_box_whose_clock_is_set_right_knows_its_phones(world: World, error: float, between: list) -> None:
    """All phones were off, since the box was: once it is mended, one code is enough."""
    play(world, [("wait", 90), ("clock", error), ("wait", 300), ("in_a_row",), *[*DAYS[:1], ("in_a_row",)] * 8])
    assert abs(world.shift + error) <= 12
    play(world, [*between, ("wait", HOUR), ("clock", 0.0), ("wait", 30)])
    assert world.play("owner")
    assert abs(world.shift) <= 12


def test_a_clock_that_is_set_and_set_back_opens_nothing_and_locks_nobody_out(world: World) -> None:
    """What a code was accepted by stays in the record until the next one is, wherever the clock was meanwhile."""
    play(world, [("containerised",), ("wait", 90), ("phone", 200.0), ("in_a_row",), ("wait", 60), ("owner", False)])
    play(world, [("power_cut", 0.0, 1.0), ("clock", 200.0), ("login", -9), ("wait", 1), ("clock", 0.0)])
    play(world, [("wait", 20)] * 12)
    assert world.play("owner")
    assert world.gaps == 0


def test_a_clock_that_is_set_back_moves_no_window_ahead(world: World) -> None:
    play(world, [("wait", 90), ("owner",), ("wait", 400), ("clock", -200.0), ("owner", False)])
    play(world, [("power_cut", -200.0, 1.0), *[("wait", 20)] * 12])
    assert world.gaps == 0


def shift_forgotten(*args: object, ahead: int, **more: object) -> int:
    """A floor that takes every phone for one whose clock is right."""
    return floor_step(*args, **more)  # type: ignore[arg-type]


UNWRITTEN = [("wait", 67.0), ("owner", False, 0.0)] * 8


def at_once(phone: Phone, step: int, now: Instant) -> Phone:
    """A shift that is in force before the disk knows of it."""
    after = with_code(phone, step, now)
    return replace(after, shift=after.wanted)


@pytest.mark.parametrize(
    ("broken", "by", "events"),
    [
        ("replay_world.floor_step", shift_forgotten, [("owner", False, 0.0), ("power_cut", 0.0, 1.0), ("wait", 30)]),
        (
            "nas2fa.clock.phones.with_code",
            at_once,
            [("phone", 105.0), *UNWRITTEN, ("phone", 135.0), *UNWRITTEN, ("power_cut", 0.0, 1.0), *[("wait", 20)] * 4],
        ),
    ],
)
def test_a_shift_that_counts_too_little_would_be_noticed(
    world: World, monkeypatch: pytest.MonkeyPatch, broken: str, by: object, events: list[tuple[object, ...]]
) -> None:
    play(world, FOLLOWED)
    play(world, events)
    again = World(f"{world.root}/again")
    monkeypatch.setattr(broken, by)
    with pytest.raises(AssertionError, match="accepted twice"):
        play(again, [*FOLLOWED, *events])


def anchored_at_boot(used: int | None, _began: float, now: Instant, period: int, window: int, **_more: object) -> int:
    """The rule that was not taken: correct on plain hardware, wrong in a container."""
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
clocks = st.sampled_from([0.0, 12.0, 25.0, -25.0, 45.0, -45.0, 80.0, -80.0, 240.0, -240.0])  # of the phone
events = st.one_of(
    st.tuples(st.just("phone"), clocks),
    st.tuples(st.just("owner"), st.booleans(), st.sampled_from([0.0, 5.0, 20.0])),
    st.tuples(st.just("owner"), st.booleans(), st.sampled_from([0.0, 5.0])),
    st.tuples(st.just("in_a_row")),
    st.tuples(st.just("flush_only")),
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
        # The clock is right again and stays so: who waits two steps gets in, be it by two codes.
        world.play("clock", 0.0)
        world.wait(2 * DAY)
        assert world.play("in_a_row")
        world.flush()
        world.wait(90)
        assert world.play("in_a_row")
        assert abs(world.shift) <= SHIFT_MAX
