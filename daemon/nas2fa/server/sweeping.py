"""Looks at the open SMB sessions while there are grants: who is still there keeps the grant, who lost it is cut off."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from nas2fa import audit
from nas2fa.clock.now import now
from nas2fa.control.smb import Session
from nas2fa.login import grants
from nas2fa.server import smb_sessions
from nas2fa.server.world import StoreWorld

PAUSE_MOST: Final = 300.0  # seconds between two looks
RETRY: Final = 15.0  # seconds until sessions that could not be ended are tried again
TRIES: Final = 40  # and how often: for ten minutes and more, then it is no passing trouble


class Sweeper:
    """One task of nas2fad. It runs no program: nas2fa-smb@ does, behind its socket."""

    def __init__(self, world: StoreWorld) -> None:
        self._world = world

    async def run(self) -> None:
        """For ever."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._pause()):
                    await self._world.sweep_now.wait()
            await self.end_lost()
            await self._sweep()

    def _pause(self) -> float:
        """Three looks in the time that a grant may be idle, or a session may last."""
        config = self._world.config
        shortest = min(filter(None, (config.smb_grant_idle, config.smb_session_max)))
        return min(RETRY if self._world.lost else PAUSE_MOST, max(1.0, shortest / 3))

    async def end_lost(self) -> None:
        """Cut off the sessions of grants that a lock, reset or revocation took away. What fails stays to be done."""
        self._world.sweep_now.clear()
        for (uid, address), failed in list(self._world.lost.items()):
            ended = await smb_sessions.end(self._world.smb_socket, uid, address)
            if ended is None and failed + 1 < TRIES:
                self._world.lost[uid, address] = failed + 1
            else:
                self._world.lost.pop((uid, address), None)
            if ended or (ended is None and failed + 1 in (1, TRIES)):  # the first failure is told, and the last
                self._tell(uid, address, "the grant is gone", ended)

    async def _sweep(self) -> None:
        granted = [uid for uid, state in self._world.states.known().items() if state.grants]
        if not granted:
            return
        used = any(g.seen > g.began for uid in granted for g in self._world.state(uid).grants)
        # Nobody has come in by a grant yet: no session to look for, and on a box without Samba none ever.
        live: Sequence[Session] | None = await smb_sessions.sessions(self._world.smb_socket) if used else ()
        open_at: defaultdict[int, set[str]] = defaultdict(set)
        for session in live or ():
            open_at[session.uid].add(session.address)
        terms, boot = self._world.rules().grants, now().boot
        for uid in granted:
            before = self._world.state(uid)
            after = grants.swept(before, None if live is None else open_at[uid], terms, boot)
            if after != before:
                self._world.keep(uid, after)
        await self._end_long_ones(live or ())

    async def _end_long_ones(self, live: Sequence[Session]) -> None:
        """`smb_session_max`: a session that a grant let in is ended after so long; its client may come back by one."""
        most, wall = self._world.config.smb_session_max, now().wall
        if not most:
            return
        old = {(s.uid, s.address) for s in live if wall - s.began > most}
        for uid, address in sorted(old):
            if any(g.address == address for g in self._world.state(uid).grants):
                ended = await smb_sessions.end(self._world.smb_socket, uid, address)
                self._tell(uid, address, "longer than smb_session_max", ended)

    def _tell(self, uid: int, address: str, why: str, ended: int | None) -> None:
        told = "sessions could not be ended" if ended is None else f"{ended} sessions ended"
        user, source = self._world.own_name(uid), address or "everywhere"
        audit.emit(audit.Event.SESSIONS_ENDED, user=user, uid=uid, source=source, reason=f"{why}, {told}")
