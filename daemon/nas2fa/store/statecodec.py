"""A UserState as JSON and back, for the state folder and for the marks on disk. As strict as the records' codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from nas2fa.store.codec import Malformed, fields, whole
from nas2fa.store.records import Guess, Tally, UserState

_STATE = frozenset({"used", "tallies", "guesses", "wrong_in_row", "spent", "last_ok", "version"})
_NAME_MAX = 512  # characters of a source, a fingerprint or a spent mark


def encode(state: UserState, *, tallies: bool = True) -> dict[str, Any]:
    """Plain JSON values; the marks leave the tallies out, which end with the boot."""
    return {
        "used": dict(state.used),
        "tallies": {k: [list(t.failures), t.refused, t.locked_until] for k, t in state.tallies.items()}
        if tallies
        else {},
        "guesses": [[g.at, g.cost, g.purse] for g in state.guesses],
        "wrong_in_row": state.wrong_in_row,
        "spent": sorted(state.spent),
        "last_ok": state.last_ok,
        "version": state.version,
    }


def decode(found: Any) -> UserState:
    """Malformed when `found` is not what `encode` makes."""
    fields(found, _STATE, "state")
    return UserState(
        used=MappingProxyType(_used(found["used"])),
        tallies=MappingProxyType({_name(k): _tally(v) for k, v in _object(found["tallies"]).items()}),
        guesses=tuple([_guess(entry) for entry in _list(found["guesses"])]),
        wrong_in_row=whole(found, "wrong_in_row"),
        spent=frozenset([_name(entry) for entry in _list(found["spent"])]),
        last_ok=whole(found, "last_ok"),
        version=whole(found, "version"),
    )


def merge(kept: UserState, other: UserState) -> UserState:
    """`kept`, with all that only ever grows taken from `other` as well: used steps, spent codes, the row of wrong ones."""
    used = dict(other.used)
    for fingerprint, step in kept.used.items():
        used[fingerprint] = max(step, used.get(fingerprint, step))
    return replace(
        kept,
        used=MappingProxyType(used),
        spent=kept.spent | other.spent,
        wrong_in_row=max(kept.wrong_in_row, other.wrong_in_row),
        last_ok=max(kept.last_ok, other.last_ok),
        version=max(kept.version, other.version),
    )


def rebase(guesses: tuple[Guess, ...], written_at: float, anchor: float) -> tuple[Guess, ...]:
    """Guesses of another boot in this one's CLOCK_BOOTTIME: as old at `anchor` as they were when they were written.

    Only time in which the box ran makes a guess older; a wall clock, which may be forged, is never asked. The result
    may be negative: from before this boot.
    """
    return tuple([replace(g, at=anchor - max(0.0, written_at - g.at)) for g in guesses])


def _used(found: Any) -> dict[str, int]:
    return {_name(key): whole(found, key) for key in _object(found)}


def _tally(found: Any) -> Tally:
    failures, refused, locked_until = _row(found, 3)
    numbers = tuple([_number(each) for each in _list(failures)])
    return Tally(numbers, whole({"refused": refused}, "refused"), _number(locked_until))


def _guess(found: Any) -> Guess:
    at, cost, purse = _row(found, 3)
    return Guess(_number(at), whole({"cost": cost}, "cost"), _name(purse))


def _row(found: Any, length: int) -> list[Any]:
    if len(_list(found)) != length:
        raise Malformed("entry has a wrong length")
    return list(found)


def _list(found: Any) -> list[Any]:
    if type(found) is not list:
        raise Malformed("not a list")
    return found


def _object(found: Any) -> Mapping[str, Any]:
    if type(found) is not dict:
        raise Malformed("not an object")
    return found


def _name(found: Any) -> str:
    if type(found) is not str or not 0 < len(found) <= _NAME_MAX:
        raise Malformed("not a short string")
    return found


def _number(found: Any) -> float:
    if type(found) not in (int, float) or not -1e12 < found < 1e12:  # also refuses NaN and Infinity
        raise Malformed("not a number of seconds")
    return float(found)
