"""Two codes in a row from a phone that is far off: who gets in by them, who does not, and what a guesser pays."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa import texts
from nas2fa.errors import Reason
from nas2fa.factors import totp
from nas2fa.login import resync
from nas2fa.login.judgement import judge
from nas2fa.login.lockout import BUDGET, DAY, Limits, spent_guesses
from nas2fa.login.source import CONSOLE as CONSOLE_SOURCE
from nas2fa.login.source import OWN, Source
from nas2fa.store.records import EMPTY_STATE, Authenticator, Instant, Phone, Secret, UserState
from worlds import CONSOLE, NOON, PHONE, SSH, UID, MemoryWorld, code, enrolled, later, play, wrong

NAME = PHONE.secret.fingerprint()
FAR = [*range(-9, -1), *range(2, 10)]
HERE = Source("192.0.2.7", "remote")
LIMITS = Limits(deny=1000, fail_interval=900, unlock_time=600)


def typed(world: MemoryWorld, off: int, seconds: float = 0.0, hello=SSH):
    """The code `off` steps from the box's now, so many seconds after noon."""
    now = later(seconds)
    return play(world, hello, code(now, off), now=now)


@pytest.mark.parametrize("off", FAR)
def test_two_codes_in_a_row_let_in_and_from_then_on_one_does(off: int) -> None:
    world = enrolled()
    assert typed(world, off).verdict.word == "deny"
    second = typed(world, off, 30)
    assert (second.verdict.word, second.verdict.reason) == ("allow", Reason.OK)
    assert ("ahead of" if off > 0 else "behind") in second.told[0]
    assert any("the second of two in a row" in line for line in second.attempt.trace)
    for later_on in (90, 3600, 86_400):
        assert typed(world, off, later_on).verdict.word == "allow"


def test_the_person_at_the_prompt_does_not_learn_that_a_code_was_noted() -> None:
    wrong_one, early = play(enrolled(), SSH, wrong()), typed(enrolled(), 5)
    assert (early.asked, early.told, early.verdict.word) == (wrong_one.asked, wrong_one.told, wrong_one.verdict.word)
    assert any("noted" in line for line in early.attempt.trace)  # root does


@pytest.mark.parametrize(
    ("off", "seconds", "word"),
    [
        (5, 0, "deny"),  # the same code
        (6, 0, "allow"),  # the next one, a little early
        (7, 0, "deny"),  # as far off as the first, or another phone
        (5, 30, "allow"),
        (5, 60, "allow"),  # one was missed
        (5, 90, "deny"),
        (4, 30, "deny"),  # the first one again
        (4, 60, "allow"),
        (3, 90, "deny"),
        (0, 30, "allow"),  # the present code needs no other
        (-5, 30, "deny"),
    ],
)
def test_which_second_code_is_the_next(off: int, seconds: float, word: str) -> None:
    world = enrolled()
    typed(world, 5)
    assert typed(world, off, seconds).verdict.word == word


def test_any_source_may_bring_the_second_and_wrong_ones_between_do_not_matter() -> None:
    world = enrolled()
    typed(world, -4, hello=replace(SSH, rhost="198.51.100.1"))
    play(world, SSH, wrong(), now=later(10))
    assert typed(world, -4, 30, CONSOLE).verdict.word == "allow"


def test_a_good_code_between_them_ends_it() -> None:
    world = enrolled()
    typed(world, 5)
    assert typed(world, 0, 10).verdict.word == "allow"
    assert typed(world, 5, 30).verdict.word == "deny"


def test_it_is_over_after_five_minutes_that_the_box_ran() -> None:
    """By the clock that nobody sets: putting the other one back makes it last no longer."""
    for boot, word in ((resync.NOTED_SECONDS, "allow"), (resync.NOTED_SECONDS + 1, "deny")):
        world = enrolled()
        typed(world, 5)
        now = Instant(NOON.wall + 30, NOON.boot + boot)
        assert play(world, SSH, code(now, 5), now=now).verdict.word == word


def test_a_lock_comes_first() -> None:
    world = enrolled()
    play(world, SSH, wrong())
    play(world, SSH, wrong())
    assert typed(world, 5).verdict.word == "locked"
    assert play(world, SSH, now=later(30)).verdict.word == "locked"  # not even asked


def test_a_step_met_too_early_is_not_accepted_alone_when_its_time_comes() -> None:
    world = enrolled()
    typed(world, 5)
    assert typed(world, 0, 150).verdict.reason is Reason.REUSED
    assert typed(world, 5, 200).verdict.word == "deny"


@pytest.mark.parametrize(
    ("shift", "early", "forgetting", "back", "due"),
    [
        (240, (10, 0), (10, 150), [(0, 170), (0, 200)], (0, 300)),  # the window was ahead, and came back
        (240, (5, 0), (10, 10), [(0, 30), (0, 60)], (0, 150)),  # it was old for the phone of then, which was set right
        (-240, (-5, 0), (-2, 0), [], (-8, 90)),  # it is behind
    ],
)
def test_nor_where_the_window_was_moved(
    shift: int, early: tuple, forgetting: tuple, back: list[tuple], due: tuple
) -> None:
    """What was burnt is remembered until no shift can bring it back; each is a code so far off, after so long."""
    world = enrolled()
    world.states[UID] = replace(EMPTY_STATE, phones=MappingProxyType({NAME: Phone(30, (), shift, shift)}))
    for off, seconds in (early, forgetting):
        assert typed(world, off, seconds).verdict.reason is Reason.FUTURE
    for off, seconds in back:
        last = typed(world, off, seconds, CONSOLE)
        assert (last.verdict.word == "allow") is ((off, seconds) == back[-1])
    assert typed(world, *due, CONSOLE).verdict.reason is Reason.REUSED


def test_a_phone_that_was_ahead_and_is_set_right_locks_nobody_and_its_owner_reads_how_long_to_wait() -> None:
    """As told, it is set to automatic time: its codes come again, and count as used for as long as it was ahead."""
    world = enrolled()
    assert typed(world, 8).verdict.word == "deny"
    assert typed(world, 8, 30).verdict.word == "allow"  # the last used step is the ninth from noon
    for seconds in range(40, 220, 10):
        played = typed(world, 0, seconds)
        assert played.verdict.reason is Reason.REUSED
        minutes = -(-(10 * 30 - seconds // 30 * 30) // 60)
        assert f"about {minutes} minute" in played.told[-1]
    assert [guess.cost for guess in world.state(UID).guesses] == [3]  # of the first of the two in a row
    assert typed(world, 0, 300).verdict.reason is Reason.OLD
    assert typed(world, 0, 330).verdict.word == "allow"


def test_codes_of_before_the_last_accepted_one_are_no_start_and_no_end() -> None:
    """Whoever watched the owner's phone: all that it showed until the last login opens nothing."""
    world = enrolled()
    assert typed(world, 0).verdict.word == "allow"
    for seconds, off in ((10, -5), (20, -4), (25, -3), (29, -2)):
        assert typed(world, off, seconds, replace(SSH, rhost=f"198.51.100.{seconds}")).verdict.word == "deny"
    assert world.state(UID).noted is None


def test_codes_of_before_a_fresh_start_are_no_start_and_no_end() -> None:
    world = enrolled()
    world.began = NOON.boot - 20
    assert typed(world, -4).verdict.word == "deny"
    assert typed(world, -4, 30).verdict.word == "deny"
    assert world.state(UID).noted is None


def test_who_cannot_be_written_down_is_not_let_in() -> None:
    """After a power cut nobody would know of a step so far ahead."""
    world = enrolled()
    world.disk = False
    typed(world, 5)
    second = typed(world, 5, 30)
    assert (second.verdict.word, second.verdict.reason) == ("unavailable", Reason.WRITE_FAILED)
    world.disk = True
    typed(world, 5, 90)
    assert typed(world, 5, 120).verdict.word == "allow"


def test_further_than_five_minutes_is_not_followed() -> None:
    slow = replace(PHONE, period=60)
    for off, word in ((4, "allow"), (-4, "allow"), (6, "deny"), (-7, "deny")):
        world = enrolled(slow)
        for seconds in (0.0, 60.0):
            now = later(seconds)
            last = play(world, SSH, code(now, off, slow), now=now)
        assert last.verdict.word == word


def test_from_far_ahead_a_phone_that_is_set_right_is_found_again() -> None:
    world = enrolled()
    typed(world, 9)
    assert typed(world, 9, 30).verdict.word == "allow"
    for seconds in (400, 430):
        last = typed(world, 0, seconds)
    assert last.verdict.word == "allow"
    assert last.told == []
    assert typed(world, 0, 490).verdict.word == "allow"


# --- what a guesser pays


def let_in(world: MemoryWorld, state: UserState, now: Instant, source: Source) -> set[str]:
    """Every code of hours around that this very try would be let in by."""
    found = set()
    for phone in world.credentials[UID].authenticators:
        for off in range(-25, 26):  # further nothing is looked for
            typed_one = code(now, off, phone)
            _, outcome = judge(world.credentials[UID], state, typed_one, source, now, world.floor, LIMITS)
            if outcome.reason is Reason.OK:
                found.add(typed_one)
    return found


@given(
    st.integers(1, 5),
    st.sampled_from([HERE, OWN, CONSOLE_SOURCE]),
    st.sampled_from([-9, -4, 3, 8, None]),
    st.sampled_from([-300, -41, 0, 29, 300]),
    st.sampled_from([0.0, 14.0, 30.0, 45.0]),
    st.integers(0, 4),
)
def test_no_more_codes_let_in_than_a_wrong_one_pays_for(
    several: int, source: Source, noted: int | None, shift: int, seconds: float, before: int
) -> None:
    """Whatever is noted, however the window is moved, whoever pays: so the day's sum is that of the codes tried."""
    secrets = [PHONE, *(Authenticator(Secret(bytes([n]) * 20)) for n in range(1, several))]
    world, state = enrolled(*secrets), EMPTY_STATE
    credential = world.credentials[UID]
    state = replace(state, phones=MappingProxyType({NAME: Phone(30, (), shift, shift)}))
    for _ in range(before):
        state, _ = judge(credential, state, wrong(), source, NOON, world.floor, LIMITS)
    if noted is not None:
        state, _ = judge(credential, state, code(NOON, noted), HERE, NOON, world.floor, LIMITS)
    now = later(seconds)
    good = let_in(world, state, now, source)
    after, outcome = judge(credential, state, nothing_near(now, secrets), source, now, world.floor, LIMITS)
    paid = spent_guesses(after, source.purse, now.boot) - spent_guesses(state, source.purse, now.boot)
    assert len(good) <= paid
    assert spent_guesses(after, source.purse, now.boot) <= BUDGET[source.purse]
    assert (paid > 0) == (outcome.reason is Reason.WRONG)


def nothing_near(now: Instant, secrets: list[Authenticator]) -> str:
    near = {code(now, off, each) for each in secrets for off in range(-40, 41)}
    return next(c for c in (f"{n:06}" for n in range(1000)) if c not in near)


def test_who_has_seen_old_codes_gets_no_more_guesses_in_a_day() -> None:
    """The owner does not log in, and somebody with the password sees one code in two minutes, minutes late.

    They have one noted whenever that helps, and guess at the next: what they may hit they pay for.
    """
    world = enrolled()
    credential, state, costs, chances = world.credentials[UID], EMPTY_STATE, 0, 0
    now, tries = NOON, 0
    while now.boot < NOON.boot + DAY:
        for source in (Source(f"10.0.{tries // 250}.{tries % 250}", "remote"), OWN, CONSOLE_SOURCE):
            step = totp.step_at(PHONE, now)
            text = totp.code_at(PHONE, (step - 5) // 4 * 4) if tries % 2 == 0 else wrong(now)
            before = state
            good = len(let_in(world, state, now, source))
            state, outcome = judge(credential, state, text, source, now, world.floor, LIMITS)
            paid = sum(g.cost for g in state.guesses) - sum(g.cost for g in before.guesses)
            assert outcome.reason is not Reason.OK
            assert good <= paid or paid == 0
            costs, chances = costs + paid, chances + (good if paid else 0)
        tries += 1
        now = later(31 if tries < 40 else 3600, now)
    assert chances <= costs <= sum(BUDGET.values()) == 90


def test_a_purse_that_cannot_pay_for_the_next_one_does_not_look_at_it() -> None:
    world = enrolled(PHONE, *(Authenticator(Secret(bytes([n]) * 20)) for n in range(5)))
    credential = world.credentials[UID]
    state, _ = judge(credential, EMPTY_STATE, code(NOON, 5), HERE, NOON, world.floor, LIMITS)
    now = later(30)
    assert judge(credential, state, code(now, 5), OWN, now, world.floor, LIMITS)[1].reason is Reason.FUTURE
    assert judge(credential, state, code(now, 5), HERE, now, world.floor, LIMITS)[1].reason is Reason.OK


@given(st.lists(st.tuples(st.sampled_from([1.0, 29.0, 31.0, 64.0]), st.integers(-10, 10)), min_size=2, max_size=14))
def test_no_history_of_codes_accepts_a_step_twice_or_takes_a_step_back(history: list[tuple[float, int]]) -> None:
    world, now, accepted, refused_early = enrolled(), NOON, [], set()
    credential, state = world.credentials[UID], EMPTY_STATE
    for pause, off in history:
        now = later(pause, now)
        step = totp.step_at(PHONE, now) + off
        state, outcome = judge(credential, state, totp.code_at(PHONE, step), CONSOLE_SOURCE, now, world.floor, LIMITS)
        if outcome.reason is Reason.FUTURE:
            refused_early.add(step)
        if outcome.reason is Reason.OK:
            assert step > max(accepted, default=0)
            assert step not in refused_early
            accepted.append(step)
            world.states[UID] = state
            world.written()
            state = world.state(UID)


def test_words() -> None:
    assert texts.ahead_or_behind(24) == "24 s ahead of"
    assert texts.ahead_or_behind(-250) == "4 minutes behind"


@pytest.mark.parametrize(("ahead", "waits"), [(250, True), (-250, False)])
def test_the_owner_of_a_phone_that_was_ahead_is_told_to_wait_when_it_is_set_right(ahead: int, waits: bool) -> None:
    """Its codes of the time it was ahead come again, and each counts as used."""
    said = texts.resynced(ahead)
    assert ("wait about 5 minutes" in said) is waits
    assert "two codes in a row" in said
