"""A UserState as JSON and back, for the state folder and for the marks on disk. As strict as the records' codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from nas2fa.store.codec import MalformedError, fields, whole
from nas2fa.store.records import EMPTY_STATE, PLACES_MAX, Grant, Guess, Knock, Noted, Phone, Tally, Trust, UserState

# What a state of before has not.
_LATER: Mapping[str, object] = {
    "trusts": [],
    "grants": [],
    "knocks": [],
    "places": [],
    "phones": {},
    "noted": None,
    "uses": {},
}
_STATE = frozenset({"used", "tallies", "guesses", "wrong_in_row", "spent", "last_ok", "version", *_LATER})
_WHOLE_MAX = 2**53
_NAME_MAX = 512  # characters of a source, a fingerprint or a spent mark


def lasting(state: UserState) -> UserState:
    """The state without what ends with the boot, by whose clock it is told; guesses are moved over, see rebase."""
    return replace(state, tallies=EMPTY_STATE.tallies, trusts=(), grants=(), knocks=(), noted=None)


def encode(state: UserState) -> dict[str, object]:
    """Plain JSON values."""
    return {
        "used": dict(state.used),
        "tallies": {k: [list(t.failures), t.refused, t.locked_until] for k, t in state.tallies.items()},
        "guesses": [[g.at, g.cost, g.purse] for g in state.guesses],
        "wrong_in_row": state.wrong_in_row,
        "spent": sorted(state.spent),
        "last_ok": state.last_ok,
        "uses": dict(state.uses),
        "version": state.version,
        "trusts": [[t.services, t.address, t.began, t.until, t.password, t.factors] for t in state.trusts],
        "grants": [[g.address, g.began, g.until, g.seen, g.factors] for g in state.grants],
        "knocks": [[k.address, k.first, k.last, k.count] for k in state.knocks],
        "places": list(state.places),
        "phones": {name: [p.period, list(p.seen), p.shift, p.wanted, p.course] for name, p in state.phones.items()},
        "noted": None
        if state.noted is None
        else [state.noted.name, state.noted.step, state.noted.begin, state.noted.at],
    }


def decode(found: object) -> UserState:
    """MalformedError when `found` is not what `encode` makes."""
    if isinstance(found, dict):
        found = {**_LATER, **found}
    has = fields(found, _STATE, "state")
    return UserState(
        used=MappingProxyType(_used(has["used"])),
        uses=MappingProxyType(_used(has["uses"])),
        tallies=MappingProxyType({_name(k): _tally(v) for k, v in _object(has["tallies"]).items()}),
        guesses=tuple([_guess(entry) for entry in _list(has["guesses"])]),
        wrong_in_row=whole(has, "wrong_in_row"),
        spent=frozenset([_name(entry) for entry in _list(has["spent"])]),
        last_ok=whole(has, "last_ok"),
        version=whole(has, "version"),
        trusts=tuple([_trust(entry) for entry in _list(has["trusts"])]),
        grants=tuple([_grant(entry) for entry in _list(has["grants"])]),
        knocks=tuple([_knock(entry) for entry in _list(has["knocks"])]),
        places=tuple([_name(entry) for entry in _list(has["places"])]),
        phones=MappingProxyType({_name(k): _phone(v) for k, v in _object(has["phones"]).items()}),
        noted=None if has["noted"] is None else _noted(has["noted"]),
    )


def merge(kept: UserState, other: UserState) -> UserState:
    """`kept`, with all that only ever grows taken from `other` too: used steps, spent codes, the row of wrong ones."""
    phones = dict(other.phones)
    for fingerprint, phone in kept.phones.items():  # of two, the one by which more counts as used
        phones[fingerprint] = max(phone, phones.get(fingerprint, phone), key=lambda each: each.ahead)
    return replace(
        kept,
        used=_latest(kept.used, other.used),
        uses=_latest(kept.uses, other.uses),
        phones=MappingProxyType(phones),
        spent=kept.spent | other.spent,
        wrong_in_row=max(kept.wrong_in_row, other.wrong_in_row),
        last_ok=max(kept.last_ok, other.last_ok),
        places=tuple(dict.fromkeys((*other.places, *kept.places)))[-PLACES_MAX:],
        version=max(kept.version, other.version),
    )


def of_another_boot(state: UserState) -> UserState:
    """The state without the courses of its phones, which say nothing in this boot."""
    phones = {name: replace(phone, course=None) for name, phone in state.phones.items()}
    return replace(state, phones=MappingProxyType(phones))


def rebase(guesses: tuple[Guess, ...], written_at: float, anchor: float) -> tuple[Guess, ...]:
    """Guesses of another boot in this one's CLOCK_BOOTTIME: as old at `anchor` as they were when they were written.

    Only time in which the box ran makes a guess older; a wall clock, which may be forged, is never asked. The result
    may be negative: from before this boot.
    """
    return tuple([replace(g, at=anchor - max(0.0, written_at - g.at)) for g in guesses])


def _latest(kept: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    return MappingProxyType({name: max(kept.get(name, 0), other.get(name, 0)) for name in (*other, *kept)})


def _used(found: object) -> dict[str, int]:
    has = _object(found)
    return {_name(key): whole(has, key) for key in has}


def _tally(found: object) -> Tally:
    failures, refused, locked_until = _row(found, 3)
    numbers = tuple([seconds(each) for each in _list(failures)])
    return Tally(numbers, whole({"refused": refused}, "refused"), seconds(locked_until))


def _guess(found: object) -> Guess:
    at, cost, purse = _row(found, 3)
    return Guess(seconds(at), whole({"cost": cost}, "cost"), _name(purse))


def _trust(found: object) -> Trust:
    services, address, began, until, password, factors = _row(found, 6)
    return Trust(_name(services), _name(address), seconds(began), seconds(until), _name(password), _name(factors))


def _grant(found: object) -> Grant:
    address, began, until, seen, factors = _row(found, 5)
    return Grant(_name(address), seconds(began), seconds(until), seconds(seen), _name(factors))


def _knock(found: object) -> Knock:
    address, first, last, count = _row(found, 4)
    return Knock(_name(address), seconds(first), seconds(last), whole({"count": count}, "count"))


def _phone(found: object) -> Phone:
    period, seen, shift, wanted, course = _row(found, 5)
    if type(period) is not int or period <= 0:
        raise MalformedError("not a period")
    begins = tuple([_whole(each) for each in _list(seen)])
    return Phone(period, begins, _whole(shift), _whole(wanted), None if course is None else _whole(course))


def _noted(found: object) -> Noted:
    name, step, begin, at = _row(found, 4)
    return Noted(_name(name), _whole(step), _whole(begin), seconds(at))


def _whole(found: object) -> int:
    return whole({"entry": found}, "entry", low=-_WHOLE_MAX, high=_WHOLE_MAX)


def _row(found: object, length: int) -> list[object]:
    row = _list(found)
    if len(row) != length:
        raise MalformedError("entry has a wrong length")
    return row


def _list(found: object) -> list[object]:
    if type(found) is not list:
        raise MalformedError("not a list")
    return found


def _object(found: object) -> Mapping[str, object]:
    if type(found) is not dict:
        raise MalformedError("not an object")
    return found


def _name(found: object) -> str:
    if type(found) is not str or not 0 < len(found) <= _NAME_MAX:
        raise MalformedError("not a short string")
    return found


def seconds(found: object) -> float:
    """A time in seconds; neither NaN nor anything else that compares with nothing."""
    if isinstance(found, bool) or not isinstance(found, int | float) or not -1e12 < found < 1e12:  # no NaN either
        raise MalformedError("not a number of seconds")
    return float(found)
