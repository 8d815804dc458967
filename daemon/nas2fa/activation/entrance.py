"""Whether policy lets an administrator in at some door, and from there on to root. nas2fad itself is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from nas2fa.activation.admins import Admin, has_password
from nas2fa.activation.edits import Keys
from nas2fa.activation.places import ELSEWHERE
from nas2fa.activation.rules import rules
from nas2fa.activation.switch import Ask
from nas2fa.activation.system import System
from nas2fa.errors import Nas2faError, Reason
from nas2fa.network import Network

# What keeps somebody out until root changes something; a lock ends, and a code can be given.
_BARRED = frozenset({Reason.RULE, Reason.NOT_ENROLLED, Reason.NOT_VERIFIED})


def barred(system: System, admin: Admin, keys: Keys, ask: Ask) -> str | None:
    """Why policy lets this administrator in nowhere, or nowhere from user to root; None: it does. Raises as `ask`."""
    first = None
    for door in _doors(system, admin, keys, ask):
        refused = _refused(system, admin, ask, door)
        if refused is None:
            return None if admin.uid == 0 else _no_root(system, admin, ask)
        first = first or refused
    return first


def may_log_in(system: System, admin: Admin, armed: bool) -> bool:
    """Whether anybody logs in by this account at all: its password can be right, or it was set up."""
    return armed or has_password(system, admin.user)


def _doors(system: System, admin: Admin, keys: Keys, ask: Ask) -> Iterator[Mapping[str, Any]]:
    """The logins that are looked at: at the console; by ssh from elsewhere, and from what rules and exemptions name."""
    named = [network for rule in rules(system) for network in rule.network] + _exempt(admin, ask)
    places = [ELSEWHERE, *map(_somewhere_in, named)]
    if has_password(system, admin.user):
        yield {"service": "login", "tty": "tty1"}
    for place in dict.fromkeys(places):
        yield {"service": "sshd", "tty": "ssh", "rhost": place}
        yield {"service": "sshd", "tty": "ssh", "rhost": place, "first": "key", "alone": keys is Keys.GUARD}


def _no_root(system: System, admin: Admin, ask: Ask) -> str | None:
    by_sudo = _refused(system, admin, ask, {"service": "sudo", "tty": "pts/0"})
    root = Admin(0, "root")
    if (
        by_sudo
        and has_password(system, root.user)
        and not _refused(system, root, ask, {"service": "su", "tty": "pts/0"})
    ):
        return None
    return by_sudo


def _refused(system: System, admin: Admin, ask: Ask, login: Mapping[str, Any]) -> str | None:
    """Why policy refuses this login; None: it does not."""
    groups = system.run(["id", "-Gnz", admin.user]).out.split("\0")
    names = ":".join(group for group in groups if group and ":" not in group)
    try:
        found, _ = ask("imagine", {"uid": admin.uid, "user": admin.user, "groups": names, **login})
    except Nas2faError as error:  # of a record that cannot be used: nobody gets in by it
        return f"{login['service']}: {error.text}"
    return f"{login['service']}: {found['why']}" if found["reason"] in _BARRED and found["action"] == "deny" else None


def _exempt(admin: Admin, ask: Ask) -> list[Network]:
    """The networks from which this administrator is exempt; none when the file cannot be read: then nobody is."""
    try:
        rows = ask("exempt.list", {})[1]
    except Nas2faError:
        return []
    return [ip_network(row["network"]) for row in rows if row["user"] == admin.user and not row["over"]]


def _somewhere_in(network: Network) -> str:
    """An address in the middle: the first and the last ones are often the gateway's."""
    return str(network[network.num_addresses // 2])
