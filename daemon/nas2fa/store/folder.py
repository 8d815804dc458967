"""One record of the users folder, and all of them: what `credentials` and `repair` both read."""

from __future__ import annotations

import os
import re

from nas2fa.errors import Reason, StoreError
from nas2fa.store import codec, files
from nas2fa.store.records import Credential

RECORD_MAX = 64 * 1024  # bytes
COPY = ".bak"  # the suffix of the version before
_RECORD = re.compile(r"(0|[1-9][0-9]{0,9})\.json")


def record(fd: int, uid: int, suffix: str = "") -> Credential | None:
    """The record of `uid` (or its copy), None when there is none. StoreError when it cannot be trusted."""
    name = f"{uid}.json{suffix}"
    content = files.read_file(fd, name, RECORD_MAX)
    if content is None:
        return None
    found = codec.decode(content, name)
    if found.uid != uid:
        raise StoreError(Reason.RECORD_MISMATCH, f"{name}: holds the record of uid {found.uid}")
    return found


def uids(fd: int) -> list[int]:
    """The uids that have a record, whatever is in it."""
    try:
        names = os.listdir(fd)
    except OSError as error:
        raise StoreError(Reason.RECORD_UNREADABLE, f"users folder: {error.strerror}") from None
    return sorted(int(match.group(1)) for name in names if (match := _RECORD.fullmatch(name)))


def records(fd: int) -> list[tuple[int, Credential | StoreError]]:
    """Every record, or what is wrong with it."""
    return [(uid, _tried(fd, uid)) for uid in uids(fd)]


def armed(fd: int) -> set[int]:
    """The uids whose record can be read and asks for a code."""
    return {uid for uid, found in records(fd) if isinstance(found, Credential) and found.armed}


def _tried(fd: int, uid: int) -> Credential | StoreError:
    try:
        found = record(fd, uid)
    except StoreError as error:
        return error
    return found or StoreError(Reason.RECORD_MISSING, f"{uid}.json: gone while the folder was read")
