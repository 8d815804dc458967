"""The floor of used time steps: what makes an accepted code one that is never accepted again.

The state of /run ends with a power cut, and with it the last accepted step. What is sure then is that nothing was
accepted since this state began; so every code of before counts as used. "Before" is worked out at each try from the
time that has run since (CLOCK_BOOTTIME, which nobody sets) and the wall clock of this very moment, the one by which
the code is judged. An anchor in wall clock time, noted at the start, is wrong as soon as NTP corrects a slow RTC; an
anchor at the boot is wrong in a container, which has the host's boot.
"""

from __future__ import annotations

from nas2fa.store.records import Instant


def floor_step(
    used: int | None, began: float, now: Instant, period: int, window: int, *, born: bool = False, ahead: int = 0
) -> int:
    """The highest time step that counts as used; a code is acceptable only above it.

    used    last accepted step of this secret, None when none is known
    began   CLOCK_BOOTTIME at which the state began, seconds
    period  seconds; window: steps accepted on either side of now
    born    the secret was made in this state's life, so it cannot have been used before it
    ahead   seconds, 0 or more: codes may have been looked for so far ahead of the box's clock (clock/phones.py)
    """
    known = used if used is not None else -1
    if born:
        return known
    began_wall = now.wall - (now.boot - began)
    return max(known, int((began_wall + ahead) // period) + window)
