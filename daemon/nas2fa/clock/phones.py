"""How far each phone's clock is from this box's: learned from accepted codes, and followed within bounds.

A code of step s that comes at box time t was read from the phone a moment before, so the phone's offset (phone minus
box) is at least s * period - t, whatever the person did. It is below that by the length of a step at the most, and by
the time for reading and typing. Each accepted code gives such a span; where they overlap is the phone.

What has to hold, whatever is learned, true or false:

- The number of codes that may be typed stays the same: the window is moved, never widened.
- |shift| <= SHIFT_MAX, and a code moves it by half a step at the most; only two codes in a row (login/resync.py) move
  it at once.
- A shift is in force only when the disk knows of it (`in_force`). So no code was ever accepted further ahead than
  `Phone.ahead` of what the disk says, and after a power cut clock/floor.py covers them all.
- When the box's own clock is set, a shift is taken back by as much (`at`), never made larger: a jump brings nobody's
  window to where it has not been before.
- The last accepted step lies within the window around `last_reach`, so that a shift that became smaller never looks
  like a clock that went back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from types import MappingProxyType
from typing import Final

from nas2fa.store.records import Instant, Phone, UserState

SHIFT_MAX: Final = 300  # seconds either way
SEEN_MAX: Final = 8  # accepted codes that are remembered of a phone
DELAY: Final = 10  # seconds assumed for reading and typing
KNOWN_CODES: Final = 3  # an offset is known by so many codes
KNOWN_WITHIN: Final = 10  # seconds either way
FOLLOWED: Final = 10  # seconds; what is less than this is left alone, and so is a box of which the phones say less
STEADY: Final = 5  # seconds between shift and offset that are no reason to write a disk
BOX_USERS: Final = 3  # so many phones may tell that it is the box


def begin_of(step: int, period: int, wall: float) -> int:
    """The least offset that a phone can have whose code of this step comes at this moment; seconds."""
    return math.floor(step * period - wall)


def agreeing(seen: Sequence[int], period: int) -> tuple[int, ...]:
    """The latest codes whose spans have something in common: the older ones are of another clock."""
    span, latest = period + DELAY, tuple(seen[-SEEN_MAX:])
    while max(latest, default=0) - min(latest, default=0) > span:
        latest = latest[1:]
    return latest


def middle(seen: Sequence[int], period: int) -> int:
    """The middle of what these codes, which agree, have in common; seconds."""
    return round((max(seen) + min(seen) + period + DELAY) / 2)


def offset_of(phone: Phone) -> int | None:
    """How far the phone's clock is ahead of this box, seconds; None while that is not known."""
    return _known(phone.seen, phone.period)


def at(phone: Phone, now: Instant) -> Phone:
    """The phone as it stands now, when the box's own clock was set since its last code: that moved it, too.

    For looking, and for the record of a code that is accepted; until then the record stays, as clock/floor.py needs it.
    """
    moved = 0 if phone.course is None else now.course - phone.course
    if abs(moved) < FOLLOWED:
        return phone
    seen = tuple([begin - moved for begin in phone.seen])
    return Phone(phone.period, seen, _nearer(phone.shift, moved), _nearer(phone.wanted, moved), now.course)


def with_code(phone: Phone, step: int, now: Instant) -> Phone:
    """The phone, as it stands `at` this moment, after an accepted code: its shift shall follow what is known by now."""
    seen = agreeing((*phone.seen, begin_of(step, phone.period, now.wall)), phone.period)
    offset = _known(seen, phone.period)
    wanted = phone.wanted if offset is None else _followed(phone.shift, offset, phone.period)
    return Phone(phone.period, seen, phone.shift, wanted, now.course)


def resynchronised(phone: Phone, seen: Sequence[int], now: Instant) -> Phone | None:
    """The same after two codes in a row; None when it is further off than may be followed."""
    latest = agreeing(seen, phone.period)
    wanted = middle(latest, phone.period)
    return None if abs(wanted) > SHIFT_MAX else Phone(phone.period, latest, phone.shift, wanted, now.course)


def last_reach(phone: Phone) -> int:
    """As its `ahead`, at the moment of the last accepted code: since then the shift may have become smaller."""
    return phone.ahead + phone.period // 2


def in_force(current: UserState, written: UserState) -> UserState:
    """`current`, with the shifts in force that `written` wants, which is on disk now.

    Only of phones that nothing happened to since it was written: of the others the disk may know another one already.
    """
    settled = {
        name: replace(phone, shift=phone.wanted)
        for name, phone in current.phones.items()
        if phone.shift != phone.wanted and written.phones.get(name) == phone
    }
    return replace(current, phones=MappingProxyType({**current.phones, **settled})) if settled else current


def is_far(offset: int, period: int, window: int) -> bool:
    """Whether a phone deserves a warning: two thirds of the `window` steps either way are used up."""
    return 3 * abs(offset) >= 2 * window * period


def box_offset(offsets: Sequence[float]) -> int | None:
    """How far the phones agree that they are ahead of this box; None when they do not blame it.

    Three users at least, and two thirds of all, on the same side and by more than FOLLOWED.
    """
    off = [each for each in offsets if abs(each) > FOLLOWED]
    side = max([each for each in off if each > 0], [each for each in off if each < 0], key=len)
    if len(side) < BOX_USERS or 3 * len(side) < 2 * len(offsets):
        return None
    seconds = round(median(offsets))
    return seconds if abs(seconds) > FOLLOWED else None


def _known(seen: tuple[int, ...], period: int) -> int | None:
    if len(seen) < KNOWN_CODES or min(seen) + period + DELAY - max(seen) > 2 * KNOWN_WITHIN:
        return None
    return middle(seen, period)


def _nearer(shift: int, moved: int) -> int:
    return max(min(0, shift), min(max(0, shift), shift - moved))


def _followed(shift: int, offset: int, period: int) -> int:
    target = offset if abs(offset) >= FOLLOWED else 0
    if abs(target - shift) < STEADY and target:
        return shift
    nearer = max(shift - period // 2, min(shift + period // 2, target))
    return max(-SHIFT_MAX, min(SHIFT_MAX, nearer))
