"""Phones whose clock is off, through the real module and nas2fad: warned about, followed, let in by two codes."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from nas2fa.store.records import Secret
from pam_client import PRODUCTION, Outcome, Pam, PamStack
from running import KEY, Running, code, until, wrong
from test_daemon_clock import HOUR, UID, USER, FakedBox, faked

pytestmark = pytest.mark.usefixtures("pam_programs")

NAME = Secret(base64.b32decode(KEY)).fingerprint()
AHEAD = 24  # seconds, of the phone that has been used for long
SEEN = [19, -11, 4, 10]  # what its codes have told
LogIn = Callable[[str], Outcome]


@pytest.fixture
def log_in(daemon: Running, directory: Path) -> LogIn:
    """One login of the user `daemon` with this code."""
    daemon.add(1, "daemon")
    stack = PamStack(directory, PRODUCTION).write(f"auth required OURS socket={daemon.root}/run/login.sock")
    return lambda text: stack.run("daemon", "rhost=192.0.2.7", f"answer={text}", "auth")


def known_as(daemon: Running, *phone: object) -> None:
    """Begin with a state that knows this of the phone."""
    daemon.stop()
    path = daemon.root / "run/state/1.json"
    content = json.loads(path.read_text())
    content["state"]["phones"] = {NAME: [*phone, None]}
    path.write_text(json.dumps(content))
    daemon.start()


def phone_of(daemon: Running) -> dict:
    return daemon.ask("status", uid=1, user="daemon")["done"]["authenticators"][0]


def reasons(daemon: Running) -> list[str]:
    return [r["reason"] for r in daemon.records() if r["event"] in ("ALLOWED", "DENIED")]


def test_who_is_off_is_warned_and_followed_and_stays_so_over_kills(daemon: Running, log_in: LogIn) -> None:
    log_in(wrong())
    known_as(daemon, 30, SEEN, 0, 0)
    outcome = log_in(pyotp.TOTP(KEY).at(int(time.time()) + AHEAD - 5))
    assert outcome.code is Pam.SUCCESS
    assert outcome.all("error") == [
        "Your phone's clock is about 24 s ahead of this box. Set it to automatic time.",
    ]
    (event,) = [r for r in daemon.records() if r["event"] == "PHONE_OFF"]
    assert (event["user"], event["reason"]) == ("daemon", "24 s ahead of this box")
    until(lambda: phone_of(daemon)["shift"] == 15, "the phone is not followed once the disk knows it")
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert (phone_of(daemon)["offset"], phone_of(daemon)["shift"]) == (AHEAD, 15)


def test_a_followed_phone_is_looked_for_where_it_is_and_a_power_cut_opens_nothing(
    daemon: Running, log_in: LogIn
) -> None:
    log_in(wrong())
    known_as(daemon, 30, [], 60, 60)
    outcome = log_in(code(offset=3))
    assert (outcome.code, outcome.all("error")) == (Pam.SUCCESS, [])
    assert log_in(code(offset=-1)).code is Pam.AUTH_ERR  # three codes as ever
    before = code(offset=3)
    daemon.stop(signal.SIGKILL)
    daemon.start()
    daemon.stop()  # the disk knows of the shift; then /run is lost, and with it what was accepted
    shutil.rmtree(daemon.root / "run/state")
    marks = daemon.root / "lib/users/1.marks"
    assert b'"phones":{' in marks.read_bytes()
    daemon.start()
    assert log_in(before).code is Pam.AUTH_ERR
    assert reasons(daemon)[-1] in ("FRESH_START", "REUSED")


@pytest.mark.parametrize("torn", [False, True])
def test_where_the_disk_cannot_be_read_a_phone_may_have_been_as_far_ahead_as_any(
    daemon: Running, log_in: LogIn, torn: bool
) -> None:
    """Three minutes after a start that knows nothing of before."""
    daemon.stop()
    shutil.rmtree(daemon.root / "run/state")
    if torn:
        (daemon.root / "lib/users/1.marks").write_bytes(bytes(8192))
    daemon.start()
    daemon.stop()
    daemon.age(180)
    daemon.start()
    assert log_in(code()).code is (Pam.AUTH_ERR if torn else Pam.SUCCESS)
    assert reasons(daemon)[-1] == ("FRESH_START" if torn else "OK")


def test_two_codes_in_a_row_let_in(daemon: Running, log_in: LogIn) -> None:
    first, second = log_in(code(offset=5)), log_in(code(offset=6))
    assert (first.code, second.code) == (Pam.AUTH_ERR, Pam.SUCCESS)
    assert first.all("error") == ["That code is not right."]
    assert "ahead of this box, which is taken into account" in second.all("error")[0]
    assert log_in(code(offset=7)).code is Pam.SUCCESS  # alone
    assert reasons(daemon) == ["FUTURE", "OK", "OK"]
    assert all(log_in(code(offset=n)).code is Pam.AUTH_ERR for n in (5, 6))


def test_two_codes_that_are_not_in_a_row_do_not(daemon: Running, log_in: LogIn) -> None:
    assert [log_in(code(offset=n)).code for n in (-6, -3)] == [Pam.AUTH_ERR] * 2
    assert log_in(code()).code is Pam.SUCCESS


def test_a_phone_that_drifts_is_followed_over_kills(tmp_path: Path) -> None:
    """Logins at all times of a step, each let in by its one code; in the middle of each stage nas2fad is killed."""
    for box in faked(tmp_path):
        for ahead in (0, 20, 40):
            told = [logged_in(box, ahead) for _ in range(5)]
            box.daemon.stop(signal.SIGKILL)
            box.daemon.start()
            while not followed(box, ahead):
                assert len(told) < 30
                told.append(logged_in(box, ahead))
            assert ahead > 0 or not any(told)
        assert "ahead of this box" in told[-1][0]
        assert {r["uid"] for r in box.daemon.records() if r["event"] == "PHONE_OFF"} == {str(UID)}


def logged_in(box: FakedBox, ahead: int) -> list[str]:
    """An hour later a phone that is so many seconds ahead is read, and 5 s after that its code comes; what is told."""
    box.go_on(HOUR + 11)
    typed = pyotp.TOTP(box.key).at(int(time.time() + box.passed) + ahead - 5)
    stack = PamStack(box.daemon.root / "run", PRODUCTION).write("auth required OURS SOCKET")
    outcome = stack.run(USER, "rhost=192.0.2.7", f"answer={typed}", "auth")
    assert outcome.code is Pam.SUCCESS, box.daemon.records()[-1]
    return outcome.all("error")


def followed(box: FakedBox, ahead: int) -> bool:
    """Whether the phone is known, and looked for where it is."""
    (phone,) = box.daemon.ask("status", uid=UID, user=USER)["done"]["authenticators"]
    return phone["offset"] is not None and abs(phone["offset"] - ahead) <= 11 and abs(phone["shift"] - ahead) <= 9
