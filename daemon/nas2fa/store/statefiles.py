"""The files of the state folder: whole or not at all, but without a wait for any disk (it is a tmpfs).

complete    the marker: {"owner", "began"}; there only while every write of this life succeeded
<uid>.json  {"owner", "began", "state"}: `began` is null while the marks on disk are not merged in yet
born.json   {"owner", "began", "born": […]}
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

from nas2fa.errors import StoreError
from nas2fa.store import files, statecodec
from nas2fa.store.codec import MalformedError, fields, text
from nas2fa.store.records import UserState

FILE_MAX = 1024 * 1024  # bytes
OWNER_MAX = 256  # characters
MARKER = "complete"
BORN = "born.json"
_USER = re.compile(r"(0|[1-9][0-9]{0,9})\.json")
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Life:
    """One life of the state: where it runs, and CLOCK_BOOTTIME of its begin in seconds (None: not known)."""

    owner: str
    began: float | None


@dataclass(frozen=True, slots=True)
class Stored:
    """One user's state as a file has it, with the life in which it was written."""

    life: Life
    state: UserState


class StateFiles:
    """The folder. Reading answers None for what cannot be believed; writing raises OSError."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1  # every use of it is then an EBADF, which is a write that failed

    def open(self) -> None:
        """Make the folder and keep a descriptor of it. Never raises."""
        self.close()
        with contextlib.suppress(OSError):
            os.makedirs(self._path, 0o700)
        with contextlib.suppress(StoreError):
            self._fd = files.open_dir(self._path)

    def close(self) -> None:
        """Give the descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def marker(self) -> Life | None:
        """The life whose every write succeeded."""
        found = self._read(MARKER)
        with contextlib.suppress(MalformedError):
            return _life(fields(found, frozenset({"owner", "began"}), MARKER))
        return None

    def mark(self, life: Life) -> None:
        """Say that all is written."""
        self._write(MARKER, json.dumps({"owner": life.owner, "began": life.began}))

    def unmark(self) -> None:
        """Say that something is missing."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(MARKER, dir_fd=self._fd)

    def users(self) -> tuple[dict[int, Stored], bool]:
        """Every user's file that is whole, and whether all were; a broken one is removed."""
        found: dict[int, Stored] = {}
        whole = True
        for name in self._names():
            if match := _USER.fullmatch(name):
                stored = self._stored(name)
                if stored is None:
                    whole = False
                else:
                    found[int(match.group(1))] = stored
        return found, whole

    def put(self, uid: int, life: Life, state: UserState) -> None:
        """One user's state, by rename."""
        content = {"owner": life.owner, "began": life.began, "state": statecodec.encode(state)}
        self._write(f"{uid}.json", json.dumps(content, separators=(",", ":")))

    def born(self, life: Life) -> set[str]:
        """The fingerprints of the secrets made in this life."""
        found = self._read(BORN)
        with contextlib.suppress(MalformedError):
            has = fields(found, frozenset({"owner", "began", "born"}), BORN)
            if _life(has) == life and isinstance(has["born"], list):
                return {each for each in has["born"] if isinstance(each, str)}
        return set()

    def put_born(self, life: Life, born: set[str]) -> None:
        """Write them."""
        self._write(BORN, json.dumps({"owner": life.owner, "began": life.began, "born": sorted(born)}))

    def _names(self) -> list[str]:
        try:
            return os.listdir(self._fd) if self._fd >= 0 else []
        except OSError:
            return []

    def _stored(self, name: str) -> Stored | None:
        found = self._read(name)
        try:
            has = fields(found, frozenset({"owner", "began", "state"}), name)
            return Stored(_life(has), statecodec.decode(has["state"]))
        except MalformedError:
            with contextlib.suppress(OSError):
                os.unlink(name, dir_fd=self._fd)
            return None

    def _read(self, name: str) -> object:
        try:
            content = files.read_file(self._fd, name, FILE_MAX)
            return None if content is None else json.loads(content.decode("ascii"))
        except (StoreError, ValueError, RecursionError):
            return None

    def _write(self, name: str, content: str) -> None:
        raw = content.encode("ascii")
        temp = f"{files.TEMP_PREFIX}{name}"
        fd = os.open(temp, _NEW, 0o600, dir_fd=self._fd)
        try:
            if os.write(fd, raw) != len(raw):
                raise OSError(errno.ENOSPC, "written in part")
        finally:
            os.close(fd)
        os.rename(temp, name, src_dir_fd=self._fd, dst_dir_fd=self._fd)


def _life(has: Mapping[str, object]) -> Life:
    began = None if has["began"] is None else statecodec.seconds(has["began"])
    return Life(text(has, "owner", OWNER_MAX), began)
