"""Tallies and the day's budget, over simulated days."""

import random

import pytest
from nas2fa.errors import Reason
from nas2fa.login import lockout
from nas2fa.login.judgement import judge
from nas2fa.login.lockout import BUDGET, DAY, Limits, any_lock, count_failure, count_success, standing, unlocked
from nas2fa.login.source import CONSOLE, OWN, Source
from nas2fa.store.records import EMPTY_STATE, Authenticator, Credential, Instant, Secret
from worlds import NOON, PHONE, UID, USER, code, enrolled, later, wrong

LIMITS = Limits(deny=3, fail_interval=900, unlock_time=600)
HERE = Source("192.0.2.7", "remote")


def failed(state, times, source=HERE, codes=3):
    for at in times:
        state = count_failure(state, source, at, codes, LIMITS)
    return state


def test_deny_within_fail_interval_locks_for_unlock_time() -> None:
    state = failed(EMPTY_STATE, [0, 100, 200])
    lock = standing(state, HERE, 200, 3)
    assert (lock.reason, lock.seconds) == (Reason.LOCKED, 600)
    assert standing(state, HERE, 799, 3).seconds == 1
    assert standing(state, HERE, 800, 3) is None


def test_failures_older_than_fail_interval_are_forgotten() -> None:
    assert standing(failed(EMPTY_STATE, [0, 100, 901]), HERE, 901, 3) is None


def test_success_clears_the_tally_but_refunds_no_guess() -> None:
    state = count_success(failed(EMPTY_STATE, [0, 1]), HERE, NOON.wall)
    assert standing(failed(state, [2]), HERE, 2, 3) is None
    assert lockout.spent_guesses(state, "remote", 2) == 6


def guesses_in_a_day(authenticators: int, source_of, seconds: float) -> tuple[int, int]:
    """Try as often as is let, from a new source each time; returns (tries checked, codes tried) in a day."""
    phones = tuple(Authenticator(Secret(bytes([n]) * 20)) for n in range(authenticators))
    credential, state, tries = Credential(UID, USER, phones), EMPTY_STATE, 0
    costs = 0
    now = NOON
    while now.boot < NOON.boot + DAY:
        before = state
        state, _ = judge(credential, state, wrong(now), source_of(tries), now, lambda *_: 0, LIMITS)
        if state.guesses != before.guesses:
            tries += 1
            costs += 3 * authenticators
        now = later(seconds, now)
    return tries, costs


@pytest.mark.parametrize("authenticators", [1, 2, 5])
def test_a_day_of_guessing_from_ever_new_addresses_stays_within_the_budget(authenticators: int) -> None:
    tries, codes = guesses_in_a_day(authenticators, lambda n: Source(f"10.0.{n // 250}.{n % 250}", "remote"), 60)
    own_tries, own_codes = guesses_in_a_day(authenticators, lambda n: OWN, 700)
    console_tries, console_codes = guesses_in_a_day(authenticators, lambda n: CONSOLE, 700)
    assert codes + own_codes + console_codes <= 90
    assert (tries, own_tries, console_tries) == tuple(n // authenticators for n in (15, 5, 10))


def test_the_budget_slides() -> None:
    state = EMPTY_STATE
    at = 0.0
    while standing(state, Source(f"s{at}", "remote"), at, 3) is None:
        state = count_failure(state, Source(f"s{at}", "remote"), at, 3, LIMITS)
        at += 1000
    lock = standing(state, HERE, at, 3)
    assert lock.reason is Reason.BUDGET
    assert standing(state, HERE, at + lock.seconds - 1, 3) is not None
    assert standing(state, HERE, at + lock.seconds, 3) is None


def test_100_wrong_in_a_row_lock_remote_access_and_not_the_console_until_an_admin_unlocks() -> None:
    state = EMPTY_STATE
    for day in range(10):
        state = failed(state, [day * DAY * 2 + n for n in range(10)], Source(f"s{day}", "remote"))
    year = 366 * DAY
    assert standing(state, HERE, year, 3).reason is Reason.LOCKED_DURABLY
    assert standing(state, CONSOLE, year, 3) is None
    assert any_lock(state, year, 3)[1].reason is Reason.LOCKED_DURABLY
    assert standing(unlocked(state), HERE, year, 3) is None


def test_tries_while_locked_are_counted_not_checked_and_do_not_prolong() -> None:
    world = enrolled()
    state = failed(EMPTY_STATE, [NOON.boot] * 3)
    lock = standing(state, HERE, NOON.boot, 3)
    for _ in range(16):
        state, outcome = judge(world.credentials[UID], state, code(), HERE, NOON, world.floor, LIMITS)
        assert outcome.reason is Reason.LOCKED
    assert state.tallies[HERE.key].refused == 16
    assert standing(state, HERE, NOON.boot, 3) == lock


def test_quiet_sources_are_forgotten_so_a_state_stays_small() -> None:
    state = EMPTY_STATE
    for n in range(1000):
        state = count_failure(state, Source(f"s{n}", "remote"), n * 10_000.0, 3, LIMITS)
    assert len(state.tallies) == 1
    assert len(state.guesses) < 10


def test_refused_tries_from_ever_new_addresses_do_not_make_the_state_grow() -> None:
    state = failed(EMPTY_STATE, [n * 0.001 for n in range(100)])
    for n in range(500):
        state = lockout.count_refused(state, Source(f"2001:db8:{n:x}::/64", "remote"))
    assert set(state.tallies) == {HERE.key, lockout.OTHERS}
    assert state.tallies[lockout.OTHERS].refused == 500


def test_years_of_resets_and_early_codes_do_not_make_the_state_grow() -> None:
    """It must fit into the preallocated marks (store/marks.py), or recovery codes could no longer be spent."""
    state, now = EMPTY_STATE, NOON
    for n in range(200):
        phone = Authenticator(Secret(n.to_bytes(2) * 10))
        credential = Credential(UID, USER, (phone,))
        for offset in (4, 5, 0):
            state, _ = judge(credential, state, code(now, offset, phone), HERE, now, lambda *_: 0, LIMITS)
        state, now = unlocked(state), later(86_400, now)
    assert len(state.used) <= 16
    assert len(state.spent) <= 2


def test_early_codes_of_one_phone_are_forgotten_when_their_time_is_over() -> None:
    state, now = EMPTY_STATE, NOON
    for _ in range(50):
        state, outcome = judge(
            Credential(UID, USER, (PHONE,)), unlocked(state), code(now, 5), HERE, now, lambda *_: 0, LIMITS
        )
        assert outcome.reason is Reason.FUTURE
        now = later(3600, now)
    assert len(state.spent) == 1


def test_one_of_two_phones_gives_no_free_guess_at_the_other() -> None:
    """A used code of the first phone is a wrong code for the second, so it pays."""
    second = Authenticator(Secret(b"second phone's secret"))
    world = enrolled(PHONE, second)
    credential, state = world.credentials[UID], EMPTY_STATE
    state, first = judge(credential, state, code(), HERE, NOON, world.floor, LIMITS)
    assert first.reason is Reason.OK
    state, again = judge(credential, state, code(), HERE, NOON, world.floor, LIMITS)
    assert again.reason is Reason.REUSED
    assert lockout.spent_guesses(state, "remote", NOON.boot) == 6
    state, other = judge(credential, state, code(authenticator=second), HERE, NOON, world.floor, LIMITS)
    assert other.reason is Reason.OK


def test_random_histories_never_accept_a_step_twice_nor_exceed_the_budget() -> None:
    dice = random.Random(1)
    world = enrolled()
    for _ in range(30):
        state, now, accepted, paid = EMPTY_STATE, NOON, set(), []
        for _ in range(200):
            source = Source(f"10.0.0.{dice.randrange(5)}", "remote")
            offset = dice.choice([-3, -1, 0, 0, 1, 3, None])
            text = wrong(now) if offset is None else code(now, offset)
            before = state
            state, outcome = judge(world.credentials[UID], state, text, source, now, world.floor, LIMITS)
            if outcome.reason is Reason.OK:
                assert text not in accepted
                accepted.add(text)
            if state.guesses != before.guesses:
                paid.append(now.boot)
            assert sum(3 for at in paid if now.boot - at < DAY) <= BUDGET["remote"]
            now = later(dice.choice([0, 1, 10, 400, 5000]), now)


def test_instant_is_only_compared_on_boottime() -> None:
    """A wall clock that jumps ends no lock."""
    state = failed(EMPTY_STATE, [NOON.boot] * 3)
    world = enrolled()
    jumped = Instant(NOON.wall + 10 * DAY, NOON.boot + 1)
    _, outcome = judge(world.credentials[UID], state, code(jumped), HERE, jumped, world.floor, LIMITS)
    assert outcome.reason is Reason.LOCKED
