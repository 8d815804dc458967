"""nas2fa-smb with programs of the test's own in place of Samba's: what they may do, and what nas2fad hears."""

from __future__ import annotations

import json
import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from nas2fa.errors import RequestError
from nas2fa.smb.ending import Samba
from nas2fa.smb.samba import Places, Running
from nas2fa.smb.session import serve
from nas2fa.smb.status import Status

SESSION = {
    "session_id": "7", "server_id": {"pid": "201", "vnn": "4294967295"}, "uid": 1000,
    "hostname": "ipv4:192.0.2.7:50000",
}  # fmt: skip
ALICE = {"uid": 1000, "address": "192.0.2.7", "pid": 201, "id": "7", "began": 1_000_000_000}


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A box where smbd has run, and smbstatus shows nobody."""
    places = Places(tmp_path / "bin", tmp_path / "run")
    (places.run / "msg.lock").mkdir(parents=True)
    places.programs.mkdir()
    (places.run / "smbd.pid").write_text("100\n")
    program(places, "smbstatus", "echo '{\"sessions\": {}}'")
    program(places, "smbcontrol", f'echo "$@" >> {places.run}/told')
    return places


def program(places: Places, name: str, script: str) -> None:
    path = places.programs / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def shows(places: Places, *sessions: dict[str, Any]) -> None:
    """From now on smbstatus prints these."""
    told = {"sessions": {session["session_id"]: session for session in sessions}}
    (places.run / "sessions").write_text(json.dumps(told))
    program(places, "smbstatus", f"cat {places.run}/sessions")


def samba(places: Places, seconds: float = 20.0) -> Running:
    return Running(places, time.monotonic() + seconds)


def why_not(places: Places, seconds: float = 20.0) -> str:
    """Why the sessions cannot be told."""
    with pytest.raises(RequestError) as refused:
        samba(places, seconds).status()
    return refused.value.text


def test_without_samba_there_are_no_sessions(places: Places) -> None:
    (places.programs / "smbstatus").unlink()
    assert samba(places).status() == Status()


def test_where_smbd_never_ran_nothing_is_asked(places: Places) -> None:
    (places.run / "smbd.pid").unlink()
    program(places, "smbstatus", "exit 1")
    assert samba(places).status() == Status()


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("exit 3", "smbstatus ended with status 3: "),
        (r"printf 'one\ntwo \033[2J\n' >&2; exit 1", r"smbstatus ended with status 1: two \x1b[2J"),
        ("kill -9 $$", "smbstatus ended with status -9: "),
        ("exit 0", "smbstatus answered with a packet that is not JSON"),
        ("echo Samba version 4.17.12-Debian", "smbstatus answered with a packet that is not JSON"),
        ("head -c 9000000 /dev/zero; exec sleep 60", "smbstatus prints too much"),
        ("head -c 9000000 /dev/zero >&2; exit 1", "smbstatus ended with status 1: "),
    ],
)
def test_a_program_that_fails_is_told_with_its_reason(places: Places, script: str, why: str) -> None:
    program(places, "smbstatus", script)
    assert why in why_not(places)


@pytest.mark.parametrize("script", ["exec sleep 60", "exec sleep 60 >&- 2>&-", "exec yes >&2", "echo {; exec sleep 60"])
def test_a_program_that_hangs_is_not_waited_for(places: Places, script: str) -> None:
    program(places, "smbstatus", script)
    began = time.monotonic()
    assert "smbstatus takes too long" in why_not(places, 0.2)
    assert time.monotonic() - began < 10


def test_a_program_that_is_none(places: Places) -> None:
    (places.programs / "smbstatus").chmod(0o644)
    assert "smbstatus does not start" in why_not(places)


def test_what_samba_does_not_tell_the_connection_does(places: Places) -> None:
    shows(places, SESSION)
    lock = places.run / "msg.lock" / "201"
    lock.touch()
    os.utime(lock, (1_000_000_000, 1_000_000_000))
    assert [session.began for session in samba(places).status().sessions] == [1_000_000_000]
    shows(places, {**SESSION, "creation_time": "2026-11-24T14:15:15.838683+00:00"})
    assert [session.began for session in samba(places).status().sessions] == [1795529715]


@pytest.mark.parametrize("text", ["", "\n", "smbd", "0", "-1", "100 200", "\u0661", "99999999"])
def test_an_smbd_pid_that_is_no_number(places: Places, text: str) -> None:
    (places.run / "smbd.pid").write_text(text)
    with pytest.raises(RequestError):
        samba(places).parent()


def test_an_smbd_pid_of_any_length(places: Places) -> None:
    (places.run / "smbd.pid").write_text("1" * 5000)
    with pytest.raises(RequestError):
        samba(places).parent()


def test_no_smbd_pid_is_no_smbd(places: Places) -> None:
    assert samba(places).parent() == 100
    (places.run / "smbd.pid").unlink()
    assert samba(places).parent() is None


def asked(running: Samba, request: bytes | dict[str, Any], trusted: int | None = None) -> list[dict[str, Any]]:
    """Every packet that comes back."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        ours.send(request if isinstance(request, bytes) else json.dumps({"v": 1, **request}).encode())
        with theirs:
            serve(theirs, running, frozenset({os.geteuid() if trusted is None else trusted}))
        answers = []
        with suppress(ConnectionResetError):  # it left without having read the request
            while packet := ours.recv(100_000):
                answers.append(json.loads(packet))
        return answers


def test_sessions_come_in_pages(places: Places) -> None:
    shows(places, *({**SESSION, "session_id": str(number)} for number in range(1, 121)))
    *pages, end = asked(samba(places), {"verb": "sessions", "args": {}})
    assert end == {"done": {"total": 120}}
    rows = [row for page in pages for row in page["rows"]]
    assert sorted(int(row["id"]) for row in rows) == list(range(1, 121))
    assert rows[0] == {**ALICE, "id": "1", "began": 0}


def test_an_end_tells_the_process_of_that_session(places: Places) -> None:
    told = places.run / "told"
    other = {**SESSION, "session_id": "8", "uid": 1001, "server_id": {"pid": "202", "vnn": "4294967295"}}
    shows(places, SESSION, other)
    program(places, "smbstatus", f"[ -e {told} ] && exec echo '{{\"sessions\": {{}}}}'; cat {places.run}/sessions")
    (end,) = asked(samba(places), {"verb": "end", "args": {"uid": 1000, "address": "::ffff:192.0.2.7"}})
    assert end == {"done": {"ended": 1, "left": 0}}
    assert told.read_text().splitlines() == ["--option=interfaces=127.0.0.1/8 201 shutdown"]


def test_a_failure_is_told(places: Places) -> None:
    program(places, "smbstatus", "exit 1")
    for request in ({"verb": "sessions", "args": {}}, {"verb": "end", "args": {"uid": 1000}}):
        (end,) = asked(samba(places), request)
        assert end["error"] == "INTERNAL"
        assert "smbstatus ended with status 1" in end["text"]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (b"{", "PROTOCOL"),
        (b"x" * 70_000, "PROTOCOL"),
        ({"verb": "shutdown", "args": {}}, "BAD_REQUEST"),
        ({"verb": "sessions", "args": {"uid": 1000}}, "BAD_REQUEST"),
        ({"verb": "end", "args": {}}, "BAD_REQUEST"),
        ({"verb": "end", "args": {"uid": "1000"}}, "BAD_REQUEST"),
        ({"verb": "end", "args": {"uid": -1}}, "BAD_REQUEST"),
        ({"verb": "end", "args": {"uid": 2**32 - 1}}, "BAD_REQUEST"),
        ({"verb": "end", "args": {"uid": 1000, "address": "nas"}}, "BAD_REQUEST"),
        ({"verb": "end", "args": {"uid": 1000, "address": "192.0.2.0/24"}}, "BAD_REQUEST"),
    ],
)
def test_another_request_is_refused(places: Places, request_: bytes | dict[str, Any], reason: str) -> None:
    shows(places, SESSION)
    (end,) = asked(samba(places), request_)
    assert end["error"] == reason
    assert not (places.run / "told").exists()


def test_who_is_not_root_hears_nothing(places: Places) -> None:
    shows(places, SESSION)
    assert asked(samba(places), {"verb": "sessions", "args": {}}, trusted=os.geteuid() + 1) == []
