"""nas2fad's questions about SMB sessions: what it is told, and None for all that is no answer."""

from __future__ import annotations

import asyncio
import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from nas2fa.control.smb import Session
from nas2fa.server import asking, smb_sessions
from nas2fa.server.peers import Peer
from scripted_daemon import HANG_UP, LEFT, ScriptedDaemon, ask, done, refuse, request, say

ROW = {"uid": 1000, "address": "192.0.2.7", "pid": 201, "id": "7", "began": 1795529715}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "smb.sock"


def sessions(path: Path) -> list[Session] | None:
    return asyncio.run(smb_sessions.sessions(str(path)))


def end(path: Path, uid: int = 1000, address: str = "") -> int | None:
    return asyncio.run(smb_sessions.end(str(path), uid, address))


def test_the_sessions_of_all_pages(path: Path) -> None:
    pages = [say({"rows": [{**ROW, "id": str(number)} for number in page]}) for page in (range(50), range(50, 60))]
    with ScriptedDaemon(path, [request("sessions"), *pages, done(total=60)]):
        told = sessions(path)
    assert told is not None
    assert told[59] == Session(1000, "192.0.2.7", 201, "59", 1795529715)
    assert len(told) == 60


def test_nobody(path: Path) -> None:
    with ScriptedDaemon(path, [request("sessions"), done(total=0)]):
        assert sessions(path) == []


def test_an_end(path: Path) -> None:
    with ScriptedDaemon(path, [request("end", uid=1000, address="192.0.2.7"), done(ended=2, left=0)]):
        assert end(path, 1000, "192.0.2.7") == 2


def test_an_end_that_left_some_is_none(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedDaemon(path, [request("end"), done(ended=2, left=1)]):
        assert end(path) is None
    assert "1 SMB sessions of uid 1000 did not end" in caplog.text


@pytest.mark.parametrize(
    "script",
    [
        [HANG_UP],
        [say(b"{")],
        [say(b"x" * 70_000)],
        [refuse("INTERNAL", "smbstatus ended with status 1")],
        [ask("code")],
        [say({"rows": [ROW]}), HANG_UP],
        [say({"rows": [ROW]}), done(total=2)],
        [done(total=1)],
        [done()],
        [say({"rows": [{**ROW, "address": "nas"}]}), done(total=1)],
        [say({"rows": [{**ROW, "uid": "0"}]}), done(total=1)],
        [say({"rows": [{**ROW, "pid": 0}]}), done(total=1)],
    ],
)
def test_what_is_no_answer_is_none(path: Path, script: list[Any], caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedDaemon(path, [request("sessions"), *script]):
        assert sessions(path) is None
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize(
    "script", [[HANG_UP], [refuse("INTERNAL", "no")], [done(ended=1)], [done(ended=-1, left=0)], [say(b"[]")]]
)
def test_an_end_without_an_answer_is_none(path: Path, script: list[Any]) -> None:
    with ScriptedDaemon(path, [request("end"), *script]):
        assert end(path) is None


def test_nobody_listens(path: Path) -> None:
    assert sessions(path) is None
    assert end(path) is None


def test_who_is_slow_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smb_sessions, "ANSWER_SECONDS", 0.1)
    with ScriptedDaemon(path, [request("sessions"), LEFT]):
        assert sessions(path) is None


def test_a_listener_that_is_not_root_is_told_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "peer_of", lambda _connection: Peer(1, os.geteuid() + 1))
    with ScriptedDaemon(path, [LEFT]):
        assert end(path) is None


def test_a_reason_is_one_line_of_the_journal(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with ScriptedDaemon(path, [request("sessions"), say(json.dumps({"error": "INTERNAL", "text": "a\nb"}).encode())]):
        assert sessions(path) is None
    assert "a\\x0ab" in caplog.text
