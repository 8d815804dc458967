"""Who administers the box: the people for whom a way in must be left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

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
    accounts = list(_accounts(system))
    members, gids = _groups(system)
    found = [Admin(uid, user) for user, uid, _ in accounts if uid == 0]
    found += [Admin(uid, user) for user, uid, gid in accounts if uid and (user in members or gid in gids)]
    listed = {admin.user for admin in found}
    # A directory need not let itself be listed: members that the list lacks are asked for by name.
    for user in sorted(members - listed - {user for user, _, _ in accounts}):
        found += [Admin(uid, name) for name, uid, _ in _accounts(system, user)]
    return found


def _accounts(system: System, *names: str) -> Iterator[tuple[str, int, int]]:
    """Name, uid, gid: passwd(5)."""
    for line in system.run(["getent", "passwd", *names]).out.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal():
            yield fields[0], int(fields[2]), int(fields[3])


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
