"""What /etc knows of the users folder: half of an id pair and the list of enrolled uids.

"Not enrolled" means a login without a code, so it must be known, not guessed from the absence of a file: an unmounted
/var, an emptied folder or an older copy of it also have no record. So both ids must be there and agree, and the uid
must not be in the list, which lives on another file system than the records wherever /var is one of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Collection, Iterator

from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store import files

STORE_ID = "store-id"  # the name of both halves
ID_MAX = 64  # bytes
LIST_MAX = 4 * 1024 * 1024  # bytes; about 400,000 users
_ID = re.compile(rb"[0-9a-f]{32}\n")
_LIST = re.compile(rb"(?:\d{1,10}\n)*end (\d{1,7})\n")  # without its last line it was cut short


class Register:
    """Reads and writes the two files of /etc/nas2fa. Keeps nothing in memory: what counts is what is on disk."""

    def __init__(self, paths: Paths) -> None:
        self._etc = paths.etc
        self._list = os.path.basename(paths.enrolled)

    def check_pair(self, users_fd: int) -> None:
        """Pass when both ids are there and agree; else STORE_ABSENT (users folder) or STORE_FOREIGN."""
        theirs = files.read_file(users_fd, STORE_ID, ID_MAX)
        if theirs is None:
            raise StoreError(Reason.STORE_ABSENT, "users folder has no store id: emptied, or not mounted")
        if not _ID.fullmatch(theirs):
            raise StoreError(Reason.RECORD_UNREADABLE, "users folder: store id is broken")
        if self._read(STORE_ID, ID_MAX) != theirs:
            raise StoreError(Reason.STORE_FOREIGN, "store ids of /etc and of the users folder differ")

    def has_id(self) -> bool:
        """True when /etc holds its half of the pair or a list, in whatever state."""
        return self._read(STORE_ID, ID_MAX) is not None or self._read(self._list, LIST_MAX) is not None

    def enrolled(self) -> set[int]:
        """The uids known to be enrolled. STORE_FOREIGN when there is no list, RECORD_UNREADABLE when it is broken."""
        content = self._read(self._list, LIST_MAX)
        if content is None:
            raise StoreError(Reason.STORE_FOREIGN, f"{self._etc}/{self._list}: missing")
        match = _LIST.fullmatch(content)
        uids = [int(line) for line in content.split(b"\n")[:-2]] if match else []
        if not match or len(uids) != int(match.group(1)):
            raise StoreError(Reason.RECORD_UNREADABLE, f"{self._etc}/{self._list}: cut short or not our format")
        return set(uids)

    def add(self, uids: Collection[int]) -> None:
        """Put these into the list as well; writes only when one is new."""
        known = self.enrolled()
        if not known.issuperset(uids):
            self.write(known.union(uids))

    def drop(self, uid: int) -> None:
        """Take one out of the list."""
        known = self.enrolled()
        if uid in known:
            self.write(known - {uid})

    @contextlib.contextmanager
    def staged(self, uid: int) -> Iterator[files.Staged | None]:
        """The list with `uid` in it, on disk but not yet in place; None when it is listed already."""
        known = self.enrolled()
        if uid in known:
            yield None
            return
        with files.directory(self._etc) as fd:
            staged = files.Staged(fd, self._list, _encoded(known | {uid}), 0o644)
            try:
                yield staged
            finally:
                staged.drop()

    def write(self, uids: Collection[int]) -> None:
        """Replace the list."""
        with files.directory(self._etc) as fd:
            files.atomic_write(fd, self._list, _encoded(uids), 0o644)

    def pair(self, users_fd: int, uids: Collection[int]) -> None:
        """A new pair of ids, and the list that belongs to it. A crash in between leaves a pair that differs."""
        content = secrets.token_hex(16).encode("ascii") + b"\n"
        files.atomic_write(users_fd, STORE_ID, content)
        self.write(uids)
        with files.directory(self._etc) as fd:
            files.atomic_write(fd, STORE_ID, content)

    def _read(self, name: str, limit: int) -> bytes | None:
        with files.directory(self._etc) as fd:
            return files.read_file(fd, name, limit, files.UNWRITABLE)


def _encoded(uids: Collection[int]) -> bytes:
    return b"".join(b"%d\n" % uid for uid in sorted(uids)) + b"end %d\n" % len(uids)
