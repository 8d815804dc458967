"""One answer judged: lock, match, replay, count and mark in one pure step from state to state.

The server applies the new state before anything else runs, so of any number of answers that arrive together each sees
what the one before it left: one code is accepted once, and no try beyond the limit is checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias

from nas2fa.errors import Reason
from nas2fa.factors import recovery, totp
from nas2fa.login.lockout import Limits, Lock, count_failure, count_refused, count_success, standing
from nas2fa.login.source import Source
from nas2fa.store.records import Authenticator, Credential, Instant, UserState

# The last step of this authenticator that counts as used, given the state (clock/floor.py).
Floor: TypeAlias = Callable[[Authenticator, UserState, Instant], int]

# Secrets of one user whose used steps are remembered, resets and imports included; more while their codes are in reach.
USED_MAX: Final = 16
USED_REACH: Final = totp.REACH * max(totp.PERIODS)  # seconds either way


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one answer came to.

    guess: the answer missed at least one secret it was compared with, so a refusal pays for it. steps: how far off an
    OLD or FUTURE code was. durable: a mark must reach the disk before anybody is let in.
    """

    reason: Reason
    guess: bool = False
    steps: int = 0
    lock: Lock | None = None
    factor: str = ""
    durable: bool = False
    unavailable: bool = False  # nothing could be compared: neither right nor wrong


def codes_per_try(credential: Credential) -> int:
    """The most codes that one guess may hit."""
    return totp.CODES_PER_TRY * len(credential.authenticators)


def judge(
    credential: Credential, state: UserState, text: str, source: Source, now: Instant, floor: Floor, limits: Limits
) -> tuple[UserState, Outcome]:
    """The state after this answer, and the outcome.

    A code that is right but REUSED, SPENT or from before a FRESH_START proves the device or the paper, and CLOCK is the
    box's fault: they are refused without being counted, so that a client which logs in twice at once does not lock its
    user out. Everything else is a guess and pays.
    """
    lock = standing(state, source, now.boot, codes_per_try(credential))
    if lock is not None:
        return count_refused(state, source), Outcome(lock.reason, lock=lock)
    state, outcome = _match(credential, state, text, now, floor)
    if outcome.reason is Reason.OK:
        return replace(count_success(state, source), last_ok=int(now.wall)), outcome
    if not outcome.guess:
        return state, outcome
    state = count_failure(state, source, now.boot, codes_per_try(credential), limits)
    return state, replace(outcome, lock=standing(state, source, now.boot, codes_per_try(credential)))


def _match(
    credential: Credential, state: UserState, text: str, now: Instant, floor: Floor
) -> tuple[UserState, Outcome]:
    typed = text.replace(" ", "")
    if not typed:
        return state, Outcome(Reason.EMPTY)
    if not typed.isascii():
        return state, Outcome(Reason.WRONG, guess=True)
    code = recovery.plain(typed)
    if code is not None and credential.recovery is not None:
        return _match_recovery(credential, state, code)
    if typed.isdigit():
        return _match_totp(credential, state, typed, now, floor)
    return state, Outcome(Reason.WRONG, guess=True)


def _match_recovery(credential: Credential, state: UserState, code: str) -> tuple[UserState, Outcome]:
    codes = credential.recovery
    index = None if codes is None else recovery.find(codes, code)
    if codes is None or index is None:
        return state, Outcome(Reason.WRONG, guess=True)
    mark = recovery.mark(codes, index)
    if mark in state.spent:
        return state, Outcome(Reason.SPENT)
    return replace(state, spent=state.spent | {mark}), Outcome(Reason.OK, factor="recovery", durable=True)


def _match_totp(
    credential: Credential, state: UserState, typed: str, now: Instant, floor: Floor
) -> tuple[UserState, Outcome]:
    """The best outcome over all authenticators; each is tried, whatever the others said."""
    results = [
        _one(authenticator, state, typed, now, floor)
        for authenticator in credential.authenticators
        if authenticator.digits == len(typed)
    ]
    guess = not results or any(outcome.guess for _, outcome in results)
    for reason in (Reason.OK, Reason.REUSED, Reason.FRESH_START, Reason.OLD, Reason.FUTURE):
        for after, outcome in results:
            if outcome.reason is reason:
                return _of_these(after, credential), replace(outcome, guess=guess)
    return state, Outcome(Reason.WRONG if guess else Reason.CLOCK, guess=guess)


def _one(
    authenticator: Authenticator, state: UserState, typed: str, now: Instant, floor: Floor
) -> tuple[UserState, Outcome]:
    name = authenticator.secret.fingerprint()
    last = state.used.get(name, 0)
    if totp.step_at(authenticator, now) + totp.WINDOW < last:
        # Codes of `last` were accepted, yet the clock stands before it: local proof that time went back.
        return state, Outcome(Reason.CLOCK)
    match = totp.find(authenticator, typed, now)
    if match is None:
        return state, Outcome(Reason.WRONG, guess=True)
    if match.offset < -totp.WINDOW:
        return state, Outcome(Reason.OLD, guess=True, steps=-match.offset)
    if match.offset > totp.WINDOW:
        return _burn(state, name, match), Outcome(Reason.FUTURE, guess=True, steps=match.offset)
    if match.step <= last or burnt(name, match.step) in state.spent:
        return state, Outcome(Reason.REUSED)
    if match.step <= floor(authenticator, state, now):
        return state, Outcome(Reason.FRESH_START)
    return with_used(_unburn(state, name, match.step), authenticator, match.step), Outcome(Reason.OK, factor="totp")


def with_used(state: UserState, authenticator: Authenticator, step: int) -> UserState:
    """The state in which this step of this authenticator is the last accepted one."""
    name, wall = authenticator.secret.fingerprint(), step * authenticator.period
    used = {other: last for other, last in state.used.items() if other != name}
    # The period of another secret is not known here, but only one of them puts its step near the present.
    past = [o for o, last in used.items() if all(abs(last * p - wall) > USED_REACH for p in totp.PERIODS)]
    for other in past[: max(0, len(used) - USED_MAX + 1)]:
        del used[other]
    return replace(state, used=MappingProxyType({**used, name: step}))


def burnt(name: str, step: int) -> str:
    """How a step that was met too early stands in UserState.spent: it will not be accepted when its time comes."""
    return f"{name}@{step}"


def _burn(state: UserState, name: str, match: totp.Match) -> UserState:
    """The state in which this future step is used up; what is past its time is forgotten."""
    state = _unburn(state, name, match.step - match.offset - totp.WINDOW - 1)
    return replace(state, spent=state.spent | {burnt(name, match.step)})


def _of_these(state: UserState, credential: Credential) -> UserState:
    """The state without burnt steps of secrets that the user no longer has."""
    names = {a.secret.fingerprint() for a in credential.authenticators}
    kept = {mark for mark in state.spent if "@" not in mark or mark.partition("@")[0] in names}
    return state if len(kept) == len(state.spent) else replace(state, spent=frozenset(kept))


def _unburn(state: UserState, name: str, step: int) -> UserState:
    """Forget burnt steps up to this one."""
    gone = {mark for mark in state.spent if mark.startswith(f"{name}@") and int(mark.rpartition("@")[2]) <= step}
    return replace(state, spent=state.spent - gone) if gone else state
