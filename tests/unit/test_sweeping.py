"""Sessions that cannot be ended, as nobody answers for Samba: tried again for a while, told first and last."""

from __future__ import annotations

import asyncio
import json

import pytest
from nas2fa.config import Config
from nas2fa.paths import Paths
from nas2fa.server.sweeping import TRIES, Sweeper
from nas2fa.server.world import StoreWorld
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import Marks
from nas2fa.store.state import State


@pytest.fixture
def world(paths: Paths) -> StoreWorld:
    marks = Marks(paths)
    return StoreWorld(paths, Config(), Credentials(paths, marks), State(paths, marks))


def told(capfd: pytest.CaptureFixture[str]) -> list[str]:
    records = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    return [record["reason"] for record in records if record["event"] == "SESSIONS_ENDED"]


def test_what_cannot_be_ended_is_tried_again_and_not_for_ever(
    world: StoreWorld, capfd: pytest.CaptureFixture[str]
) -> None:
    sweeper = Sweeper(world)
    world.lost[1000, "192.0.2.7"] = 0

    async def tries() -> int:
        count = 0
        while world.lost and count < 2 * TRIES:
            await sweeper.end_lost()
            count += 1
        return count

    assert asyncio.run(tries()) == TRIES
    assert told(capfd) == ["the grant is gone, sessions could not be ended"] * 2
