"""A domain: two boxes on one network, an Active Directory controller and a file server that is a member of it.

Its people have no accounts on the member: winbind asks the controller about whoever logs in, by ssh or to the shares.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import lan, samba
from .layers import installed, layer
from .logins import PASSWORD, SSHD_LOAD, allow_early_codes, configure_sshd, enable
from .machine import Box
from .roots import domain_recipe

REALM, SHORT = "AD.TEST", "ADT"
"""The domain as Kerberos and the DNS call it, and as it stands before a name: ADT\\dave."""
CONTROLLER = "10.99.3.1"
MEMBER = "nas.ad.test"
"""A ticket is for a name, never for an address."""
PEOPLE = tuple(f"person{number:02}" for number in range(12))
GROUP, KEEPERS = "keepers", ("keeper00", "keeper01")
"""A group of the domain, and who is in it. All have PASSWORD."""

_ADMIN_PASSWORD = "Of 3 kinds"
"""As the rules of a new domain for passwords want it; people's own are set without asking these."""

# What has nobody to talk to in so small a domain is left out, and TLS, whose keys are made at the first start.
_PROVISION = f"""
set -e
rm {samba.SMB_CONF}
samba-tool domain provision --realm={REALM} --domain={SHORT} --server-role=dc --dns-backend=SAMBA_INTERNAL \
    --host-name=dc --host-ip={CONTROLLER} --adminpass='{_ADMIN_PASSWORD}' --option='tls enabled = no' \
    --option='server services = -nbt -wrepl -drepl -ntp_signd -kcc -dnsupdate'
samba_spnupdate
samba-tool domain passwordsettings set --complexity=off
systemctl unmask samba-ad-dc
"""

# samba-tool would take half a second for each.
_ADD_PEOPLE = f"""
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

lp = LoadParm()
lp.load_default()
database = SamDB(lp=lp, session_info=system_session())
for name in {(*PEOPLE, *KEEPERS)}:
    database.newuser(name, "{PASSWORD}")
database.newgroup("{GROUP}")
database.add_remove_group_members("{GROUP}", {KEEPERS})
"""

_SMB_CONF = f"""\
[global]
   workgroup = {SHORT}
   realm = {REALM}
   netbios name = NAS
   security = ads
   idmap config * : backend = tdb
   idmap config * : range = 3000-7999
   idmap config {SHORT} : backend = rid
   idmap config {SHORT} : range = 100000-199999
   winbind use default domain = {{default}}
   template shell = /bin/bash
   template homedir = /tmp
   obey pam restrictions = yes
   map to guest = bad user
   disable netbios = yes
[{samba.SHARE}]
   path = /srv/{samba.SHARE}
   read only = no
"""

_KRB5_CONF = f"""\
[libdefaults]
default_realm = {REALM}
dns_lookup_realm = false
rdns = false
"""


class Domain:
    """Both boxes, up and joined, for many tests, each with people of its own; beside the member are lan's machines."""

    def __init__(self, member: Box, controller: Box) -> None:
        self.member, self.controller = member, controller
        self._people, self._keepers = iter(PEOPLE), iter(KEEPERS)

    def stranger(self) -> str:
        """Somebody who has not set up a second step, and whom nobody else is given. StopIteration: none is left."""
        return next(self._people)

    def keeper(self) -> str:
        """Likewise, and in GROUP."""
        return next(self._keepers)

    def name_people(self, *, long: bool) -> None:
        r"""Let the member's own name for somebody be ADT\dave, which is the default, or dave."""
        self.member.write(samba.SMB_CONF, _SMB_CONF.format(default="no" if long else "yes"))
        self.member.run("net cache flush; systemctl restart winbind smbd")
        self.member.until(f"id {PEOPLE[0]}@{REALM}")
        samba.wait_for_samba(self.member)


@contextmanager
def joined(suite: str) -> Iterator[Domain]:
    """The domain, where people have short names.

    The member joins here, and not in a layer: what the controller learns by that would be on another box's disk.
    """
    with Box(controller_layers(suite)) as controller, Box(switched_layers(suite)) as member:
        lan.attach(member)
        lan.plug_in(member, controller, CONTROLLER)
        controller.run("hostname dc && systemctl start samba-ad-dc")
        _tell_names(member, f"{lan.BOX} {MEMBER} nas")
        member.write("/etc/krb5.conf", _KRB5_CONF)
        member.write(samba.SMB_CONF, _SMB_CONF.format(default="yes"))
        member.run(f"hostname nas; mkdir -m 1777 /srv/{samba.SHARE}")
        member.until(f"net ads join --user='Administrator%{_ADMIN_PASSWORD}'")
        domain = Domain(member, controller)
        domain.name_people(long=False)
        yield domain


def switched_layers(suite: str) -> list[Path]:
    """A box to be one of the two, switched on by `nas2fa system enable`; nothing of Samba runs yet."""
    return layer(f"domain-{suite}", installed(suite, domain_recipe(suite)), _own_text(), _switch_on)


def controller_layers(suite: str) -> list[Path]:
    """A box that was made the controller of REALM after it had been switched on, and has its people."""
    return layer(f"controller-{suite}", switched_layers(suite), _own_text(), _provision)


def _own_text() -> bytes:
    here = Path(__file__)
    return b"".join(here.with_name(name).read_bytes() for name in (here.name, "logins.py"))


def _switch_on(box: Box) -> None:
    allow_early_codes(box)
    configure_sshd(box, SSHD_LOAD)
    box.reboot()  # from the next boot on, early codes are good
    enable(box)


def _provision(box: Box) -> None:
    box.run(_PROVISION)
    box.run(["python3", "-c", _ADD_PEOPLE])
    _tell_names(box, f"{CONTROLLER} dc.ad.test dc")  # not before: it would forward to itself what it cannot tell


def _tell_names(box: Box, own: str) -> None:
    box.write("/etc/hosts", f"127.0.0.1 localhost\n{own}\n")
    box.write("/etc/resolv.conf", f"nameserver {CONTROLLER}\n")


def visit_by_ticket(member: Box, name: str, *, source: str = lan.NEIGHBOUR) -> str:
    """As samba.visit, where smbclient gets a ticket for the password and shows the member that alone."""
    required = "--use-kerberos=required"
    return samba.visit(member, f"{name}@{REALM}", PASSWORD, required, source=source, host=MEMBER)


def ticket(member: Box, name: str, seconds: int) -> bytes:
    """A ticket for the member's shares that is good for so long, in a file of kinit(1)'s."""
    kinit = ["kinit", "-l", f"{seconds}s", "-S", f"cifs/{MEMBER}", "-c", "/run/ticket", name]
    member.run(kinit, stdin=f"{PASSWORD}\n")
    return b64decode(member.run(["base64", "/run/ticket"]).stdout)
