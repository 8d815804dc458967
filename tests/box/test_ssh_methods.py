"""sshd's other ways in: the `password` method, and keys with the lines `guard` and `pubkey`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from debianbox import clients, logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person
from debianbox.machine import Box

PASSWORD_METHOD = ("-o", "PreferredAuthentications=password")


@pytest.fixture
def alice(box: Box) -> Person:
    return logins.enrol(box, "alice")


@pytest.fixture
def key(box: Box, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Options for ssh to use a key that alice has authorised."""
    path = "/home/alice/.ssh"
    box.run(
        f"mkdir -m 700 {path} && ssh-keygen -q -t ed25519 -N '' -f {path}/id && cp {path}/id.pub {path}/authorized_keys"
    )
    box.run(f"chown -R alice: {path}")
    copy = tmp_path_factory.mktemp("key") / "id"
    copy.touch(mode=0o600)
    copy.write_text(box.read(f"{path}/id"))
    return ("-i", str(copy), "-o", "PreferredAuthentications=publickey,keyboard-interactive")


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
    line = "auth [success=done new_authtok_reqd=done ignore=ignore default=die] pam_nas2fa.so pubkey"
    box.run(["sed", "-i", f"0,/^@include common-auth/s//{line}\\n&/", "/etc/pam.d/sshd"])
    logins.configure_sshd(
        box,
        "KbdInteractiveAuthentication yes\nPasswordAuthentication no\n"
        "AuthenticationMethods publickey,keyboard-interactive:pam keyboard-interactive:pam\n",
    )
    child = clients.openssh(box, "alice", *key)
    assert "alice" in clients.answer(child, (CODE_PROMPT, alice.phone.code())).split()

    child = clients.openssh(box, "alice", *key)
    clients.answer(child, (CODE_PROMPT, alice.phone.wrong()))
    assert child.exitstatus == 255

    # Without the key the line stands aside, and the password is asked first.
    assert logins.ssh(box, alice, alice.phone.code())[0]
