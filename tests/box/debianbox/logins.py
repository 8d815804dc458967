"""A box whose logins ask for the code, switched on by the tests' own hand, and users to log in with."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

import pexpect

from .authenticator import Authenticator
from .clients import answer, openssh
from .layers import installed, layer
from .machine import Box

PASSWORD = "correct horse 9"
PASSWORD_PROMPT = "[Pp]assword: "
CODE_PROMPT = "Verification code: "
ADMIN = "admin"
USERS = ("alice", "bob", "carol", "dave")

_SERVICES = ("sshd", "login", "su", "sudo")

_SSHD = """\
# First value wins, and Debian reads this folder first.
KbdInteractiveAuthentication yes
PasswordAuthentication no
"""

SSHD_LOAD = """\
# The tests log in often and wrongly, all from one address.
MaxStartups 200:30:400
"""

# OpenSSH 9.8 and later shut out an address that failed a few times; older ones refuse the keyword.
_SSHD_PENALTIES = "PerSourcePenalties no\n"


_ANCHOR = """\
[Unit]
After=nas2fad.service
[Service]
Type=oneshot
ExecStart=systemctl stop nas2fad.service
ExecStart=sed -i 's/"began": [0-9.]*/"began": -1000.0/' /run/nas2fa/state/complete
ExecStart=systemctl start nas2fad.service
[Install]
WantedBy=multi-user.target
"""


def login_layers(suite: str) -> list[Path]:
    """A box with our module in the PAM stacks of sshd, login, su, sudo, and four users without a factor."""
    return layer(f"logins-{suite}", installed(suite), Path(__file__).read_bytes(), _prepare)


def plain_layers(suite: str) -> list[Path]:
    """A box with the same users that is not switched on, for enable()."""
    return layer(f"plain-{suite}", installed(suite), Path(__file__).read_bytes(), _prepare_plain)


def switched_layers(suite: str, *options: str) -> list[Path]:
    """A box that `nas2fa system enable OPTIONS` has switched on, and that was confirmed; its admin is ADMIN."""

    def prepare(box: Box) -> None:
        enable(box, *options)

    ingredients = Path(__file__).read_bytes() + repr(options).encode()
    return layer(f"switched-{suite}", plain_layers(suite), ingredients, prepare)


def _prepare(box: Box) -> None:
    _add_users(box)
    for service in _SERVICES:
        add_module(box, service)
    configure_sshd(box, _SSHD + SSHD_LOAD)


def _prepare_plain(box: Box) -> None:
    _add_users(box)
    configure_sshd(box, SSHD_LOAD)


def _add_users(box: Box) -> None:
    for user in USERS:
        box.run(["useradd", "--create-home", "--shell", "/bin/bash", user])
        box.run(["chpasswd"], stdin=f"{user}:{PASSWORD}\n")
    box.run(["chpasswd"], stdin=f"root:{PASSWORD}\n")
    box.write("/etc/sudoers.d/alice", "alice ALL=(ALL) ALL\n", mode=0o440)
    allow_early_codes(box)


def enable(box: Box, *options: str, admin: str = ADMIN) -> Person:
    """Switch a plain box on by the command, log `admin` in with a code, confirm; returns `admin`, who may use sudo."""
    person = add_admin(box, admin)
    box.run(["nas2fa", "system", "enable", "--yes", "--no-way-back-check", *options])
    entered, shown = ssh(box, person, person.phone.code())
    assert entered, shown
    box.run("nas2fa system confirm")
    return person


def add_admin(box: Box, name: str) -> Person:
    """A new user in the group sudo, with a second step."""
    box.run(["useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", name])
    box.run(["chpasswd"], stdin=f"{name}:{PASSWORD}\n")
    return enrol(box, name)


def allow_early_codes(box: Box) -> None:
    """Let each boot's first daemon believe that its state began long before the boot.

    After a start every code of the last minute or so counts as used, so that a test would have to wait.
    test_fresh_start.py is about that rule, in a box without this.
    """
    box.write("/etc/systemd/system/anchor.service", _ANCHOR)
    box.run("systemctl enable anchor.service")


def add_module(box: Box, service: str) -> None:
    """Put our line behind the password's in one PAM stack: it is reached only after a right password."""
    box.run(["sed", "-i", "/^@include common-auth/a auth requisite pam_nas2fa.so", f"/etc/pam.d/{service}"])


def add_guard(box: Box) -> None:
    """Refuse an ssh login that passed no auth phase of ours (a key alone)."""
    box.run(["sed", "-i", "/^@include common-account/a account required pam_nas2fa.so guard", "/etc/pam.d/sshd"])


def configure_sshd(box: Box, text: str) -> None:
    """Write sshd's drop-in and make the running sshd take it.

    Raises AssertionError if `sshd -t` refuses it.
    """
    newer = box.run("sshd -T -o PerSourcePenalties=no", check=False).returncode == 0
    box.write("/etc/ssh/sshd_config.d/00-test.conf", text + (_SSHD_PENALTIES if newer else ""))
    box.run("sshd -t && systemctl restart ssh")


@dataclass
class Person:
    """A user whose logins ask for a code."""

    name: str
    phone: Authenticator = field(default_factory=Authenticator)
    password: str = PASSWORD
    recovery_codes: list[str] = field(default_factory=list)


def enrol(box: Box, name: str) -> Person:
    """Give `name` an authenticator, armed, as an administrator imports one."""
    person = Person(name)
    box.run(["nas2fa", "user", "add", name, "--armed", "--uri", "-"], stdin=person.phone.uri(name) + "\n")
    return person


def set_up(child: pexpect.spawn[str], name: str) -> Person:
    """Go through the wizard that runs on `child`, from "Get started" to its end, as a person with a phone does."""
    child.expect("Get started.*: ?")
    child.sendline("")
    child.expect(r"Key: ([A-Z2-7 ]+)\r\n")
    assert child.match is not None
    person = Person(name, Authenticator.from_key(child.match[1]))
    child.expect(r"Code that the app shows.*: ")
    child.sendline(person.phone.code())
    child.expect("Verified successfully")
    child.expect("Type yes when you have saved them: ")
    person.recovery_codes = re.findall(r"\b\w{4}-\w{4}-\w{4}\b", str(child.before))
    child.sendline("yes")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
    assert len(person.recovery_codes) == 10
    return person


def authorise(
    box: Box, folder: Path, kind: str, *, name: str = "id", signed: bool = False
) -> tuple[str, ...]:
    """Options for OpenSSH to use a new key of this kind, which alice accepts: itself, or for its certificate's sake.

    Keys of other names she goes on accepting.
    """
    path = "/home/alice/.ssh"
    box.run(f"mkdir -p -m 700 {path} && cd {path} && ssh-keygen -q {kind} -N '' -f {name}")
    box.run(f"cat {path}/{name}.pub >> {path}/authorized_keys")
    if signed:
        box.run(
            f"cd {path} && ssh-keygen -q {kind} -N '' -f ca && ssh-keygen -q -s ca -I alice-1 -n alice {name}.pub"
            ' && echo "cert-authority $(cat ca.pub)" > authorized_keys'
        )
    box.run(f"chown -R alice: {path}")
    for file in (name, f"{name}-cert.pub") if signed else (name,):
        (folder / file).touch(mode=0o600)
        (folder / file).write_text(box.read(f"{path}/{file}"))
    return ("-i", str(folder / name), "-o", "PreferredAuthentications=publickey,keyboard-interactive")


def ssh(box: Box, person: Person, code: str, *options: str) -> tuple[bool, str]:
    """One login by OpenSSH, password and `code`: whether it got in, and all that the client showed after the code."""
    child = openssh(box, person.name, *options)
    shown = answer(child, (PASSWORD_PROMPT, person.password), (CODE_PROMPT, code))
    return child.exitstatus == 0 and person.name in shown.split(), shown


def reasons(box: Box) -> list[str]:
    """Why the latest attempts ended, newest first, as root's `explain` has it."""
    return [row["reason"] for row in json.loads(box.run(["nas2fa", "explain", "--json"]).stdout)]


def failures(box: Box, name: str) -> int:
    """Wrong codes counted against a user, of all sources."""
    shown = json.loads(box.run(["nas2fa", "user", "show", name, "--json"]).stdout)
    return sum(tally["failures"] for tally in shown["tallies"])
