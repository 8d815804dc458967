"""sshd's other ways in: the `password` method, and keys with the lines `guard` and `pubkey`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from debianbox import clients, logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person
from debianbox.machine import Box

PASSWORD_METHOD = ("-o", "PreferredAuthentications=password")


@pytest.fixture
def alice(box: Box) -> Person:
    return logins.enrol(box, "alice")


@pytest.fixture
def key(box: Box, tmp_path: Path) -> tuple[str, ...]:
    """Options for ssh to use a key that alice has authorised."""
    return logins.authorise(box, tmp_path, "-t ed25519")


def ask_code_after_key(box: Box) -> None:
    """Key and code; without a key password and code."""
    line = "auth [success=done new_authtok_reqd=done ignore=ignore default=die] pam_nas2fa.so pubkey"
    box.run(["sed", "-i", f"0,/^@include common-auth/s//{line}\\n&/", "/etc/pam.d/sshd"])
    logins.configure_sshd(
        box,
        "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n"
        "AuthenticationMethods publickey,keyboard-interactive:pam keyboard-interactive:pam\n",
    )


def first_factor(trace: list[str], phase: str) -> str:
    """The field `first` of the only hello of this phase."""
    (body,) = (found[1] for line in trace if (found := re.search(rf'"H1({phase}\\0.*)", 4097', line)))
    return re.split(r"\\0(?:00)?", body)[7]


@contextmanager
def traced_daemon(box: Box) -> Iterator[list[str]]:
    """All that nas2fad reads and writes meanwhile, as strace(1) has it; the list is filled at the end."""
    pid = box.run("systemctl show -P MainPID nas2fad").stdout.strip()
    box.run(["systemd-run", "--quiet", "strace", "-f", "-s", "65535", "-o", "/root/trace", "-p", pid])
    box.until(f"grep -q 'TracerPid:[[:space:]]*[1-9]' /proc/{pid}/status")
    seen: list[str] = []
    yield seen
    box.run("pkill strace")
    box.until("! pgrep strace")
    seen.extend(box.read("/root/trace").splitlines())


@pytest.mark.usefixtures("alice")
def test_the_password_method_sends_no_password(box: Box) -> None:
    """Sshd answers every prompt of the `password` method with the password: it must not reach the daemon as a code."""
    logins.configure_sshd(box, "PasswordAuthentication yes\n")
    with traced_daemon(box) as trace:
        child = clients.openssh(box, "alice", *PASSWORD_METHOD)
        clients.answer(child, (PASSWORD_PROMPT, PASSWORD))
    assert child.exitstatus == 255
    assert any('"P"' in line for line in trace), "the trace shows the daemon being told that the password was repeated"
    assert not [line for line in trace if PASSWORD in line]
    assert logins.reasons(box)[0] == "PASSWORD_REPEATED"
    assert logins.failures(box, "alice") == 0
    assert PASSWORD not in box.run("journalctl --output=export --all").stdout


def test_who_is_not_enrolled_keeps_the_password_method(box: Box) -> None:
    logins.configure_sshd(box, "PasswordAuthentication yes\n")
    child = clients.openssh(box, "bob", *PASSWORD_METHOD)
    assert "bob" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()


@pytest.mark.usefixtures("alice")
def test_without_guard_a_key_alone_gets_in(box: Box, key: tuple[str, ...]) -> None:
    """What the guard line is for: sshd runs no auth phase after a key."""
    child = clients.openssh(box, "alice", *key)
    assert "alice" in clients.answer(child).split()


@pytest.mark.usefixtures("alice")
def test_guard_refuses_a_key_alone(box: Box, key: tuple[str, ...]) -> None:
    logins.add_guard(box)
    child = clients.openssh(box, "alice", *key)
    shown = clients.answer(child)
    assert child.exitstatus == 255
    assert "wants a verification code as well as a key" in shown
    assert logins.reasons(box)[0] == "NOT_VERIFIED"


def test_guard_lets_password_and_code_in(box: Box, alice: Person) -> None:
    logins.add_guard(box)
    assert logins.ssh(box, alice, alice.phone.code())[0]


def test_guard_does_not_ask_who_is_not_enrolled(box: Box) -> None:
    logins.add_guard(box)
    child = clients.openssh(box, "bob")
    assert "bob" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()


def test_key_and_code_without_the_password(box: Box, alice: Person, key: tuple[str, ...]) -> None:
    logins.add_guard(box)
    ask_code_after_key(box)
    child = clients.openssh(box, "alice", *key)
    assert "alice" in clients.answer(child, (CODE_PROMPT, alice.phone.code())).split()

    child = clients.openssh(box, "alice", *key)
    clients.answer(child, (CODE_PROMPT, alice.phone.wrong()))
    assert child.exitstatus == 255

    # Without the key the line stands aside, and the password is asked first.
    assert logins.ssh(box, alice, alice.phone.code())[0]


KINDS = {
    "ed25519": ("-t ed25519", False),
    "ecdsa": ("-t ecdsa -b 521", False),
    "rsa-4096": ("-t rsa -b 4096", False),
    "ed25519-certificate": ("-t ed25519", True),
    "rsa-4096-certificate": ("-t rsa -b 4096", True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_daemon_is_told_the_whole_key_before_it_asks_for_the_code(
    box: Box, alice: Person, tmp_path: Path, kind: str
) -> None:
    """Exemptions know it by its fingerprint. A certificate is told as such, and cut when it is too long."""
    words, signed = KINDS[kind]
    options = logins.authorise(box, tmp_path, words, signed=signed)
    ask_code_after_key(box)
    with traced_daemon(box) as trace:
        child = clients.openssh(box, "alice", *options)
        assert "alice" in clients.answer(child, (CODE_PROMPT, alice.phone.code())).split()
    told = first_factor(trace, "auth").removesuffix("\\n")
    offered = box.read(f"/home/alice/.ssh/{'id-cert.pub' if signed else 'id.pub'}").split()
    assert told == f"publickey {offered[0]} {offered[1]}"[:1600]
    assert (len(told) == 1600) is (kind == "rsa-4096-certificate")


@pytest.mark.usefixtures("alice")
def test_after_a_key_alone_sshd_tells_nobody_which_key_it_was(box: Box, key: tuple[str, ...]) -> None:
    """Its account phase comes before it notes the key: that there was one the guard knows by there being no auth phase.

    Were a later sshd to tell, exemptions by key could hold for a key alone.
    """
    logins.add_guard(box)
    with traced_daemon(box) as trace:
        clients.answer(clients.openssh(box, "alice", *key))
    assert first_factor(trace, "guard") == ""
