"""The state of this boot: used steps, failures, the day's guesses. Written at each login, without a wait for a disk.

The state has a *life*. It begins when there is none, or none that may be believed, and goes on when the daemon is
killed and started again. What was used before is partly unknown (the last second before a power cut never reached the
disk), so the moment at which this life began is kept with it, and clock/floor.py counts every code of before as used.
A life is believed only while a marker says that every write of it succeeded, and while the disk's note of its last
owner names this machine and boot: a volume that was at another box meanwhile has been used there.
"""

from __future__ import annotations

import contextlib
import errno
from dataclasses import replace

from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store import statecodec
from nas2fa.store.marks import Marked, Marks
from nas2fa.store.owner import OwnerNote, Seen
from nas2fa.store.records import EMPTY_STATE, Guess, Instant, UserState
from nas2fa.store.statefiles import Life, StateFiles, Stored


class State:
    """All users' states, in memory and in the state folder. Only `flush` may be called outside the loop."""

    def __init__(self, paths: Paths, marks: Marks) -> None:
        self._files = StateFiles(paths.state)
        self._note = OwnerNote(paths.owner)
        self._seen: Seen | None = None
        self._marks = marks
        self._life = Life("", 0.0)
        self._users: dict[int, UserState] = {}
        self._settled: set[int] = set()  # their marks on disk are merged in
        self._dirty: set[int] = set()  # not on disk yet
        self._unwritten: set[int] = set()  # not even in the state folder
        self._marked = False
        self._born: set[str] = set()

    @property
    def began(self) -> float:
        """CLOCK_BOOTTIME at which this life of the state began, seconds: the anchor of the replay rule."""
        return self._life.began or 0.0

    def open(self, now: Instant, machine_id: str, boot_id: str) -> bool:
        """At start: go on with the state that is there, or begin a new one. True when it is new. Never raises."""
        owner = f"{machine_id} {boot_id}"
        self._marks.owner = owner
        self._files.open()
        stored, whole = self._files.users()
        life = self._files.marker()
        goes_on = (
            life is not None
            and life.began is not None
            and life.began <= now.boot
            and life.owner == owner == self._note.read()
            and bool(boot_id)
            and whole
        )
        self._life = life if goes_on and life is not None else Life(owner, now.boot)
        self._take(stored, goes_on)
        self._dirty.update(stored)  # the daemon may have been killed before it put them on disk
        if goes_on:
            self._born = self._files.born(self._life)
            self._marked, self._seen = True, self._note.seen()
        else:
            self._begin()
        return not goes_on

    def close(self) -> None:
        """Give the folder's descriptor back. What is not flushed stays in the folder."""
        self._files.close()

    def follow(self, now: Instant) -> bool:
        """Begin a new life when the volume was at another box since `open` (unmounted and mounted again meanwhile).

        One stat(2) when nothing happened; to be called before a try is judged. True when a new life began.
        """
        seen = self._note.seen()
        if seen == self._seen or seen is None:
            return False
        named = self._note.read()
        if named == self._life.owner:
            self._seen = seen
            return False
        self._life = Life(self._life.owner, now.boot)
        self._settled.clear()
        self._dirty.update(self._users)  # what this volume does not know
        self._born.clear()
        self._begin()
        return True

    def get(self, uid: int) -> UserState:
        """What is known of `uid`. From memory, but for the first time, which also reads the marks on disk."""
        if uid in self._settled:
            return self._users.get(uid, EMPTY_STATE)
        state = self._users.get(uid, EMPTY_STATE)
        try:
            marked = self._marks.read(uid)
        except StoreError:
            return state  # tried again next time; `marks_fault` says so
        if marked is not None:
            state = self._merged(state, marked)
            self._users[uid] = state
            self._settled.add(uid)
        return state

    def settled(self, uid: int) -> bool:
        """True when what the disk knows of `uid` is part of their state."""
        self.get(uid)
        return uid in self._settled

    def known(self) -> dict[int, UserState]:
        """Everybody's state that is in memory: of all to whom something happened in this boot."""
        return dict(self._users)

    def marks_fault(self, uid: int) -> Reason | None:
        """Why the used recovery codes of `uid` are not known; None when they are. None of them may then be accepted."""
        if self.settled(uid):
            return None
        try:
            return Reason.RECORD_MISSING if self._marks.read(uid) is None else None
        except StoreError as error:
            return error.reason

    def put(self, uid: int, state: UserState) -> None:
        """The new state of `uid`: in memory at once, and written through. Never raises, never waits for a disk.

        When the folder is full the marker goes: should the daemon end now, its next start begins a new life. When it
        has room again, what was missed is written, and the marker with it.
        """
        before = self._users.get(uid)
        self._users[uid] = state
        if before is None or statecodec.lasting(before) != statecodec.lasting(state):
            self._dirty.add(uid)  # the rest alone wakes no disk: tries at a lock would keep it busy
        self._unwritten.add(uid)
        try:
            for each in tuple(self._unwritten):
                self._files.put(each, self._life_of(each), self._users[each])
                self._unwritten.discard(each)
            if not self._marked:
                self._files.mark(self._life)
                self._marked = True
        except OSError as error:
            self._unmark()
            if error.errno in (errno.ENOENT, errno.EBADF):  # the folder itself was taken away
                self._files.open()
                self._unwritten.update(self._users)

    def forget(self, uid: int, *, keep_used: bool = True) -> None:
        """For a reset: drop failures, locks and guesses. Used steps and spent codes stay, unless told otherwise."""
        state = self.get(uid)
        kept = (
            replace(EMPTY_STATE, used=state.used, spent=state.spent, phones=state.phones) if keep_used else EMPTY_STATE
        )
        self.put(uid, replace(kept, version=state.version + 1))

    def take_dirty(self) -> set[int]:
        """The uids whose state is not on disk yet; they are clean from now on, unless `flush` fails."""
        taken: set[int] = set()
        while self._dirty:  # the set itself stays: a thread in `flush` may add to it at any moment
            taken.add(self._dirty.pop())
        return taken

    def flush(self, uid: int, state: UserState, now: Instant) -> bool:
        """Put the marks of `uid` on disk and wait for them; False when that failed. May run in a thread."""
        try:
            self._marks.write(uid, state, now)
        except StoreError:
            self._dirty.add(uid)
            return False
        return True

    def born(self, fingerprint: str) -> bool:
        """True when that secret was made in this life of the state, so that no code of it was used before."""
        return fingerprint in self._born

    def mark_born(self, fingerprint: str) -> None:
        """Note a secret that was made here just now. A note that is lost only makes the rule stricter."""
        self._born.add(fingerprint)
        with contextlib.suppress(OSError):
            self._files.put_born(self._life, self._born)

    def _take(self, stored: dict[int, Stored], goes_on: bool) -> None:
        """What the folder holds. Of another boot only what has no time in it: its CLOCK_BOOTTIME means nothing here.

        Of another life nobody is let in by: that a grant was revoked may be what could not be written.
        """
        for uid, each in stored.items():
            if each.life.owner == self._life.owner:
                self._users[uid] = each.state if goes_on else replace(each.state, trusts=(), grants=(), noted=None)
            else:
                self._users[uid] = statecodec.of_another_boot(replace(statecodec.lasting(each.state), guesses=()))
            if each.life == self._life:
                self._settled.add(uid)

    def _begin(self) -> None:
        """Write what says that a new life began: first that the old one is over, last that this one is whole."""
        self._born.clear()
        if self._unmark():
            with contextlib.suppress(OSError):
                self._files.mark(self._life)
                self._marked = True
            self._note.write(self._life.owner)
        self._seen = self._note.seen()

    def _unmark(self) -> bool:
        """Make sure that the next start does not believe this state.

        Where the marker cannot be taken away, the note on disk is; False then.
        """
        self._marked = False
        try:
            self._files.unmark()
        except OSError:
            self._note.drop()
            self._seen = self._note.seen()
            return False
        return True

    def _life_of(self, uid: int) -> Life:
        return self._life if uid in self._settled else Life(self._life.owner, None)

    def _merged(self, state: UserState, marked: Marked) -> UserState:
        """With the marks of the disk; guesses that another boot wrote are moved onto this one's clock."""
        theirs, guesses = marked.state, marked.state.guesses
        if marked.owner != self._life.owner:
            theirs = statecodec.of_another_boot(theirs)
            guesses = statecodec.rebase(guesses, marked.at, self.began)
        return replace(statecodec.merge(state, theirs), guesses=_union(state.guesses, guesses))


def _union(ours: tuple[Guess, ...], theirs: tuple[Guess, ...]) -> tuple[Guess, ...]:
    """Both, each guess once; the disk keeps milliseconds."""
    known = {(round(guess.at, 3), guess.purse) for guess in ours}
    new = [guess for guess in theirs if (round(guess.at, 3), guess.purse) not in known]
    return tuple(sorted([*ours, *new], key=lambda guess: guess.at))
