"""A box with a file server, and people whose password opens it; smbclient, from any machine of debianbox.lan."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import lan
from .layers import installed, layer
from .logins import PASSWORD, SSHD_LOAD, USERS, Person, allow_early_codes, configure_sshd, enable, enrol
from .machine import Box
from .roots import samba_recipe

PEOPLE = tuple(f"person{number:02}" for number in range(60))
"""For boxes that many tests share, one or two for each: an account's grants and codes are then that test's alone."""
BACKUP = "backup-nas"
"""An account without a person: a program that no one can ask for a code."""

SHARE, OTHER_SHARE, GUEST_SHARE = "files", "more", "open"
"""The last one lets in anybody whom Samba takes for a guest."""
SMB_CONF = "/etc/samba/smb.conf"

OK = "NT_STATUS_OK"
NEEDS_CODE = "NT_STATUS_ACCOUNT_EXPIRED"
"""A right password, and no grant."""
WRONG_PASSWORD = "NT_STATUS_LOGON_FAILURE"
DENIED = "NT_STATUS_ACCESS_DENIED"
NO_DAEMON = "NT_STATUS_UNSUCCESSFUL"

_SHARES = f"""
[{SHARE}]
   path = /srv/{SHARE}
   read only = no
[{OTHER_SHARE}]
   path = /srv/{OTHER_SHARE}
   read only = no
[{GUEST_SHARE}]
   path = /srv/{GUEST_SHARE}
   read only = no
   guest ok = yes
"""

STACK = "/etc/pam.d/samba"


def plain_samba_layers(suite: str) -> list[Path]:
    """A box with Debian's Samba, three shares and people with a password for it; not switched on, for enable()."""
    return layer(f"samba-plain-{suite}", installed(suite, samba_recipe(suite)), _own_text(), _prepare)


def samba_layers(suite: str) -> list[Path]:
    """The same, switched on by `nas2fa system enable`; a login to Samba asks nas2fad as well."""
    return layer(f"samba-{suite}", plain_samba_layers(suite), _own_text(), _switch_on)


def _own_text() -> bytes:
    return Path(__file__).read_bytes() + Path(__file__).with_name("logins.py").read_bytes()


def _prepare(box: Box) -> None:
    everybody = (*USERS, *PEOPLE, BACKUP)
    box.run(["newusers"], stdin="".join(f"{name}:{PASSWORD}::::/home/{name}:/bin/bash\n" for name in everybody))
    for name in everybody:
        set_password(box, name, PASSWORD)
    add_shares(box)
    box.write("/etc/sudoers.d/alice", "alice ALL=(ALL) ALL\n", mode=0o440)
    allow_early_codes(box)
    configure_sshd(box, SSHD_LOAD)


def _switch_on(box: Box) -> None:
    enable(box)


def add_shares(box: Box) -> None:
    """Let Samba serve the three shares."""
    box.write(SMB_CONF, box.read(SMB_CONF) + _SHARES)
    for share in (SHARE, OTHER_SHARE, GUEST_SHARE):
        box.run(f"mkdir -m 1777 /srv/{share} && echo of {share} > /srv/{share}/file")
    box.run("systemctl restart smbd")


def set_password(box: Box, name: str, password: str) -> None:
    """Set the password that Samba knows of this user; the one of the box stays."""
    box.run(["smbpasswd", "-a", "-s", name], stdin=f"{password}\n{password}\n")


def wait_for_samba(box: Box) -> None:
    """Until smbd listens on both ports, by both versions of IP: it says that it is ready a little before."""
    box.until("test $(ss --no-header --listening --tcp --numeric 'sport = :445 or sport = :139' | wc -l) = 4")


def visit(
    box: Box,
    name: str,
    password: str = PASSWORD,
    *options: str,
    source: str = lan.NEIGHBOUR,
    host: str = "",
    share: str = SHARE,
) -> str:
    """One login by smbclient from that address, and a look at the share: what Samba said, as NT_STATUS_….

    `options` are smbclient's, for instance "-m", "SMB2_02" or "--client-protection=encrypt". lan.attach() comes first.
    """
    command = client(name, password, "--command=ls", *options, source=source, host=host, share=share)
    done = box.run(command, check=False)
    said = re.findall(r"NT_STATUS_\w+", done.stdout + done.stderr)
    if done.returncode == 0 and not said:
        return OK
    assert said, done.stdout + done.stderr
    return str(said[0])


def client(
    name: str,
    password: str = PASSWORD,
    *options: str,
    source: str = lan.NEIGHBOUR,
    host: str = "",
    share: str = SHARE,
) -> list[str]:
    """The command line in the box that runs smbclient at that address; it asks what to do on its standard input.

    It calls the box by its address, or `host`.
    """
    host = host or (lan.BOX6 if ":" in source else lan.BOX)
    network = lan.namespace_of(source)
    command = ["smbclient", f"//{host}/{share}", f"--user={name}%{password}", *options]
    return ["nsenter", f"--net={network}", "--", *command] if network else command


def unlock(
    box: Box, person: Person, address: str = lan.NEIGHBOUR, *options: str, code: str = ""
) -> subprocess.CompletedProcess[str]:
    """`nas2fa unlock smb --from ADDRESS OPTIONS` by that person, who types the code of the phone, or `code`."""
    words = ["nas2fa", "unlock", "smb", "--from", address, *options]
    return box.run(words, user=person.name, stdin=f"{code or person.phone.code()}\n", check=False)


class FileServer:
    """A box made of samba_layers that many tests share, each with people of its own."""

    def __init__(self, box: Box) -> None:
        self.box = box
        self._names = iter(PEOPLE)
        wait_for_samba(box)

    def stranger(self) -> str:
        """Somebody who has not set up a second step, and whom nobody else is given. StopIteration: none is left."""
        return next(self._names)

    def person(self) -> Person:
        """Somebody who has, likewise."""
        return enrol(self.box, self.stranger())

    def person_at(self, *addresses: str) -> Person:
        """Somebody who has, and to whom the shares are open at one or two addresses."""
        person = self.person()
        for address in addresses:
            opened = unlock(self.box, person, address)
            assert opened.returncode == 0, opened.stderr
        return person

    @contextmanager
    def configured(self, *lines: str) -> Iterator[None]:
        """Samba with these lines in the section [global] of smb.conf, for the time of a `with`."""
        before = self.box.read(SMB_CONF)
        self._restart("".join(f"{line}\n" for line in ("[global]", *lines)).join(before.split("[global]\n")))
        try:
            yield
        finally:
            self._restart(before)

    def _restart(self, text: str) -> None:
        self.box.write(SMB_CONF, text)
        self.box.run("systemctl reset-failed smbd; testparm --suppress-prompt && systemctl restart smbd")
        wait_for_samba(self.box)
