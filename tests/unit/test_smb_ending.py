"""Whose sessions end, and how long more are watched for: by a Samba of the test's own, whose time is its pauses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from nas2fa.control.smb import Session
from nas2fa.errors import Reason, RequestError
from nas2fa.smb.ending import END_SECONDS, WATCH_SECONDS, Ended, end
from nas2fa.smb.status import Status

PARENT = 100
ALICE, BOB = 1000, 1001
LAPTOP, PHONE = "192.0.2.7", "2001:db8::7"


@dataclass
class ScriptedSamba:
    """`at` is called before each look and may change the sessions; a shut process takes its sessions with it."""

    sessions: list[Session] = field(default_factory=list)
    logging_in: set[str] = field(default_factory=set)
    at: Callable[[ScriptedSamba], None] = lambda _samba: None
    parent_pid: int | None = PARENT
    deaf: set[int] = field(default_factory=set)
    shut_pids: list[int] = field(default_factory=list)
    time: float = 0.0

    def status(self) -> Status:
        self.at(self)
        return Status(tuple(self.sessions), frozenset(self.logging_in))

    def parent(self) -> int | None:
        return self.parent_pid

    def shut(self, pid: int) -> None:
        self.shut_pids.append(pid)
        if pid not in self.deaf:
            self.sessions = [session for session in self.sessions if session.pid != pid]

    def now(self) -> float:
        return self.time

    def pause(self, seconds: float) -> None:
        self.time += seconds


def of(uid: int, pid: int, address: str = LAPTOP, number: str = "") -> Session:
    return Session(uid, address, pid, number or str(pid), 0)


def test_all_of_one_user_and_nobody_elses() -> None:
    samba = ScriptedSamba([of(ALICE, 201), of(ALICE, 202, PHONE), of(BOB, 203), of(BOB, 204, PHONE)])
    assert end(samba, ALICE) == Ended(2, 0)
    assert samba.shut_pids == [201, 202]
    assert {session.uid for session in samba.sessions} == {BOB}


def test_those_of_one_address_only() -> None:
    samba = ScriptedSamba([of(ALICE, 201), of(ALICE, 202, PHONE), of(BOB, 203)])
    assert end(samba, ALICE, PHONE) == Ended(1, 0)
    assert samba.shut_pids == [202]


def test_a_session_with_a_channel_from_that_address_ends() -> None:
    samba = ScriptedSamba([of(ALICE, 201, LAPTOP, "7"), of(ALICE, 201, PHONE, "7")])
    assert end(samba, ALICE, PHONE) == Ended(1, 0)


def test_nothing_to_end_is_watched_for_a_while_all_the_same() -> None:
    samba = ScriptedSamba([of(BOB, 203)])
    assert end(samba, ALICE) == Ended(0, 0)
    assert samba.shut_pids == []
    assert WATCH_SECONDS <= samba.time < WATCH_SECONDS + 0.5


def test_a_login_in_flight_is_caught() -> None:
    def login(samba: ScriptedSamba) -> None:
        if samba.time > 1.5 and not samba.shut_pids:
            samba.sessions = [of(ALICE, 300)]

    samba = ScriptedSamba(at=login)
    assert end(samba, ALICE) == Ended(1, 0)
    assert samba.shut_pids == [300]


def test_however_long_a_look_takes_those_found_are_told_to_end() -> None:
    """Anybody can fill Samba's table with logins that never end, so that looking takes longer than all of it may."""

    def slow(samba: ScriptedSamba) -> None:
        samba.time += END_SECONDS + 1

    samba = ScriptedSamba([of(ALICE, 201), of(BOB, 203)], {"198.51.100.9"}, at=slow)
    assert end(samba, ALICE) == Ended(1, 0)
    assert samba.shut_pids == [201]


def test_a_client_that_comes_back_at_once_is_cut_each_time() -> None:
    def login(samba: ScriptedSamba) -> None:
        if samba.time < 1.0 and not samba.sessions:
            samba.sessions = [of(ALICE, 300 + len(samba.shut_pids))]

    samba = ScriptedSamba(at=login)
    ended = end(samba, ALICE)
    assert ended.left == 0
    assert ended.ended == len(samba.shut_pids) > 5


def test_a_login_that_hangs_is_waited_for() -> None:
    """It had its answer from nas2fad, and a directory that is slow holds it up."""

    def login(samba: ScriptedSamba) -> None:
        if samba.time > 4.0 and samba.logging_in:
            samba.logging_in, samba.sessions = set(), [of(ALICE, 300)]

    samba = ScriptedSamba(logging_in={LAPTOP}, at=login)
    assert end(samba, ALICE, LAPTOP) == Ended(1, 0)


@pytest.mark.parametrize(("address", "seconds"), [("", END_SECONDS), (LAPTOP, END_SECONDS), (PHONE, WATCH_SECONDS)])
def test_a_login_that_never_ends_holds_up_only_so_long(address: str, seconds: float) -> None:
    samba = ScriptedSamba(logging_in={LAPTOP})
    assert end(samba, ALICE, address) == Ended(0, 0)
    assert seconds <= samba.time < seconds + 0.5


def test_what_does_not_end_is_told() -> None:
    samba = ScriptedSamba([of(ALICE, 201), of(ALICE, 202)], deaf={202})
    assert end(samba, ALICE) == Ended(1, 1)
    assert END_SECONDS <= samba.time < END_SECONDS + 0.5


def test_smbd_itself_is_never_ended() -> None:
    samba = ScriptedSamba([of(ALICE, PARENT), of(ALICE, 201)])
    assert end(samba, ALICE) == Ended(1, 1)
    assert set(samba.shut_pids) == {201}


def test_without_knowing_smbd_itself_nothing_is_ended() -> None:
    class Unknown(ScriptedSamba):
        def parent(self) -> int | None:
            raise RequestError(Reason.INTERNAL, "no number in smbd.pid")

    samba = Unknown([of(ALICE, 201)])
    with pytest.raises(RequestError):
        end(samba, ALICE)
    assert samba.shut_pids == []


def test_two_users_on_one_connection_are_both_cut() -> None:
    samba = ScriptedSamba([of(ALICE, 201, number="1"), of(BOB, 201, number="2")])
    assert end(samba, ALICE) == Ended(1, 0)
    assert samba.sessions == []
