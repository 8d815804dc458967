"""Every attempt has an id: its trace is kept in memory for `nas2fa explain`, one record of it goes to the journal."""

from __future__ import annotations

import heapq
import logging
import secrets
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from nas2fa import audit
from nas2fa.clock.now import now
from nas2fa.errors import Reason
from nas2fa.login.attempt import Attempt, Flow, Verdict, World
from nas2fa.login.conversation import converse
from nas2fa.login.protocol import Hello
from nas2fa.login.sharing import is_sharing
from nas2fa.login.source import CONSOLE, source_of
from nas2fa.server.accepting import defect
from nas2fa.shown import shown
from nas2fa.texts import FEW_CODES

logger = logging.getLogger(__name__)

KEPT: Final = 1000  # attempts in memory; older ones stand in the journal
KEPT_OWN: Final = 200  # attempts of programs that are not root, which drive no other out
# Records of attempts that cost their sender nothing. Any user could make 2,500 a second, and journald drops what comes
# from nas2fad above its own limit (RateLimitBurst= of journald.conf(5)): root's logins with it.
FREE_MOST: Final = 30
FREE_SECONDS: Final = 60.0

# Clients of file shares log in again and again, refused or not: the same outcome is told once in a while.
SAME_SECONDS: Final = 60.0
SAME_MOST: Final = 1000  # outcomes that are remembered for it

_EVENTS: Final = {
    "allow": audit.Event.ALLOWED,
    "pass": audit.Event.PASSED,
    "deny": audit.Event.DENIED,
    "locked": audit.Event.LOCKED,
    "expired": audit.Event.DENIED,
    "hidden": audit.Event.DENIED,
    "unavailable": audit.Event.UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Ended:
    """One attempt that is over."""

    attempt: Attempt
    verdict: Verdict
    time: int  # unix seconds

    def row(self) -> dict[str, Any]:
        """For a table: everything but the trace."""
        hello = self.attempt.hello
        return {
            "attempt": self.attempt.id,
            "time": self.time,
            "user": shown(hello.user),
            "uid": hello.uid,
            "service": shown(hello.service),
            "phase": hello.phase,
            "source": shown(self.attempt.source.key),
            "verdict": self.verdict.word,
            "reason": str(self.verdict.reason),
        }

    @property
    def by_a_door(self) -> bool:
        """True for a login by ssh or at the console; su, sudo and rehearsals need somebody who is in already."""
        attempt = self.attempt
        ssh = attempt.hello.service == "sshd" and bool(attempt.hello.rhost)
        return attempt.login and attempt.peer_is_root and (ssh or attempt.source == CONSOLE)

    def entry(self) -> dict[str, Any]:
        """For the verb `accepted`."""
        return {
            "user": shown(self.attempt.hello.user),
            "uid": self.attempt.hello.uid,
            "service": shown(self.attempt.hello.service),
            "source": shown(self.attempt.source.key),
            "boot": self.attempt.began.boot,
        }

    def whole(self) -> Mapping[str, Any]:
        """The row and the trace of its decision."""
        return {**self.row(), "trace": list(self.attempt.trace)}


class Attempts:
    """Starts attempts and remembers how they ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ended: deque[Ended] = deque(maxlen=KEPT)
        self._own: deque[Ended] = deque(maxlen=KEPT_OWN)
        # The latest of each uid, where no other attempts can drive it out: confirming a switch needs it.
        self._came_in: dict[int | None, Ended] = {}
        self._free: deque[float] = deque(maxlen=FREE_MOST)  # CLOCK_BOOTTIME of the latest free records
        self._flooded = False
        self._told: dict[tuple[int | None, str, str], tuple[Reason, float]] = {}  # and CLOCK_BOOTTIME of the record

    def run(self, hello: Hello, peer_is_root: bool) -> Flow:
        """The conversation for this hello, recorded however it ends."""
        return self._recorded(Attempt(new_id(), hello, peer_is_root, now()))

    def rehearse(self, hello: Hello, peer_is_root: bool, attempt_id: str) -> Flow:
        """The same on the control socket, where nobody gets in by it. `attempt_id`: of `new_id`."""
        return self._recorded(Attempt(attempt_id, hello, peer_is_root, now(), login=False))

    def _recorded(self, attempt: Attempt) -> Flow:
        try:
            verdict = yield from converse(attempt, self._world)
        except GeneratorExit:
            self._record(attempt, Verdict("deny", Reason.ABORTED))
            raise
        except Exception as error:  # noqa: BLE001  a defect is a refusal, not the end of the daemon
            logger.error("attempt %s ended by a defect: %s", attempt.id, defect(error))
            verdict = Verdict("unavailable", Reason.INTERNAL)
        self._record(attempt, verdict)
        return verdict

    def refused(self, hello: Hello, peer_is_root: bool, word: str, reason: Reason) -> Verdict:
        """An attempt that is over before a conversation began."""
        attempt = Attempt(new_id(), hello, peer_is_root, now())
        attempt.source = source_of(hello, peer_is_root, self._world.rules().console)
        attempt.note(f"refused before the first question: {reason}")
        verdict = Verdict(word, reason)
        self._record(attempt, verdict)
        return verdict

    def find(self, attempt_id: str) -> Ended | None:
        """The attempt of that id, when it is still in memory."""
        return next((e for e in (*self._ended, *self._own) if e.attempt.id == attempt_id), None)

    def accepted(self, since: float) -> list[Ended]:
        """Who came in by ssh or at the console since `since` (CLOCK_BOOTTIME) with a code: the latest of each uid."""
        found = (e for e in self._came_in.values() if e.attempt.began.boot >= since)
        return sorted(found, key=lambda e: e.attempt.began.boot)

    def latest(self, limit: int) -> list[Ended]:
        """The latest attempts, newest first."""
        both = heapq.merge(reversed(self._ended), reversed(self._own), key=lambda e: e.time, reverse=True)
        return [e for _, e in zip(range(limit), both, strict=False)]

    def _record(self, attempt: Attempt, verdict: Verdict) -> None:
        if verdict.word == "ignore" and not attempt.exemption:
            return  # an account phase with nothing to say: cron would fill the journal with it
        if attempt.hello.phase == "split" and verdict.word == "pass":
            return  # it only told where the code begins; whether one is asked is the auth phase's to say, in a moment
        if is_sharing(attempt.hello, attempt.peer_is_root) and self._just_told(attempt, verdict):
            return
        self._keep(Ended(attempt, verdict, int(time.time())))
        if not self._worth_a_record(attempt):
            return
        event = audit.Event.EXEMPTED if attempt.exemption else _EVENTS[verdict.word]
        if verdict.reason in (Reason.ABORTED, Reason.TIMEOUT):
            event = audit.Event.ABANDONED
        audit.emit(
            event,
            attempt=attempt.id,
            user=attempt.hello.user,
            uid=attempt.hello.uid,
            service=attempt.hello.service,
            source=attempt.source.key,
            reason=str(verdict.reason),
            verdict=verdict.word,
            phase=attempt.hello.phase,
            exemption=attempt.exemption,
            trace="\n".join(attempt.trace),
        )
        for more, why in _further(attempt, verdict):
            audit.emit(
                more,
                attempt=attempt.id,
                user=attempt.hello.user,
                uid=attempt.hello.uid,
                service=attempt.hello.service,
                source=attempt.opened or attempt.source.key,
                reason=why,
            )

    def _keep(self, ended: Ended) -> None:
        attempt = ended.attempt
        (self._ended if attempt.peer_is_root else self._own).append(ended)
        if ended.verdict.word == "allow" and ended.by_a_door:
            latest = self._came_in.get(attempt.hello.uid, ended)
            if attempt.began.boot >= latest.attempt.began.boot:
                self._came_in[attempt.hello.uid] = ended

    def _just_told(self, attempt: Attempt, verdict: Verdict) -> bool:
        """Whether the last record of this user, source and service was the same, a moment ago; notes it if not."""
        boot, key = attempt.began.boot, (attempt.hello.uid, attempt.source.key, attempt.hello.service)
        reason, at = self._told.get(key, (None, 0.0))
        if reason is verdict.reason and boot - at < SAME_SECONDS:
            return True
        if len(self._told) >= SAME_MOST:
            self._told = {k: told for k, told in self._told.items() if boot - told[1] < SAME_SECONDS}
        if len(self._told) < SAME_MOST:
            self._told[key] = (verdict.reason, boot)
        return False

    def _worth_a_record(self, attempt: Attempt) -> bool:
        """False for a free attempt of a program that is not root when there were too many; the first of them is told.

        Good codes and guesses are never free: a code is good once, and the budget of guesses ends.
        """
        outcome = attempt.outcome
        if attempt.peer_is_root or (outcome is not None and (outcome.guess or outcome.reason is Reason.OK)):
            return True
        boot = now().boot
        if len(self._free) == FREE_MOST and boot - self._free[0] < FREE_SECONDS:
            if not self._flooded:
                audit.emit(audit.Event.FLOOD, by=attempt.hello.uid, reason=f"more than {FREE_MOST} a minute")
            self._flooded = True
            return False
        self._free.append(boot)
        self._flooded = False
        return True


def _further(attempt: Attempt, verdict: Verdict) -> Iterator[tuple[audit.Event, str]]:
    """What else an attempt did that has a record of its own, and the reason for that."""
    left = attempt.outcome.left if attempt.outcome is not None else None
    if verdict.word == "allow" and left is not None:
        yield audit.Event.RECOVERY_USED, f"{left} left"
        if left == FEW_CODES:  # codes go one by one, so each set passes here once
            yield audit.Event.RECOVERY_LOW, f"{left} left"
    if verdict.word == "allow" and attempt.opened:
        yield audit.Event.SHARES_OPENED, str(verdict.reason)
    if verdict.reason is Reason.NO_GRANT and attempt.new_place:
        yield audit.Event.SHARES_KNOCKED, str(verdict.reason)


def new_id() -> str:
    """An id for an attempt: what the person can tell the administrator."""
    return secrets.token_hex(4)
