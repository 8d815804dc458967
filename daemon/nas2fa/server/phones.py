"""What the clocks of all phones say together: of each other, and of this box. In memory; it warns and decides nothing.

Nobody can forge it alone: it hears of right codes only, and it takes three users to blame the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from nas2fa import audit, texts
from nas2fa.clock import phones
from nas2fa.errors import Reason
from nas2fa.factors.totp import PERIODS, WINDOW
from nas2fa.login.attempt import Attempt
from nas2fa.login.judgement import Outcome
from nas2fa.store.records import Instant, Phone, UserState

DAY: Final = 86_400.0  # seconds between two records of the same
HEARD_SECONDS: Final = 7 * DAY  # who has not logged in for longer tells nothing of today's clock
SUSPECT_SECONDS: Final = 3600.0  # within which wrong codes of several users count as one matter
SUSPECT_USERS: Final = 3
ALIKE: Final = max(PERIODS)  # seconds; wrong codes that are off by the same, as far as a code can tell


@dataclass(frozen=True, slots=True)
class Heard:
    """How far somebody's phone was ahead of this box, seconds; when (CLOCK_BOOTTIME), and the box's clocks then."""

    offset: int
    boot: float
    course: int

    def by(self, at: Instant) -> int:
        """How far it is ahead now, where the box's clock was set since."""
        return self.offset - (at.course - self.course)


class Watch:
    """Hears of every judged answer. All times are CLOCK_BOOTTIME seconds."""

    def __init__(self, known: Mapping[int, UserState], at: Instant) -> None:
        self._offsets: dict[int, Heard] = {}  # uid -> offset of their phone
        self._wrong: dict[int, Heard] = {}  # uid -> how far off their latest wrong code was
        self._told: dict[str, float] = {}  # what has a record -> when it was written
        for uid, state in known.items():
            self._remember(uid, state, at)

    def heard(self, attempt: Attempt, uid: int, outcome: Outcome, at: Instant) -> int | None:
        """Take one outcome in, and write what is worth a record.

        How far the phones agree that they are ahead of this box, seconds; None when it is not the box.
        """
        if outcome.reason in (Reason.OLD, Reason.FUTURE):
            self._wrong[uid] = Heard(outcome.off, at.boot, at.course)
            self._suspect(attempt, at)
        if outcome.reason is not Reason.OK or outcome.phone is None:
            return None
        if not outcome.resynced:
            self._wrong.clear()
        offset = outcome.offset
        if offset is None:
            return None
        self._offsets[uid] = Heard(offset, at.boot, at.course)
        box = self.box_offset(at) if abs(offset) > phones.FOLLOWED else None
        if box is not None:
            self._once("box", at.boot, audit.Event.CLOCK_PHONES, reason=self._of_all(box, at))
        if phones.is_far(offset, outcome.phone.period, WINDOW):
            self._once(
                outcome.name,
                at.boot,
                audit.Event.PHONE_OFF,
                user=attempt.hello.user,
                uid=uid,
                attempt=attempt.id,
                reason=f"{_exact(offset)} this box",
            )
        return box

    def summary(self, at: Instant) -> dict[str, Any]:
        """For root: users whose phone is known, how many of them are off, by how much the box is; seconds or null.

        suspect: wrong codes of several users were all as far off, this far; seconds or null.
        """
        offsets = self._fresh(at)
        return {
            "known": len(offsets),
            "off": sum(abs(offset) > phones.FOLLOWED for offset in offsets),
            "seconds": self.box_offset(at),
            "suspect": self._suspected(at),
        }

    def box_offset(self, at: Instant) -> int | None:
        """How far the phones agree that they are ahead of this box; None when they do not."""
        return phones.box_offset(self._fresh(at))

    def _remember(self, uid: int, state: UserState, at: Instant) -> None:
        """The phone of the latest code; a step that is used tells when it was."""
        came = [(state.used.get(name, 0) * phone.period, phone) for name, phone in state.phones.items()]
        wall, phone = max(came, key=lambda each: each[0], default=(0, Phone()))
        offset, age = phones.offset_of(phone), max(0.0, at.wall - wall)
        if offset is not None and age < HEARD_SECONDS:
            self._offsets[uid] = Heard(offset, at.boot - age, at.course if phone.course is None else phone.course)

    def _fresh(self, at: Instant) -> list[int]:
        return [heard.by(at) for heard in self._offsets.values() if at.boot - heard.boot < HEARD_SECONDS]

    def _of_all(self, box: int, at: Instant) -> str:
        offsets = self._fresh(at)
        side = sum(offset * box > 0 and abs(offset) > phones.FOLLOWED for offset in offsets)
        return f"{side} of {len(offsets)} phones are {_exact(box)} it"

    def _suspect(self, attempt: Attempt, at: Instant) -> None:
        off = self._suspected(at)
        if off is None:
            return
        said = f"wrong codes of {SUSPECT_USERS} users or more are all right for a time {_exact(off)} it"
        attempt.note(f"the clock of this box is suspect: {said}")
        self._once("suspect", at.boot, audit.Event.CLOCK_SUSPECT, attempt=attempt.id, reason=said)

    def _suspected(self, at: Instant) -> int | None:
        self._wrong = {uid: each for uid, each in self._wrong.items() if at.boot - each.boot < SUSPECT_SECONDS}
        offs = [each.by(at) for each in self._wrong.values()]
        for off in offs:
            alike = [other for other in offs if abs(other - off) <= ALIKE // 2]
            if len(alike) >= SUSPECT_USERS:
                return round(median(alike))
        return None

    def _once(self, what: str, boot: float, event: audit.Event, **fields: object) -> None:
        self._told = {told: when for told, when in self._told.items() if boot - when < DAY}
        if what not in self._told:
            self._told[what] = boot
            audit.emit(event, **fields)


def _exact(seconds: int) -> str:
    return f"{abs(seconds)} s {texts.side(seconds)}"
