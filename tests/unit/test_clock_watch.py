"""nas2fad and its clock: who asks the servers, how often, and what the journal is told."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from nas2fa.clock.now import now
from nas2fa.clock.verdict import State
from nas2fa.clock.words import Network, Reading
from nas2fa.config import Config
from nas2fa.paths import Paths
from nas2fa.server import clock
from nas2fa.server.clock import KEPT, OLD, Clock
from nas2fa.server.world import StoreWorld
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import Marks
from nas2fa.store.newest import newest
from nas2fa.store.records import Instant
from nas2fa.store.state import State as Stored


@dataclass
class Courier:
    """What the servers say; `asked` holds whom they were asked of."""

    offset: float | None = 0.0
    asked: list[Sequence[str]] = field(default_factory=list)
    gate: asyncio.Event | None = None

    async def __call__(self, path: str, servers: Sequence[str]) -> Network | None:
        self.asked.append(servers)
        if self.gate is not None:
            await self.gate.wait()
        if self.offset is None:
            return None
        return Network(tuple(Reading(f"s{n}", f"10.0.0.{n}", offset=self.offset) for n in range(3)), (), "chrony")


@dataclass
class Hands:
    """The box's two clocks, moved by the test."""

    shift: float = 0.0  # of both
    set: float = 0.0  # of the wall clock alone

    def __call__(self) -> Instant:
        moment = now()
        return Instant(moment.wall + self.shift + self.set, moment.boot + self.shift)


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    hands = Hands()
    monkeypatch.setattr(clock, "now", hands)
    return hands


@pytest.fixture
def world(paths: Paths) -> StoreWorld:
    marks = Marks(paths)
    return StoreWorld(paths, Config(), Credentials(paths, marks), Stored(paths, marks))


def told(capfd: pytest.CaptureFixture[str]) -> list[str]:
    records = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    return [record["event"] for record in records if record["event"].startswith("CLOCK_")]


def look(watch: Clock, *, measure: bool = True, anew: bool = True) -> clock.Told:
    return asyncio.run(watch.look(measure=measure, anew=anew))


def test_the_servers_of_the_configuration_are_asked(world: StoreWorld) -> None:
    world.config = replace(world.config, ntp_servers=("a", "b"))
    courier = Courier()
    assert look(Clock(world, courier)).verdict.state is State.TRUSTED
    assert courier.asked == [("a", "b")]


@pytest.mark.parametrize("whose", ["kernel", "trust"])
def test_no_packet_is_sent_where_the_configuration_says_so(world: StoreWorld, whose: str) -> None:
    world.config = replace(world.config, clock=whose)
    courier = Courier(20.0)
    found = look(Clock(world, courier))
    assert (courier.asked, found.network, found.verdict.seconds) == ([], None, None)


def test_who_is_not_root_gets_what_was_found_in_the_last_half_minute(world: StoreWorld, hands: Hands) -> None:
    watch = Clock(world, courier := Courier())
    for shift in (0.0, 1.0, KEPT - 1):
        hands.shift = shift
        look(watch, anew=False)
    assert len(courier.asked) == 1
    hands.shift = KEPT + 1
    look(watch, anew=False)
    assert len(courier.asked) == 2
    look(watch, anew=True)
    assert len(courier.asked) == 3


def test_what_was_found_without_asking_is_no_answer_to_who_wants_to_measure(world: StoreWorld, hands: Hands) -> None:
    watch = Clock(world, courier := Courier())
    assert look(watch, measure=False).measured is None
    assert look(watch, anew=False).verdict.seconds == pytest.approx(0.0, abs=0.1)
    hands.shift = KEPT + 1
    look(watch, measure=False)  # judged a moment ago, measured long before
    look(watch, anew=False)
    assert len(courier.asked) == 2


def test_a_clock_that_was_set_meanwhile_is_looked_at_again(world: StoreWorld, hands: Hands) -> None:
    watch = Clock(world, Courier(20.0))
    assert look(watch).verdict.state is State.DRIFTING
    hands.set = 20.0
    found = look(watch, measure=False, anew=False)
    assert found.verdict.state is State.TRUSTED
    assert found.verdict.seconds == pytest.approx(0.0, abs=0.1)


def test_a_measurement_of_long_ago_says_nothing(world: StoreWorld, hands: Hands) -> None:
    watch = Clock(world, Courier(20.0))
    look(watch)
    hands.shift = OLD - 1
    assert look(watch, measure=False).verdict.seconds == pytest.approx(20.0, abs=0.1)
    hands.shift = OLD + 1
    assert look(watch, measure=False).network is None


def test_all_who_ask_at_once_share_one_measurement(world: StoreWorld) -> None:
    async def ask() -> list[clock.Told]:
        courier.gate = asyncio.Event()
        asking = [asyncio.create_task(watch.look(measure=True, anew=True)) for _ in range(5)]
        await asyncio.sleep(0)
        asking[0].cancel()  # who asked first may leave
        await asyncio.sleep(0)
        courier.gate.set()
        return await asyncio.gather(*asking[1:])

    watch = Clock(world, courier := Courier(20.0))
    assert {found.verdict.state for found in asyncio.run(ask())} == {State.DRIFTING}
    assert len(courier.asked) == 1


def test_a_courier_that_is_away_leaves_it_to_the_kernel(world: StoreWorld) -> None:
    found = look(Clock(world, Courier(None)))
    assert found.network is None
    assert found.verdict.seconds is None
    assert not found.refusal


def test_a_change_is_told_once(world: StoreWorld, capfd: pytest.CaptureFixture[str]) -> None:
    watch = Clock(world, courier := Courier(0.0))
    look(watch)
    assert told(capfd) == []
    courier.offset = 20.0
    look(watch)
    look(watch)
    assert told(capfd) == ["CLOCK_DOUBTED"]
    courier.offset = 0.0
    look(watch)
    look(watch)
    assert told(capfd) == ["CLOCK_TRUSTED"]


def _record(paths: Paths, ahead: float) -> None:
    file = os.path.join(paths.users, "1000.marks")
    with open(file, "wb"):
        os.utime(file, (0, time.time() + ahead))


@pytest.mark.parametrize(("ahead", "events"), [(3600.0, ["CLOCK_DOUBTED"]), (0.0, [])])
def test_a_clock_that_went_back_is_told_at_the_start(
    world: StoreWorld, paths: Paths, capfd: pytest.CaptureFixture[str], ahead: float, events: list[str]
) -> None:
    _record(paths, ahead)
    watch = Clock(world, courier := Courier())
    asyncio.run(watch.start())
    assert told(capfd) == events
    assert courier.asked == []  # the network of a box that comes up has a minute


def test_the_servers_are_asked_again_and_again_by_themselves(
    world: StoreWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) > 3:
            raise asyncio.CancelledError

    monkeypatch.setattr(clock.asyncio, "sleep", sleep)
    courier = Courier()
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(Clock(world, courier).watch())
    assert slept == [clock.FIRST, clock.EVERY, clock.EVERY, clock.EVERY]
    assert len(courier.asked) == 3


def test_the_newest_record_is_what_was_written_last(paths: Paths) -> None:
    built = os.stat(clock.__file__).st_mtime
    assert newest(paths) >= built - 86_400
    _record(paths, 3600.0)
    assert newest(paths) == pytest.approx(time.time() + 3600, abs=60)
    os.utime(os.path.join(paths.users, "1000.marks"), (0, 1e15))  # no time that anybody has seen
    assert newest(paths) < time.time() + 60


def test_a_store_that_is_away_proves_nothing(tmp_path) -> None:
    assert newest(Paths.under(str(tmp_path / "nowhere"))) < time.time() + 60


def test_what_breaks_in_it_ends_neither_the_watch_nor_the_daemon(
    world: StoreWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(clock, "FIRST", 0.0)
    monkeypatch.setattr(clock, "EVERY", 0.0)
    times = 0

    async def whole() -> None:
        again = asyncio.Event()

        async def broken(path: str, servers: Sequence[str]) -> Network | None:
            nonlocal times
            times += 1
            if times == 3:
                again.set()
            raise ZeroDivisionError

        watching = asyncio.create_task(Clock(world, broken).watch())
        await asyncio.wait([watching, asyncio.create_task(again.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert not watching.done()
        watching.cancel()

    asyncio.run(whole())
    assert "the look at the clock met a defect: ZeroDivisionError" in caplog.text
