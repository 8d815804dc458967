"""A box with every program that lets people in, and many people to let in: for the table of doors."""

from __future__ import annotations

from pathlib import Path

from .layers import installed, layer
from .logins import PASSWORD, allow_early_codes, configure_sshd
from .machine import Box
from .roots import doors_recipe

PEOPLE = tuple(f"person{number:02}" for number in range(80))
"""One for each test of a box: an account's journal is then that test's alone, and its codes are unused."""

# Not at every boot: a test starts what it needs.
_OFF = "atd cron cups.path cups.service cups.socket cockpit.socket dovecot vsftpd"

_SSHD = """\
KbdInteractiveAuthentication yes
PasswordAuthentication no
# The tests log in often and wrongly, all from one address.
MaxStartups 200:30:400
"""

_PROFILE = """\
Name: two-step verification (nas2fa)
Default: no
Priority: 1000
Auth-Type: Additional
Auth:
	requisite	pam_nas2fa.so
"""

# Whom polkit asks: else it would offer all who are in the group sudo.
_POLKIT = 'polkit.addAdminRule(function(action, subject) { return ["unix-user:" + subject.user]; });\n'


def door_layers(suite: str) -> list[Path]:
    """A box whose every login asks for the code, with the people of PEOPLE, none of whom has set it up."""
    return layer(f"doors-{suite}", installed(suite, doors_recipe(suite)), Path(__file__).read_bytes(), _prepare)


def _prepare(box: Box) -> None:
    box.run(f"systemctl disable --now {_OFF}")
    for name in PEOPLE:
        box.run(["useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo,lpadmin", name])
    box.run(["chpasswd"], stdin="".join(f"{name}:{PASSWORD}\n" for name in PEOPLE))
    box.write("/etc/polkit-1/rules.d/10-ask-oneself.rules", _POLKIT)
    allow_early_codes(box)
    _switch_on(box)


def _switch_on(box: Box) -> None:
    box.write("/usr/share/pam-configs/nas2fa", _PROFILE)
    box.run("pam-auth-update --enable nas2fa")
    box.run(["sed", "-i", "/^@include common-account/a account required pam_nas2fa.so guard", "/etc/pam.d/sshd"])
    configure_sshd(box, _SSHD)
