"""The box's own configuration, as far as everybody may read it."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import Final

SIZE_MAX: Final = 65_536  # bytes that are read of one file
NAMES_MAX: Final = 1024  # of one folder


@dataclass(frozen=True, slots=True)
class Files:
    """Reads below `root`; what is not there, or cannot be read, is empty. Never raises."""

    root: str = ""

    def text(self, path: str) -> str:
        """The beginning of a regular file."""
        try:
            with open(self.root + path, "rb", opener=_open) as file:
                return file.read(SIZE_MAX).decode(errors="replace") if _is_plain(file.fileno()) else ""
        except (OSError, ValueError):
            return ""

    def names(self, folder: str) -> list[str]:
        """What is in a folder, in order."""
        try:
            return sorted(os.listdir(self.root + folder))[:NAMES_MAX]
        except (OSError, ValueError):
            return []

    def exists(self, path: str) -> bool:
        """True also for a link that leads nowhere: it may lead out of the cage."""
        return os.path.lexists(self.root + path)

    def is_current(self, path: str) -> bool:
        """False for a file that was replaced or removed since it was bound into the cage: the old one has no name.

        (On an overlay, one of a lower layer keeps its name; the next process sees the new one there as well.)
        """
        try:
            return os.stat(self.root + path).st_nlink > 0
        except OSError:
            return False

    def target(self, path: str) -> str:
        """Where a symbolic link points; "" when it is none."""
        try:
            return os.readlink(self.root + path)
        except OSError:
            return ""


def _open(path: str, flags: int) -> int:
    """Without waiting for whoever is at the other end of a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _is_plain(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
