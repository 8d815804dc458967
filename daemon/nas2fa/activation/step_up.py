"""Shares that ask for a grant of their own: smbd runs nas2fa-share at each connection to them. Pure but for `helper`.

smbd fills %u and the like in, takes the meaning from whatever means something to sh (`;`, `&&`), and has sh run that.
So there can be no second command in the line, and a name with a blank needs the quotes.
"""

from __future__ import annotations

import os
import re
from pathlib import PurePosixPath

from nas2fa.activation.samba import Settings
from nas2fa.activation.system import System

PROGRAM = "nas2fa-share"
PREEXEC, CLOSE, FORCED = "root preexec", "root preexec close", "force user"
_FOLDERS = "usr/lib/*/nas2fa"  # one for each architecture that the module is installed for
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


def ways_in(system: System, found: Settings, share: str) -> list[str]:
    """Other shares, of files and without nas2fa-share, through which a part of this one's folder is reached."""
    here = found.of(share, "path")
    return [
        other
        for other in found.shares
        if other != share
        and not asks(found, other)
        and _serves_files(found, other)
        and _overlap(system, here, found.of(other, "path"))
    ]


def _serves_files(found: Settings, share: str) -> bool:
    return found.of(share, "printable").lower() != "yes" and found.of(share, "available").lower() != "no"


def _overlap(system: System, one: str, other: str) -> bool:
    """Whether one of two folders is in the other, however they are written; not where a path depends on who comes."""
    if "%" in one + other or not (one and other):
        return False
    first, second = (PurePosixPath(os.path.realpath(system.path(f"/{path.lstrip('/')}"))) for path in (one, other))
    return first.is_relative_to(second) or second.is_relative_to(first)
