"""A box whose logins ask for the code, switched on by the tests' own hand, and users to log in with."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .authenticator import Authenticator
from .layers import installed, layer
from .machine import Box

PASSWORD = "correct horse 9"
USERS = ("alice", "bob", "carol", "dave")

_SERVICES = ("sshd", "login", "su", "sudo")

_SSHD = """\
# First value wins, and Debian reads this folder first.
KbdInteractiveAuthentication yes
PasswordAuthentication no
# The tests log in often and wrongly, all from one address.
MaxStartups 200:30:400
"""

# OpenSSH 9.8 and later shut out an address that failed a few times; older ones refuse the keyword.
_SSHD_PENALTIES = "PerSourcePenalties no\n"


def login_layers(suite: str) -> list[Path]:
    """A box with our module in the PAM stacks of sshd, login, su, sudo, and four users without a factor."""
    return layer(f"logins-{suite}", installed(suite), Path(__file__).read_bytes(), _prepare)


def _prepare(box: Box) -> None:
    for user in USERS:
        box.run(["useradd", "--create-home", "--shell", "/bin/bash", user])
        box.run(["chpasswd"], stdin=f"{user}:{PASSWORD}\n")
    box.run(["chpasswd"], stdin=f"root:{PASSWORD}\n")
    box.write("/etc/sudoers.d/alice", "alice ALL=(ALL) ALL\n", mode=0o440)
    for service in _SERVICES:
        add_module(box, service)
    configure_sshd(box, _SSHD)


def add_module(box: Box, service: str) -> None:
    """Put our line behind the password's in one PAM stack: it is reached only after a right password."""
    box.run(["sed", "-i", "/^@include common-auth/a auth requisite pam_nas2fa.so", f"/etc/pam.d/{service}"])


def add_guard(box: Box) -> None:
    """Refuse an ssh login that passed no auth phase of ours (a key alone)."""
    box.run(
        ["sed", "-i", "/^@include common-account/a account required pam_nas2fa.so guard", "/etc/pam.d/sshd"]
    )


def configure_sshd(box: Box, text: str) -> None:
    """Write sshd's drop-in and make the running sshd take it.

    Raises AssertionError if `sshd -t` refuses it.
    """
    newer = box.run("sshd -T -o PerSourcePenalties=no", check=False).returncode == 0
    box.write("/etc/ssh/sshd_config.d/00-nas2fa-test.conf", text + (_SSHD_PENALTIES if newer else ""))
    box.run("sshd -t && systemctl reload-or-restart ssh")


@dataclass
class Person:
    """A user with an armed authenticator."""

    name: str
    phone: Authenticator = field(default_factory=Authenticator)
    password: str = PASSWORD


def enrol(box: Box, name: str) -> Person:
    """Give `name` an authenticator, armed, as an administrator imports one."""
    person = Person(name)
    box.run(["nas2fa", "user", "add", name, "--uri", person.phone.uri(name), "--armed"])
    return person
