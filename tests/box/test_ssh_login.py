"""Who gets in by ssh: OpenSSH on a terminal, paramiko and asyncssh against the box's real sshd."""

from __future__ import annotations

from collections.abc import Callable

import pexpect
import pytest
from debianbox import clients, logins, ssh_libraries
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person
from debianbox.machine import Box


@pytest.fixture
def alice(box: Box) -> Person:
    return logins.enrol(box, "alice")


def replies(person: Person, code: str) -> Callable[[str], str]:
    """What to answer to which prompt, for the clients that call back."""
    return lambda prompt: person.password if "assword" in prompt else code


def test_the_right_code_gets_in_once(box: Box, alice: Person) -> None:
    code = alice.phone.code()
    assert logins.ssh(box, alice, code)[0]
    entered, shown = logins.ssh(box, alice, code)
    assert not entered
    assert "used already" in shown
    assert logins.reasons(box)[:2] == ["REUSED", "OK"]


def test_paramiko(box: Box, alice: Person) -> None:
    name, prompts = ssh_libraries.by_paramiko(box, "alice", replies(alice, alice.phone.code()))
    assert name == "alice"
    assert [prompt.strip().splitlines()[-1] for prompt in prompts] == ["Password:", "Verification code:"]
    with pytest.raises(ssh_libraries.paramiko.AuthenticationException):
        ssh_libraries.by_paramiko(box, "alice", replies(alice, alice.phone.wrong()))


def test_asyncssh(box: Box, alice: Person) -> None:
    assert ssh_libraries.by_asyncssh(box, "alice", replies(alice, alice.phone.code())) == "alice"
    with pytest.raises(ssh_libraries.asyncssh.PermissionDenied):
        ssh_libraries.by_asyncssh(box, "alice", replies(alice, alice.phone.wrong()))


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("000", "WRONG"),
        ("1" * 500, "WRONG"),
        ("١٢٣٤٥٦", "WRONG"),
        ("root'; --", "WRONG"),
    ],
)
def test_no_other_answer_gets_in(box: Box, alice: Person, answer: str, reason: str) -> None:
    assert not logins.ssh(box, alice, answer)[0]
    assert logins.reasons(box)[0] == reason
    assert logins.failures(box, "alice") == (reason == "WRONG")


@pytest.mark.parametrize("sign", ["", "?"])
def test_the_menu_of_methods(box: Box, alice: Person, sign: str) -> None:
    """The same for everybody: it tells nothing of her."""
    child = clients.openssh(box, "alice")
    again = r"You can type here:\s+- the code that [^:]*recovery codes[^:]*" + CODE_PROMPT
    shown = clients.answer(child, (PASSWORD_PROMPT, alice.password), (CODE_PROMPT, sign), (again, alice.phone.code()))
    assert (child.exitstatus, "alice" in shown.split()) == (0, True)


def test_nothing_but_enter_comes_to_an_end(box: Box, alice: Person) -> None:
    child = clients.openssh(box, "alice")
    clients.answer(child, (PASSWORD_PROMPT, alice.password), (CODE_PROMPT, ""), (CODE_PROMPT, ""))
    assert child.exitstatus == 255
    assert (logins.reasons(box)[0], logins.failures(box, "alice")) == ("EMPTY", 0)


def test_a_wrong_code_is_refused_and_counted(box: Box, alice: Person) -> None:
    entered, shown = logins.ssh(box, alice, alice.phone.wrong())
    assert not entered
    assert "not right" in shown
    assert (logins.reasons(box)[0], logins.failures(box, "alice")) == ("WRONG", 1)


def test_a_code_typed_in_two_groups_gets_in(box: Box, alice: Person) -> None:
    code = alice.phone.code()
    assert logins.ssh(box, alice, f"{code[:3]} {code[3:]}")[0]


def test_a_wrong_password_is_never_asked_for_a_code(box: Box, alice: Person) -> None:
    child = clients.openssh(box, "alice")
    shown = clients.answer(child, (PASSWORD_PROMPT, "not " + alice.password))
    assert child.exitstatus == 255
    assert CODE_PROMPT not in shown


def test_a_user_the_box_does_not_know(box: Box) -> None:
    child = clients.openssh(box, "mallory")
    shown = clients.answer(child, (PASSWORD_PROMPT, PASSWORD))
    assert child.exitstatus == 255
    assert CODE_PROMPT not in shown


def test_who_is_not_enrolled_gets_in_with_the_password(box: Box) -> None:
    child = clients.openssh(box, "bob")
    assert "bob" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()
    assert logins.reasons(box)[0] == "NOT_ENROLLED"


def test_a_recovery_code_gets_in_once(box: Box) -> None:
    carol = logins.set_up(box.terminal("nas2fa setup --user carol"), "carol")
    first, second = carol.recovery_codes[:2]
    assert logins.ssh(box, carol, first)[0]
    entered, shown = logins.ssh(box, carol, first)
    assert not entered
    assert "used already" in shown
    assert logins.ssh(box, carol, second)[0]


def test_locked_after_too_many_wrong_codes_until_the_administrator_unlocks(box: Box, alice: Person) -> None:
    box.write("/etc/nas2fa/nas2fa.toml", "deny = 3\n")
    box.run("systemctl reload nas2fad")
    for _ in range(3):
        assert not logins.ssh(box, alice, alice.phone.wrong())[0]
    child = clients.openssh(box, "alice")
    shown = clients.answer(child, (PASSWORD_PROMPT, PASSWORD))
    assert "Too many wrong codes" in shown
    assert logins.reasons(box)[0] == "LOCKED"
    box.run("nas2fa user unlock alice")
    assert logins.ssh(box, alice, alice.phone.code())[0]


def test_a_client_that_leaves_at_the_prompt(box: Box, alice: Person) -> None:
    child = clients.openssh(box, "alice")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect(CODE_PROMPT)
    child.close(force=True)
    box.until("nas2fa explain --json | grep -q ABORTED")
    assert logins.failures(box, "alice") == 0
    assert logins.ssh(box, alice, alice.phone.code())[0]


def test_twenty_at_once(box: Box) -> None:
    """The same code in twenty logins at once: one of them gets in."""
    dave = logins.enrol(box, "dave")
    children = [clients.openssh(box, "dave") for _ in range(20)]
    for child in children:
        child.expect(PASSWORD_PROMPT)
        child.sendline(PASSWORD)
    # At most sixteen conversations of one user are open; the others are refused without a prompt.
    waiting = [child for child in children if child.expect([CODE_PROMPT, pexpect.EOF]) == 0]
    code = dave.phone.code()
    for child in waiting:
        child.sendline(code)
    for child in waiting:
        child.expect(pexpect.EOF)
        child.close()
    assert [child.exitstatus for child in waiting].count(0) == 1
    assert 1 < len(waiting) <= 16
