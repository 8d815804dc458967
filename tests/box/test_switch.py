"""`nas2fa system`: one command switches the whole box on, on trial; another keeps it; a third takes it back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from debianbox import clients, lan, logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box
from debianbox.switching import PLAINLY, changed, everything, state, system

KEY = "SHA256:" + "k" * 43


def test_on_trial_confirmed_and_off_again(plain_box: Box) -> None:
    box = plain_box
    ann, ben = logins.add_admin(box, "ann"), logins.add_admin(box, "ben")
    people = everything(box)
    for person in (ann, ben):  # the second step has to have been used
        box.run(["nas2fa", "test", person.name], stdin=person.phone.code() + "\n")

    said = system(box, "enable", "--yes")
    assert re.search(r"\+auth +requisite +pam_nas2fa.so", said)
    assert "+KbdInteractiveAuthentication yes" in said
    assert state(box) == "trial"

    assert "no administrator has logged in" in system(box, "confirm", status=1)
    child = clients.openssh(box, "ann")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect("on trial .* is undone in .*" + CODE_PROMPT)
    clients.answer(child, ("", ann.phone.code()))
    assert child.exitstatus == 0
    assert "Confirmed" in system(box, "confirm")
    assert state(box) == "on"
    box.reboot()
    assert state(box) == "on"
    assert logins.ssh(box, ben, ben.phone.code())[0]
    assert not logins.ssh(box, ben, ben.phone.wrong())[0]

    system(box, "disable", "--yes")
    assert state(box) == "off"
    assert changed(people, everything(box)) == []
    child = clients.openssh(box, "ann")
    assert "ann" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()


def test_a_dry_run_touches_nothing(plain_box: Box) -> None:
    """Not even debconf's files, though the real pam-auth-update has run: on copies."""
    plain_box.run("touch /root/then")
    before = everything(plain_box)
    assert "+KbdInteractiveAuthentication yes" in system(plain_box, *PLAINLY, "--dry-run")
    said = system(plain_box, "enable", "--dry-run", status=1)
    assert said.index("+KbdInteractiveAuthentication yes") < said.index("root: has no second step")
    assert changed(before, everything(plain_box)) == []
    newer = "find /etc /var/lib/pam /var/cache/debconf /var/lib/nas2fa-switch -newer /root/then -type f ! -name lock"
    assert plain_box.run(newer).stdout == ""


def test_refused_when_the_rules_let_no_administrator_in(plain_box: Box) -> None:
    for person in (logins.add_admin(plain_box, "ann"), logins.add_admin(plain_box, "ben")):
        plain_box.run(["nas2fa", "test", person.name], stdin=person.phone.code() + "\n")
    plain_box.write("/etc/nas2fa/nas2fa.toml", '[[rule]]\naction = "deny"\ngroup = ["sudo"]\n')
    plain_box.run("systemctl reload nas2fad")
    said = system(plain_box, "enable", "--yes", status=1)
    assert "ann: would be refused by the rules" in said
    assert state(plain_box) == "off"


def test_refused_when_no_administrator_would_get_in(plain_box: Box) -> None:
    before = everything(plain_box)
    said = system(plain_box, "enable", "--yes", status=1)
    assert "root: has no second step (nas2fa setup --user root)" in said
    ann = logins.add_admin(plain_box, "ann")
    assert "ann: has never used the second step" in system(plain_box, "enable", "--yes", status=1)
    plain_box.run(["nas2fa", "test", "ann"], stdin=ann.phone.code() + "\n")
    said = system(plain_box, "enable", "--yes", status=1)
    assert "Only one is ready, and the rescue was not tried yet" in said
    machine = plain_box.read("/etc/machine-id")
    plain_box.write("/var/lib/nas2fa-switch/rescue-tested", f"date=2026-11-24\nmachine={machine}")
    assert "ann: has no recovery codes" not in said
    assert "has no recovery codes" in system(plain_box, "enable", "--yes", status=1)
    plain_box.run("usermod --lock ann")
    assert "ann: has no password" in system(plain_box, "enable", "--yes", status=1)
    assert not [line for line in changed(before, everything(plain_box)) if "/etc/pam.d" in line or "/etc/ssh" in line]
    assert state(plain_box) == "off"


PLANTED = {
    "truenas": ("touch /usr/bin/midclt", "This is TrueNAS"),
    "lines by hand": ("echo 'auth requisite pam_nas2fa.so' >>/etc/pam.d/su", "put there by hand"),
    "common-auth by hand": ("sed -i '/pam_unix/i auth optional pam_permit.so' /etc/pam.d/common-auth", "by hand"),
    "apt at work": (
        "cd /var/cache/debconf; flock config.dat sleep 60 & while flock -n config.dat true; do :; done",
        "apt or dpkg is at work",
    ),
    "a link": ("mv /etc/pam.d/sshd /etc/pam.d/sshd-own; ln -s sshd-own /etc/pam.d/sshd", "/etc/pam.d/sshd is a link"),
    "no systemd": ("mount -t tmpfs tmpfs /run/systemd", "docs/nas.md"),
    "daemon away": ("systemctl mask --now nas2fad.service nas2fad-control.socket", "cannot be reached"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTED)
def test_refused(plain_box: Box, name: str) -> None:
    command, why = PLANTED[name]
    plain_box.run(f"({command}) >/dev/null 2>&1 </dev/null")
    before = everything(plain_box)
    done = plain_box.run(["nas2fa", "system", *PLAINLY, "--despite-findings"], check=False)
    assert done.returncode in (1, 3)
    assert why in done.stdout + done.stderr
    plain_box.run("umount /run/systemd", check=False)
    assert changed(before, everything(plain_box)) == []


# What OpenMediaVault writes: its settings first, and Debian's Include not at all or behind them.
OMV = "PasswordAuthentication yes\nKbdInteractiveAuthentication no\nUsePAM yes\nSubsystem sftp internal-sftp\n"


@pytest.mark.parametrize("rest", ["", "Include /etc/ssh/sshd_config.d/*.conf\n"], ids=["no include", "include last"])
def test_another_file_that_wins(plain_box: Box, rest: str) -> None:
    """Refused at once; and who goes on all the same is rolled back at once. Both name the file."""
    plain_box.write("/etc/ssh/sshd_config", OMV + rest)
    plain_box.run("systemctl restart ssh")
    before = everything(plain_box)
    assert "/etc/ssh/sshd_config" in system(plain_box, *PLAINLY, status=1)
    said = system(plain_box, *PLAINLY, "--despite-findings", status=1)
    assert "all files are as they were" in said
    assert re.search(r"/etc/ssh/sshd_config:[23] comes before", said)
    assert changed(before, everything(plain_box)) == []
    assert state(plain_box) == "off"
    child = clients.openssh(plain_box, "alice", "-o", "PreferredAuthentications=password")
    assert "alice" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()


def test_a_match_block_that_wins(plain_box: Box) -> None:
    """`sshd -T` alone does not show it: each administrator is asked about."""
    logins.add_admin(plain_box, "ann")
    plain_box.run("printf 'Match User ann\\nPasswordAuthentication yes\\n' >>/etc/ssh/sshd_config")
    before = everything(plain_box)
    said = system(plain_box, *PLAINLY, "--despite-findings", status=1)
    assert re.search(r"passwordauthentication yes for ann.*Match block.*/etc/ssh/sshd_config:\d+", said)
    assert changed(before, everything(plain_box)) == []


def test_while_sshd_is_stopped(plain_box: Box) -> None:
    """As in a boot with the rescue word: what it would do with its configuration is asked all the same."""
    plain_box.run("systemctl stop ssh")
    assert "+KbdInteractiveAuthentication yes" in system(plain_box, *PLAINLY, "--dry-run")
    plain_box.write("/etc/ssh/sshd_config.d/zz.conf", "Bogus yes\n")
    assert "Bogus" in system(plain_box, *PLAINLY, status=1)
    plain_box.write("/etc/ssh/sshd_config.d/zz.conf", "Match User ann\nPasswordAuthentication yes\n")
    logins.add_admin(plain_box, "ann")
    said = system(plain_box, *PLAINLY, "--despite-findings", status=1)
    assert "passwordauthentication yes for ann" in said
    plain_box.run("rm /etc/ssh/sshd_config.d/zz.conf")
    system(plain_box, *PLAINLY)
    assert state(plain_box) == "trial"
    assert plain_box.run("ls -d /run/sshd", check=False).stdout == ""


def test_what_the_doctor_cannot_tell_is_no_yes(plain_box: Box) -> None:
    plain_box.run("mkdir /etc/exports")
    assert "check-failed" in system(plain_box, *PLAINLY, status=1)
    assert state(plain_box) == "off"


def test_a_way_back_that_breaks_off_is_told(plain_box: Box) -> None:
    plain_box.write("/etc/ssh/sshd_config", OMV)
    plain_box.write("/usr/libexec/nas2fa/switch-back", "#!/bin/sh\necho 'no way' >&2; exit 1\n", mode=0o755)
    said = system(plain_box, *PLAINLY, "--despite-findings", status=1)
    assert "not all files are as they were" in said
    assert re.search(r"run nas2fa-off again: no way", said)


def key_login(box: Box, user: str, address: str, by: str = "root") -> None:
    """What sshd would have told the journal."""
    text = f"Accepted publickey for {user} from {address} port 40000 ssh2: ED25519 {KEY}"
    box.run(["logger", "--tag", "sshd", text], user=by)


def exemptions(box: Box) -> list[tuple[str, str, str]]:
    rows = json.loads(box.run("nas2fa exempt list --json").stdout)
    return [(row["user"], row["network"], row["key"]) for row in rows]


def test_logins_by_key_alone_are_asked_about(plain_box: Box) -> None:
    """Those of people with a second step: the guard lets the others in. Only sshd's own word counts."""
    logins.enrol(plain_box, "alice")
    key_login(plain_box, "alice", "203.0.113.7")
    key_login(plain_box, "alice", "203.0.113.9")
    key_login(plain_box, "bob", "203.0.113.7")
    key_login(plain_box, "alice", "192.0.2.66", by="dave")
    plain_box.run("journalctl --sync")
    said = system(plain_box, "enable", "--yes", "--no-way-back-check", status=1)
    assert re.search(rf"alice +203.0.113.0/24 +{KEY} +2 ", said)
    assert "bob" not in said
    assert "192.0.2.66" not in said
    assert "--exempt all or --exempt none" in said

    child = plain_box.terminal("nas2fa system enable --no-way-back-check")
    clients.answer(child, (r"Exempt alice from 203.0.113.0/24\? ", "y"), ("on trial.*Type yes", "yes"))
    assert child.exitstatus == 0
    assert exemptions(plain_box) == [("alice", "203.0.113.0/24", "any")]


def test_a_backup_goes_on_by_its_key(plain_box: Box, tmp_path: Path) -> None:
    """The very login that was listed and exempted: by key from there, neither from elsewhere nor by password."""
    box, there = plain_box, lan.Neighbour(plain_box)
    alice = logins.enrol(box, "alice")
    lan.attach(box)
    by_key = (*logins.authorise(box, tmp_path, "-t ed25519"), "-o", "BatchMode=yes", "-b")
    assert "alice" in clients.answer(clients.openssh(there, "alice", *by_key, lan.NEIGHBOUR, host=lan.BOX)).split()
    logins.enable(box, "--exempt", "all")
    assert "alice" in clients.answer(clients.openssh(there, "alice", *by_key, lan.NEIGHBOUR, host=lan.BOX)).split()
    assert "as well as a key" in clients.answer(
        clients.openssh(there, "alice", *by_key, lan.FARTHER, host=lan.BOX)
    )
    child = clients.openssh(there, "alice", "-b", lan.NEIGHBOUR, host=lan.BOX)
    assert "alice" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, alice.phone.code())).split()
    said = system(box, "enable", "--yes", "--no-way-back-check")
    assert "will be refused" not in said
    assert len(exemptions(box)) == 1


def test_key_and_code(plain_box: Box) -> None:
    """Everybody by key and code; who is exempt by the key alone, and sshd knows that from there only."""
    key_login(plain_box, "bob", "2001:db8:1:2:3::4")
    plain_box.run("journalctl --sync")
    logins.enable(plain_box, "--ssh-keys", "code", "--exempt", "all")
    assert exemptions(plain_box) == [("bob", "2001:db8:1:2:3::4/128", "any")]
    for address, methods in (("2001:db8:1:2:3::4", "publickey publickey,"), ("192.0.2.1", "publickey,keyboard-")):
        shown = plain_box.run(f"sshd -T -C user=bob,host={address},addr={address} | grep ^authenticationmethods").stdout
        assert shown.startswith(f"authenticationmethods {methods}")
    alice = logins.enrol(plain_box, "alice")
    assert logins.ssh(plain_box, alice, alice.phone.code())[0]
    said = system(plain_box, "enable", "--yes", "--no-way-back-check")
    assert "--ssh-keys code" in said
    assert "Nothing would change" in said
    said = system(plain_box, "enable", "--yes", "--no-way-back-check", "--decoy")
    assert "goes back to what was confirmed before in 10 min" in said


def test_the_decoy_asks_after_a_wrong_password(plain_box: Box) -> None:
    logins.enable(plain_box, "--decoy")
    alice = logins.enrol(plain_box, "alice")
    child = clients.openssh(plain_box, "alice")
    clients.answer(child, (PASSWORD_PROMPT, "wrong"), (CODE_PROMPT, alice.phone.code()))
    assert child.exitstatus == 255
    assert logins.ssh(plain_box, alice, alice.phone.code())[0]


def test_confirmed_too_late(plain_box: Box) -> None:
    """The time is over though the timer is late."""
    ann = logins.add_admin(plain_box, "ann")
    system(plain_box, *PLAINLY, "--confirm-within", "10s")
    plain_box.run("systemctl stop nas2fa-trial.timer")
    assert logins.ssh(plain_box, ann, ann.phone.code())[0]
    plain_box.until("nas2fa system status --json | grep '\"seconds_left\": 0'")
    assert "trial is over" in system(plain_box, "confirm", status=1)
    assert state(plain_box) == "trial"
    plain_box.run("nas2fa-off")
    assert state(plain_box) == "off"


def test_disabled_without_daemon_and_python(plain_box: Box) -> None:
    before = everything(plain_box)
    logins.enable(plain_box)
    plain_box.run("userdel --remove admin; rm /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- -f")
    plain_box.run("systemctl stop 'nas2fa*.socket' nas2fad; mv /usr/bin/python3 /root/")
    plain_box.run("nas2fa-off")
    left = changed(before, everything(plain_box))
    assert not [line for line in left if not re.search("/etc/(sub)?[ug](id|shadow|roup)|/etc/(passwd|shadow)", line)]
    child = clients.openssh(plain_box, "alice")
    assert "alice" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()


def test_a_word_behind_nas2fa_off_switches_nothing_off(plain_box: Box) -> None:
    """Whoever asks what it does has not decided yet."""
    system(plain_box, *PLAINLY)
    helped = plain_box.run("nas2fa-off --help; nas2fa-off -h").stdout
    assert helped.count("usage: nas2fa-off") == 2
    for words in ("--dry-run", "off", "alice bob", "--version"):
        done = plain_box.run(f"nas2fa-off {words}", check=False)
        assert (done.returncode, "usage: nas2fa-off" in done.stderr) == (2, True)
    assert state(plain_box) == "trial"
    assert "It is off" not in plain_box.run("nas2fa-off").stdout
    assert state(plain_box) == "off"
    assert plain_box.run("nas2fa-off").stdout == "It is off.\n"
