"""Resynchronising with a phone that is further off than the window: two successive codes let in (RFC 6238 section 6).

A right code from beyond the window is refused and counted like any wrong one, and noted. When one of the next answers
brings the code after it, as far off, the phone has been told from a guess: both together let in. What has to hold:

- No more codes are tried than are paid for. While a code is noted, a try may hit CODES more; it pays for them as well,
  and where its purse cannot, they are not looked at.
- Both steps are newer than all that counts as used: codes that were accepted, or may have been, open nothing again.
- A step that was met too early stays burnt; noted or not, alone it is never accepted.
- The phone is within SHIFT_MAX. One code is noted at a time, for NOTED_SECONDS; locks come first, as for any try.
- A token that goes by a counter has no clock: the second code must be the very next one.
- The person learns nothing: the words for a noted code are those for any other (texts.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from nas2fa.clock import phones
from nas2fa.factors.totp import Match
from nas2fa.login.lockout import can_pay
from nas2fa.login.source import Source
from nas2fa.store.records import Authenticator, Instant, Noted, Phone, UserState

NOTED_SECONDS: Final = 300.0
CODES: Final = 2  # what a noted code lets in: the next one, or the one after it


def awaited(state: UserState, source: Source, boot: float, codes: int) -> Noted | None:
    """The noted code that the next one may follow in this try; `codes` is what the try costs without it."""
    noted = state.noted
    if noted is None or not 0 <= boot - noted.at <= NOTED_SECONDS:
        return None
    return noted if can_pay(state, source, boot, codes + CODES) else None


def note(state: UserState, authenticator: Authenticator, match: Match, now: Instant) -> UserState:
    """The state in which this code is noted, if a phone that shows it may be followed."""
    begin = phones.begin_of(match.step, authenticator.period, now.wall)
    if phones.resynchronised(Phone(authenticator.period), (begin,), now) is None:
        return state
    return replace(state, noted=Noted(authenticator.secret.fingerprint(), match.step, begin, now.boot))


def note_counter(state: UserState, name: str, counter: int, now: Instant) -> UserState:
    """The state in which this code of a token is noted."""
    return replace(state, noted=Noted(name, counter, 0, now.boot))


def next_counter(noted: Noted | None, name: str) -> int | None:
    """The counter whose code lets in after the noted one, if that was of this token."""
    return noted.step + 1 if noted is not None and noted.name == name else None


def completed(
    phone: Phone, noted: Noted | None, authenticator: Authenticator, match: Match, now: Instant
) -> Phone | None:
    """The phone as it is to be followed, if this code is the one after the noted; else None."""
    name, period = authenticator.secret.fingerprint(), authenticator.period
    if noted is None or noted.name != name or not 1 <= match.step - noted.step <= CODES:
        return None
    begin = phones.begin_of(match.step, period, now.wall)
    if abs(begin - noted.begin) >= 2 * period:  # not as far off as the first
        return None
    return phones.resynchronised(phone, (noted.begin, begin), now)
