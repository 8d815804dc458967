"""On a real machine, with a kernel and a disk of its own: switched on and not confirmed, cut off, and rescued."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from debianbox import clients, logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from disk import admin, image
from machine import Machine

PROMPT = r"[$#] (?:\x1b\[\S*)?$"
STACKS = "find /etc/pam.d /etc/ssh /var/lib/pam -type f -exec sha256sum {} + -printf '%p %m %u\n' | sort"

# Ends in the middle of the edits, at the rename of the third file of five: sshd's are done, common-auth is not.
HALFWAY = (
    "strace -o /dev/null -P /var/lib/pam/auth.nas2fa-new -e inject=rename:signal=KILL nas2fa system enable --yes; "
    "grep -q pam_nas2fa /etc/pam.d/sshd && ! grep -q pam_nas2fa /etc/pam.d/common-auth"
)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with Machine(image("bookworm")) as machine:
        yield machine


def shown(machine: Machine, name: str, *script: tuple[str, str]) -> str:
    """What ssh shows in a login as `name` after these answers."""
    await_sshd(machine)
    return clients.answer(clients.openssh(machine, name), *script)


def await_sshd(machine: Machine) -> None:
    """Started or reloaded a moment ago, it needs a while on this slow machine until it listens."""
    machine.run("until ss -Hltn 'sport = :22' | grep -q .; do :; done")


def test_not_confirmed(machine: Machine) -> None:
    """The plug is pulled in the middle of the edits; then a reboot during the trial: the old bytes both times."""
    machine.boot()
    before = machine.run(STACKS).stdout
    machine.run(HALFWAY)
    machine.cut()

    machine.boot()
    assert machine.run(STACKS).stdout == before
    assert "\nalice\r" in shown(machine, "alice", (PASSWORD_PROMPT, PASSWORD))

    machine.run("nas2fa system enable --yes")
    assert machine.run(STACKS).stdout != before
    assert "Permission denied" in shown(machine, "alice", (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, "0"))
    machine.reboot()
    assert machine.run(STACKS).stdout == before
    assert "\nalice\r" in shown(machine, "alice", (PASSWORD_PROMPT, PASSWORD))


def test_rescue(machine: Machine) -> None:
    """Confirmed, codes lost, daemon gone: the word opens the serial console, and nas2fa-off the rest."""
    machine.boot()
    before = machine.run(STACKS).stdout
    machine.run("systemctl start anchor.service; nas2fa system enable --yes")
    await_sshd(machine)
    entered, seen = logins.ssh(machine, admin("alice"), admin("alice").phone.code())
    assert entered, seen
    machine.run("nas2fa system confirm; systemctl mask nas2fad.service")

    console = machine.reboot("nas2fa.rescue").console
    typed = (("", "alice"), (PASSWORD_PROMPT, PASSWORD), (PROMPT, "sudo nas2fa-off"), ("alice: ", PASSWORD))
    for prompt, reply in typed:
        console.expect(prompt)
        console.sendline(reply)
    console.expect("2-step verification is off")
    assert "inactive" in machine.run("systemctl is-active ssh", check=False).stdout
    assert "way=sudo by alice" in machine.run("cat /var/lib/nas2fa-switch/rescue-tested").stdout

    machine.reboot()
    assert machine.run(STACKS).stdout == before
    assert "\nalice\r" in shown(machine, "alice", (PASSWORD_PROMPT, PASSWORD))
