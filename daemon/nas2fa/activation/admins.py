"""Who administers the box: the people for whom a way in must be left."""

from __future__ import annotations

from dataclasses import dataclass

from nas2fa.activation.accounts import accounts
from nas2fa.activation.system import System

GROUPS = ("sudo", "wheel", "admin")  # those that sudo, su and polkit of the usual distributions let become root


@dataclass(frozen=True, slots=True)
class Admin:
    """One administrator, as the name service has them."""

    uid: int
    user: str


def admins(system: System) -> list[Admin]:
    """Everybody with uid 0, then the members of GROUPS, each once, in the order of the name service.

    Members by primary group count too. A member who has no account is left out. [] when getent(1) fails.
    """
    listed = list(accounts(system))
    members, gids = _groups(system)
    found = [Admin(one.uid, one.name) for one in listed if one.uid == 0]
    found += [Admin(one.uid, one.name) for one in listed if one.uid and (one.name in members or one.gid in gids)]
    known = {one.name for one in listed}
    # A directory need not let itself be listed: members that the list lacks are asked for by name.
    for user in sorted(members - known):
        found += [Admin(one.uid, one.name) for one in accounts(system, user)]
    return found


def _groups(system: System) -> tuple[set[str], set[int]]:
    """The members that the groups list, and the groups' numbers: group(5)."""
    members: set[str] = set()
    gids: set[int] = set()
    for line in system.run(["getent", "group", *GROUPS]).out.splitlines():
        fields = line.split(":")
        if len(fields) == 4 and fields[2].isdecimal():
            gids.add(int(fields[2]))
            members |= set(filter(None, fields[3].split(",")))
    return members, gids


def has_password(system: System, user: str) -> bool:
    """Whether a password can be right for this account, as far as shadow(5) tells; a directory's users have one."""
    for entry in (system.read("/etc/shadow") or "").splitlines():
        fields = entry.split(":")
        if fields[0] == user and len(fields) > 1:
            return not fields[1].startswith(("!", "*"))
    return True
