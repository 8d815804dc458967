"""Whether the clock of this box can be trusted: what servers, kernel and the box's own records say, weighed. Pure.

It decides what is shown and whether a set-up goes ahead, never a login: a forged answer must not shut anybody out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import Final

from nas2fa.clock.words import Fault, Network, Reading

AGREE: Final = 1.0  # seconds that servers which are right may lie apart, beside half of each one's delay
DELAY_MAX: Final = 2.0  # seconds; a longer one comes after the courier's deadline, and would let a liar agree with all
DRIFT: Final = 2.0  # seconds that the clock may be off and be called right
BEHIND: Final = 60.0  # seconds by which a record may be newer than now: a phone ahead of the box, a slewed clock


class State(StrEnum):
    """What the clock is."""

    TRUSTED = "trusted"
    DRIFTING = "drifting"  # servers that are believed say by how much
    UNKNOWN = "unknown"  # nobody who is believed says anything
    BEHIND = "behind"  # the box has records of a later time


class Standing(StrEnum):
    """What comes of one server's answer."""

    BELIEVED = "believed"
    LYING = "lying"  # the others agree, and not with it
    ALONE = "alone"  # the only one that answered
    UNDECIDED = "undecided"  # as many say otherwise
    AGAIN = "again"  # a second name of one that is counted already
    USELESS = "useless"  # its fault says why


@dataclass(frozen=True, slots=True)
class Verdict:
    """`seconds`: true time minus the box's, above 0 the box is behind; None when no servers are believed.

    `standings` are those of the network's readings, in their order. `ahead`: how much newer than now the newest of the
    box's own records is, in seconds, when that proves the state BEHIND; else 0.
    """

    state: State
    seconds: float | None = None
    standings: tuple[Standing, ...] = ()
    ahead: float = 0.0

    def too_far(self, limit: float) -> bool:
        """Whether codes of a phone that is right might not fit. `limit`: seconds the clock may be off."""
        return self.state is State.BEHIND or (self.seconds is not None and abs(self.seconds) > limit)


def judge(synchronised: bool | None, network: Network | None, newest: float, wall: float, whose: str) -> Verdict:
    """Weigh what there is.

    synchronised  the kernel's word; None: it does not say
    network       what was heard of the servers; None: nobody was asked
    newest, wall  unix seconds of the newest record of this box, and of its clock now
    whose         the configuration's `clock`: ntp, kernel or trust
    """
    readings = network.readings if network is not None and whose == "ntp" else ()
    standings, seconds = weigh(readings)
    right = seconds is not None and abs(seconds) <= DRIFT
    if newest - wall > BEHIND and not right:
        return Verdict(State.BEHIND, seconds, standings, newest - wall)
    if seconds is not None:
        return Verdict(State.TRUSTED if right else State.DRIFTING, seconds, standings)
    return Verdict(State.TRUSTED if synchronised or whose == "trust" else State.UNKNOWN, None, standings)


def weigh(readings: Sequence[Reading]) -> tuple[tuple[Standing, ...], float | None]:
    """What comes of each answer, and the offset that is believed.

    Believed is the largest group that agrees, if it is more than half of those that answered and at least two.
    """
    voices = _voices(readings)
    group = _largest(readings, voices)
    believed = len(group) >= 2 and 2 * len(group) > len(voices)
    lost = Standing.LYING if believed else Standing.ALONE if len(voices) == 1 else Standing.UNDECIDED
    standings = []
    for index, reading in enumerate(readings):
        if reading.fault:
            standings.append(Standing.USELESS)
        elif index not in voices:
            standings.append(Standing.AGAIN)
        else:
            standings.append(Standing.BELIEVED if believed and index in group else lost)
    return tuple(standings), median(readings[index].offset for index in group) if believed else None


def _voices(readings: Sequence[Reading]) -> list[int]:
    """The answers that count, each server once, under whatever names it was asked."""
    seen: set[str] = set()
    voices = []
    for index, reading in enumerate(readings):
        who = reading.address or reading.server
        if reading.fault is Fault.NONE and who not in seen:
            seen.add(who)
            voices.append(index)
    return voices


def _largest(readings: Sequence[Reading], voices: Sequence[int]) -> set[int]:
    """The largest group whose ranges have a point in common (Marzullo); of two alike the one that lies closer."""
    ranges = {index: _range(readings[index]) for index in voices}
    groups = [{i for i, (least, most) in ranges.items() if least <= low <= most} for low, _ in ranges.values()]
    return max(groups, key=lambda group: (len(group), -_spread(readings, group)), default=set())


def _range(reading: Reading) -> tuple[float, float]:
    slack = (AGREE + min(max(reading.delay, 0.0), DELAY_MAX)) / 2
    return reading.offset - slack, reading.offset + slack


def _spread(readings: Sequence[Reading], group: set[int]) -> float:
    offsets = [readings[index].offset for index in group]
    return max(offsets) - min(offsets)
