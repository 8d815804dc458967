"""The marks on disk: what must outlive a power cut though no login waits for it.

`users/<uid>.marks` is made at enrolment with its final size and then only overwritten in place, so a full disk cannot
refuse it (on file systems that copy on write, such as btrfs and ZFS, it still can). Two slots of 4096 bytes are
written in turn: a write that a power cut tears leaves the other one.

    slot   crc32 of the rest, 8 hex digits, a space, then one JSON object padded with spaces to 4096 bytes:
           seq    the higher one is the newer slot
           owner  machine and boot that wrote it
           at     CLOCK_BOOTTIME of the writing, seconds: what the guesses' times are relative to
           state  UserState without what ends with the boot
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from zlib import crc32

from nas2fa.errors import Reason, StoreError
from nas2fa.paths import Paths
from nas2fa.store import files, statecodec
from nas2fa.store.codec import fields, text, whole
from nas2fa.store.records import EMPTY_STATE, Guess, Instant, UserState

SLOT = 4096  # bytes; one block, so it needs no second one to be found
SLOTS = 2
SIZE = SLOT * SLOTS
_PREFIX = 9  # the crc and the space
_FIELDS = frozenset({"seq", "owner", "at", "state"})
_OWNER_MAX = 256  # characters


@dataclass(frozen=True, slots=True)
class Marked:
    """One valid slot."""

    seq: int
    owner: str
    at: float  # CLOCK_BOOTTIME of that owner's boot, seconds
    state: UserState


class Marks:
    """All users' marks. `owner` is set by State.open; `write` may be called from any thread."""

    def __init__(self, paths: Paths) -> None:
        self._users = paths.users
        self._lock = threading.Lock()
        self.owner = ""

    def create(
        self, users_fd: int, uid: int, spent: frozenset[str] = frozenset(), used: Mapping[str, int] = EMPTY_STATE.used
    ) -> None:
        """A new file of full size, on disk before its name is. `spent`, `used`: what counts as used."""
        state = replace(EMPTY_STATE, spent=spent, used=used)
        slots = [_encode(Marked(seq, self.owner, 0.0, state)) for seq in range(SLOTS)]
        files.atomic_write(users_fd, _name(uid), b"".join(slots))

    def read(self, uid: int) -> Marked | None:
        """The newest whole slot; None when there is no file. RECORD_UNREADABLE when both slots are torn."""
        with files.directory(self._users) as users_fd:
            content = files.read_file(users_fd, _name(uid), SIZE)
        return None if content is None else _newest(content, uid)

    def write(self, uid: int, state: UserState, now: Instant) -> None:
        """Add `state` to what is on disk and wait until it is there (one block in place, fdatasync).

        Used steps and spent codes on disk are never taken back, whatever `state` says. StoreError when they could not
        be written, or when what is there cannot be read, since a spent code would be lost with it.
        """
        with self._lock, files.directory(self._users) as users_fd:
            try:
                fd = os.open(_name(uid), os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, dir_fd=users_fd)
            except OSError as error:
                raise _failed(uid, error) from None
            try:
                files.check(fd, _name(uid), SIZE)
                self._overwrite(fd, uid, state, now)
            except OSError as error:
                raise _failed(uid, error) from None
            finally:
                os.close(fd)

    def _overwrite(self, fd: int, uid: int, state: UserState, now: Instant) -> None:
        before = _newest(os.pread(fd, SIZE, 0), uid)
        merged = statecodec.merge(state, before.state)
        newer = {name: phone for name, phone in state.phones.items() if _covers(state, before.state, name)}
        phones = MappingProxyType({**merged.phones, **newer})
        merged = replace(merged, wrong_in_row=state.wrong_in_row, phones=phones)  # a good login ends the row
        slot = _fit(Marked(before.seq + 1, self.owner, now.boot, merged), needed=state)
        if os.pwrite(fd, slot, SLOT * ((before.seq + 1) % SLOTS)) != SLOT:
            raise StoreError(Reason.WRITE_FAILED, f"{_name(uid)}: written in part")
        os.fdatasync(fd)


def _covers(state: UserState, before: UserState, name: str) -> bool:
    """Whether `state` knows of every code that the disk knows of: only then may its shift be the smaller one."""
    return state.used.get(name, -1) >= before.used.get(name, -1)


def usable(users_fd: int, uid: int) -> bool:
    """True when the marks of `uid` are there and can be read."""
    try:
        content = files.read_file(users_fd, _name(uid), SIZE)
        return content is not None and bool(_newest(content, uid))
    except StoreError:
        return False


def _name(uid: int) -> str:
    return f"{uid}.marks"


def _failed(uid: int, error: OSError) -> StoreError:
    return StoreError(Reason.WRITE_FAILED, f"{_name(uid)}: {error.strerror}")


def _encode(marked: Marked) -> bytes:
    """One slot. ValueError when it is too long."""
    content = {
        "seq": marked.seq,
        "owner": marked.owner,
        "at": round(marked.at, 3),
        "state": statecodec.encode(statecodec.lasting(marked.state)),
    }
    body = json.dumps(content, separators=(",", ":")).encode("ascii").ljust(SLOT - _PREFIX)
    if len(body) > SLOT - _PREFIX:
        raise ValueError("longer than a slot")
    return b"%08x %s" % (crc32(body), body)


def _fit(marked: Marked, needed: UserState) -> bytes:
    """One slot, made shorter without ever making it less strict for what `needed` speaks of."""
    state = replace(marked.state, guesses=tuple([replace(g, at=round(g.at, 3)) for g in marked.state.guesses]))
    for shorter in (state, _own_marks(state, needed), *_coalesced(_own_marks(state, needed))):
        with contextlib.suppress(ValueError):
            return _encode(replace(marked, state=shorter))
    raise StoreError(Reason.WRITE_FAILED, "marks: more than fits into a slot")


def _own_marks(state: UserState, needed: UserState) -> UserState:
    """Without what only the disk knew, secrets and recovery codes of long ago, and without places, estimates and uses.

    The shifts stay: what was accepted by them counts as used (clock/floor.py).
    """
    used = {key: step for key, step in state.used.items() if key in needed.used}
    phones = {key: replace(phone, seen=()) for key, phone in state.phones.items() if key in used}
    return replace(
        state,
        used=MappingProxyType(used),
        spent=needed.spent,
        places=(),
        phones=MappingProxyType(phones),
        uses=EMPTY_STATE.uses,
    )


def _coalesced(state: UserState) -> list[UserState]:
    """With half the guesses each time: two become one of their summed cost, at the later time (so it ends later)."""
    steps = []
    while len(state.guesses) > 1 and (fewer := _halved(state.guesses)) != state.guesses:
        state = replace(state, guesses=fewer)
        steps.append(state)
    return steps


def _halved(guesses: tuple[Guess, ...]) -> tuple[Guess, ...]:
    result: list[Guess] = []
    for purse in dict.fromkeys(g.purse for g in guesses):
        own = [g for g in guesses if g.purse == purse]
        pairs = [own[i : i + 2] for i in range(0, len(own), 2)]
        result += [Guess(max(g.at for g in pair), sum(g.cost for g in pair), purse) for pair in pairs]
    return tuple(sorted(result, key=lambda g: g.at))


def _newest(content: bytes, uid: int) -> Marked:
    slots = [_decode(content[at : at + SLOT]) for at in range(0, SIZE, SLOT)] if len(content) == SIZE else []
    whole_ones = [slot for slot in slots if slot is not None]
    if not whole_ones:
        raise StoreError(Reason.RECORD_UNREADABLE, f"{_name(uid)}: no whole slot")
    return max(whole_ones, key=lambda slot: slot.seq)


def _decode(slot: bytes) -> Marked | None:
    body = slot[_PREFIX:]
    if slot[:_PREFIX] != b"%08x " % crc32(body):
        return None
    try:
        return _marked(json.loads(body.decode("ascii")))
    except (ValueError, RecursionError):  # codec.MalformedError is a ValueError
        return None


def _marked(found: object) -> Marked:
    has = fields(found, _FIELDS, "slot")
    owner = text(has, "owner", _OWNER_MAX)
    return Marked(whole(has, "seq"), owner, statecodec.seconds(has["at"]), statecodec.decode(has["state"]))
