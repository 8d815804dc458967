"""The command, in a terminal, against a real nas2fad and nas2fa-signin; the phone is pyotp behind a QR reader."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pyotp
import pytest
from nas2fa.control.client import Client
from nas2fa.errors import UnreachableError
from running import KEY, REPO, Running, code, until, wrong

sys.path.insert(0, str(REPO / "tests" / "unit"))
from qr_reader import on_dark

NOBODY = pwd.getpwuid(65534)
RECOVERY = re.compile(r"\b[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{4}\b")
CHECK = '#!/bin/sh\n[ "$(cat)" = "correct horse" ]\n'


@dataclass(frozen=True)
class Command:
    """`nas2fa --root DIR`, as root or as nobody, from a copy of the program that nobody may read."""

    daemon: Running
    program: Path

    def _arguments(self, *words: str) -> list[str]:
        return ["-m", "nas2fa.cli", "--root", str(self.daemon.root), *words]

    @property
    def _environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(self.program), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TERM": "xterm"}

    def run(self, *words: str, typed: str = "", exits: int = 0) -> str:
        """Without a terminal; what it printed, both streams. The exit code must be `exits`."""
        ran = subprocess.run(
            [sys.executable, *self._arguments(*words)],
            input=typed,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        assert ran.returncode == exits, ran.stdout
        return ran.stdout

    @contextlib.contextmanager
    def spawn(self, *words: str, nobody: bool = False) -> Iterator[pexpect.spawn]:
        """In a terminal of 80x24."""

        def become_nobody() -> None:
            os.setgroups([])
            os.setgid(NOBODY.pw_gid)
            os.setuid(NOBODY.pw_uid)

        child = pexpect.spawn(
            sys.executable,
            self._arguments(*words),
            env=self._environment,
            dimensions=(24, 80),
            encoding="utf-8",
            timeout=20,
            preexec_fn=become_nobody if nobody else None,
        )
        child.delaybeforesend = child.delayafterclose = child.delayafterterminate = None
        try:
            yield child
        finally:
            child.close(force=True)

    def set_up(self, child: pexpect.spawn) -> tuple[pyotp.TOTP, str, list[str]]:
        """Walk the wizard from Get started to its end: the phone, the code it showed, and the recovery codes."""
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        uri = on_dark([line for line in child.before.split("\r\n") if line and set(line) <= set("█▀▄ ")])
        phone = pyotp.parse_uri(*uri)
        typed = phone.now()
        child.sendline(typed)
        child.expect_exact("Verified successfully")
        child.expect_exact("Type yes")
        codes = RECOVERY.findall(child.before)
        child.sendline("yes")
        child.expect(pexpect.EOF)
        child.wait()
        assert child.exitstatus == 0
        return phone, typed, codes


@pytest.fixture
def nas2fa(daemon: Running) -> Command:
    program = daemon.root / "program"
    shutil.copytree(REPO / "daemon" / "nas2fa", program / "nas2fa", ignore=shutil.ignore_patterns("__pycache__"))
    for path in (program, *program.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return Command(daemon, program)


@pytest.fixture
def signin(nas2fa: Command) -> Iterator[Path]:
    """nas2fa-signin, with a PAM service that knows one password. The folder of the service."""
    root = nas2fa.daemon.root
    confdir = root / "pam.d"
    confdir.mkdir()
    check = root / "check"
    check.write_text(CHECK)
    check.chmod(0o755)
    (confdir / "nas2fa").write_text(
        f"auth [success=1 default=ignore] pam_exec.so quiet expose_authtok {check}\n"
        "auth requisite pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "nas2fa.signin", "--listen", "--root", str(root), "--confdir", str(confdir)],
        env={"PYTHONPATH": str(nas2fa.program), "PATH": "/usr/bin:/bin"},
    )

    def listens() -> bool:
        with contextlib.suppress(UnreachableError):
            Client(root / "run" / "signin.sock").close()
            return True
        return False

    until(listens, "nas2fa-signin does not listen")
    yield confdir
    process.terminate()
    process.wait()


def test_set_up_by_root_then_every_code_once(nas2fa: Command) -> None:
    with nas2fa.spawn("setup", "--user", NOBODY.pw_name, "--label", "phone") as child:
        phone, typed, codes = nas2fa.set_up(child)
    assert len(set(codes)) == 10
    name = NOBODY.pw_name
    assert json.loads(nas2fa.run("status", name, "--json"))["armed"] is True
    # The set-up used its code; that of the next step is accepted once.
    assert "(REUSED)" in nas2fa.run("test", name, typed=typed + "\n", exits=1)
    coming = phone.at(int(time.time()), 1) + "\n"
    assert "Verdict: allow (OK)" in nas2fa.run("test", name, typed=coming)
    assert "(REUSED)" in nas2fa.run("test", name, typed=coming, exits=1)
    # A recovery code stands in for a code, once.
    assert "Verdict: allow (OK)" in nas2fa.run("test", name, typed=codes[3] + "\n")
    assert "Verdict: deny" in nas2fa.run("test", name, typed=codes[3] + "\n", exits=1)
    assert json.loads(nas2fa.run("status", name, "--json"))["recovery_left"] == 9


@pytest.mark.parametrize("where", ["Get started", "Code that the app shows"])
def test_leaving_early_leaves_nothing(nas2fa: Command, where: str) -> None:
    with nas2fa.spawn("setup", "--user", NOBODY.pw_name) as child:
        child.expect_exact("Get started")
        if where != "Get started":
            child.sendline("")
            child.expect_exact(where)
        child.sendcontrol("c")
        child.expect_exact("Nothing was changed.")
        child.expect(pexpect.EOF)
    assert not list((nas2fa.daemon.root / "lib" / "users").glob("65534*"))
    assert json.loads(nas2fa.run("status", NOBODY.pw_name, "--json"))["armed"] is False


def test_leaving_after_the_first_good_code_is_told_as_it_is(nas2fa: Command) -> None:
    with nas2fa.spawn("setup", "--user", NOBODY.pw_name) as child:
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        key = re.search(r"Key: ([A-Z2-7 ]+)", child.before)
        assert key is not None
        child.sendline(code(key[1].replace(" ", "")))
        child.expect_exact("Type yes")
        child.sendcontrol("c")
        child.expect_exact("2-step verification is on.")
    assert json.loads(nas2fa.run("status", NOBODY.pw_name, "--json"))["armed"] is True


def test_a_user_needs_password_and_invite_code(nas2fa: Command, signin: Path) -> None:
    with nas2fa.spawn("setup", nobody=True) as child:
        child.expect_exact("Password: ")
        child.waitnoecho()
        child.sendline("wrong horse")
        child.expect_exact("was the password right?")
        child.expect_exact("Nothing was changed.")
    invite = json.loads(nas2fa.run("user", "invite", NOBODY.pw_name, "--json"))["invite"]
    for given, told in (("0000-0000-0000", "is not right"), ("", "Nothing was changed.")):
        with nas2fa.spawn("setup", nobody=True) as child:
            child.expect_exact("Password: ")
            child.waitnoecho()
            child.sendline("correct horse")
            child.expect_exact("Invite code")
            child.sendline(given)
            child.expect_exact(told)
    with nas2fa.spawn("setup", "--invite", invite, nobody=True) as child:
        child.expect_exact("Password: ")
        child.waitnoecho()
        child.sendline("correct horse")
        nas2fa.set_up(child)
    assert json.loads(nas2fa.run("status", NOBODY.pw_name, "--json"))["armed"] is True


def test_a_user_moves_to_a_new_phone_without_an_invite_code(nas2fa: Command, signin: Path) -> None:
    nas2fa.daemon.add(NOBODY.pw_uid, NOBODY.pw_name)
    with nas2fa.spawn("setup", nobody=True) as child:
        child.expect_exact("nas2fa setup --replace")
    with nas2fa.spawn("setup", "--replace", nobody=True) as child:
        child.expect_exact("Password: ")
        child.waitnoecho()
        child.sendline("correct horse")
        child.expect_exact("Now a code of what is set up until now")
        child.expect_exact("Verification code: ")
        child.waitnoecho()
        child.sendline(code())
        nas2fa.set_up(child)
    assert "deny" in nas2fa.run("test", NOBODY.pw_name, typed=code(offset=1) + "\n", exits=1)


def test_a_user_adds_a_phone_and_removes_the_old_one_with_it(nas2fa: Command, signin: Path) -> None:
    nas2fa.daemon.add(NOBODY.pw_uid, NOBODY.pw_name)  # called x, by its URI
    with nas2fa.spawn("authenticator", "add", "--label", "tablet", nobody=True) as child:
        for prompt, typed in (("Password: ", "correct horse"), ("Verification code: ", code())):
            child.expect_exact(prompt)
            child.waitnoecho()
            child.sendline(typed)
        child.expect_exact("Get started")
        child.sendline("")
        child.expect_exact("Code that the app shows")
        uri = on_dark([line for line in child.before.split("\r\n") if line and set(line) <= set("█▀▄ ")])
        tablet = pyotp.parse_uri(*uri)
        child.sendline(tablet.now())
        child.expect_exact("Added as tablet")
    with nas2fa.spawn("authenticator", "remove", "x", nobody=True) as child:
        for prompt, typed in (("Password: ", "correct horse"), ("Verification code: ", tablet.at(int(time.time()), 1))):
            child.expect_exact(prompt)
            child.waitnoecho()
            child.sendline(typed)
        child.expect_exact("x is removed; left: 1.")
    kept = json.loads(nas2fa.run("authenticator", "list", "--user", NOBODY.pw_name, "--json"))
    assert [(each["label"], each["last_used"] > 0) for each in kept] == [("tablet", True)]


def test_a_locked_account_proves_nothing(nas2fa: Command, signin: Path) -> None:
    stack = signin / "nas2fa"
    stack.write_text(stack.read_text().replace("account required pam_permit.so", "account required pam_deny.so"))
    with nas2fa.spawn("setup", nobody=True) as child:
        child.expect_exact("Password: ")
        child.waitnoecho()
        child.sendline("correct horse")
        child.expect_exact("the account is refused")
        child.expect_exact("Nothing was changed.")


def test_others_are_for_root(nas2fa: Command) -> None:
    for words in (["status", "root"], ["user", "list"], ["user", "show", "root"], ["explain"], ["explain", "abcd"]):
        with nas2fa.spawn(*words, nobody=True) as child:
            child.expect_exact("(FORBIDDEN)")
            child.expect(pexpect.EOF)
            child.wait()
            assert child.exitstatus == 1


def test_disable_and_new_recovery_codes_need_a_fresh_code(nas2fa: Command) -> None:
    nas2fa.daemon.add(0, "root")
    assert "(REFUSED)" in nas2fa.run("recovery-codes", typed=wrong() + "\n", exits=1)
    first = RECOVERY.findall(nas2fa.run("recovery-codes", typed=code() + "\nyes\n"))
    second = RECOVERY.findall(nas2fa.run("recovery-codes", typed=first[0] + "\nyes\n"))
    assert "(REFUSED)" in nas2fa.run("disable", typed=first[1] + "\n", exits=1)
    assert "is off" in nas2fa.run("disable", typed=second[0] + "\n")
    assert json.loads(nas2fa.run("status", "--json"))["armed"] is False
    assert "(NOT_ENROLLED)" in nas2fa.run("disable", typed=second[1] + "\n", exits=1)


def test_many_at_once_listed_and_shown(nas2fa: Command) -> None:
    uri = f"otpauth://totp/nas:x?secret={KEY}"
    listing = f"root {uri}\nnobody {uri}&digits=8\ndaemon {uri}&digits=7\nnobody {uri}\nno-such {uri}\n"
    report = nas2fa.run("user", "add", "--armed", "--from-file", "-", typed=listing, exits=1)
    assert "Added: 2. Refused: 3." in report
    assert [line.split(":")[0] for line in report.splitlines() if re.match("line [0-9]+: [a-z-]+:", line)] == [
        "line 3",
        "line 4",
        "line 5",
    ]
    assert KEY not in report
    rows = json.loads(nas2fa.run("user", "list", "--json"))
    assert {(row["user"], row["armed"]) for row in rows} == {("root", True), ("nobody", True)}
    assert json.loads(nas2fa.run("user", "show", "nobody", "--json"))["authenticators"][0]["digits"] == 8


def test_locked_explained_and_unlocked(nas2fa: Command) -> None:
    nas2fa.daemon.add(0, "root")
    for _ in range(5):
        nas2fa.run("test", "--from", "192.0.2.7", typed=wrong() + "\n", exits=1)
    assert "Verdict: locked (LOCKED)" in nas2fa.run("test", "--from", "192.0.2.7", exits=1)
    assert "LOCKED from 192.0.2.7" in nas2fa.run("status")
    latest = json.loads(nas2fa.run("explain", "--json"))
    assert [row["reason"] for row in latest][:2] == ["LOCKED", "WRONG"]
    explained = nas2fa.run("explain", latest[1]["attempt"])
    assert "192.0.2.7" in explained
    assert wrong() not in explained
    assert "is unlocked" in nas2fa.run("user", "unlock", "root")
    assert "Verdict: allow" in nas2fa.run("test", "--from", "192.0.2.7", typed=code() + "\n")


def test_a_faulty_record_is_named_and_repaired(nas2fa: Command) -> None:
    nas2fa.daemon.add(0, "root")
    nas2fa.run("recovery-codes", typed=code() + "\nyes\n")  # the second save leaves a copy of the first
    record = nas2fa.daemon.root / "lib" / "users" / "0.json"
    record.write_bytes(record.read_bytes()[:40])
    assert "Fault: RECORD_UNREADABLE" in nas2fa.run("user", "show", "root")
    assert "unavailable" in nas2fa.run("test", exits=1)
    assert "uid 0: RECORD_UNREADABLE" in nas2fa.run("repair", exits=1)
    nas2fa.run("repair", "root", "--restore", "--yes")
    assert "Verdict: allow" in nas2fa.run("test", typed=code(offset=1) + "\n")


def test_reset(nas2fa: Command) -> None:
    nas2fa.daemon.add(0, "root")
    assert "Nothing was changed." in nas2fa.run("user", "reset", "root", typed="no\n", exits=1)
    assert "is removed" in nas2fa.run("user", "reset", "root", typed="yes\n")
    assert "nothing to remove" in nas2fa.run("user", "reset", "root", "--yes")
