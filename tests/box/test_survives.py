"""Daemon stopped or killed, box rebooted, power cut: nobody is shut out, and no code works twice."""

from __future__ import annotations

import json

from debianbox import clients, logins
from debianbox.logins import PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box

SOCKETS = "nas2fad-login.socket nas2fad-user.socket nas2fad-control.socket"


def refused_by_password_alone(box: Box, name: str) -> str:
    """Log in with the right password where no code can be asked; what the client showed."""
    child = clients.openssh(box, name)
    shown = clients.answer(child, (PASSWORD_PROMPT, PASSWORD))
    assert child.exitstatus == 255
    return shown


def test_without_daemon_and_sockets_nobody_gets_in(box: Box) -> None:
    logins.enrol(box, "alice")
    box.run(f"systemctl stop {SOCKETS} nas2fad.service")
    refused_by_password_alone(box, "alice")
    refused_by_password_alone(box, "bob")
    said = " ".join(str(record["MESSAGE"]) for record in box.journal("SYSLOG_IDENTIFIER=sshd"))
    said += " ".join(str(record["MESSAGE"]) for record in box.journal("SYSLOG_IDENTIFIER=sshd-session"))
    assert "pam_nas2fa" in said
    assert "login.sock: No such file or directory" in said


def test_a_stopped_daemon_is_started_by_the_next_login(box: Box) -> None:
    alice = logins.enrol(box, "alice")
    used = alice.phone.code()
    assert logins.ssh(box, alice, used)[0]
    box.run("systemctl stop nas2fad.service")
    assert not logins.ssh(box, alice, used)[0]
    assert logins.ssh(box, alice, alice.phone.code())[0]


def test_killed_twenty_times(box: Box) -> None:
    alice = logins.enrol(box, "alice")
    used = alice.phone.code()
    assert logins.ssh(box, alice, used)[0]
    assert not logins.ssh(box, alice, alice.phone.wrong())[0]
    for _ in range(20):
        box.run("systemctl kill --signal=KILL nas2fad; nas2fa health >/dev/null", check=False)
    entered, shown = logins.ssh(box, alice, used)
    assert not entered
    assert "used already" in shown
    assert logins.failures(box, "alice") == 1
    assert logins.ssh(box, alice, alice.phone.code())[0]


def test_killed_while_a_prompt_is_open(box: Box) -> None:
    alice = logins.enrol(box, "alice")
    child = clients.openssh(box, "alice")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect(logins.CODE_PROMPT)
    box.run("systemctl kill --signal=KILL nas2fad")
    clients.answer(child, ("", alice.phone.code()))
    assert child.exitstatus == 255
    assert logins.ssh(box, alice, alice.phone.code())[0]


def test_reboot_keeps_what_was_used(box: Box) -> None:
    alice = logins.enrol(box, "alice")
    used = alice.phone.code()
    assert logins.ssh(box, alice, used)[0]
    box.reboot()
    assert not logins.ssh(box, alice, used)[0]
    assert logins.reasons(box)[0] in ("REUSED", "FRESH_START")
    assert json.loads(box.run("nas2fa status alice --json").stdout)["armed"]


def test_power_cut_keeps_what_was_used(box: Box) -> None:
    carol = logins.set_up(box.terminal("nas2fa setup --user carol"), "carol")
    spent, fresh = carol.recovery_codes[:2]
    used = carol.phone.code()
    assert logins.ssh(box, carol, spent)[0]
    assert logins.ssh(box, carol, used)[0]
    box.power_cut()
    assert not logins.ssh(box, carol, used)[0]
    assert logins.reasons(box)[0] in ("REUSED", "FRESH_START")
    assert not logins.ssh(box, carol, spent)[0]
    assert logins.ssh(box, carol, fresh)[0]
