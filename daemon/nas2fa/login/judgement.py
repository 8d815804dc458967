"""One answer judged: lock, match, replay, count and mark in one pure step from state to state.

The server applies the new state before anything else runs, so of any number of answers that arrive together each sees
what the one before it left: one code is accepted once, and no try beyond the limit is checked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, TypeAlias

from nas2fa.clock import phones
from nas2fa.errors import Reason
from nas2fa.factors import hotp, recovery, totp
from nas2fa.login import resync
from nas2fa.login.lockout import Limits, Lock, count_failure, count_refused, count_success, standing
from nas2fa.login.methods import blank
from nas2fa.login.source import Source
from nas2fa.store.records import Authenticator, Credential, Instant, Noted, Phone, UserState

# The last step of this authenticator of this uid that counts as used, given the state (clock/floor.py).
Floor: TypeAlias = Callable[[int, Authenticator, UserState, Instant], int]

# Secrets of one user whose used steps are remembered, resets and imports included; more while their codes are in reach.
USED_MAX: Final = 16
USED_REACH: Final = totp.REACH * max(totp.PERIODS)  # seconds either way


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one answer came to.

    guess: the answer missed at least one secret it was compared with, so a refusal pays for it. steps: how far off a
    code from beyond the window was. durable: a mark must reach the disk before anybody is let in.
    """

    reason: Reason
    guess: bool = False
    steps: int = 0
    lock: Lock | None = None
    factor: str = ""
    durable: bool = False
    unavailable: bool = False  # nothing could be compared: neither right nor wrong
    name: str = ""  # fingerprint of the secret whose code it was
    phone: Phone | None = None  # what is known of its phone after a code that let in
    offset: int | None = None  # seconds, how far that phone's clock is known to be ahead
    off: int = 0  # seconds, how far it is ahead by this code alone, when that was OLD or FUTURE
    noted: bool = False  # the next one in a row lets in
    resynced: bool = False  # this one did, as the next one in a row
    wait: int = 0  # seconds until the phone, set right meanwhile, shows codes that are not used
    left: int | None = None  # the recovery codes that are left after this one


def codes_per_try(credential: Credential) -> int:
    """The most codes that one guess may hit."""
    return totp.CODES_PER_TRY * len(credential.apps) + hotp.CODES_PER_TRY * len(credential.tokens)


def judge(
    credential: Credential, state: UserState, text: str, source: Source, now: Instant, floor: Floor, limits: Limits
) -> tuple[UserState, Outcome]:
    """The state after this answer, and the outcome.

    A code that is right but REUSED, SPENT or from before a FRESH_START proves the device or the paper, and CLOCK is the
    box's fault: they are refused without being counted, so that a client which logs in twice at once does not lock its
    user out. Everything else is a guess and pays for each code that it could have hit.
    """
    codes = codes_per_try(credential)
    lock = standing(state, source, now.boot, codes)
    if lock is not None:
        return count_refused(state, source), Outcome(lock.reason, lock=lock)
    noted = resync.awaited(state, source, now.boot, codes)
    state, outcome = _match(credential, state, text, now, floor, noted)
    if outcome.reason is Reason.OK:
        return count_success(state, source, now.wall), outcome
    if not outcome.guess:
        return state, outcome
    state = count_failure(state, source, now.boot, codes + (resync.CODES if noted else 0), limits)
    return state, replace(outcome, lock=standing(state, source, now.boot, codes))


def _match(
    credential: Credential, state: UserState, text: str, now: Instant, floor: Floor, noted: Noted | None
) -> tuple[UserState, Outcome]:
    typed = text.replace(" ", "")
    if blank(typed):
        return state, Outcome(Reason.EMPTY)
    if not typed.isascii():
        return state, Outcome(Reason.WRONG, guess=True)
    code = recovery.plain(typed)
    if code is not None and credential.recovery is not None:
        return _match_recovery(credential, state, code)
    if typed.isdigit():
        return _match_code(credential, state, typed, now, floor, noted)
    return state, Outcome(Reason.WRONG, guess=True)


def _match_recovery(credential: Credential, state: UserState, code: str) -> tuple[UserState, Outcome]:
    codes = credential.recovery
    index = None if codes is None else recovery.find(codes, code)
    if codes is None or index is None:
        return state, Outcome(Reason.WRONG, guess=True)
    mark = recovery.mark(codes, index)
    if mark in state.spent:
        return state, Outcome(Reason.SPENT)
    state = replace(state, spent=state.spent | {mark})
    left = recovery.left(codes, state.spent)
    return state, Outcome(Reason.OK, factor="recovery", durable=True, left=left)


def _match_code(
    credential: Credential, state: UserState, typed: str, now: Instant, floor: Floor, noted: Noted | None
) -> tuple[UserState, Outcome]:
    """The best outcome over all authenticators; each is tried, whatever the others said."""
    results = [
        _by_time(credential, authenticator, state, typed, now, floor, noted)
        if authenticator.counter is None
        else _by_counter(credential, authenticator, state, typed, now, noted)
        for authenticator in credential.authenticators
        if authenticator.digits == len(typed)
    ]
    guess = not results or any(outcome.guess for _, outcome in results)
    for reason in (Reason.OK, Reason.REUSED, Reason.FRESH_START, Reason.OLD, Reason.FUTURE):
        for after, outcome in results:
            if outcome.reason is reason:
                return _of_these(after, credential), outcome if outcome.guess is guess else replace(
                    outcome, guess=guess
                )
    for after, outcome in results:
        if outcome.noted:
            return after, outcome
    return state, Outcome(Reason.WRONG if guess else Reason.CLOCK, guess=guess)


def _by_counter(
    credential: Credential,
    authenticator: Authenticator,
    state: UserState,
    typed: str,
    now: Instant,
    noted: Noted | None,
) -> tuple[UserState, Outcome]:
    """The code of a token. An accepted counter is on disk before anybody is let in: no clock bounds what was used."""
    name, last = authenticator.secret.fingerprint(), hotp.last_used(authenticator, state)
    counter = hotp.find(authenticator, typed, last)
    if counter is None:
        return state, Outcome(Reason.WRONG, guess=True)
    if counter <= last:
        return state, Outcome(Reason.REUSED)
    far = counter - last > hotp.LOOK_AHEAD
    if far and counter != resync.next_counter(noted, name):
        after = resync.note_counter(state, name, counter, now)
        return after, Outcome(Reason.WRONG, guess=True, steps=counter - last, name=name, noted=True)
    after = with_used(state, credential, authenticator, counter, wall=now.wall)
    outcome = Outcome(Reason.OK, factor="hotp", name=name, durable=True, resynced=far)
    return after, replace(outcome, steps=counter - last) if far else outcome


def _by_time(
    credential: Credential,
    authenticator: Authenticator,
    state: UserState,
    typed: str,
    now: Instant,
    floor: Floor,
    noted: Noted | None,
) -> tuple[UserState, Outcome]:
    name = authenticator.secret.fingerprint()
    last, known = state.used.get(name, 0), state.phones.get(name)
    if totp.step_at(authenticator, now, phones.last_reach(known) if known else 0) + totp.WINDOW < last:
        # Codes of `last` were accepted, yet the clock stands before it: local proof that time went back.
        return state, Outcome(Reason.CLOCK)
    phone = phones.at(known, now) if known else Phone(authenticator.period)
    match = totp.find(authenticator, typed, now, phone.shift)
    if match is None:
        return state, Outcome(Reason.WRONG, guess=True)
    spent = burnt(name, match.step) in state.spent
    least = max(last, floor(credential.uid, authenticator, state, now)) + 1
    if abs(match.offset) > totp.WINDOW:
        if match.step <= last and abs(match.step - totp.step_at(authenticator, now)) <= totp.WINDOW:
            # Right by this box's clock: of a phone that was followed ahead, and was set right since.
            return state, Outcome(Reason.REUSED, wait=(last + 1 - match.step) * authenticator.period)
        least = match.step + 1 if spent else least
        return _beyond(credential, authenticator, phone, state, match, now, noted, least=least)
    if match.step <= last or spent:
        return state, Outcome(Reason.REUSED)
    if match.step < least:
        return state, Outcome(Reason.FRESH_START)
    phone = phones.with_code(phone, match.step, now)
    after = with_used(_unburn(state, name, match.step), credential, authenticator, match.step, phone, now.wall)
    return after, Outcome(Reason.OK, factor="totp", name=name, phone=phone, offset=phones.offset_of(phone))


def _beyond(
    credential: Credential,
    authenticator: Authenticator,
    phone: Phone,
    state: UserState,
    match: totp.Match,
    now: Instant,
    noted: Noted | None,
    *,
    least: int,
) -> tuple[UserState, Outcome]:
    """A right code from outside the window; from step `least` on nothing but that speaks against it."""
    name = authenticator.secret.fingerprint()
    fresh = match.step >= least
    in_a_row = fresh and noted is not None and noted.step >= least
    followed = resync.completed(phone, noted, authenticator, match, now) if in_a_row else None
    if followed is not None:
        # On disk before anybody is let in: no bound of what counts as used after a power cut reaches so far.
        after = with_used(_unburn(state, name, match.step), credential, authenticator, match.step, followed, now.wall)
        outcome = Outcome(Reason.OK, factor="totp", name=name, phone=followed, offset=followed.wanted)
        return after, replace(outcome, durable=True, resynced=True, steps=match.offset)
    # Old for a phone that was followed ahead, and to come by this box's clock: it may have been set right meanwhile.
    old = match.offset < 0 and match.step <= totp.step_at(authenticator, now)
    reason = Reason.OLD if old else Reason.FUTURE
    off = phones.middle((phones.begin_of(match.step, authenticator.period, now.wall),), authenticator.period)
    outcome = Outcome(reason, guess=True, steps=abs(match.offset), name=name, off=off)
    if reason is Reason.FUTURE:
        state = _burn(state, authenticator, match.step, now)
    after = resync.note(state, authenticator, match, now) if fresh else state
    return after, replace(outcome, noted=after is not state)


def with_used(
    state: UserState,
    credential: Credential,
    authenticator: Authenticator,
    step: int,
    phone: Phone | None = None,
    wall: float | None = None,
) -> UserState:
    """The state in which this step, or counter, of this authenticator is the last accepted one.

    Those of the credential are never forgotten. phone: what is known of its clock by now; None leaves that as it was.
    wall: when it let in, if it did; unix seconds, for a token always.
    """
    name, by_time = authenticator.secret.fingerprint(), authenticator.counter is None
    shown = step * authenticator.period if by_time or wall is None else int(wall)
    used = {other: last for other, last in state.used.items() if other != name}
    # The period of another secret is not known here, but only one of them puts its step near the present.
    past = [o for o, last in used.items() if all(abs(last * p - shown) > USED_REACH for p in totp.PERIODS)]
    if len(used) >= USED_MAX:
        own = {each.secret.fingerprint() for each in credential.authenticators}
        for other in [o for o in past if o not in own][: len(used) - USED_MAX + 1]:
            del used[other]
    kept = {other: known for other, known in state.phones.items() if other in used or other == name}
    if phone is not None:
        kept[name] = phone
    uses = {other: moment for other, moment in state.uses.items() if other in used or other == name}
    if wall is not None:
        uses[name] = int(wall)
    used[name] = step
    return replace(state, used=MappingProxyType(used), phones=MappingProxyType(kept), uses=MappingProxyType(uses))


def burnt(name: str, step: int) -> str:
    """How a step that was met too early stands in UserState.spent: it will not be accepted when its time comes."""
    return f"{name}@{step}"


def _burn(state: UserState, authenticator: Authenticator, step: int, now: Instant) -> UserState:
    """The state in which this future step is used up; what no shift brings back into the window is forgotten."""
    name = authenticator.secret.fingerprint()
    state = _unburn(state, name, totp.step_at(authenticator, now, -phones.SHIFT_MAX) - totp.WINDOW - 1)
    return replace(state, spent=state.spent | {burnt(name, step)})


def _of_these(state: UserState, credential: Credential) -> UserState:
    """The state without burnt steps of secrets that the user no longer has."""
    names = {a.secret.fingerprint() for a in credential.authenticators}
    kept = {mark for mark in state.spent if "@" not in mark or mark.partition("@")[0] in names}
    return state if len(kept) == len(state.spent) else replace(state, spent=frozenset(kept))


def _unburn(state: UserState, name: str, step: int) -> UserState:
    """Forget burnt steps up to this one."""
    gone = {mark for mark in state.spent if mark.startswith(f"{name}@") and int(mark.rpartition("@")[2]) <= step}
    return replace(state, spent=state.spent - gone) if gone else state
