"""Every attempt has an id: its trace is kept in memory for `nas2fa explain`, one record of it goes to the journal."""

from __future__ import annotations

import logging
import secrets
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from nas2fa import audit
from nas2fa.clock.now import now
from nas2fa.errors import Reason
from nas2fa.login.conversation import Attempt, Flow, Verdict, World, converse
from nas2fa.login.protocol import Hello
from nas2fa.server.accepting import defect

logger = logging.getLogger(__name__)

KEPT: Final = 1000  # attempts in memory; older ones stand in the journal

_EVENTS: Final = {
    "allow": audit.Event.ALLOWED,
    "pass": audit.Event.PASSED,
    "deny": audit.Event.DENIED,
    "locked": audit.Event.LOCKED,
    "expired": audit.Event.DENIED,
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
            "user": hello.user,
            "uid": hello.uid,
            "service": hello.service,
            "phase": hello.phase,
            "source": self.attempt.source.key,
            "verdict": self.verdict.word,
            "reason": str(self.verdict.reason),
        }

    def whole(self) -> Mapping[str, Any]:
        """The row and the trace of its decision."""
        return {**self.row(), "trace": list(self.attempt.trace)}


class Attempts:
    """Starts attempts and remembers how they ended."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ended: deque[Ended] = deque(maxlen=KEPT)

    def run(self, hello: Hello, peer_is_root: bool) -> Flow:
        """The conversation for this hello, recorded however it ends."""
        attempt = Attempt(secrets.token_hex(4), hello, peer_is_root, now())
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
        attempt = Attempt(secrets.token_hex(4), hello, peer_is_root, now())
        attempt.note(f"refused before the first question: {reason}")
        verdict = Verdict(word, reason)
        self._record(attempt, verdict)
        return verdict

    def find(self, attempt_id: str) -> Ended | None:
        """The attempt of that id, when it is still in memory."""
        return next((e for e in self._ended if e.attempt.id == attempt_id), None)

    def latest(self, limit: int) -> list[Ended]:
        """The latest attempts, newest first."""
        return [e for _, e in zip(range(limit), reversed(self._ended), strict=False)]

    def _record(self, attempt: Attempt, verdict: Verdict) -> None:
        if verdict.word == "ignore":
            return  # an account phase with nothing to say: cron would fill the journal with it
        self._ended.append(Ended(attempt, verdict, int(time.time())))
        event = _EVENTS[verdict.word]
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
            trace="\n".join(attempt.trace),
        )
        if verdict.word == "allow" and attempt.outcome is not None and attempt.outcome.factor == "recovery":
            audit.emit(
                audit.Event.RECOVERY_USED,
                attempt=attempt.id,
                user=attempt.hello.user,
                uid=attempt.hello.uid,
                service=attempt.hello.service,
                source=attempt.source.key,
            )
