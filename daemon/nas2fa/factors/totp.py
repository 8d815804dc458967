"""Time-based one-time passwords (RFC 6238) on our own integer time step.

pyotp computes the codes by `generate_otp(step)`. Its `verify()` is never called: up to 2.9 it goes through local time
and refuses every right code for an hour when summer time ends.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import pyotp

from nas2fa.store.records import Authenticator, Instant

WINDOW: Final = 1  # steps accepted before and after the current one (RFC 6238 section 5.2)
CODES_PER_TRY: Final = 2 * WINDOW + 1
REACH: Final = 10  # steps either way in which a wrong code is told OLD or FUTURE; never more: it is an oracle
DIGESTS: Final = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
DIGITS: Final = (6, 8)
PERIODS: Final = (30, 60)


@dataclass(frozen=True, slots=True)
class Match:
    """The step whose code was typed, and how many steps it is from the phone's now (below 0: the past)."""

    step: int
    offset: int


def step_at(authenticator: Authenticator, now: Instant, shift: int = 0) -> int:
    """The time step T of RFC 6238 section 4.2, T0 = 0, on a phone that is `shift` seconds ahead."""
    return int((now.wall + shift) // authenticator.period)


def code_at(authenticator: Authenticator, step: int) -> str:
    """The code of one step, with leading zeros."""
    return _RawKey(authenticator).generate_otp(step)


def codes_at(authenticator: Authenticator, steps: Iterable[int]) -> Iterator[str]:
    """The codes of many steps, in their order; the key is prepared once for all of them."""
    otp = _RawKey(authenticator)
    return (otp.generate_otp(step) for step in steps)


def find(authenticator: Authenticator, code: str, now: Instant, shift: int = 0) -> Match | None:
    """Where this code stands, nearest steps first; None when it is not within REACH or the clock is before 1970.

    Steps are counted from the present one of a phone that is `shift` seconds ahead: that moves the window, and leaves
    it as wide as it was. REACH is that of the box's own clock, so a phone that was set right is found in it again.

    Within the window every step is computed and compared, so that time does not tell which one matched.
    """
    current = step_at(authenticator, now, shift)
    window = _matches(authenticator, code, current, range(-WINDOW, WINDOW + 1))
    if window:
        return window[0]
    moved = current - step_at(authenticator, now)
    beyond = [o for o in range(-REACH - moved, REACH - moved + 1) if abs(o) > WINDOW]
    return next(iter(_matches(authenticator, code, current, beyond)), None)


def _matches(authenticator: Authenticator, code: str, current: int, offsets: Iterable[int]) -> list[Match]:
    typed, otp = code.encode("ascii"), _RawKey(authenticator)
    steps = [(current + o, o) for o in sorted(offsets, key=abs) if current + o >= 0]
    return [Match(step, o) for step, o in steps if hmac.compare_digest(otp.generate_otp(step).encode("ascii"), typed)]


class _RawKey(pyotp.OTP):
    """pyotp on the key itself: it would decode its base32 anew for each code, which takes as long as the HMAC."""

    def __init__(self, authenticator: Authenticator) -> None:
        super().__init__("", digits=authenticator.digits, digest=DIGESTS[authenticator.algorithm])
        self._key = authenticator.secret.reveal()

    def byte_secret(self) -> bytes:
        """The secret as pyotp's own method gives it, decoded."""
        return self._key
