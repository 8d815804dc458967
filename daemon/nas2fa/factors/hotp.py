"""Counter-based one-time passwords (RFC 4226): tokens whose codes follow each other by a button, and need no clock.

The counter that counts as used is the last accepted one. A code is looked for ahead of it, as a token moves on by every
press; behind it, to tell a code that was used; and further ahead, where only two in a row let in (section 7.4).
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Final

from nas2fa.factors.totp import codes_at
from nas2fa.store.records import COUNTER_MAX, Authenticator, UserState

# Counters that are accepted: the next one, and three that presses may have skipped. Each is paid for by every guess
# (login/lockout.py); what was pressed more often is found again by two codes in a row.
LOOK_AHEAD: Final = 4
CODES_PER_TRY: Final = LOOK_AHEAD
BACK: Final = 10  # counters in which a used code is told so
RESYNC: Final = 100  # counters in which two codes in a row find the token again
FIRST_AHEAD: Final = 3  # counters that are accepted at set-up, where guesses are not counted


def last_used(authenticator: Authenticator, state: UserState) -> int:
    """The counter up to which all count as used; -1 when none does."""
    return max(state.used.get(authenticator.secret.fingerprint(), -1), (authenticator.counter or 0) - 1)


def find(authenticator: Authenticator, code: str, last: int) -> int | None:
    """The counter of this code, given the last used one: ahead, else behind, else within RESYNC; None for none.

    In each of the three every code is computed and compared, so that time does not tell which one it was.
    """
    ahead, far = last + 1 + LOOK_AHEAD, last + 1 + RESYNC
    for counters in (range(last + 1, ahead), range(max(0, last + 1 - BACK), last + 1), range(ahead, far)):
        found = _matches(authenticator, code, [counter for counter in counters if counter <= COUNTER_MAX])
        if found:
            return found[0]
    return None


def _matches(authenticator: Authenticator, code: str, counters: Sequence[int]) -> list[int]:
    typed = code.encode("ascii")
    codes = zip(counters, codes_at(authenticator, counters), strict=True)
    return [counter for counter, each in codes if hmac.compare_digest(each.encode("ascii"), typed)]
