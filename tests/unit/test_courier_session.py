"""nas2fad and nas2fa-courier on a real socket, and what nas2fad makes of a courier that is none."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from nas2fa.activated import own_listener
from nas2fa.clock.words import Fault, Network, Reading, TimeService
from nas2fa.control import codec
from nas2fa.courier.main import serve_all
from nas2fa.courier.session import Measure
from nas2fa.server import courier
from nas2fa.server.asking import RefusedError, asked
from scripted_daemon import HANG_UP, LEFT, ScriptedDaemon, ask, done, refuse, request, say

FOUND = Network(
    (
        Reading("a.example", "192.0.2.1", offset=-0.25, delay=0.01, stratum=2),
        Reading("b.example", fault=Fault.NOT_FOUND),
    ),
    (TimeService("chrony", enabled=True, running=False),),
    "chrony",
)
ROW = {"server": "a", "address": "192.0.2.1", "fault": "", "offset": 0.5, "delay": 0, "stratum": 1}
SERVICE = {"name": "chrony", "enabled": True, "running": True}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "courier.sock"


def times(path: Path, *servers: str) -> Network | None:
    return asyncio.run(courier.times(str(path), servers))


class Serving:
    """A courier that measures so and leaves when it was idle; leaving the `with` waits for that."""

    def __init__(
        self,
        path: Path,
        measure: Measure,
        trusted: int | None = None,
        outdated: Callable[[], bool] = lambda: False,
    ) -> None:
        uids = frozenset({os.geteuid() if trusted is None else trusted})
        self._listener = own_listener(str(path), 8)
        self._thread = threading.Thread(target=serve_all, args=(self._listener, measure, uids, 0.3, outdated))

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._thread.join(20)
        self._listener.close()
        assert not self._thread.is_alive()


def test_what_was_found_arrives_as_it_was(path: Path) -> None:
    asked: list[Sequence[str]] = []

    def measure(servers: Sequence[str]) -> Network:
        asked.append(servers)
        return FOUND

    with Serving(path, measure):
        assert times(path) == times(path, "a.example", "b.example") == FOUND
    assert asked == [[], ["a.example", "b.example"]]


def test_nothing_found(path: Path) -> None:
    with Serving(path, lambda _: Network()):
        assert times(path) == Network()


def test_requests_do_not_wait_for_each_other(path: Path) -> None:
    together = threading.Barrier(3)

    def measure(_: Sequence[str]) -> Network:
        together.wait(10)
        return FOUND

    async def three() -> list[Network | None]:
        return await asyncio.gather(*(courier.times(str(path), ()) for _ in range(3)))

    with Serving(path, measure):
        assert asyncio.run(three()) == [FOUND] * 3


def test_one_whose_files_are_old_leaves_the_question_to_the_next(path: Path) -> None:
    """It has answered once; the second connection waits in the queue, where systemd finds it."""
    with Serving(path, lambda _: FOUND, outdated=lambda: True):
        assert times(path) == FOUND
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(str(path))
            client.send(b'{"v": 1, "verb": "ntp", "args": {}}')
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)


def test_a_stranger_is_left_without_a_word(path: Path) -> None:
    with Serving(path, lambda _: FOUND, trusted=os.geteuid() + 1):
        assert times(path) is None


def test_clients_that_leave_or_stay_silent_keep_nobody(path: Path) -> None:
    with Serving(path, lambda _: FOUND):
        for _ in range(3):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.connect(str(path))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as silent:
            silent.connect(str(path))
            assert times(path) == FOUND


@pytest.mark.parametrize(
    ("verb", "args"),
    [("end", {}), ("ntp", {"server": "a"}), ("ntp", {"servers": "a" * 2049}), ("ntp", {"servers": "a\n"})],
)
def test_what_is_not_in_the_table_is_refused(path: Path, verb: str, args: dict[str, Any]) -> None:
    with Serving(path, lambda _: FOUND), pytest.raises(RefusedError, match=r"no such verb|servers|ntp"):
        asyncio.run(asked(str(path), verb, args, 10, 9))


def test_the_program_wants_a_socket() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nas2fa.courier"], env={"PYTHONPATH": os.pathsep.join(sys.path)}, check=False,
        capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 2
    assert "no listening socket" in done.stderr


# --- nas2fad's side alone


def test_all_pages(path: Path) -> None:
    pages = [say({"rows": [ROW] * 40}), say({"rows": [ROW, SERVICE]})]
    with ScriptedDaemon(path, [request("ntp", servers="a b"), *pages, done(total=42, source="chrony")]):
        found = times(path, "a", "b")
    assert found is not None
    assert (len(found.readings), len(found.services), found.source) == (41, 1, "chrony")


@pytest.mark.parametrize(
    "script",
    [
        [HANG_UP],
        [say(b"{")],
        [refuse("INTERNAL", "no")],
        [ask("code")],
        [say({"rows": [ROW]}), HANG_UP],
        [say({"rows": [ROW]}), done(total=2, source="")],
        [done(total=0)],
        [say({"rows": [{**ROW, "offset": 1e11}]}), done(total=1, source="")],
        [say({"rows": [{**ROW, "offset": "0"}]}), done(total=1, source="")],
        [say({"rows": [{**ROW, "delay": True}]}), done(total=1, source="")],
        [say({"rows": [{**ROW, "fault": "tired"}]}), done(total=1, source="")],
        [say({"rows": [{**ROW, "stratum": 256}]}), done(total=1, source="")],
        [say({"rows": [{**ROW, "server": "a" * 254}]}), done(total=1, source="")],
        [say({"rows": [{**SERVICE, "running": 1}]}), done(total=1, source="")],
        [say({"rows": []}), done(total=0, source="")],
        [say({"rows": [ROW] * 50}), say({"rows": [ROW] * 50}), done(total=100, source="")],
        [say({"rows": [{**ROW, "server": "a\x1b[2J"}]}), done(total=1, source="")],
        [say({"rows": [{**ROW, "server": "a is right."}]}), done(total=1, source="")],
        [say({"rows": [{**ROW, "address": "192.0.2.1\n"}]}), done(total=1, source="")],
        [say({"rows": [ROW]}), done(total=1, source="a\u202eb")],
        [say({"rows": [{**SERVICE, "name": "ntp;reboot"}]}), done(total=1, source="")],
    ],
)
def test_what_is_no_answer_is_none(path: Path, script: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedDaemon(path, [request("ntp"), *script]):
        assert times(path) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


def test_logins_have_their_turn_between_any_two_packets_of_a_flood(path: Path) -> None:
    packets, turns = 30, 0

    async def flood() -> None:
        nonlocal turns
        loop = asyncio.get_running_loop()
        with own_listener(str(path), 1) as listener:
            listener.setblocking(False)
            connection, _ = await loop.sock_accept(listener)
            with connection:
                await loop.sock_recv(connection, 1000)
                for _ in range(packets):  # all of them are there before the first is looked at
                    connection.send(codec.encode({"rows": [ROW]}))
                connection.send(codec.encode({"done": {"total": packets, "source": ""}}))
                while True:
                    turns += 1
                    await asyncio.sleep(0)

    async def both() -> Network | None:
        flooding = asyncio.create_task(flood())
        await asyncio.sleep(0)
        found = await courier.times(str(path), ())
        flooding.cancel()
        return found

    found = asyncio.run(both())
    assert found is not None
    assert len(found.readings) == packets <= turns


def test_nobody_listens(path: Path) -> None:
    assert times(path) is None


def test_who_is_slow_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courier, "ANSWER_SECONDS", 0.1)
    with ScriptedDaemon(path, [request("ntp"), LEFT]):
        assert times(path) is None
