"""A box with every program that lets people in, and many people to let in: for the table of doors."""

from __future__ import annotations

from pathlib import Path

from .layers import installed, layer
from .logins import PASSWORD, SSHD_LOAD, Person, allow_early_codes, configure_sshd, enable, enrol
from .machine import Box
from .polkit import prepare_polkit
from .roots import PROFTPD, doors_recipe

PEOPLE = tuple(f"person{number:02}" for number in range(80))
"""One for each test of a box: an account's journal is then that test's alone, and its codes are unused."""
CALLER = "caller"
"""Who calls su."""

HEEDS_PAM = "/etc/proftpd/conf.d/nas2fa.conf"
"""What ProFTPD has to be told."""

# Not at every boot: a test starts what it needs.
_OFF = "atd cron cups.path cups.service cups.socket cockpit.socket dovecot vsftpd"


def door_layers(suite: str, *options: str, proftpd: bool = False) -> list[Path]:
    """A box that `nas2fa system enable OPTIONS` has switched on; none of PEOPLE has set a second step up.

    `proftpd`: with ProFTPD instead of vsftpd, which has been told to heed PAM.
    """

    def switch_on(box: Box) -> None:
        if proftpd:
            _change_to_proftpd(box)
        enable(box, *options)

    here = Path(__file__)
    own = b"".join(here.with_name(name).read_bytes() for name in (here.name, "logins.py", "polkit.py"))
    before = layer(f"neighbours-{suite}", installed(suite, doors_recipe(suite)), own, _prepare)
    return layer(f"doors-{suite}", before, own + f"{options} {proftpd}".encode(), switch_on)


def _prepare(box: Box) -> None:
    box.run(f"systemctl disable --now {_OFF}")
    people = (*PEOPLE, CALLER)
    box.run(["newusers"], stdin="".join(f"{name}:{PASSWORD}::::/home/{name}:/bin/bash\n" for name in people))
    for group in ("sudo", "lpadmin"):
        box.run(["gpasswd", "--members", ",".join(people), group])
    prepare_polkit(box)
    allow_early_codes(box)
    configure_sshd(box, SSHD_LOAD)


def _change_to_proftpd(box: Box) -> None:
    box.run(f"export DEBIAN_FRONTEND=noninteractive; dpkg --purge vsftpd && dpkg --install {PROFTPD}/*.deb")
    box.run("systemctl disable --now proftpd")
    box.write(HEEDS_PAM, "AuthOrder mod_auth_pam.c* mod_auth_unix.c\nUseReverseDNS off\n")


class Street:
    """A box made of door_layers that many tests share, each with people of its own."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self._names = iter(PEOPLE)

    def stranger(self) -> str:
        """Somebody who has not set up a second step, and whom nobody else is given. StopIteration: none is left."""
        return next(self._names)

    def resident(self) -> Person:
        """Somebody who has, likewise."""
        return enrol(self.box, self.stranger())
