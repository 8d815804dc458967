"""The wizard `nas2fa setup` in a terminal of 80x24 and without one, against a scripted daemon."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pexpect
import pytest
from commanding import ME, ROOT
from qr_reader import on_dark, on_light
from scripted_daemon import HANG_UP, LEFT, ScriptedDaemon, answer, ask, done, hear, refuse, request, say

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
URI = f"otpauth://totp/nas:alice?secret={KEY}&issuer=nas"
CODES = [f"aaaa-bbbb-ccc{n}" for n in range(10)]
CLOCK = {"iso": "2026-11-24T05:26:44+01:00", "zone": "CET", "utc_offset": 3600, "synchronised": True}
SHOW_KEY = {"uri": URI, "key": KEY, "issuer": "nas", "account": "alice", "digits": 6, "period": 30, "algorithm": "SHA1"}

OPENING = [request("status"), done(armed=False, pending=False), HANG_UP]
TO_START = [*OPENING, request("setup"), say({"show": "clock", "value": CLOCK}), ask("start")]
TO_CODE = [*TO_START, answer(""), say({"show": "secret", "value": SHOW_KEY}), ask("code", "Code: ")]
TO_SAVED = [
    *TO_CODE,
    answer("123456"),
    say({"tell": "Verified successfully", "error": False}),
    say({"show": "recovery_codes", "value": {"codes": CODES}}),
    ask("saved"),
]
WHOLE = [*TO_SAVED, answer("yes"), done(armed=True)]

ENVIRONMENT = {"PYTHONPATH": ":".join(sys.path), "PATH": os.environ["PATH"], "TERM": "xterm"}
COMMAND = ["-m", "nas2fa.cli", "--root"]
MISSED = "That code is 2 minutes behind."


@contextmanager
def daemons(tmp_path, script) -> Iterator[None]:
    """nas2fad with its script; for who is not root also an nas2fa-signin that is content."""
    run = tmp_path / "run"
    with ExitStack() as stack:
        stack.enter_context(ScriptedDaemon(run / "control.sock", script))
        if os.geteuid() != 0 and HANG_UP in script:
            stack.enter_context(ScriptedDaemon(run / "signin.sock", [request("signin"), done(token="t", seconds=120)]))
        yield


@contextmanager
def terminal(tmp_path, script, *arguments: str, locale: str = "C.UTF-8") -> Iterator[pexpect.spawn]:
    with daemons(tmp_path, script):
        child = pexpect.spawn(
            sys.executable,
            [*COMMAND, str(tmp_path), "setup", *arguments],
            env={**ENVIRONMENT, "LC_ALL": locale},
            dimensions=(24, 80),
            encoding="utf-8",
            timeout=20,
        )
        child.delaybeforesend = child.delayafterclose = child.delayafterterminate = None
        try:
            yield child
        finally:
            child.close(force=True)


def ended(child: pexpect.spawn) -> int:
    child.expect(pexpect.EOF)
    child.wait()
    return child.exitstatus


def pictures(text: str) -> list[list[str]]:
    """The runs of lines that begin like a QR code: block letters and spaces alone."""
    lines = text.replace("\r", "").split("\n")
    runs = re.findall(r"(?:[█▀▄ ]{20,}\n)+", "\n".join(lines) + "\n")
    return [run.splitlines() for run in runs]


def test_the_whole_way_in_the_order_of_the_wizard(tmp_path) -> None:
    with terminal(tmp_path, WHOLE, "--user", "root") as child:
        child.expect_exact("2-step verification for root on ")
        child.expect_exact("Tuesday, 24 November 2026")
        child.expect_exact("05:26:44")
        child.expect_exact("CET (UTC+01:00)")
        child.expect_exact("calls this clock synchronised")
        child.expect_exact("Compare with your phone")
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Key: JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP")
        assert [on_dark(picture) for picture in pictures(child.before)] == [[URI]]
        child.expect_exact("Code that the app shows")
        child.sendline("123456")
        child.expect_exact("Verified successfully")
        for pair in zip(CODES[:5], CODES[5:], strict=True):
            child.expect(r"\s+".join(pair))
        child.expect_exact("Type yes when you have saved them: ")
        child.sendline("yes")
        child.expect_exact("No login of this box asks for a code yet")
        assert "log out" not in child.before
        child.expect_exact("nas2fa test")
        assert ended(child) == 0


def test_the_last_words_where_logins_ask_for_a_code(tmp_path) -> None:
    (tmp_path / "etc/pam.d").mkdir(parents=True)
    (tmp_path / "etc/pam.d/sshd").write_text("auth required pam_unix.so\nauth requisite pam_nas2fa.so\n")
    with terminal(tmp_path, WHOLE) as child:
        for reply in ("", "123456", "yes"):
            child.sendline(reply)
        child.expect_exact("log out and log in again. First comes your password")
        assert ended(child) == 0


def test_the_picture_fits_on_one_screen_and_i_inverts_it(tmp_path) -> None:
    with terminal(tmp_path, WHOLE) as child:
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        screen = child.before.replace("\r", "").split("\n")
        start = next(number for number, line in enumerate(screen) if line.startswith("Scan"))
        assert len(screen[start:]) <= 24
        assert max(map(len, screen[start:])) <= 80
        for reader, letter in ((on_light, "i"), (on_dark, " I ")):
            child.sendline(letter)
            child.expect_exact("Code that the app shows")
            assert [reader(picture) for picture in pictures(child.before)] == [[URI]]
        child.sendline("123456")
        child.sendline("yes")
        assert ended(child) == 0


def test_a_missed_code_is_told_and_asked_again(tmp_path) -> None:
    script = [
        *TO_CODE,
        answer("111111"),
        say({"tell": MISSED, "error": True}),
        ask("code", "Code: "),
        *WHOLE[len(TO_CODE) :],
    ]
    with terminal(tmp_path, script) as child:
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        child.sendline("111111")
        child.expect_exact(MISSED)
        child.expect_exact("Code that the app shows")
        child.sendline("123456")
        child.expect_exact("Type yes")
        child.sendline("yes")
        assert ended(child) == 0


@pytest.mark.parametrize("locale", ["C", "POSIX"])
def test_a_terminal_without_utf8_gets_the_key_and_i_draws_it_all_the_same(tmp_path, locale) -> None:
    with terminal(tmp_path, WHOLE, locale=locale) as child:
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        assert pictures(child.before) == []
        assert "does not promise UTF-8" in child.before
        assert "Key: JBSW Y3DP" in child.before
        child.sendline("i")
        child.expect_exact("Code that the app shows")
        assert [on_dark(picture) for picture in pictures(child.before)] == [[URI]]
        child.sendline("123456")
        child.sendline("yes")
        assert ended(child) == 0


def test_a_window_too_small_gets_the_key(tmp_path) -> None:
    with terminal(tmp_path, WHOLE) as child:
        child.expect_exact("Get started")
        child.setwinsize(12, 80)
        child.sendline("")
        child.expect_exact("Code that the app shows")
        assert "needs a window of" in child.before
        assert pictures(child.before) == []
        child.setwinsize(50, 80)
        child.sendline("i")
        child.expect_exact("Code that the app shows")
        assert [on_dark(picture) for picture in pictures(child.before)] == [[URI]]
        child.sendline("123456")
        child.sendline("yes")
        assert ended(child) == 0


def test_a_pending_authenticator_shows_no_key(tmp_path) -> None:
    script = [*TO_START, answer(""), ask("code", "Code of the authenticator that you have: "), *WHOLE[len(TO_CODE) :]]
    with terminal(tmp_path, script) as child:
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code of the authenticator that you have: ")
        assert "Key:" not in child.before
        child.sendline("123456")
        child.expect_exact("Type yes")
        child.sendline("yes")
        assert ended(child) == 0


@pytest.mark.parametrize(("prompt", "script"), [("Get started", TO_START), ("Code that the app shows", TO_CODE)])
@pytest.mark.parametrize("way", ["Ctrl-C", "Ctrl-D", "window closed"])
def test_leaving_before_the_first_good_code(tmp_path, prompt, script, way) -> None:
    cancelled = hear({"cancel": True}), refuse("ABORTED", "Nothing was changed.")
    left = cancelled if way == "Ctrl-D" else [LEFT]
    with terminal(tmp_path, [*script, *left]) as child:
        if prompt != "Get started":
            child.expect_exact("Get started")
            child.sendline("")
        child.expect_exact(prompt)
        if way == "window closed":
            child.kill(signal.SIGHUP)
            return
        child.sendcontrol("c" if way == "Ctrl-C" else "d")
        child.expect_exact("Nothing was changed.")
        assert ended(child) == 1


@pytest.mark.parametrize(("armed", "told"), [(True, "2-step verification is on"), (False, "Nothing was changed.")])
def test_leaving_after_the_first_good_code_says_what_the_daemon_says(tmp_path, armed, told) -> None:
    with terminal(tmp_path, [*TO_SAVED, LEFT, request("status"), done(armed=armed)]) as child:
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        child.sendline("123456")
        child.expect_exact("Type yes")
        child.sendcontrol("c")
        child.expect_exact(told)
        assert ended(child) == 1


def test_without_a_terminal(tmp_path) -> None:
    with daemons(tmp_path, WHOLE):
        ran = subprocess.run(
            [sys.executable, *COMMAND, str(tmp_path), "setup"],
            input="\n123456\nyes\n",
            env={**ENVIRONMENT, "LANG": "en_GB.UTF-8"},
            capture_output=True,
            encoding="utf-8",
            check=True,
        )
    assert "Key: JBSW Y3DP" in ran.stdout
    assert CODES[9] in ran.stdout
    assert "123456" not in ran.stdout + ran.stderr


def test_armed_already_is_refused_before_anything_is_asked(tmp_path) -> None:
    with terminal(tmp_path, [request("status", **ME), done(armed=True)]) as child:
        child.expect_exact("(ALREADY_ENROLLED)")
        assert ended(child) == 1


def test_for_somebody_else_the_name_service_is_asked_here(tmp_path) -> None:
    script = [
        request("status", **ROOT),
        done(armed=False),
        HANG_UP,
        request("setup", **ROOT, label="phone"),
        *WHOLE[4:],
    ]
    with terminal(tmp_path, script, "--user", "root", "--label", "phone") as child:
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        child.sendline("123456")
        child.expect_exact("Type yes")
        child.sendline("yes")
        assert ended(child) == 0
