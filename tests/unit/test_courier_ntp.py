"""Time servers asked over a real network, the loopback: right ones, wrong ones, and those of which none is one."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from debianbox.sntp import answer, reply
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.clock.words import Fault, Reading
from nas2fa.courier import names, ntp
from nas2fa.courier.packets import judged, question
from nas2fa.courier.servers import Server

Answer = Callable[[bytes], Sequence[bytes]]
YEAR = 365 * 86_400.0
NONCE = bytes(range(8))


@contextmanager
def server(answer: Answer, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A UDP server that answers each packet with these; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind((address, port))
        listener.settimeout(0.05)
        stop = threading.Event()

        def serve() -> None:
            while not stop.is_set():
                try:
                    packet, client = listener.recvfrom(1024)
                except TimeoutError:
                    continue
                for said in answer(packet):
                    listener.sendto(said, client)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        stop.set()
        thread.join()


def by(word: str) -> Answer:
    """As the server of debianbox.sntp with that word answers."""

    def answers(packet: bytes) -> list[bytes]:
        said = answer(packet, word, time.time())
        return [] if said is None else [said]

    return answers


def asked(answers: Answer) -> Reading:
    """What is read of a server that answers so."""
    with server(answers) as port:
        (reading,) = ntp.ask([Server("127.0.0.1")], port)
    assert (reading.server, reading.address) == ("127.0.0.1", "127.0.0.1")
    return reading


def is_off(reading: Reading, seconds: float) -> bool:
    """By what NTP can say: to half of the delay, however busy this machine is."""
    return reading.fault is Fault.NONE and abs(reading.offset - seconds) <= reading.delay / 2 + 0.01


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """For servers that do not answer well: their deadline need not be waited for as long."""
    monkeypatch.setattr(ntp, "ANSWER_SECONDS", 0.3)


@pytest.mark.parametrize("offset", [0.0, 20.0, -20.0, YEAR, -YEAR, 12 * YEAR, -50 * YEAR, 70 * YEAR])
def test_an_offset_however_far(offset: float) -> None:
    """From 1976 to 2096: with one bit of an NTP time stamp for the era it ends in 2036."""
    reading = asked(by(str(offset)))
    assert is_off(reading, offset)
    assert 0 < reading.delay < ntp.ANSWER_SECONDS
    assert reading.stratum == 2


def later(seconds: float) -> Answer:
    def answers(packet: bytes) -> list[bytes]:
        right = by("0")(packet)
        threading.Event().wait(seconds)
        return list(right)

    return answers


def test_a_slow_way_back_is_half_of_the_delay() -> None:
    reading = asked(later(0.4))
    assert reading.delay >= 0.4
    assert abs(reading.offset + 0.2) <= (reading.delay - 0.4) / 2 + 0.01


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        (by("silent"), Fault.SILENT),
        (by("unsynchronised"), Fault.UNSYNCHRONISED),
        (by("refusing"), Fault.REFUSED),
        (lambda packet: [reply(packet, time.time(), 3, 0, b"RATE")], Fault.REFUSED),
        (lambda packet: [reply(packet, time.time(), 3, 0, b"INIT")], Fault.UNSYNCHRONISED),
        (lambda packet: [reply(packet, time.time(), leap=3)], Fault.UNSYNCHRONISED),
        (lambda packet: [reply(packet, time.time(), stratum=0)], Fault.UNSYNCHRONISED),
        (lambda packet: [reply(packet, time.time(), stratum=16)], Fault.UNSYNCHRONISED),
        (lambda packet: [b""], Fault.BROKEN),
        (lambda packet: [b"x" * 47], Fault.BROKEN),
        (lambda packet: [b"\xff" * 2000], Fault.BROKEN),
        (lambda packet: [packet], Fault.BROKEN),
        (lambda packet: [bytes([0x25]) + reply(packet, time.time())[1:]], Fault.BROKEN),
        (lambda packet: [reply(bytes(48), time.time())], Fault.BROKEN),
        (lambda packet: [reply(bytes(48), time.time(), 3, 0, b"DENY")], Fault.BROKEN),
    ],
    ids=[
        "silent", "unsynchronised", "DENY", "RATE", "INIT", "leap 3", "stratum 0", "stratum 16", "empty", "short",
        "long", "an echo", "a broadcast", "another question's", "a forged refusal",
    ],
)  # fmt: skip
@pytest.mark.usefixtures("soon")
def test_what_is_no_answer(answers: Answer, fault: Fault) -> None:
    reading = asked(answers)
    assert reading.fault is fault
    assert reading.offset == reading.delay == 0.0


def test_a_forger_who_was_first_does_not_win() -> None:
    """It cannot see the question, so its packet answers another one; the right answer comes after it."""
    reading = asked(lambda packet: [reply(bytes(48), 0.0), b"x", *by("20")(packet)])
    assert is_off(reading, 20)


def test_a_flood_does_not_move_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many packets as the loopback carries, while the others are heard as well."""
    monkeypatch.setattr(ntp, "ANSWER_SECONDS", 1.0)
    stop = threading.Event()

    def flood(packet: bytes) -> Iterator[bytes]:
        while not stop.is_set():
            yield reply(bytes(48), 0.0)

    timer = threading.Timer(10.0, stop.set)
    timer.start()
    with server(flood) as port, server(by("20"), "127.0.0.2", port):
        began = time.monotonic()
        flooded, heard = ntp.ask([Server("127.0.0.1"), Server("127.0.0.2")], port)
        took = time.monotonic() - began
        stop.set()
    timer.cancel()
    assert flooded.fault is Fault.BROKEN
    assert is_off(heard, 20)
    assert took < 3.0


def test_nobody_at_the_port_refuses() -> None:
    with server(by("0")) as port:
        pass
    began = time.monotonic()
    (reading,) = ntp.ask([Server("127.0.0.1")], port)
    assert reading.fault is Fault.REFUSED
    assert time.monotonic() - began < 1.0  # at once, by ICMP


@pytest.mark.parametrize("word", ["refused", "silent"])
def test_the_others_are_heard(word: str) -> None:
    with server(by("5"), "127.0.0.3") as port, server(by("silent"), "127.0.0.2", port):
        wrong = "127.0.0.2" if word == "silent" else "127.0.0.4"
        readings = ntp.ask([Server(wrong), Server("127.0.0.3")], port)
    assert [reading.server for reading in readings] == [wrong, "127.0.0.3"]
    assert readings[0].fault == word
    assert is_off(readings[1], 5)


# --- names


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str] | threading.Event]:
    """A resolver: addresses of a name, or an event until which it hangs."""
    told: dict[str, list[str] | threading.Event] = {}
    real = names._addresses

    def addresses(name: str, port: int, flags: int) -> list[names.Address]:
        known = told.get(name)
        if known is None or flags:
            return real(name, port, socket.AI_NUMERICHOST)
        if isinstance(known, threading.Event):
            known.wait(20)
            return []
        return [(socket.AF_INET6 if ":" in address else socket.AF_INET, (address, port)) for address in known]

    monkeypatch.setattr(names, "_addresses", addresses)
    return told


@pytest.mark.usefixtures("soon")
def test_a_pool_is_asked_at_some_of_its_addresses(resolver: dict[str, list[str]]) -> None:
    resolver["pool.example"] = [f"127.0.1.{number}" for number in range(1, 9)]
    resolver["one.example"] = ["127.0.1.1", "127.0.2.1", "127.0.2.2"]
    readings = ntp.ask([Server("pool.example", 3), Server("one.example"), Server("127.0.3.1")], 9)
    assert [(reading.server, reading.address) for reading in readings] == [
        ("pool.example", "127.0.1.1"),  # one.example is the same machine: that would be one witness counted twice
        ("pool.example", "127.0.1.2"),
        ("pool.example", "127.0.1.3"),
        ("127.0.3.1", "127.0.3.1"),
    ]


@pytest.mark.usefixtures("soon")
def test_a_machine_with_both_families_is_one_witness(resolver: dict[str, list[str]]) -> None:
    resolver["six.example"] = ["::1", "127.0.1.1"]
    resolver["four.example"] = ["127.0.2.1", "127.0.2.2", "::1"]
    readings = ntp.ask([Server("six.example", 3), Server("four.example", 3)], 9)
    assert [reading.address for reading in readings] == ["::1", "127.0.2.1", "127.0.2.2"]


def test_no_pool_keeps_others_from_being_asked(resolver: dict[str, list[str]]) -> None:
    for pool in range(4):
        resolver[f"{pool}.example"] = [f"127.0.{pool + 1}.{number}" for number in range(1, 9)]
    readings = ntp.ask([Server(f"{pool}.example", 3) for pool in range(4)], 9)
    assert [reading.server for reading in readings] == [f"{pool}.example" for pool in (0, 0, 1, 1, 2, 2, 3, 3)]


def test_names_that_are_none() -> None:
    wrong = ["nobody.invalid", "a..b", "x" * 250, "é" * 70, "0x7f.1.1.1.1"]
    assert {reading.fault for reading in ntp.ask([Server(name) for name in wrong])} == {Fault.NOT_FOUND}


def test_no_servers() -> None:
    assert ntp.ask([]) == ()


def test_a_resolver_that_hangs_is_left_to_itself(
    resolver: dict[str, threading.Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name has no address in time, the others are asked; and it never takes more than so many threads."""
    monkeypatch.setattr(ntp, "NAME_SECONDS", 0.1)
    over = threading.Event()
    hanging = [f"{number}.example" for number in range(60)]
    resolver.update(dict.fromkeys(hanging, over))
    before = threading.active_count()
    with server(by("0")) as port:
        began = time.monotonic()
        readings = ntp.ask([*map(Server, hanging), Server("127.0.0.1")], port)
        assert time.monotonic() - began < 2.0
    assert [reading.fault for reading in readings] == [Fault.NOT_FOUND] * 60 + [Fault.NONE]
    assert threading.active_count() <= before + names.HANGING_MAX
    over.set()


# --- packets


def test_the_question_tells_nothing_of_this_box() -> None:
    """No time and no uptime: mode 3, version 4, and the nonce."""
    assert question(NONCE) == bytes([0x23]) + bytes(39) + NONCE


def right(now: float) -> bytes:
    return reply(question(NONCE), now)


def test_a_server_far_from_its_source_is_not_believed() -> None:
    for place in (4, 8):  # root delay, root dispersion: 16 bits of seconds, 16 of fractions
        packet = bytearray(right(1e9))
        packet[place : place + 4] = struct.pack("!I", 40 << 16)
        read = judged(bytes(packet), NONCE, 1e9, 0.1)
        assert read is not None
        assert read.fault is Fault.UNSYNCHRONISED


@pytest.mark.parametrize("between", [-2, 2])
def test_one_that_answered_before_it_was_asked(between: int) -> None:
    packet = bytearray(right(1e9))
    packet[40:44] = (int.from_bytes(packet[40:44]) + between).to_bytes(4)
    read = judged(bytes(packet), NONCE, 1e9, 0.1)
    assert read is not None
    assert read.fault is Fault.BROKEN


def test_one_without_a_time() -> None:
    read = judged(right(1e9)[:32] + bytes(16), NONCE, 1e9, 0.1)
    assert read is not None
    assert read.fault is Fault.UNSYNCHRONISED


@given(st.binary(max_size=100), st.floats(0, 4e9), st.floats(0, 4))
def test_any_packet_is_judged(packet: bytes, sent: float, took: float) -> None:
    assert judged(packet, NONCE, sent, took) is None
    read = judged(packet[:24].ljust(24) + NONCE + packet[24:].ljust(16), NONCE, sent, took)
    assert read is None or abs(read.offset) < 2**33


@given(st.floats(-5e7, 4.2e9 - 1e6), st.floats(-5e7, 4.2e9 - 1e6))
def test_every_date_until_2104_has_its_offset(box: float, server_time: float) -> None:
    read = judged(right(server_time), NONCE, box, 0.0)
    assert read is not None
    assert read.offset == pytest.approx(server_time - box, abs=1e-5)
