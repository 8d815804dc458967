"""Credentials on disk: one file per user, trusted only after a look, replaced only as a whole.

Nothing is kept in memory: an admin's reset, an unmounted disk or a rolled-back dataset counts from the next login on.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace

from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store import codec, files, folder, repair
from nas2fa.store.marks import Marks, usable
from nas2fa.store.records import COUNTER_MAX, Credential
from nas2fa.store.register import Register


class Credentials:
    """The users folder. Every method blocks for as long as the disk does; `load` is three opens of small files."""

    def __init__(self, paths: Paths, marks: Marks | None = None) -> None:
        self._paths = paths
        self._users = paths.users
        self._marks = marks if marks is not None else Marks(paths)
        self._register = Register(paths)

    def open(self) -> None:
        """At start: make folders and the id pair where there was nothing yet, heal the list of enrolled uids.

        Never raises: with a read-only or broken disk the daemon must run and answer; `health` tells what is wrong.
        """
        for path, mode in ((self._paths.etc, 0o755), (self._paths.lib, 0o700), (self._users, 0o700)):
            with contextlib.suppress(OSError):
                os.makedirs(path, mode)
        with contextlib.suppress(StoreError), files.directory(self._users) as fd:
            files.sweep(fd)
            if not self._register.has_id() and not folder.uids(fd):
                self._register.pair(fd, ())
            self._register.check_pair(fd)
            self._register.add(folder.armed(fd))

    def load(self, uid: int, user: str | None) -> Credential:
        """What was agreed with `uid`. One without authenticators means: positively known to have no second step.

        `user`, the canonical name of the login, must be the one in the record (RECORD_MISMATCH: a re-used uid or a
        renamed account). StoreError for all that is not certain.
        """
        with files.directory(self._users) as fd:
            found = folder.record(fd, uid)
            if found is None or not found.armed:
                self._check_open(fd, uid)
        if found is None:
            return Credential(uid, user or "")
        if user is not None and user != found.user:
            raise StoreError(Reason.RECORD_MISMATCH, f"{uid}.json: enrolled as {found.user!r}")
        return found

    def save(self, credential: Credential) -> Credential:
        """Write a credential that was read with this version; returns it with the next one. On disk when this returns.

        STALE when the disk has another version by now; WRITE_FAILED when nothing was changed.
        """
        with files.directory(self._users) as fd:
            before = folder.record(fd, credential.uid)
            if (before.version if before else 0) != credential.version:
                raise StoreError(Reason.STALE, f"{credential.uid}.json: changed since it was read")
            self._register.check_pair(fd)
            return self._put(fd, before, replace(credential, version=credential.version + 1))

    def remove(self, uid: int) -> bool:
        """Delete record and copy; False when there was no record. The marks stay: used steps outlive a re-import."""
        with files.directory(self._users) as fd:
            self._register.drop(uid)  # first: a crash in between leaves a user who still needs the code
            had = files.remove(fd, f"{uid}.json")
            files.remove(fd, f"{uid}.json{folder.COPY}")
        return had

    def names(self) -> list[tuple[int, str]]:
        """Every record as (uid, canonical name), by uid; the name is "" where the record cannot be read."""
        with files.directory(self._users) as fd:
            return [(uid, found.user if isinstance(found, Credential) else "") for uid, found in folder.records(fd)]

    def health(self) -> Reason | None:
        """What is wrong with the store as a whole; None when nothing is. A broken record is not its business."""
        try:
            with files.directory(self._users) as fd:
                self._register.check_pair(fd)
                self._register.enrolled()
        except StoreError as error:
            return error.reason
        return None

    # Repair: reads the copies, which `load` never does, and only when root asks.

    def faults(self) -> list[repair.Fault]:
        """All that is wrong, as (uid or None for the whole store, reason, text, what to do about it)."""
        try:
            with files.directory(self._users) as fd:
                return repair.faults(fd, self._register)
        except StoreError as error:
            return [(None, error.reason, error.text, "mount or restore the folder, then look again")]

    def restore(self, uid: int) -> Credential:
        """Take the copy of the version before back into place, checked like a record; returns what is in force now.

        RECORD_MISSING when there is no copy, or only one of before the enrolment: it would let a login in without code.
        """
        with files.directory(self._users) as fd:
            copy = folder.record(fd, uid, folder.COPY)
            if copy is None or not copy.armed:
                raise StoreError(Reason.RECORD_MISSING, f"{uid}.json{folder.COPY}: no copy that asks for a code")
            self._register.check_pair(fd)
            return self._put(fd, copy, replace(copy, version=copy.version + 1))

    def adopt(self) -> int:
        """Make /etc agree with the users folder as it is: a new id pair, the list rebuilt. Returns its length.

        For root who knows that this folder is the right one: users that are not in it need no code afterwards.
        """
        with files.directory(self._users) as fd:
            armed = folder.armed(fd)
            self._register.pair(fd, armed)
        return len(armed)

    def _check_open(self, fd: int, uid: int) -> None:
        """Pass when it is certain that `uid` needs no code."""
        self._register.check_pair(fd)
        if uid in self._register.enrolled():
            text = f"{uid}.json: enrolled according to /etc, but no record that asks for a code"
            raise StoreError(Reason.RECORD_MISSING, text)

    def _put(self, fd: int, before: Credential | None, after: Credential) -> Credential:
        """Marks, copy and list are on disk before the record is; a full disk stops at the first, nothing changed.

        Whatever crashes in between leaves a user who needs a code at least as much as before, and a list that `open`
        heals.
        """
        if after.armed:
            self._need_marks(fd, before, after.uid)
        armed_now = after.armed and (before is None or not before.armed)
        if before is not None and not armed_now:
            self._copy(fd, before)
        if after.armed:
            self._commit(fd, after)
        else:
            self._register.drop(after.uid)
            files.atomic_write(fd, f"{after.uid}.json", codec.encode(after))
        if before is None or armed_now:
            with contextlib.suppress(StoreError):
                self._copy(fd, after)  # the first that asks for a code is its own copy: an older one would ask for none
        return after

    @staticmethod
    def _copy(fd: int, credential: Credential) -> None:
        files.atomic_write(fd, f"{credential.uid}.json{folder.COPY}", codec.encode(credential))

    def _commit(self, fd: int, after: Credential) -> None:
        """Stage the list, write the record, rename the list: no want of space can stop it once the record is in."""
        with self._register.staged(after.uid) as listed:
            files.atomic_write(fd, f"{after.uid}.json", codec.encode(after))
            if listed is not None:
                listed.commit()

    def _need_marks(self, fd: int, before: Credential | None, uid: int) -> None:
        """Marks that are lost could hide used codes: recovery codes and those of tokens all count as used then."""
        if usable(fd, uid):
            return
        lost = before.recovery if before is not None and before.armed else None
        spent = {f"{lost.set_id}:{index}" for index in range(len(lost.hashes))} if lost else set()
        tokens = before.tokens if before is not None else ()
        self._marks.create(fd, uid, frozenset(spent), {each.secret.fingerprint(): COUNTER_MAX for each in tokens})
