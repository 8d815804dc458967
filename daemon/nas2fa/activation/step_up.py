"""Shares that ask for a grant of their own: smbd runs nas2fa-share at each connection to them. Pure but for `helper`.

smbd fills %u and the like in, takes the meaning from whatever means something to sh (`;`, `&&`), and has sh run that.
So there can be no second command in the line, and a name with a blank needs the quotes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from nas2fa.activation.accounts import Account
from nas2fa.activation.samba import Settings
from nas2fa.activation.system import System

PROGRAM = "nas2fa-share"
PREEXEC, CLOSE, FORCED = "root preexec", "root preexec close", "force user"
_FOLDERS = "usr/lib/*/nas2fa"  # one for each architecture that the module is installed for
_HOMES = "homes"  # the section that stands for a share of each account's home
# What smbd makes `_` where it fills in a name: a `$` may be the last letter, as in those of computers.
_MASKED = re.compile(r"""[`"';%|&<>\r\n]|\$(?!\Z)""")
_COMMAND = re.compile(rf"""(\S+/{PROGRAM}) (["'])%u\2 (["'])%I\3 (["'])%S\4""")


def helper(system: System) -> str | None:
    """Where nas2fa-share lies on this box; None when it is not installed."""
    found = sorted(system.path("/").glob(f"{_FOLDERS}/{PROGRAM}"))
    return f"/{found[0].relative_to(system.path('/'))}" if found else None


def command(program: str) -> str:
    """The value of `root preexec`: the unix name (not what the client typed), the client's address, the share."""
    return f'{program} "%u" "%I" "%S"'


def asks(found: Settings, share: str) -> bool:
    """Whether a share runs nas2fa-share, in whatever way."""
    return PROGRAM in found.of(share, PREEXEC)


def program_of(text: str) -> str | None:
    """The program of a `root preexec` that is a command(); None of any other."""
    match = _COMMAND.fullmatch(text)
    return match[1] if match else None


def alike(names: Iterable[str]) -> list[list[str]]:
    """Those of these names that nas2fa-share cannot tell apart: smbd gives it one and the same for them."""
    found: dict[str, list[str]] = {}
    for name in sorted(set(names)):
        found.setdefault(_MASKED.sub("_", name), []).append(name)
    return [group for group in found.values() if len(group) > 1]


def ways_in(system: System, found: Settings, share: str, people: Sequence[Account]) -> list[str]:
    """Other shares, of files and without nas2fa-share, through which a part of this one's folder is reached."""
    here = _folders(system, found, share, people)
    return [
        other
        for other in found.shares
        if other != share
        and not asks(found, other)
        and _serves_files(found, other)
        and _meet(here, _folders(system, found, other, people))
    ]


def _serves_files(found: Settings, share: str) -> bool:
    return found.of(share, "printable").lower() != "yes" and found.of(share, "available").lower() != "no"


def _folders(system: System, found: Settings, share: str, people: Sequence[Account]) -> set[PurePosixPath]:
    """The folders that a share is, for whoever comes; links are followed.

    The name of the client and the like can be anything: then it is the folder in which that is a name.
    """
    homes = share.lower() == _HOMES
    path = found.of(share, "path") or ("%H" if homes else "")
    if not path:
        return set()
    # Without `valid users`, everybody may open the home of any account, those of the system among them.
    everybody = homes and not found.of(share, "valid users")
    whose = [one for one in people if everybody or one.of_a_person or not one.uid]
    paths = {_filled(path, one, one.name if homes else share) for one in whose} or {path}
    return {_real(system, each.partition("%")[0].rpartition("/")[0] if "%" in each else each) for each in paths}


def _filled(path: str, account: Account, share: str) -> str:
    for word, text in (("%H", account.home), ("%S", share), ("%u", account.name), ("%U", account.name)):
        path = path.replace(word, text)
    return path


def _real(system: System, path: str) -> PurePosixPath:
    return PurePosixPath(os.path.realpath(system.path(f"/{path.lstrip('/')}")))


def _meet(some: set[PurePosixPath], others: set[PurePosixPath]) -> bool:
    """Whether a folder of the one is in a folder of the other, or is one."""
    return any(
        not inner.isdisjoint((path, *path.parents))
        for outer, inner in ((some, others), (others, some))
        for path in outer
    )
