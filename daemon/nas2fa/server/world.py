"""The world behind the conversations: credentials, state and their way to the disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, TypeVar

from nas2fa import audit
from nas2fa.clock import phones
from nas2fa.clock.floor import floor_step
from nas2fa.clock.now import now
from nas2fa.clock.phones import SHIFT_MAX
from nas2fa.config import Config
from nas2fa.errors import Reason, StoreError
from nas2fa.factors.totp import WINDOW
from nas2fa.interfaces import own_addresses
from nas2fa.login import grants
from nas2fa.login.attempt import Attempt, Rules
from nas2fa.login.grants import Terms
from nas2fa.login.judgement import Outcome
from nas2fa.login.lockout import Limits
from nas2fa.login.source import Console
from nas2fa.network import Own
from nas2fa.paths import Paths
from nas2fa.server import trial
from nas2fa.server.accepting import defect
from nas2fa.server.phones import Watch
from nas2fa.store.credentials import Credentials
from nas2fa.store.exemptions import Exemptions
from nas2fa.store.newest import newest
from nas2fa.store.records import EMPTY_STATE, Authenticator, Credential, Exemption, Instant, UserState
from nas2fa.store.state import State

logger = logging.getLogger(__name__)

BEHIND: Final = 0.1  # seconds for which the disk waits: a burst of logins is let in first, and only then written

T = TypeVar("T")


class StoreWorld:
    """The World of login/conversation.py over real files. All methods but `durable` and `off_loop` run on the loop."""

    def __init__(self, paths: Paths, config: Config, credentials: Credentials, state: State) -> None:
        self._paths = paths
        self.config = config
        self.credentials = credentials
        self.states = state
        self.exempted = Exemptions(paths)
        self._watch = Watch(state.known(), now())
        self._writer = ThreadPoolExecutor(1, "writer")  # one, so that writes of a record never overtake each other
        self._removals: Counter[int] = Counter()
        self._wake = asyncio.Event()
        self._wake.set()  # what an earlier process left in /run alone
        self._waiting: set[int] = set()  # uids whose marks are to be written
        self.smb_socket = paths.socket("smb")
        self.courier_socket = paths.socket("courier")
        # uid and address (empty: all) of grants whose sessions are to be ended, and how often that has failed
        self.lost: dict[tuple[int, str], int] = {}
        self.sweep_now = asyncio.Event()

    def rules(self) -> Rules:
        """The configuration of this moment, as the conversation needs it."""
        c = self.config
        limits = Limits(c.deny, c.fail_interval, c.unlock_time)
        terms = Terms(c.smb_grant_idle, c.smb_grant_max, c.smb_deny == "hidden", c.smb_opened_by_ssh)
        return Rules(limits, c.unenrolled, Console(c.display_managers, c.console_ptys), c.rule, terms)

    def exemptions(self) -> tuple[Exemption, ...]:
        """What root has exempted; none when the file cannot be read (`nas2fa health` says so)."""
        return self.exempted.current()

    def own(self) -> Own:
        """The box's own addresses and gateways, as the kernel has them now."""
        return own_addresses()

    def load(self, uid: int, user: str | None) -> Credential:
        """The credential, read from its file each time: what was reset a moment ago is gone. StoreError."""
        return self.credentials.load(uid, user)

    def own_name(self, uid: int) -> str:
        """What to call a peer that is not root, whose word is not believed: the record's name, else `#uid`."""
        with contextlib.suppress(StoreError):
            return self.load(uid, None).user or f"#{uid}"
        return f"#{uid}"

    def state(self, uid: int) -> UserState:
        """The state of this moment, from memory."""
        return self.states.get(uid)

    def update(self, uid: int, user: str | None, fn: Callable[[Credential, UserState], tuple[UserState, T]]) -> T:
        """Load, apply, keep: nothing else runs in between, as there is no await. StoreError from the load."""
        self.states.follow(now())  # a volume that was at another box meanwhile begins a new life of the state
        credential, before = self.load(uid, user), self.state(uid)
        after, answer = fn(credential, before)
        if after != before:
            self.put(uid, after)
        return answer

    def recovery_fault(self, uid: int) -> Reason | None:
        """Why the used recovery codes are not known, if so."""
        return self.states.marks_fault(uid)

    def put(self, uid: int, state: UserState) -> None:
        """Keep a state: memory and /run now, the disk behind the verdict. Who lost a grant loses its sessions."""
        self._note_lost(uid, state)
        self.keep(uid, state)

    def keep(self, uid: int, state: UserState) -> None:
        """As put, where grants are over and nobody is to be cut off."""
        self.states.put(uid, state)
        self._wake.set()

    def trial(self, uid: int, boot: float) -> float:
        """Seconds until the second step switches itself off, when this admin has to confirm it; else 0."""
        return trial.seconds_left(self._paths.trial, uid, boot)

    def floor(self, uid: int, authenticator: Authenticator, state: UserState, at: Instant) -> int:
        """The last step that counts as used (clock/floor.py); what was made in this state's life has only its own.

        While the disk's word on this user cannot be read, their phone may have been as far ahead as any.
        """
        name = authenticator.secret.fingerprint()
        used, born, phone = state.used.get(name), self.states.born(name), state.phones.get(name)
        known = phone.ahead if phone else 0
        ahead = known if self.states.settled(uid) else SHIFT_MAX
        return floor_step(used, self.states.began, at, authenticator.period, WINDOW, born=born, ahead=ahead)

    def heard(self, attempt: Attempt, uid: int, outcome: Outcome, at: Instant) -> int | None:
        """Let the watch over all phones hear of an outcome; how far the box is behind them, if it is the box.

        It only warns, so a defect of it refuses nobody.
        """
        try:
            return self._watch.heard(attempt, uid, outcome, at)
        except Exception as error:  # noqa: BLE001
            logger.error("the watch over phones met a defect: %s", defect(error))
            return None

    def phones(self) -> dict[str, Any]:
        """What the phones of all users say of this box's clock; see Watch.summary."""
        return self._watch.summary(now())

    def save(self, credential: Credential) -> Credential:
        """Write a credential; waits for the disk, so it belongs into the writer's thread."""
        return self.credentials.save(credential)

    def remove(self, uid: int) -> None:
        """Delete a credential; waits for the disk, so it belongs into the writer's thread.

        Counted there as well: a wizard's save runs in the same thread, so it comes wholly before or wholly after.
        """
        self._removals[uid] += 1
        self.credentials.remove(uid)

    def forget(self, uid: int) -> None:
        """Drop what happened to this user, but for used steps and codes."""
        self._note_lost(uid, EMPTY_STATE)
        self.states.forget(uid)
        self._wake.set()

    def removals(self, uid: int) -> int:
        """How often this user's record was removed since the start: a wizard from before that arms nothing."""
        return self._removals[uid]

    def mark_born(self, fingerprint: str) -> None:
        """Note that a secret was made just now."""
        self.states.mark_born(fingerprint)

    def _note_lost(self, uid: int, after: UserState) -> None:
        for address in grants.lost(self.states.get(uid), after):
            self.lost[uid, address] = 0
            self.sweep_now.set()

    async def durable(self, uid: int) -> bool:
        """Put this user's marks on disk now; False when the disk would not."""
        return await self._carry(uid)

    async def newest(self) -> float:
        """The newest moment that the records of this box prove, unix seconds (store/newest.py)."""
        return await self.off_loop(partial(newest, self._paths))

    async def off_loop(self, work: Callable[[], T]) -> T:
        """Run blocking work in the writer's thread. Once asked for it is done, even if nobody waits any more."""
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._writer, work))

    async def write_behind(self) -> None:
        """Forever: carry to the disk what was put, a moment later, together where it came together."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(BEHIND)
            self._wake.clear()
            self._waiting |= self.states.take_dirty()
            while self._waiting:  # taken one by one: at a stop, `close` finds those whose turn has not come
                uid = self._waiting.pop()
                if not await self._carry(uid) and self._asks(uid):
                    audit.emit(audit.Event.STORE_FAULT, uid=uid, reason=Reason.WRITE_FAILED)

    def _asks(self, uid: int) -> bool:
        """False when it is certain that this user needs no code: then there are no marks to be kept."""
        try:
            return self.load(uid, None).armed
        except StoreError:
            return True

    def close(self) -> None:
        """At SIGTERM: the marks that are still only in /run go to disk, then the writer ends."""
        for uid in self._waiting | self.states.take_dirty():
            self._writer.submit(self.states.flush, uid, self.states.get(uid), now())
        self._writer.shutdown(wait=True)

    async def _carry(self, uid: int) -> bool:
        """Put what is in memory now on disk; what it wants of the phones' shifts is in force from then on."""
        state, at = self.states.get(uid), now()
        written = await self.off_loop(lambda: self.states.flush(uid, state, at))
        if written:
            current = self.states.get(uid)
            after = phones.in_force(current, state)
            if after != current:
                self.keep(uid, after)
        return written
