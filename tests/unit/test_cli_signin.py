"""What the command does about passwords: proves them to nas2fa-signin first, shows none; and the invite code."""

from __future__ import annotations

import os
import pwd
import shutil
import sys
import tempfile
from pathlib import Path

import nas2fa.cli.setup
import pexpect
import pytest
from commanding import Command
from scripted_daemon import HANG_UP, ScriptedDaemon, answer, ask, done, hear, refuse, request, say
from test_cli_setup import CLOCK, CODES, ENVIRONMENT, SHOW_KEY

assert nas2fa.cli.setup  # loaded now: as nobody, the source tree need not be readable

NOBODY = 65534
PASSWORD = "correct horse"
TOKEN = "t0ken"
NO_INVITE = refuse("NO_PROOF", "an invite code is needed")

STATUS = [request("status"), done(armed=False), HANG_UP]
SIGN_IN = [
    request("signin"),
    ask("pam", "Password: ", echo=False),
    answer(PASSWORD),
    say({"tell": "Welcome", "error": False}),
    done(token=TOKEN, seconds=120),
]
REST = [
    say({"show": "clock", "value": CLOCK}),
    ask("start"),
    answer(""),
    say({"show": "secret", "value": SHOW_KEY}),
    ask("code"),
    answer("123456"),
    say({"show": "recovery_codes", "value": {"codes": CODES}}),
    ask("saved"),
    answer("yes"),
    done(armed=True),
]


@pytest.fixture
def nas2fa_of_a_user(monkeypatch, capsys):
    """The command in this process, with the effective uid of somebody who is not root."""
    root = Path(tempfile.mkdtemp(prefix="nas2fa-test-"))
    root.chmod(0o755)
    (root / "run").mkdir()
    before = os.geteuid()
    if before == 0:
        os.chown(root / "run", NOBODY, -1)
        os.seteuid(NOBODY)
    try:
        yield Command(root, monkeypatch, capsys)
    finally:
        os.seteuid(before)
        shutil.rmtree(root)


def user_name() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name


def daemons(command: Command, control, signin):
    return ScriptedDaemon(command.socket, control), ScriptedDaemon(command.socket.with_name("signin.sock"), signin)


def test_password_first_then_setup_with_the_token(nas2fa_of_a_user) -> None:
    me = {"uid": os.geteuid(), "user": user_name()}
    control = [*STATUS, request("setup", **me, token=TOKEN), *REST]
    nas2fad, signin = daemons(nas2fa_of_a_user, control, SIGN_IN)
    with nas2fad, signin:
        outcome = nas2fa_of_a_user("setup", stdin=f"{PASSWORD}\n\n123456\nyes\n")
    assert outcome.code == 0
    assert outcome.out.index("First your password") < outcome.out.index("Date of this box")
    assert "Welcome" in outcome.out
    assert not any(secret in outcome.out + outcome.err for secret in (PASSWORD, TOKEN))


def test_a_wrong_password_ends_it(nas2fa_of_a_user) -> None:
    refused = [*SIGN_IN[:3], refuse("REFUSED", "was the password right?")]
    nas2fad, signin = daemons(nas2fa_of_a_user, STATUS[:2], refused)
    with nas2fad, signin:
        outcome = nas2fa_of_a_user("setup", stdin=f"{PASSWORD}\n")
    assert outcome.code == 1
    assert "was the password right? (REFUSED)" in outcome.err
    assert "Nothing was changed." in outcome.err


def test_the_invite_code_is_asked_when_nothing_else_speaks_for_the_caller(nas2fa_of_a_user) -> None:
    again = request("setup", token=TOKEN, invite="aaaa-bbbb-cccc")
    control = [*STATUS, request("setup", token=TOKEN), NO_INVITE, HANG_UP, again, *REST]
    nas2fad, signin = daemons(nas2fa_of_a_user, control, SIGN_IN)
    with nas2fad, signin:
        outcome = nas2fa_of_a_user("setup", stdin=f"{PASSWORD}\naaaa-bbbb-cccc \n\n123456\nyes\n")
    assert outcome.code == 0
    assert "an invite code is needed" in outcome.out


@pytest.mark.parametrize("typed", ["\n", ""])
def test_without_an_invite_code_nothing_is_changed(nas2fa_of_a_user, typed) -> None:
    nas2fad, signin = daemons(nas2fa_of_a_user, [*STATUS, request("setup"), NO_INVITE], SIGN_IN)
    with nas2fad, signin:
        outcome = nas2fa_of_a_user("setup", stdin=f"{PASSWORD}\n{typed}")
    assert (outcome.code, "Nothing was changed." in outcome.err) == (1, True)


def test_a_wrong_invite_code_is_not_asked_again(nas2fa_of_a_user) -> None:
    control = [*STATUS, request("setup", invite="wrong"), refuse("NO_PROOF", "not right")]
    nas2fad, signin = daemons(nas2fa_of_a_user, control, SIGN_IN)
    with nas2fad, signin:
        outcome = nas2fa_of_a_user("setup", "--invite", "wrong", stdin=f"{PASSWORD}\n")
    assert (outcome.code, "not right (NO_PROOF)" in outcome.err) == (1, True)


def test_no_signin_socket_is_unreachable(nas2fa_of_a_user) -> None:
    with ScriptedDaemon(nas2fa_of_a_user.socket, STATUS[:2]):
        outcome = nas2fa_of_a_user("setup")
    assert outcome.code == 3
    assert "signin.sock" in outcome.err


@pytest.mark.parametrize("key", ["c", "d"])
def test_a_secret_is_not_echoed_and_the_echo_comes_back(tmp_path, key) -> None:
    script = [
        request("disable"),
        ask("code", "Code: ", echo=False),
        answer(PASSWORD),
        ask("code", "Again: ", echo=False),
    ]
    end = [hear({"cancel": True}), refuse("ABORTED", "left")] if key == "d" else []
    with ScriptedDaemon(tmp_path / "run" / "control.sock", [*script, *end]):
        arguments = ["-m", "nas2fa.cli", "--root", str(tmp_path), "disable"]
        child = pexpect.spawn(sys.executable, arguments, env=ENVIRONMENT, encoding="utf-8", timeout=20)
        child.delaybeforesend = child.delayafterclose = child.delayafterterminate = None
        child.expect_exact("Code: ")
        assert child.waitnoecho(10)
        child.sendline(PASSWORD)
        child.expect_exact("Again: ")
        assert PASSWORD not in child.before
        assert child.waitnoecho(10)
        child.sendcontrol(key)
        child.expect_exact("Nothing was changed." if key == "c" else "(ABORTED)")
        assert child.getecho()
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 1
