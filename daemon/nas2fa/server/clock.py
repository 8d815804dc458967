"""Looks at the clock: now and then by itself, and when somebody asks. No login asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nas2fa import audit
from nas2fa.clock import telling
from nas2fa.clock.kernel import KernelClock, kernel_word
from nas2fa.clock.now import now
from nas2fa.clock.verdict import State, Verdict, judge
from nas2fa.clock.words import Network
from nas2fa.server import courier
from nas2fa.server.accepting import defect
from nas2fa.server.world import StoreWorld
from nas2fa.store.records import Instant

logger = logging.getLogger(__name__)

FIRST: Final = 60.0  # seconds after the start: time for the network and the time service to come up
EVERY: Final = 6 * 3600.0  # seconds between two looks
OLD: Final = 2 * EVERY  # seconds after which a measurement says nothing any more (a box that slept)
KEPT: Final = 30.0  # seconds for which what was found is good enough for those who are not root
STEP: Final = 1.0  # seconds by which the clock may have been set meanwhile

Times = Callable[[str, Sequence[str]], Awaitable[Network | None]]


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be thought of the clock at a moment, and from what."""

    at: Instant
    verdict: Verdict
    kernel: KernelClock
    network: Network | None  # what was heard of the servers, not before `measured`
    measured: Instant | None
    newest: float  # unix seconds of the newest record
    whose: str  # the options `clock` and `clock_limit` of that moment
    limit: int

    @property
    def head(self) -> str:
        """The verdict in one sentence."""
        return telling.head(self.verdict, self.whose, self.kernel.synchronised, self.newest)

    @property
    def refusal(self) -> str:
        """Why nothing may be set up now; empty when it may."""
        return telling.refusal(self.verdict, self.limit)


class Clock:
    """The verdict on the clock. One measurement at a time, which all share who ask for one meanwhile."""

    def __init__(self, world: StoreWorld, times: Times = courier.times) -> None:
        self._world = world
        self._times = times
        self._network: Network | None = None
        self._measured: Instant | None = None
        self._asking: asyncio.Task[None] | None = None
        self._last: Told | None = None
        self._state = State.TRUSTED  # what the journal was told last: good news at the start are none

    async def look(self, *, measure: bool, anew: bool) -> Told:
        """What is to be thought of the clock. Takes up to the courier's time when it measures. Never raises.

        measure  ask the time servers first, where the configuration has them asked
        anew     not so false: what was found in the last half minute will do
        """
        told = self._last
        if anew or told is None or not self._will_do(told, measure):
            told = await self._looked(measure)
            self._note(told)
        return told

    async def start(self) -> None:
        """Tell of a clock that went back; of all else when the box has come up."""
        told = await self._looked(measure=False)
        if told.verdict.state is State.BEHIND:
            self._note(told)

    async def watch(self) -> None:
        """For ever. It warns and decides no login, so what breaks in it does not end nas2fad."""
        await _unbroken(self.start())
        await asyncio.sleep(FIRST)
        while True:
            await _unbroken(self.look(measure=True, anew=True))
            await asyncio.sleep(EVERY)

    def _will_do(self, told: Told, measure: bool) -> bool:
        moment, config = now(), self._world.config
        same = (told.whose, told.limit) == (config.clock, config.clock_limit) and abs(_set(told.at, moment)) < STEP
        return (
            same
            and _within(told.at, moment, KEPT)
            and (not self._asks(measure) or _within(told.measured, moment, KEPT))
        )

    def _asks(self, measure: bool) -> bool:
        return measure and self._world.config.clock == "ntp"

    async def _looked(self, measure: bool) -> Told:
        if self._asks(measure):
            if self._asking is None:
                self._asking = asyncio.create_task(self._measure())
            await asyncio.shield(self._asking)
        latest = await self._world.newest()
        moment, kernel, config = now(), kernel_word(), self._world.config
        measured = self._measured if _within(self._measured, moment, OLD) else None
        network = _moved(self._network, _set(measured, moment)) if measured is not None else None
        verdict = judge(kernel.synchronised, network, latest, moment.wall, config.clock)
        self._last = Told(moment, verdict, kernel, network, measured, latest, config.clock, config.clock_limit)
        return self._last

    async def _measure(self) -> None:
        try:
            self._network = await self._times(self._world.courier_socket, self._world.config.ntp_servers)
            self._measured = now()
        finally:
            self._asking = None

    def _note(self, told: Told) -> None:
        """A change goes to the journal."""
        state, before = told.verdict.state, self._state
        self._state = state
        if state is not before:
            event = audit.Event.CLOCK_TRUSTED if state is State.TRUSTED else audit.Event.CLOCK_DOUBTED
            audit.emit(event, reason=told.head)


async def _unbroken(looking: Awaitable[object]) -> None:
    try:
        await looking
    except Exception as error:  # noqa: BLE001
        logger.error("the look at the clock met a defect: %s", defect(error))


def _within(then: Instant | None, moment: Instant, seconds: float) -> bool:
    return then is not None and moment.boot - then.boot < seconds


def _set(then: Instant, moment: Instant) -> float:
    """By how many seconds the clock was set forward in between."""
    return (moment.wall - moment.boot) - (then.wall - then.boot)


def _moved(network: Network | None, forward: float) -> Network | None:
    """What the servers would say now that the clock was set."""
    if network is None:
        return None
    return replace(network, readings=tuple(replace(r, offset=r.offset - forward) for r in network.readings))
