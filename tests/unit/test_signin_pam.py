"""nas2fa-signin through the real libpam, with a service file of the test's own; nas2fad is scripted."""

from __future__ import annotations

import os
import pwd
import select
import socket
import subprocess
import sys
import time
from ctypes import POINTER, c_char, cast, pointer
from pathlib import Path

import pytest
from nas2fa.control.client import Client
from nas2fa.errors import ProtocolError, Reason, RequestError, UnreachableError
from nas2fa.paths import Paths
from nas2fa.signin import pam, session
from nas2fa.signin.listener import OPEN_PER_UID
from nas2fa.steps import Ask, Tell
from scripted_daemon import ScriptedDaemon, done, refuse, request
from test_control_client import Recorder

ME = frozenset({os.geteuid()})
PASSWORD = "correct horse"
AUTH = """
auth [success=1 default=ignore] pam_exec.so quiet expose_authtok {check}
auth requisite pam_deny.so
auth required pam_permit.so
"""
CHECK = """#!/bin/sh
[ "$(cat)" = "correct horse" ] && [ "$PAM_SERVICE" = nas2fa ] && [ "$PAM_RUSER" = "$PAM_USER" ]
"""
DEADLINE = 20.0  # seconds for anything that must happen


class SignIn:
    """A running `nas2fa-signin --listen` with a PAM service of the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.control = root / "run" / "control.sock"
        self.path = root / "run" / "signin.sock"
        self.confdir = root / "pam.d"
        self.confdir.mkdir()
        self.control.parent.mkdir()
        check = root / "check"
        check.write_text(CHECK)
        check.chmod(0o755)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nas2fa.signin", "--listen", "--root", str(root), "--confdir", str(self.confdir)],
            env={"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"]},
        )
        wait_until(self._listens)

    def _listens(self) -> bool:
        try:
            Client(self.path, ME).close()
        except UnreachableError:
            return False
        return True

    def stack(self, account: str, before: str = "") -> None:
        """Write the service: `before`, the check of the password, then the account lines."""
        auth = AUTH.format(check=self.root / "check")
        (self.confdir / "nas2fa").write_text(f"{before}\n{auth}\n{account}\n")

    def sign_in(self, *answers: str | None) -> tuple[dict, Recorder]:
        relay = Recorder(*answers)
        with Client(self.path, ME) as client:
            return dict(client.request("signin", {}, relay)), relay

    def refused(self, *answers: str | None) -> RequestError:
        with pytest.raises(RequestError) as caught:
            self.sign_in(*answers)
        assert PASSWORD not in caught.value.text
        return caught.value

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE)


def wait_until(holds) -> None:
    deadline = time.monotonic() + DEADLINE
    while not holds():
        assert time.monotonic() < deadline, "did not happen in time"
        select.select([], [], [], 0.01)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    process = SignIn(tmp_path_factory.mktemp("signin"))
    yield process
    process.stop()


@pytest.fixture
def signin(running):
    running.stack("account required pam_permit.so")
    return running


def test_a_right_password_gives_the_token_of_nas2fad(signin) -> None:
    me = {"uid": os.geteuid(), "user": pwd.getpwuid(os.geteuid()).pw_name}
    with ScriptedDaemon(
        signin.control, [request("signin.verified", **me, source="unknown"), done(token="t", seconds=120)]
    ):
        end, relay = signin.sign_in(PASSWORD)
    assert end == {"token": "t", "seconds": 120}
    assert relay.heard == [Ask("Password: ", False, "pam")]


@pytest.mark.parametrize(
    "typed", ["wrong", "", PASSWORD + " ", "x" * 511, "ü" * 200], ids=["wrong", "empty", "blank", "511", "UTF-8"]
)
def test_a_wrong_password_is_refused_and_nas2fad_not_asked(signin, typed) -> None:
    error = signin.refused(typed)
    assert (error.reason, error.text) == (Reason.REFUSED, "the sign-in was refused: was the password right?")


@pytest.mark.parametrize(
    "typed", [None, "x" * 512, PASSWORD + "\0", "ü" * 256], ids=["cancel", "512", "NUL", "512 in UTF-8"]
)
def test_what_c_would_read_otherwise_is_refused(signin, typed) -> None:
    assert signin.refused(typed).reason == Reason.REFUSED


def test_the_account_must_be_good_too(signin) -> None:
    signin.stack("account required pam_deny.so")
    error = signin.refused(PASSWORD)
    assert error.reason == Reason.REFUSED
    assert "the account is refused" in error.text


def test_texts_of_pam_are_told(signin) -> None:
    (signin.root / "motd").write_text("Hello %u")
    signin.stack("account required pam_permit.so", f"auth optional pam_echo.so file={signin.root / 'motd'}")
    relay = Recorder("wrong")
    with Client(signin.path, ME) as client, pytest.raises(RequestError):
        client.request("signin", {}, relay)
    user = pwd.getpwuid(os.geteuid()).pw_name
    assert relay.heard == [Tell(f"Hello {user}"), Ask("Password: ", False, "pam")]


def test_questions_have_a_limit() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        line = session.Line(theirs)
        for _ in range(session.PROMPTS_MAX):
            ours.send(b'{"answer":"x"}')
            assert line.converse(pam.ECHO_ON, b"?") == b"x"
        with pytest.raises(ProtocolError):
            line.converse(pam.ECHO_ON, b"?")


def test_everything_together_has_a_limit(monkeypatch) -> None:
    monkeypatch.setattr(session, "TIME_MAX", 0.02)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        session.serve(theirs, Paths.under("/nonexistent"), None, ME)
        assert ours.recv(65_536) == b'{"error":"TIMEOUT","text":"this took too long"}'


def test_a_service_without_a_stack_is_told(signin) -> None:
    (signin.confdir / "nas2fa").unlink()
    error = signin.refused(PASSWORD)
    assert error.reason in (Reason.REFUSED, Reason.INTERNAL)
    assert "PAM" in error.text


def test_nas2fad_unreachable_and_refusing(signin) -> None:
    assert "nas2fad cannot be reached" in signin.refused(PASSWORD).text
    with ScriptedDaemon(signin.control, [request("signin.verified"), refuse("BUSY", "too many")]):
        assert signin.refused(PASSWORD).reason == Reason.BUSY


@pytest.mark.parametrize("verb", ["status", "signin.verified"])
def test_no_other_verb(signin, verb) -> None:
    with Client(signin.path, ME) as client, pytest.raises(RequestError) as caught:
        client.request(verb, {}, Recorder())
    assert caught.value.reason == Reason.BAD_REQUEST


def _asked(path: Path) -> socket.socket | None:
    """A connection that is asked for the password, and so has a place; None when it was closed instead."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection.settimeout(DEADLINE)
    connection.connect(str(path))
    try:
        connection.send(b'{"v":1,"verb":"signin","args":{}}')
        if connection.recv(65_536):
            return connection
    except OSError:
        pass
    connection.close()
    return None


def test_nobody_takes_all_of_the_places(signin) -> None:
    held: list[socket.socket] = []

    def all_held() -> bool:
        """The process of a test before may be about to end, and have a place until then."""
        held.extend(filter(None, [_asked(signin.path)]))
        return len(held) == OPEN_PER_UID

    wait_until(all_held)
    with pytest.raises(UnreachableError):
        signin.sign_in(PASSWORD)
    for connection in held:
        connection.close()

    def served() -> bool:
        try:
            signin.sign_in("wrong")
        except UnreachableError:
            return False
        except RequestError:
            return True
        return False

    wait_until(served)


def _call(converse, styles, text=b"?"):
    """The callback as libpam would call it: its code, and the answers when it is a success."""
    messages = (POINTER(pam.pamela.PamMessage) * len(styles))()
    kept = []
    for index, style in enumerate(styles):
        buffer = (c_char * (len(text) + 1))(*text)
        message = pam.pamela.PamMessage(style, cast(buffer, POINTER(c_char)))
        kept += [buffer, message]
        messages[index] = pointer(message)
    responses = POINTER(pam.pamela.PamResponse)()
    code = pam._callback(converse)(len(styles), messages, pointer(responses), None)
    return code, responses


def test_no_exception_comes_out_as_success() -> None:
    for error in (ValueError, KeyboardInterrupt, SystemExit, MemoryError, EOFError):

        def converse(_style, _text, error=error):
            raise error

        code, responses = _call(converse, [pam.ECHO_OFF])
        assert code == pam.CONV_ERR
        assert not responses


def test_an_error_after_some_answers_hands_none_over() -> None:
    answers = iter([b"first", b"second", None])
    code, responses = _call(lambda _style, _text: next(answers), [pam.ECHO_OFF, pam.ECHO_ON, pam.ECHO_OFF])
    assert (code, bool(responses)) == (pam.CONV_ERR, False)


def test_answers_stand_in_their_places() -> None:
    def converse(style, _text):
        return b"typed" if style == pam.ECHO_OFF else None

    code, responses = _call(converse, [pam.TEXT_INFO, pam.ECHO_OFF, pam.ERROR_MSG])
    assert code == pam.SUCCESS
    assert [bool(responses[index].resp) for index in range(3)] == [False, True, False]
    assert responses[1].resp[:6] == b"typed\0"


@pytest.mark.parametrize("count", [0, -1, 33])
def test_a_number_of_messages_that_pam_never_sends(count) -> None:
    responses = POINTER(pam.pamela.PamResponse)()
    assert pam._callback(lambda _s, _t: b"")(count, None, pointer(responses), None) == pam.CONV_ERR


def test_the_passed_connection_must_be_a_seqpacket_socket() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "nas2fa.signin"],
        stdin=subprocess.DEVNULL,
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, "no connection" in ran.stderr) == (2, True)


def test_one_connection_on_standard_input(tmp_path) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ran = subprocess.Popen(
            [sys.executable, "-m", "nas2fa.signin", "--root", str(tmp_path), "--confdir", str(tmp_path)],
            stdin=theirs,
            env={"PYTHONPATH": ":".join(sys.path)},
        )
        theirs.close()
        ours.settimeout(DEADLINE)
        ours.send(b'{"v":1,"verb":"signin","args":{}}')
        assert b'"error"' in ours.recv(65_536)
        assert ran.wait(DEADLINE) == 0
