"""The audit trail: real sockets, what is in a record, and that it never holds up a login."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa import audit, events
from nas2fa.events import Event

ATTEMPT = {
    "attempt": "abcd1234",
    "user": "alice",
    "uid": 1000,
    "service": "sshd",
    "source": "10.0.0.5",
    "reason": "WRONG",
    "verdict": "deny",
    "trace": "one\ntwo",
}
FAIL2BAN = re.compile(r"^nas2fa: (?:denied|locked) \S+ from (?P<host>\S+) via \S+: [A-Z_]+ \(attempt \S+\)$")


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "socket"))
        listening.settimeout(10)
        yield listening


def record(listener: socket.socket) -> dict[str, str]:
    lines = listener.recv(65536).decode("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines)


def fill(path: str) -> int:
    """Fill the queue of a socket; returns how many datagrams that took."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        for count in range(100_000):
            try:
                sender.sendto(b"x", path)
            except BlockingIOError:
                return count
    raise AssertionError("the queue has no end")


def test_ids_are_fixed_and_differ() -> None:
    ids = [event.value.message_id for event in Event]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-f]{32}", each) for each in ids)
    # For life: whoever filters by them relies on it.
    assert Event.DENIED.value.message_id == "8ed3c075540d4776bca94f147a050faa"
    assert Event.LOCKED.value.message_id == "ecfa73b138504465a90201e64547535e"
    assert Event.ALLOWED.value.message_id == "478bcd967fa047b0a252e86ef731db94"


def test_templates_use_known_fields() -> None:
    for event in Event:
        assert set(re.findall(r"{(\w+)}", event.value.template)) <= audit.FIELDS


def test_journal_record(listener: socket.socket) -> None:
    audit.Trail(audit.journal(listener.getsockname())).emit(Event.DENIED, ATTEMPT)
    assert record(listener) == {
        "MESSAGE": "nas2fa: denied alice from 10.0.0.5 via sshd: WRONG (attempt abcd1234)",
        "MESSAGE_ID": Event.DENIED.value.message_id,
        "PRIORITY": "5",
        "SYSLOG_FACILITY": "10",
        "SYSLOG_IDENTIFIER": "nas2fad",
        "NAS2FA_EVENT": "DENIED",
        "NAS2FA_ATTEMPT": "abcd1234",
        "NAS2FA_USER": "alice",
        "NAS2FA_UID": "1000",
        "NAS2FA_SERVICE": "sshd",
        "NAS2FA_SOURCE": "10.0.0.5",
        "NAS2FA_REASON": "WRONG",
        "NAS2FA_VERDICT": "deny",
        "NAS2FA_TRACE": "one | two",
    }


def test_syslog_record(listener: socket.socket) -> None:
    audit.Trail(audit.system_log(listener.getsockname())).emit(Event.LOCKED, ATTEMPT)
    sent = listener.recv(65536).decode()
    assert re.fullmatch(r"<84>\w{3} [ \d]\d \d\d:\d\d:\d\d nas2fad\[\d+\]: nas2fa: locked alice from .*", sent)


def test_lines_record(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb", buffering=0) as file:
        audit.Trail(audit.lines(file.fileno())).emit(Event.ALLOWED, {**ATTEMPT, "reason": None, "source": ""})
    found = json.loads((tmp_path / "out").read_text())
    assert found["event"] == "ALLOWED"
    assert found["message"] == "nas2fa: allowed alice from - via sshd (attempt abcd1234)"
    assert "reason" not in found


@pytest.mark.parametrize("field", sorted(audit.FIELDS))
def test_nothing_is_injected(listener: socket.socket, field: str) -> None:
    """No second line, no second field, no second host for a filter to find."""
    evil = "x from 10.9.9.9 via sshd: WRONG (attempt a)\nNAS2FA_USER=root\nMESSAGE=\x1b[2J\u202e\ud800"
    audit.Trail(audit.journal(listener.getsockname())).emit(Event.DENIED, {**ATTEMPT, field: evil})
    found = record(listener)
    assert not [value for value in found.values() if not value.isprintable()]
    assert found["NAS2FA_EVENT"] == "DENIED"
    assert (found["NAS2FA_USER"] == "alice") == (field != "user")
    if field not in ("reason", "source"):
        match = FAIL2BAN.match(found["MESSAGE"])
        assert match is not None
        assert match["host"] == "10.0.0.5"


def test_a_full_journal_neither_blocks_nor_breaks(listener: socket.socket) -> None:
    """Nobody reads: the records are dropped, counted, and told with the first that gets through."""
    trail = audit.Trail(audit.journal(listener.getsockname()))
    filled = fill(listener.getsockname())
    for _ in range(3):
        trail.emit(Event.DENIED, ATTEMPT)
    assert [listener.recv(65536) for _ in range(filled)] == [b"x"] * filled
    trail.emit(Event.DENIED, ATTEMPT)
    assert record(listener)["NAS2FA_LOST"] == "3"
    trail.emit(Event.DENIED, ATTEMPT)
    assert "NAS2FA_LOST" not in record(listener)


def test_no_journal_at_all(tmp_path: Path) -> None:
    audit.Trail(audit.journal(str(tmp_path / "none"))).emit(Event.DENIED, ATTEMPT)


def test_a_restarted_journal_is_found_again(listener: socket.socket) -> None:
    path = listener.getsockname()
    trail = audit.Trail(audit.journal(path))
    os.unlink(path)
    trail.emit(Event.DENIED, ATTEMPT)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(path)
        again.settimeout(10)
        trail.emit(Event.DENIED, ATTEMPT)
        assert record(again)["NAS2FA_LOST"] == "1"


def test_an_unknown_field_is_our_mistake() -> None:
    with pytest.raises(TypeError, match="not an audit field: answer"):
        audit.emit(Event.DENIED, answer="123456")


def test_a_private_instance_writes_to_standard_error() -> None:
    program = "from nas2fa import audit; audit.open_sink(private=True); audit.emit(audit.Event.STARTED, reason='1')"
    path = Path(__file__).parents[2] / "daemon"
    done = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(path)}, capture_output=True, check=True
    )
    assert json.loads(done.stderr)["message"] == "nas2fa: started, version 1"


@given(st.dictionaries(st.sampled_from(sorted(audit.FIELDS)), st.text() | st.binary() | st.integers()))
def test_total(fields: dict[str, object]) -> None:
    seen: list[str] = []

    def sink(event: Event, message: str, clean: audit.Fields) -> bool:
        assert event is Event.DENIED
        seen.extend([message, *clean.values()])
        return True

    audit.Trail(sink).emit(events.Event.DENIED, fields)
    assert all(text.isprintable() for text in seen)
