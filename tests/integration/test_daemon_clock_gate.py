"""A running nas2fad whose courier says what time it is: the verb `clock`, and the gate before a set-up."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from nas2fa.clock.words import Fault, Reading, TimeService
from nas2fa.control import codec
from nas2fa.login.protocol import Hello
from running import Running, as_stranger, code, connected, until

YEAR = 365 * 86_400.0


@dataclass
class Courier:
    """courier.sock, and the answer to whoever asks."""

    path: Path
    offsets: tuple[float | Fault, ...] = ()
    asked: int = 0
    silent: bool = False

    def serve(self) -> None:
        """Until the socket is shut down."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(self.path))
            listener.listen(8)
            while True:
                link, _ = listener.accept()
                with link:
                    question = codec.decode(link.recv(codec.PACKET_MAX))
                    if question["verb"] == "stop":
                        return
                    self._answer(link)

    def _answer(self, link: socket.socket) -> None:
        self.asked += 1
        if self.silent:
            link.recv(1)  # until nas2fad leaves
            return
        readings = []
        for n, offset in enumerate(self.offsets):
            said = {"fault": offset} if isinstance(offset, Fault) else {"offset": offset}
            readings.append(Reading(f"s{n}", f"10.0.0.{n}", **said))
        rows = [*map(asdict, readings), asdict(TimeService("chrony", enabled=True, running=False))]
        link.send(codec.encode({"rows": rows}))
        link.send(codec.encode({"done": {"source": "chrony", "total": len(rows)}}))


@pytest.fixture
def courier(daemon: Running) -> Iterator[Courier]:
    courier = Courier(daemon.root / "run/courier.sock")
    thread = threading.Thread(target=courier.serve)
    thread.start()
    until(courier.path.exists, "no courier")
    yield courier
    with connected(courier.path) as link:
        link.send(codec.encode({"v": 1, "verb": "stop", "args": {}}))
    thread.join()


def set_up(daemon: Running, **args: object) -> list[dict]:
    """A set-up that is left at its first question: every message of the daemon."""
    messages = []
    with daemon.control() as link:
        link.send(codec.encode({"v": 1, "verb": "setup", "args": {"uid": 1000, "user": "alice", **args}}))
        while not messages or not messages[-1].keys() & {"done", "error"}:
            messages.append(dict(codec.decode(link.recv(codec.PACKET_MAX))))
            if "ask" in messages[-1]:
                link.send(codec.encode({"cancel": True}))
    return messages


def events(daemon: Running) -> list[dict]:
    return [record for record in daemon.records() if record["event"].startswith("CLOCK_")]


ANSWERS = (  # what the servers say, the verdict and the offset (None: as the kernel has it), and whether it is refused
    ((0.0, 0.1, 0.0), "trusted", 0.0, False),
    ((20.0, 20.1, 20.2), "drifting", 20.1, True),
    ((-20.0, -20.1, -20.2), "drifting", -20.1, True),
    ((10.0, 10.0), "drifting", 10.0, False),
    ((YEAR, YEAR), "drifting", YEAR, True),
    ((0.0, 0.0, YEAR), "trusted", 0.0, False),
    ((YEAR,), None, None, False),
    ((0.0, YEAR), None, None, False),
    ((Fault.SILENT, Fault.SILENT), None, None, False),
    ((), None, None, False),
)


def test_a_set_up_goes_ahead_unless_servers_that_agree_say_that_the_clock_is_off(
    daemon: Running, courier: Courier
) -> None:
    for offsets, state, seconds, refused in ANSWERS:
        courier.offsets = offsets
        found = daemon.ask("clock")["done"]
        assert found["state"] == (state or ("trusted" if found["synchronised"] else "unknown")), offsets
        assert found["seconds"] == (None if seconds is None else pytest.approx(seconds, abs=0.05)), offsets
        assert bool(found["refusal"]) is refused, offsets
        for server, offset in zip(found["servers"], offsets, strict=True):  # who said nothing agrees with nobody
            silent = isinstance(offset, Fault)
            assert [server[key] is None for key in ("offset", "delay", "stratum")] == [silent] * 3, server
        assert found["services"] == [{"name": "chrony", "enabled": True, "running": False}]
        assert found["remedy"] == ["systemctl unmask chrony; systemctl enable --now chrony"]
        messages = set_up(daemon)
        if refused:
            assert [message["error"] for message in messages] == ["CLOCK_OFF"], offsets
            assert "--despite-clock" in messages[0]["text"]
        else:
            assert [message["value"]["doubt"] for message in messages if "show" in message] == [found["doubt"]], offsets
            assert messages[-1]["error"] == "ABORTED"


def test_root_goes_on_despite_the_clock_and_the_journal_keeps_why(daemon: Running, courier: Courier) -> None:
    courier.offsets = (20.0, 20.0)
    assert set_up(daemon, despite_clock="no network here")[-1]["error"] == "ABORTED"
    overridden = [record for record in events(daemon) if record["event"] == "CLOCK_OVERRIDDEN"]
    assert [record["by"] for record in overridden] == [str(os.geteuid())]
    assert "no network here" in overridden[0]["reason"]
    assert "20 s behind" in overridden[0]["reason"]
    daemon.ask("clock", despite="switching on")
    assert len([record for record in events(daemon) if record["event"] == "CLOCK_OVERRIDDEN"]) == 2
    courier.offsets = (0.0, 0.0)
    assert set_up(daemon, despite_clock="never mind")[-1]["error"] == "ABORTED"
    daemon.ask("clock", despite="never mind")
    assert len([record for record in events(daemon) if record["event"] == "CLOCK_OVERRIDDEN"]) == 2


def test_records_of_a_later_time_refuse_a_set_up_unless_servers_know_better(daemon: Running, courier: Courier) -> None:
    daemon.add(1001, "bob")
    later = time.time() + 3600
    os.utime(daemon.root / "lib/users/1001.json", (later, later))
    courier.offsets = (Fault.SILENT,)
    found = daemon.ask("clock")["done"]
    assert (found["state"], found["newest"]) == ("behind", pytest.approx(later, abs=1))
    assert [message["error"] for message in set_up(daemon)] == ["CLOCK_OFF"]
    courier.offsets = (0.0, 0.0)
    assert set_up(daemon)[-1]["error"] == "ABORTED"


def test_anybody_may_ask_and_nobody_but_root_has_the_network_asked_again_and_again(
    daemon: Running, courier: Courier
) -> None:
    courier.offsets = (20.0, 20.0)
    script = """
import json
for args in ({}, {}, {"measure": False}, {"despite": "because"}):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.connect(sys.argv[1] + "/control.sock")
    s.send(json.dumps({"v": 1, "verb": "clock", "args": args}).encode())
    print(s.recv(70000).decode())
"""
    answers = [json.loads(line) for line in as_stranger(daemon, script).splitlines()]
    assert [answer["done"]["state"] for answer in answers[:3]] == ["drifting"] * 3
    assert not any(answer["done"].keys() & {"phones", "newest"} for answer in answers[:3])
    assert answers[3]["error"] == "FORBIDDEN"
    assert courier.asked == 1
    assert daemon.ask("clock")["done"]["phones"]["known"] == 0
    assert courier.asked == 2


def test_no_login_waits_for_a_courier_that_does_not_answer(daemon: Running, courier: Courier) -> None:
    daemon.add(1000, "alice")
    courier.silent = True
    with daemon.control() as link:
        link.send(codec.encode({"v": 1, "verb": "clock", "args": {}}))
        until(lambda: courier.asked, "the courier was not asked")
        began = time.monotonic()
        hello = Hello("auth", "sshd", 1000, "alice", rhost="192.0.2.7", tty="ssh")
        assert daemon.login(hello, b"R" + code().encode())[0] == "allow"
        assert time.monotonic() - began < 2.0
        link.settimeout(0.0)
        with pytest.raises(BlockingIOError):  # the courier was still being asked
            link.recv(1)


def test_without_a_courier_the_kernel_has_the_word(daemon: Running) -> None:
    found = daemon.ask("clock")["done"]
    assert found["state"] == ("trusted" if found["synchronised"] else "unknown")
    assert (found["servers"], found["services"]) == ([], None)
