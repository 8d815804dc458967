"""The exemptions that root has made: one small file. Missing or broken means that there are none: all are asked."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from ipaddress import ip_network
from typing import Final

from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store import files
from nas2fa.store.codec import MalformedError, fields, text, whole
from nas2fa.store.records import Exemption

FILE_MAX: Final = 256 * 1024  # bytes
EXEMPTIONS_MAX: Final = 200
SCHEMA: Final = 1
TEXT_MAX: Final = 256  # characters of any of its texts

_FILE: Final = frozenset({"v", "exemptions"})
_ENTRY: Final = frozenset({"id", "user", "group", "service", "network", "key", "created", "until", "reason", "by"})
_Seen = tuple[int, int, int, int]  # what changes when a file does: device, inode, size, time of change


class Exemptions:
    """The file, read again whenever it is another one."""

    def __init__(self, paths: Paths) -> None:
        self._path = paths.exemptions
        self._seen: _Seen | None = None
        self._found: tuple[Exemption, ...] = ()
        self._fault: StoreError | None = None

    def current(self) -> tuple[Exemption, ...]:
        """All of them, those that are over too; none when there is a fault. One stat(2) when nothing changed."""
        seen = self._look()
        if seen != self._seen:
            self._found, self._fault = self._read()
            self._seen = seen
        return self._found

    def fault(self) -> StoreError | None:
        """Why the file cannot be believed; None when it can, or when there is none."""
        self.current()
        return self._fault

    def change(self, fn: Callable[[tuple[Exemption, ...]], tuple[Exemption, ...]]) -> None:
        """Put what `fn` makes of all in their place. StoreError; a file that cannot be read is not overwritten.

        Waits for the disk, so it belongs into the writer's thread, and leaves what `current` keeps to the loop.
        """
        found, fault = self._read()
        if fault is not None:
            raise fault
        exemptions = fn(found)
        if len(exemptions) > EXEMPTIONS_MAX:
            raise StoreError(Reason.WRITE_FAILED, f"more than {EXEMPTIONS_MAX} exemptions: remove some first")
        folder, name = os.path.split(self._path)
        with files.directory(folder) as fd:
            files.atomic_write(fd, name, _encoded(exemptions))

    def _look(self) -> _Seen | None:
        try:
            found = os.lstat(self._path)
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_size, found.st_ctime_ns

    def _read(self) -> tuple[tuple[Exemption, ...], StoreError | None]:
        folder, name = os.path.split(self._path)
        try:
            with files.directory(folder) as fd:
                content = files.read_file(fd, name, FILE_MAX)
            return () if content is None else _decoded(content, name), None
        except StoreError as error:
            return (), error


def _encoded(exemptions: tuple[Exemption, ...]) -> bytes:
    entries = [
        {name: getattr(e, name) for name in _ENTRY - {"network"}} | {"network": str(e.network)} for e in exemptions
    ]
    return json.dumps({"v": SCHEMA, "exemptions": entries}, sort_keys=True, indent=1).encode("ascii") + b"\n"


def _decoded(content: bytes, name: str) -> tuple[Exemption, ...]:
    try:
        return _all(json.loads(content.decode("ascii")))
    except MalformedError as error:
        raise StoreError(Reason.RECORD_UNREADABLE, f"{name}: {error}") from None
    except (ValueError, RecursionError):
        raise StoreError(Reason.RECORD_UNREADABLE, f"{name}: not a whole JSON file") from None


def _all(found: object) -> tuple[Exemption, ...]:
    has = fields(found, _FILE, "file")
    if whole(has, "v") != SCHEMA or not isinstance(has["exemptions"], list):
        raise MalformedError("not schema version 1, or no list of exemptions")
    return tuple([_exemption(entry) for entry in has["exemptions"]])


def _exemption(found: object) -> Exemption:
    has = fields(found, _ENTRY, "exemption")
    user, group = text(has, "user", TEXT_MAX), text(has, "group", TEXT_MAX)
    if bool(user) == bool(group):
        raise MalformedError("an exemption is for a user or for a group")
    return Exemption(
        id=text(has, "id", 16, low=1),
        service=text(has, "service", TEXT_MAX, low=1),
        network=ip_network(text(has, "network", 64)),
        created=whole(has, "created"),
        until=whole(has, "until"),
        user=user,
        group=group,
        key=text(has, "key", 64),
        reason=text(has, "reason", TEXT_MAX),
        by=whole(has, "by"),
    )
