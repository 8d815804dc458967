"""The time that two codes in a row tell: a search over the time steps, for a box that has lost its own.

One code is right for one step in a million, so for several in ten years; a second one that follows it leaves one.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from nas2fa.factors import totp
from nas2fa.store.records import Authenticator

DAY: Final = 86_400
YEAR: Final = 366 * DAY
AHEAD: Final = 5 * YEAR  # a box that was in a cupboard for longer has its time set by hand
EARLIEST: Final = 1_767_225_600  # 2026-01-01, when there was no nas2fa yet
READING: Final = 10.0  # seconds that pass between the app's showing a code and its arrival here
GAP_MAX: Final = 10  # steps from the first code to the second, for a person who takes long


@dataclass(frozen=True, slots=True)
class Typed:
    """A code and the moment of its arrival, CLOCK_BOOTTIME in seconds."""

    code: str
    boot: float


@dataclass(frozen=True, slots=True)
class Span:
    """Unix seconds from `begin` to before `end`."""

    begin: int
    end: int
    backwards: bool = False  # the latest is the likeliest


@dataclass(frozen=True, slots=True)
class Dated:
    """What two codes tell: whose they are, their steps, and the time at the second one's arrival, unix seconds."""

    authenticator: Authenticator
    steps: tuple[int, int]
    wall: float
    doubt: float  # seconds either way


def spans(wall: float, proven: int) -> list[Span]:
    """Where to look, the likeliest first.

    wall    what the box takes for the time; often it is wrong by hours alone, a time zone
    proven  the newest time that an accepted code or the record itself shows, which may have come from a wrong clock
    """
    proven = max(proven, EARLIEST)
    found = [
        Span(max(int(wall) - DAY, EARLIEST), int(wall) + DAY),
        Span(proven, proven + YEAR),
        Span(EARLIEST, proven, backwards=True),
        Span(proven + YEAR, proven + AHEAD),
    ]
    return [span for span in found if span.begin < span.end]


def pieces(span: Span, length: int) -> Iterator[Span]:
    """The same span in pieces of so many seconds, in the order in which they are to be looked at."""
    starts = range(span.begin, span.end, length)
    for start in reversed(starts) if span.backwards else starts:
        yield Span(start, min(start + length, span.end), span.backwards)


def look(authenticators: Sequence[Authenticator], first: Typed, second: Typed, span: Span) -> Dated | None:
    """The first place in `span` where `second` follows `first`; it computes a code for every step of the span."""
    for authenticator in authenticators:
        if not authenticator.digits == len(first.code) == len(second.code):
            continue
        period = authenticator.period
        steps = range(span.begin // period, -(-span.end // period))
        for step, code in zip(steps, totp.codes_at(authenticator, steps), strict=True):
            if hmac.compare_digest(code, first.code):
                last = _follower(authenticator, step, first, second)
                if last is not None:
                    return Dated(authenticator, (step, last), *_moment(period, (step, last), second.boot - first.boot))
    return None


def _follower(authenticator: Authenticator, step: int, first: Typed, second: Typed) -> int | None:
    """The step of `second` after this one of `first`, given the time between the two."""
    seconds = max(0.0, second.boot - first.boot)
    gap = min(int((seconds + READING) // authenticator.period) + 1, GAP_MAX)
    steps = range(step + 1, step + 1 + gap)
    found = zip(steps, totp.codes_at(authenticator, steps), strict=True)
    return next((s for s, code in found if hmac.compare_digest(code, second.code)), None)


def _moment(period: int, steps: tuple[int, int], between: float) -> tuple[float, float]:
    """The time at the second code's arrival, and the doubt either way: where what both codes allow meets."""
    first, second = steps
    least = max(second * period, first * period + between)
    most = min((second + 1) * period, (first + 1) * period + between) + READING
    most = max(least, most)  # a code that lay about before it was sent says nothing of how late it can be
    return (least + most) / 2, (most - least) / 2
