"""The verdict on the clock: who is believed, who is not, and what the box's own records prove."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.clock.verdict import AGREE, BEHIND, DELAY_MAX, DRIFT, Standing, State, Verdict, judge, weigh
from nas2fa.clock.words import Fault, Network, Reading

NOW = 1_795_500_000.0
YEAR = 365 * 86_400.0
B, L, A, U = Standing.BELIEVED, Standing.LYING, Standing.ALONE, Standing.UNDECIDED


def servers(*offsets: float | Fault, delay: float = 0.02) -> Network:
    readings = [
        Reading(f"s{n}", f"10.0.0.{n}", offset)
        if isinstance(offset, Fault)
        else Reading(f"s{n}", f"10.0.0.{n}", offset=offset, delay=delay, stratum=2)
        for n, offset in enumerate(offsets)
    ]
    return Network(tuple(readings), source="chrony")


def verdict(
    network: Network | None = None, kernel: bool | None = None, newest: float = 0.0, whose: str = "ntp"
) -> Verdict:
    return judge(kernel, network, newest, NOW, whose)


@pytest.mark.parametrize(
    ("offsets", "state", "seconds", "standings"),
    [
        ((0.0, 0.01, -0.01), State.TRUSTED, 0.0, (B, B, B)),
        ((0.0, 0.01), State.TRUSTED, 0.005, (B, B)),
        ((20.0, 20.1, 20.2), State.DRIFTING, 20.1, (B, B, B)),
        ((-20.0, -20.1, -20.2), State.DRIFTING, -20.1, (B, B, B)),
        ((YEAR, YEAR, YEAR), State.DRIFTING, YEAR, (B, B, B)),
        ((2.0, 2.0), State.TRUSTED, 2.0, (B, B)),
        ((2.1, 2.1), State.DRIFTING, 2.1, (B, B)),
        ((0.0, YEAR, 0.2), State.TRUSTED, 0.1, (B, L, B)),
        ((20.0, 0.0, 20.0), State.DRIFTING, 20.0, (B, L, B)),
        ((0.0, 40.0), State.UNKNOWN, None, (U, U)),
        ((0.0, 0.0, 40.0, 40.0), State.UNKNOWN, None, (U, U, U, U)),
        ((0.0, 0.1, 40.0, -40.0), State.UNKNOWN, None, (U, U, U, U)),  # two of four are not more than half
        ((0.0, 0.1, 0.2, 40.0, -40.0), State.TRUSTED, 0.1, (B, B, B, L, L)),
        ((40.0,), State.UNKNOWN, None, (A,)),
        ((0.0,), State.UNKNOWN, None, (A,)),
        ((), State.UNKNOWN, None, ()),
    ],
)
def test_who_is_believed(offsets, state, seconds, standings) -> None:
    found = verdict(servers(*offsets))
    assert (found.state, found.standings) == (state, standings)
    assert found.seconds == (None if seconds is None else pytest.approx(seconds))


def test_a_silent_server_has_no_vote() -> None:
    found = verdict(servers(0.0, Fault.SILENT, 0.1, Fault.NOT_FOUND, Fault.UNSYNCHRONISED))
    assert found.state is State.TRUSTED
    assert found.standings == (B, Standing.USELESS, B, Standing.USELESS, Standing.USELESS)


@pytest.mark.parametrize("kernel", [True, False, None])
@pytest.mark.parametrize(
    "network", [None, servers(), servers(Fault.SILENT, Fault.SILENT), servers(40.0), servers(0.0, 40.0)]
)
def test_where_no_server_is_believed_the_kernel_has_the_word(kernel, network) -> None:
    found = verdict(network, kernel)
    assert found.state is (State.TRUSTED if kernel else State.UNKNOWN)
    assert found.seconds is None
    assert not found.too_far(15)


def test_the_kernels_word_does_not_outweigh_servers_that_agree() -> None:
    assert verdict(servers(20.0, 20.0), kernel=True).state is State.DRIFTING


def test_one_server_under_two_names_is_one_voice() -> None:
    liar = Reading("0.pool", "10.0.0.9", offset=40.0)
    network = Network((liar, Reading("1.pool", "10.0.0.9", offset=40.0), Reading("honest", "10.0.0.1")))
    found = verdict(network)
    assert found.seconds is None
    assert found.standings == (U, Standing.AGAIN, U)


def test_a_liar_cannot_agree_with_everybody_by_a_long_delay() -> None:
    network = Network((Reading("honest", "1"), Reading("liar", "2", offset=1e6, delay=4e6)))
    assert verdict(network).seconds is None
    near = Network((Reading("honest", "1"), Reading("liar", "2", offset=5.0, delay=4e6)))
    assert verdict(near).seconds is None


def test_servers_far_away_agree_within_their_delays() -> None:
    assert verdict(servers(0.0, 1.4, delay=0.5)).seconds == pytest.approx(0.7)
    assert verdict(servers(0.0, 1.4, delay=0.1)).seconds is None


@pytest.mark.parametrize("whose", ["kernel", "trust"])
def test_servers_count_only_where_they_are_asked(whose) -> None:
    found = verdict(servers(40.0, 40.0), True, whose=whose)
    assert (found.state, found.seconds) == (State.TRUSTED, None)


def test_whose_word_counts_without_servers() -> None:
    assert verdict(kernel=False, whose="kernel").state is State.UNKNOWN
    assert verdict(kernel=None, whose="trust").state is State.TRUSTED


@pytest.mark.parametrize("whose", ["ntp", "kernel", "trust"])
@pytest.mark.parametrize("kernel", [True, False, None])
def test_records_of_a_later_time_prove_that_the_clock_went_back(whose, kernel) -> None:
    found = verdict(None, kernel, NOW + 3600, whose)
    assert (found.state, found.ahead) == (State.BEHIND, 3600)
    assert found.too_far(120)
    assert verdict(None, kernel, NOW + BEHIND, whose).state is not State.BEHIND


def test_servers_that_are_believed_say_whether_the_records_are_wrong() -> None:
    assert verdict(servers(0.0, 0.1), newest=NOW + YEAR).state is State.TRUSTED
    found = verdict(servers(3600.0, 3600.1), newest=NOW + 3600)
    assert (found.state, found.seconds) == (State.BEHIND, pytest.approx(3600.05))
    assert verdict(servers(0.0), newest=NOW + 3600).state is State.BEHIND  # not one alone


@pytest.mark.parametrize(
    ("seconds", "far"), [(15.0, False), (-15.0, False), (15.1, True), (-15.1, True), (None, False)]
)
def test_how_far_is_too_far(seconds, far) -> None:
    assert Verdict(State.DRIFTING, seconds).too_far(15) is far


READINGS = st.lists(
    st.builds(
        Reading,
        st.sampled_from(["a", "b", "c", "d", "e", "f"]),
        st.sampled_from(["", "1", "2", "3", "4", "5", "6"]),
        st.sampled_from([Fault.NONE, Fault.NONE, Fault.NONE, Fault.SILENT]),
        st.floats(-1e10, 1e10) | st.floats(-3, 3),
        st.floats(-1e10, 1e10) | st.floats(0, 3),
    ),
    max_size=12,
)


@given(READINGS)
def test_what_is_believed_is_what_most_say(readings: list[Reading]) -> None:
    standings, seconds = weigh(readings)
    assert len(standings) == len(readings)
    voices = [s for s in standings if s not in (Standing.USELESS, Standing.AGAIN)]
    group = [r.offset for r, s in zip(readings, standings, strict=True) if s is Standing.BELIEVED]
    assert (seconds is None) == (not group)
    if seconds is not None:
        assert len(group) >= 2
        assert 2 * len(group) > len(voices)
        assert min(group) <= seconds <= max(group)
        assert max(group) - min(group) <= AGREE + DELAY_MAX


@given(st.lists(st.floats(-0.4, 0.4), min_size=2, max_size=5), st.lists(st.floats(-1e10, 1e10), max_size=5), st.data())
def test_fewer_liars_than_honest_servers_never_move_the_verdict(honest, lies, data) -> None:
    lies = lies[: len(honest) - 1]
    offsets = data.draw(st.permutations([*honest, *lies]))
    found = verdict(servers(*offsets, delay=DELAY_MAX))
    assert found.seconds is not None
    assert abs(found.seconds) <= DRIFT + DELAY_MAX
