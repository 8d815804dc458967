"""Rules, exemptions and trusted devices at real doors: sshd, su, sudo and sudo -i, from real addresses."""

from __future__ import annotations

import json
from pathlib import Path

import pexpect
import pytest
from debianbox import lan as network
from debianbox import logins
from debianbox.clients import answer, openssh
from debianbox.lan import FARTHER as HOME
from debianbox.lan import GATEWAY, Neighbour
from debianbox.lan import NEIGHBOUR as OFFICE
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person
from debianbox.machine import Box
from debianbox.rules import set_rules

ANY_PASSWORD_PROMPT = "[Pp]assword( for [a-z]+)?: "  # that of sudo too


@pytest.fixture
def lan(box: Box) -> Neighbour:
    network.attach(box)
    box.run(f"ip route add default via {GATEWAY}")
    return Neighbour(box)


@pytest.fixture
def alice(box: Box) -> Person:
    return logins.enrol(box, "alice")


def come(machine: Neighbour, user: str, address: str, *options: str) -> pexpect.spawn[str]:
    """An ssh client at that address of the machine beside the box."""
    return openssh(machine, user, "-b", address, *options, host=network.BOX)


def is_asked(child: pexpect.spawn[str], password: str | None = PASSWORD) -> bool:
    """Whether a code is asked behind the password. Fails for a client that neither gets in nor is asked."""
    if password is not None:
        child.expect(ANY_PASSWORD_PROMPT)
        child.sendline(password)
    asked = child.expect([CODE_PROMPT, pexpect.EOF]) == 0
    if not asked:
        child.close()
        assert child.exitstatus == 0, child.before
    child.close()
    return asked


def is_refused(child: pexpect.spawn[str]) -> bool:
    """Whether the right password is refused without a question."""
    child.expect(ANY_PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect("does not let you in here")
    child.close(force=True)
    return True


def su(box: Box, user: str, by: str, option: str = "") -> pexpect.spawn[str]:
    return box.terminal(f"su {option} {user} -c true", user=by)


def sudo(box: Box, user: str, option: str = "") -> pexpect.spawn[str]:
    return box.terminal(f"sudo -k; sudo {option} true", user=user)


def test_service_user_and_group_decide(box: Box, lan: Neighbour) -> None:
    for name in ("alice", "bob", "carol"):
        logins.enrol(box, name)
    logins.add_module(box, "sudo-i")
    box.run("groupadd helpdesk && usermod --append --groups helpdesk carol")
    box.write("/etc/sudoers.d/all", "bob ALL=(ALL) ALL\ncarol ALL=(ALL) ALL\n", mode=0o440)
    set_rules(
        box,
        """
        [[rule]]
        action = "deny"
        service = ["sudo"]
        user = ["bob"]
        [[rule]]
        action = "skip"
        group = ["helpdesk"]
        service = ["su", "sudo"]
        """,
    )
    assert is_asked(sudo(box, "alice"))
    assert is_asked(sudo(box, "alice", "-i"))
    assert is_refused(sudo(box, "bob"))
    assert is_refused(sudo(box, "bob", "-i"))
    assert not is_asked(sudo(box, "carol"))
    assert not is_asked(sudo(box, "carol", "-i"))
    assert is_asked(su(box, "alice", "dave"))
    assert is_asked(su(box, "alice", "dave", "-"))
    assert not is_asked(su(box, "carol", "dave"))
    assert not is_asked(su(box, "carol", "dave", "-"))
    assert is_asked(come(lan, "carol", OFFICE))
    assert is_asked(come(lan, "bob", OFFICE))
    imagined = json.loads(box.run("nas2fa explain --imagine --json user=carol service=su-l").stdout)
    assert (imagined["action"], imagined["rule"]) == ("skip", 2)
    box.run("gpasswd --delete carol helpdesk")
    assert is_asked(su(box, "carol", "dave"))  # asked of the box anew each time


@pytest.mark.usefixtures("alice")
def test_network_decides_and_a_hop_over_the_box_does_not_count(box: Box, lan: Neighbour) -> None:
    set_rules(
        box,
        """
        [[rule]]
        name = "the office"
        action = "skip"
        network = ["10.99.0.0/24"]
        """,
    )
    assert not is_asked(come(lan, "alice", OFFICE))
    assert is_asked(come(lan, "alice", HOME))
    assert is_asked(come(lan, "alice", GATEWAY))  # whom may a router let through?
    assert is_asked(openssh(box, "alice", host=network.BOX))  # from the box's own address
    assert is_asked(openssh(box, "alice"))
    assert is_asked(su(box, "alice", "bob"))
    why = box.run(f"nas2fa explain --imagine user=alice service=sshd from={network.BOX}").stdout
    assert "an address of this box or of its gateway" in why
    assert "A code is asked." in why


@pytest.mark.usefixtures("alice")
def test_first_factor_decides(box: Box, lan: Neighbour, tmp_path: Path) -> None:
    """A key is enough in the office and nowhere else; a password never is."""
    key = logins.authorise(box, tmp_path, "-t ed25519")
    logins.add_guard(box)
    set_rules(
        box,
        """
        [[rule]]
        action = "skip"
        service = ["sshd"]
        first = "key"
        network = ["10.99.0.0/24"]
        """,
    )
    assert "alice" in answer(come(lan, "alice", OFFICE, *key)).split()
    assert "wants a verification code as well as a key" in answer(come(lan, "alice", HOME, *key))
    assert is_asked(come(lan, "alice", OFFICE))


def exempt(box: Box, *options: str) -> str:
    """Make an exemption at sshd, for a year; its id."""
    until = box.run("date --date '1 year' +%F").stdout.strip()
    words = ["nas2fa", "exempt", "add", "--service", "sshd", "--reason", "nightly", "--until", until, *options]
    return str(json.loads(box.run([*words, "--json"]).stdout)["id"])


def test_a_backup_program_is_exempt(box: Box, lan: Neighbour, tmp_path: Path) -> None:
    """From one network, by key or password, for its time; and every use is on record."""
    logins.enrol(box, "alice")
    key = logins.authorise(box, tmp_path, "-t ed25519")
    logins.add_guard(box)
    made = exempt(box, "--user", "alice", "--from", "10.99.0.0/24")
    batch = ("-o", "BatchMode=yes")
    assert "alice" in answer(come(lan, "alice", OFFICE, *key, *batch)).split()
    assert not is_asked(come(lan, "alice", OFFICE))
    assert "as well as a key" in answer(come(lan, "alice", HOME, *key, *batch))
    assert is_asked(come(lan, "alice", HOME))
    assert is_asked(openssh(box, "alice", host=network.BOX))
    assert is_asked(su(box, "alice", "bob"))
    used = box.journal("NAS2FA_EVENT=EXEMPTED")
    assert {record["NAS2FA_EXEMPTION"] for record in used} == {made}
    assert {record["NAS2FA_PHASE"] for record in used} == {"auth", "guard"}
    box.run(["nas2fa", "exempt", "remove", made])
    assert "as well as a key" in answer(come(lan, "alice", OFFICE, *key, *batch))
    assert box.run("nas2fa exempt list --json").stdout.strip() == "[]"


def test_an_exemption_ends_with_its_time(box: Box, lan: Neighbour) -> None:
    logins.enrol(box, "alice")
    exempt(box, "--group", "alice", "--from", OFFICE)
    assert not is_asked(come(lan, "alice", OFFICE))
    stored = "/var/lib/nas2fa/exemptions.json"
    box.run(["sed", "-i", 's/"until": [0-9]*/"until": 1/; s/"created": [0-9]*/"created": 0/', stored])
    assert is_asked(come(lan, "alice", OFFICE))
    assert "(over)" in box.run("nas2fa exempt list").stdout


KEY_THEN_PASSWORD = """\
KbdInteractiveAuthentication yes
PasswordAuthentication no
AuthenticationMethods publickey,keyboard-interactive:pam keyboard-interactive:pam
"""


def test_an_exemption_for_one_key(box: Box, lan: Neighbour, tmp_path: Path) -> None:
    """Where sshd names the key: keyboard-interactive behind it. Another key of the same user changes nothing."""
    logins.enrol(box, "alice")
    logins.configure_sshd(box, KEY_THEN_PASSWORD)
    key = logins.authorise(box, tmp_path, "-t ed25519")
    fingerprint = box.run("ssh-keygen -lf /home/alice/.ssh/id.pub").stdout.split()[1]
    exempt(box, "--user", "alice", "--from", OFFICE, "--key", fingerprint)
    assert not is_asked(come(lan, "alice", OFFICE, *key))
    assert is_asked(come(lan, "alice", OFFICE))
    assert is_asked(come(lan, "alice", HOME, *key))
    other = logins.authorise(box, tmp_path, "-t ed25519", name="other")  # what a user could do to be exempt
    assert is_asked(come(lan, "alice", OFFICE, *other))


AGAIN = """
[[rule]]
action = "code"
service = ["sshd"]
again_after = 28800
"""


def code_given(box: Box, lan: Neighbour, person: Person, address: str) -> None:
    """A whole login with a code from there."""
    child = come(lan, person.name, address)
    answer(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, person.phone.code()))
    assert child.exitstatus == 0, box.run("nas2fa explain").stdout


def test_a_trusted_device(box: Box, lan: Neighbour, alice: Person) -> None:
    set_rules(box, AGAIN)
    code_given(box, lan, alice, OFFICE)
    assert not is_asked(come(lan, "alice", OFFICE))
    assert is_asked(come(lan, "alice", HOME))
    assert is_asked(su(box, "alice", "bob"))
    shown = box.run("nas2fa user show alice").stdout
    assert OFFICE in shown
    assert "7 h 59 min" in shown or "8 h 0 min" in shown
    box.run("systemctl kill --signal=KILL nas2fad")
    assert not is_asked(come(lan, "alice", OFFICE))
    assert "forgotten: 1" in box.run("nas2fa user forget-devices alice").stdout
    assert is_asked(come(lan, "alice", OFFICE))


def test_a_changed_password_ends_the_trust(box: Box, lan: Neighbour, alice: Person) -> None:
    set_rules(box, AGAIN)
    code_given(box, lan, alice, OFFICE)
    assert not is_asked(come(lan, "alice", OFFICE))
    box.run(["chpasswd"], stdin=f"alice:{PASSWORD}\n")  # even the same one, set anew
    assert is_asked(come(lan, "alice", OFFICE))


def test_a_lock_and_a_reset_end_the_trust(box: Box, lan: Neighbour, alice: Person) -> None:
    bob = logins.enrol(box, "bob")
    set_rules(box, "deny = 1\n" + AGAIN)
    for person in (alice, bob):
        code_given(box, lan, person, OFFICE)
    child = come(lan, "alice", HOME)
    answer(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, alice.phone.wrong()))
    assert is_asked(come(lan, "alice", OFFICE))
    box.run("nas2fa user reset bob --yes")
    logins.enrol(box, "bob")
    assert is_asked(come(lan, "bob", OFFICE))
