"""The disk's note of the machine and boot that used the volume last.

A volume that moves to another box takes the credentials along but not that box's state: steps were accepted there of
which this box knows nothing. The note has a fixed length and is overwritten in place, so a full disk cannot refuse it;
one that a power cut tore names nobody, which is the strict answer. On a read-only volume it cannot be written: whoever
moves such a volume between boxes within a minute may use a code on both.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

from nas2fa.errors import StoreError
from nas2fa.store import files

LENGTH = 256  # bytes
Seen = tuple[int, int, int]  # device, inode, mtime in ns: changes whenever somebody else writes the note


@dataclass(frozen=True, slots=True)
class OwnerNote:
    """The note at `path`."""

    path: str

    def read(self) -> str | None:
        """The owner it names; None when there is no note, or none that can be believed."""
        folder, name = os.path.split(self.path)
        with contextlib.suppress(StoreError, ValueError), files.directory(folder) as fd:
            content = files.read_file(fd, name, LENGTH)
            if content is not None and len(content) == LENGTH:
                return content.decode("ascii").rstrip()
        return None

    def write(self, owner: str) -> bool:
        """Name `owner`, on disk when this returns; False when that failed. Never raises."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            fd = os.open(self.path, flags, 0o600)
        except OSError:
            return False
        try:
            os.fchmod(fd, 0o600)
            files.write_all(fd, owner.encode("ascii", "replace").ljust(LENGTH))
            os.ftruncate(fd, LENGTH)
            os.fdatasync(fd)
        except OSError:
            return False
        finally:
            os.close(fd)
        return True

    def drop(self) -> None:
        """Name nobody, so that the next start believes no state. Never raises."""
        with contextlib.suppress(OSError):
            os.unlink(self.path)

    def seen(self) -> Seen | None:
        """A cheap sign of change; None when there is no note."""
        try:
            found = os.stat(self.path)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_mtime_ns
