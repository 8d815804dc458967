"""Tallies and the day's guess budget: pure functions from one UserState to the next.

`deny`, `fail_interval` and `unlock_time` are faillock's words and mean what faillock.conf(5) says, per source. Above
them stands the budget: however many sources an attacker has, the codes that may be tried in a sliding day stay so few
that a hit is rarer than 1 in 10,000. All times are CLOCK_BOOTTIME seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from nas2fa.errors import Reason
from nas2fa.login.source import Source
from nas2fa.store.records import EMPTY_STATE, Guess, Tally, UserState

DAY: Final = 86_400.0  # seconds of the sliding day
# Codes that may be tried in a day, 90 of 1,000,000 in all, so that hits stay below 1e-4; a good login refunds nothing.
# With one phone a try costs 3: the console has ten tries of its own, remote sources fifteen, the user's own programs
# five. Each purse can pay for a try at two phones and a token, and what that may note (login/resync.py).
BUDGET: Final = {"remote": 45, "own": 15, "console": 30}
ROW_MAX: Final = 100  # wrong in a row that lock remote access until an admin unlocks
OTHERS: Final = "others"  # the tally of refused tries from sources that have none
FOREVER: Final = 1e12  # seconds: until an admin unlocks


@dataclass(frozen=True, slots=True)
class Limits:
    """faillock's three numbers: tries, seconds, seconds."""

    deny: int
    fail_interval: int
    unlock_time: int


@dataclass(frozen=True, slots=True)
class Lock:
    """Why this source may not try now, and for how many more seconds (FOREVER: until an admin unlocks)."""

    reason: Reason
    seconds: float


def standing(state: UserState, source: Source, boot: float, codes: int) -> Lock | None:
    """The lock that holds for this source now, if any; `codes` is the most that one more try may cost."""
    tally = state.tallies.get(source.key)
    if tally is not None and tally.locked_until > boot:
        return Lock(Reason.LOCKED, tally.locked_until - boot)
    if source.purse == "remote" and state.wrong_in_row >= ROW_MAX:
        return Lock(Reason.LOCKED_DURABLY, FOREVER)
    wait = _budget_wait(state, source.purse, boot, codes)
    return Lock(Reason.BUDGET, wait) if wait > 0 else None


def spent_guesses(state: UserState, purse: str, boot: float) -> int:
    """What this purse has paid in the last day."""
    return sum(g.cost for g in state.guesses if g.purse == purse and boot - g.at < DAY)


def can_pay(state: UserState, source: Source, boot: float, codes: int) -> bool:
    """Whether the source's purse still has so many codes."""
    return spent_guesses(state, source.purse, boot) + codes <= BUDGET.get(source.purse, 0)


def count_failure(state: UserState, source: Source, boot: float, codes: int, limits: Limits) -> UserState:
    """One checked wrong try, `codes` being how many codes would have been accepted at that moment.

    A lock, of whatever source, ends every trust and grant of this user.
    """
    tally = state.tallies.get(source.key, Tally())
    failures = (*(t for t in tally.failures if boot - t < limits.fail_interval), boot)
    locked_until = tally.locked_until
    if len(failures) >= limits.deny:
        locked_until = boot + limits.unlock_time
        failures = ()
    tally = replace(tally, failures=failures, locked_until=locked_until)
    guess = Guess(boot, codes, source.purse)
    after = replace(
        state,
        tallies=_with(_live(state, boot, limits), source.key, tally),
        guesses=(*(g for g in state.guesses if boot - g.at < DAY), guess),
        wrong_in_row=state.wrong_in_row + (source.purse == "remote"),
    )
    return after if standing(after, source, boot, codes) is None else replace(after, trusts=(), grants=())


def count_refused(state: UserState, source: Source) -> UserState:
    """A try that came while locked: counted, not checked; it does not make the lock longer.

    A source without a tally is refused for the user's sake (budget, row), not its own: all of those are counted
    together, or an attacker with many addresses would make the state grow without end.
    """
    key = source.key if source.key in state.tallies else OTHERS
    tally = state.tallies.get(key, Tally())
    return replace(state, tallies=_with(state.tallies, key, replace(tally, refused=tally.refused + 1)))


def count_success(state: UserState, source: Source, wall: float) -> UserState:
    """A good code at this moment clears this source's tally, the row and what was noted, never the budget."""
    others = {key: tally for key, tally in state.tallies.items() if key != source.key}
    row = 0 if source.purse == "remote" else state.wrong_in_row
    return replace(state, tallies=MappingProxyType(others), wrong_in_row=row, last_ok=int(wall), noted=None)


def unlocked(state: UserState) -> UserState:
    """The admin's unlock: tallies, row and budget start anew; used codes stay used."""
    return replace(state, tallies=EMPTY_STATE.tallies, guesses=(), wrong_in_row=0)


def any_lock(state: UserState, boot: float, codes: int) -> tuple[str, Lock] | None:
    """The lock worth showing to an admin, with the source or purse it holds for."""
    for key in state.tallies:
        lock = standing(state, Source(key, "none"), boot, codes)
        if lock is not None:
            return key, lock
    for purse in BUDGET:
        lock = standing(state, Source("", purse), boot, codes)
        if lock is not None:
            return purse, lock
    return None


def _budget_wait(state: UserState, purse: str, boot: float, cost: int) -> float:
    """Seconds until this purse can pay `cost`; 0 when it can now."""
    limit = BUDGET.get(purse)
    if limit is None:
        return 0.0
    spent = spent_guesses(state, purse, boot)
    wait = 0.0
    for guess in state.guesses:  # oldest first: drop them until one more try is paid
        if spent + cost <= limit:
            break
        if guess.purse == purse and boot - guess.at < DAY:
            spent -= guess.cost
            wait = guess.at + DAY - boot
    return wait


def _live(state: UserState, boot: float, limits: Limits) -> dict[str, Tally]:
    """The tallies that still say something: a source that has gone quiet is forgotten."""
    return {
        key: tally
        for key, tally in state.tallies.items()
        if tally.locked_until > boot or any(boot - t < limits.fail_interval for t in tally.failures)
    }


def _with(tallies: Mapping[str, Tally], key: str, tally: Tally) -> MappingProxyType[str, Tally]:
    return MappingProxyType({**tallies, key: tally})
