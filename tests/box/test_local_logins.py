"""Logins without a network: agetty and login(1) on the console, su, sudo, and callers that are not ours."""

from __future__ import annotations

from collections.abc import Iterator

import pexpect
import pytest
from debianbox import logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person, login_layers
from debianbox.machine import Box

PROMPT = r"\$ "


@pytest.fixture
def console_box(suite: str) -> Iterator[Box]:
    """As `box`, with its console on a pseudo-terminal of ours."""
    with Box(login_layers(suite), console=True) as box:
        yield box


@pytest.fixture
def alice(box: Box) -> Person:
    return logins.enrol(box, "alice")


def test_console(console_box: Box) -> None:
    alice = logins.enrol(console_box, "alice")
    console = console_box.console
    console.expect("login: ")
    console.sendline("alice")
    console.expect(PASSWORD_PROMPT)
    console.sendline(PASSWORD)
    console.expect(CODE_PROMPT)
    console.sendline(alice.phone.wrong())
    console.expect("Login incorrect")

    console.expect("login: ")
    console.sendline("alice")
    console.expect(PASSWORD_PROMPT)
    console.sendline(PASSWORD)
    console.expect(CODE_PROMPT)
    console.sendline(alice.phone.code())
    console.expect(PROMPT)
    console.sendline("echo in-as-$(id -un)")
    console.expect("in-as-alice")
    assert logins.reasons(console_box)[:2] == ["OK", "WRONG"]


def test_su_asks_for_the_code_of_whom_one_becomes(box: Box, alice: Person) -> None:
    child = box.terminal("su - alice -c 'echo in-as-$(id -un)'", user="bob")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect(CODE_PROMPT)
    child.sendline(alice.phone.code())
    child.expect("in-as-alice")


@pytest.mark.usefixtures("alice")
def test_su_by_root_asks_nothing(box: Box) -> None:
    assert box.run("su - alice -c 'id -un'").stdout == "alice\n"


def test_su_with_a_wrong_code(box: Box, alice: Person) -> None:
    child = box.terminal("su - alice -c 'echo in-as-$(id -un)'", user="bob")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect(CODE_PROMPT)
    child.sendline(alice.phone.wrong())
    child.expect(pexpect.EOF)
    assert "in-as" not in str(child.before)


def test_sudo_asks_for_the_code_of_who_types(box: Box, alice: Person) -> None:
    child = box.terminal("sudo id -un", user="alice")
    child.expect(PASSWORD_PROMPT.replace(": ", " for alice: "))
    child.sendline(PASSWORD)
    child.expect(CODE_PROMPT)
    child.sendline(alice.phone.code())
    child.expect("root")


def test_pamtester_as_a_screen_locker(box: Box, alice: Person) -> None:
    """A program of alice's own, without privileges: user.sock is its way."""
    logins.add_module(box, "other")
    box.run(["sed", "-i", "s/requisite pam_nas2fa/required pam_nas2fa/", "/etc/pam.d/other"])
    child = box.terminal("pamtester locker alice authenticate", user="alice")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect(CODE_PROMPT)
    child.sendline(alice.phone.code())
    child.expect("successfully authenticated")


PAMELA = """
import sys, pamela
name, *answers = sys.stdin.read().splitlines()
conversation = pamela.new_simple_password_conv(answers, 'utf-8')  # libpam calls it later: it must live on
handle = pamela.pam_start('login', name, conv_func=conversation)
print('refused' if pamela.PAM_AUTHENTICATE(handle, 0) else 'in')
"""

PYTHON_PAM = """
import sys, pam
name, password = sys.stdin.read().splitlines()
print('in' if pam.authenticate(name, password, service='login') else 'refused')
"""


def called(box: Box, script: str, *words: str) -> str:
    """What a PAM application of a few lines says, given these words."""
    return box.run(["python3", "-c", script], stdin="\n".join(words)).stdout.strip()


def test_pamela_answers_password_and_code(box: Box, alice: Person) -> None:
    assert called(box, PAMELA, "alice", PASSWORD, alice.phone.code()) == "in"
    assert called(box, PAMELA, "alice", PASSWORD, alice.phone.wrong()) == "refused"


@pytest.mark.usefixtures("alice")
def test_python_pam_knows_only_a_password(box: Box) -> None:
    """It answers every prompt with the password: refused for alice, in for bob who is not enrolled."""
    assert called(box, PYTHON_PAM, "alice", PASSWORD) == "refused"
    assert logins.reasons(box)[0] == "PASSWORD_REPEATED"
    assert called(box, PYTHON_PAM, "bob", PASSWORD) == "in"
