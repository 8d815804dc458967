"""What is wrong with the store, and what an admin can do about it. Only reads; nothing here is on a login's way."""

from __future__ import annotations

from nas2fa.errors import Reason, StoreError
from nas2fa.store import folder
from nas2fa.store.marks import usable
from nas2fa.store.records import Credential
from nas2fa.store.register import Register

Fault = tuple[int | None, Reason, str, str]  # uid or None for the store as a whole, reason, what is wrong, remedy

_STORE_REMEDY = {
    Reason.STORE_ABSENT: "mount /var/lib/nas2fa, or restore it from a backup; adopt only if nobody is to need a code",
    Reason.STORE_FOREIGN: "put the folder back that belongs to this box, or adopt this one if it is the right one",
}
_ADOPT = "adopt: rebuilds the list of enrolled users from the records"


def faults(users_fd: int, register: Register) -> list[Fault]:
    """Everything that is wrong, the store as a whole first."""
    found, listed = _store(users_fd, register)
    records = folder.records(users_fd)
    for uid, each in records:
        found += _broken(users_fd, uid, each) if isinstance(each, StoreError) else _marks(users_fd, each)
    present = {uid for uid, each in records if isinstance(each, StoreError) or each.armed}
    for uid in sorted(listed - present):
        text = f"{uid}.json: enrolled according to /etc, but no armed record"
        found.append((uid, Reason.RECORD_MISSING, text, _remedy(users_fd, uid)))
    return found


def _store(users_fd: int, register: Register) -> tuple[list[Fault], set[int]]:
    found: list[Fault] = []
    listed: set[int] = set()
    try:
        register.check_pair(users_fd)
    except StoreError as error:
        found.append((None, error.reason, error.text, _STORE_REMEDY.get(error.reason, _ADOPT)))
    try:
        listed = register.enrolled()
    except StoreError as error:
        found.append((None, error.reason, error.text, _ADOPT))
    return found, listed


def _broken(users_fd: int, uid: int, error: StoreError) -> list[Fault]:
    remedy = _remedy(users_fd, uid)
    if error.reason is Reason.RECORD_UNSAFE:
        remedy = f"find out who could change it, then: {remedy}"
    return [(uid, error.reason, error.text, remedy)]


def _marks(users_fd: int, credential: Credential) -> list[Fault]:
    if not credential.armed or usable(users_fd, credential.uid):
        return []
    text = f"{credential.uid}.marks: missing or unreadable, so used recovery codes are not known"
    remedy = "the user makes new recovery codes: nas2fa recovery-codes"
    return [(credential.uid, Reason.RECORD_UNREADABLE, text, remedy)]


def _remedy(users_fd: int, uid: int) -> str:
    try:
        copy = folder.record(users_fd, uid, folder.COPY)
    except StoreError:
        copy = None
    if copy is None or not copy.armed:
        return "no usable copy: restore the file from a backup, or reset the user, who then sets up again"
    return f"restore: takes back the copy (version {copy.version}, user {copy.user!r})"
