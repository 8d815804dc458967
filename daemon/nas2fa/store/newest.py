"""The newest moment that this box's own records prove: what was written then was not written later than now."""

from __future__ import annotations

import os
from typing import Final

from nas2fa.paths import Paths

LATEST: Final = 2.0**33  # the year 2242: a later one is no time that anybody has seen


def newest(paths: Paths) -> float:
    """Unix seconds; 0 when there is no record. Reads a folder with a file for each user: not for the loop.

    Every login with a code writes the user's state at once and the marks a moment later, so their times are those of
    the newest used step. The time of this program's own file stands in for them on a box where nobody has logged in.
    """
    return max(_file(__file__), _folder(paths.users), _folder(paths.state))


def _folder(path: str) -> float:
    try:
        with os.scandir(path) as entries:
            return max((_file(entry.path) for entry in entries), default=0.0)
    except OSError:
        return 0.0  # that it is missing is told by others


def _file(path: str) -> float:
    try:
        moment = os.stat(path, follow_symlinks=False).st_mtime
    except OSError:
        return 0.0
    return moment if moment <= LATEST else 0.0
