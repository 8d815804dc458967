"""A Credential as JSON and back. Strict: an unknown, absent or badly typed field is a broken record, never a guess."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TypeVar

from nas2fa.errors import Reason, StoreError
from nas2fa.store.records import (
    AUTHENTICATORS_MAX,
    COUNTER_MAX,
    LABEL_MAX,
    SECRET_MAX,
    SECRET_MIN,
    Authenticator,
    Credential,
    Invite,
    RecoverySet,
    Secret,
)

SCHEMA = 1
UID_MAX = 2**32 - 2  # the last one, (uid_t)-1, means "no user"
USER_MAX = 256  # characters, as on the wire
HASHES_MAX = 64
_INT_MAX = 2**53  # JSON numbers beyond it do not survive other people's tools

_CREDENTIAL = frozenset({"v", "uid", "user", "version", "enrolled", "authenticators", "pending", "recovery", "invite"})
_AUTHENTICATOR = frozenset({"secret", "algorithm", "digits", "period", "label", "created", "counter"})
_LATER: Mapping[str, object] = {"counter": None}  # what an authenticator of before has not
_RECOVERY = frozenset({"set_id", "salt", "hashes"})
_INVITE = frozenset({"salt", "hash", "expires"})

T = TypeVar("T")


class MalformedError(ValueError):
    """Not our format; the text names the field, never its value."""


def encode(credential: Credential) -> bytes:
    """The record's file content."""
    content = {
        "v": SCHEMA,
        "uid": credential.uid,
        "user": credential.user,
        "version": credential.version,
        "enrolled": credential.enrolled,
        "authenticators": [_authenticator_json(each) for each in credential.authenticators],
        "pending": _authenticator_json(credential.pending) if credential.pending else None,
        "recovery": _recovery_json(credential.recovery) if credential.recovery else None,
        "invite": _invite_json(credential.invite) if credential.invite else None,
    }
    return json.dumps(content, separators=(",", ":")).encode("ascii") + b"\n"


def decode(content: bytes, name: str) -> Credential:
    """The record that `content` holds. RECORD_UNREADABLE, naming `name` and the field, when it is not our format."""
    try:
        return _credential(json.loads(content.decode("ascii")))
    except MalformedError as error:
        raise StoreError(Reason.RECORD_UNREADABLE, f"{name}: {error}") from None
    except (ValueError, RecursionError):  # the original text could quote the content, so it is not passed on
        what = "not a whole JSON record" if content else "empty"
        raise StoreError(Reason.RECORD_UNREADABLE, f"{name}: {what}") from None


def _credential(found: object) -> Credential:
    has = fields(found, _CREDENTIAL, "record")
    if has["v"] != SCHEMA or type(has["v"]) is not int:
        raise MalformedError("schema version is not 1")
    entries = has["authenticators"]
    if type(entries) is not list or len(entries) > AUTHENTICATORS_MAX:
        raise MalformedError("authenticators is not a short list")
    return Credential(
        uid=whole(has, "uid", high=UID_MAX),
        user=text(has, "user", USER_MAX, low=1),
        authenticators=tuple([_authenticator(entry) for entry in entries]),
        pending=_optional(has["pending"], _authenticator),
        recovery=_optional(has["recovery"], _recovery),
        invite=_optional(has["invite"], _invite),
        enrolled=whole(has, "enrolled"),
        version=whole(has, "version", low=1),
    )


def _optional(found: object, read: Callable[[object], T]) -> T | None:
    return None if found is None else read(found)


def _authenticator(found: object) -> Authenticator:
    if isinstance(found, dict):
        found = {**_LATER, **found}
    has = fields(found, _AUTHENTICATOR, "authenticator")
    return Authenticator(
        secret=_secret(has),
        algorithm=_one_of(has, "algorithm", ("SHA1", "SHA256", "SHA512")),
        digits=_one_of(has, "digits", (6, 8)),
        period=_one_of(has, "period", (30, 60)),
        label=text(has, "label", LABEL_MAX),
        created=whole(has, "created"),
        counter=None if has["counter"] is None else whole(has, "counter", high=COUNTER_MAX),
    )


def _secret(found: Mapping[str, object]) -> Secret:
    value = _hex(found["secret"], "secret")
    if not SECRET_MIN <= len(value) <= SECRET_MAX:
        raise MalformedError("secret has a wrong length")
    return Secret(value)


def _recovery(found: object) -> RecoverySet:
    has = fields(found, _RECOVERY, "recovery")
    hashes = has["hashes"]
    if type(hashes) is not list or len(hashes) > HASHES_MAX:
        raise MalformedError("hashes is not a short list")
    return RecoverySet(
        set_id=_hex(has["set_id"], "set_id", 8).hex(),
        salt=_hex(has["salt"], "salt"),
        hashes=tuple([_hex(each, "hashes", 32) for each in hashes]),
    )


def _invite(found: object) -> Invite:
    has = fields(found, _INVITE, "invite")
    return Invite(_hex(has["salt"], "salt"), _hex(has["hash"], "hash", 32), whole(has, "expires"))


def _authenticator_json(authenticator: Authenticator) -> dict[str, object]:
    return {
        "secret": authenticator.secret.reveal().hex(),
        "algorithm": authenticator.algorithm,
        "digits": authenticator.digits,
        "period": authenticator.period,
        "label": authenticator.label,
        "created": authenticator.created,
        "counter": authenticator.counter,
    }


def _recovery_json(recovery: RecoverySet) -> dict[str, object]:
    return {"set_id": recovery.set_id, "salt": recovery.salt.hex(), "hashes": [h.hex() for h in recovery.hashes]}


def _invite_json(invite: Invite) -> dict[str, object]:
    return {"salt": invite.salt.hex(), "hash": invite.hash.hex(), "expires": invite.expires}


def fields(found: object, names: frozenset[str], what: str) -> Mapping[str, object]:
    """`found` as an object with exactly these fields; MalformedError when it is none."""
    if type(found) is not dict:
        raise MalformedError(f"{what} is not an object")
    if found.keys() != names:
        raise MalformedError(f"{what} lacks a field or has one too many")
    return found


def whole(found: Mapping[str, object], name: str, low: int = 0, high: int = _INT_MAX) -> int:
    """A whole number of that range (true and 1.0 are none)."""
    value = found[name]
    if type(value) is not int or not low <= value <= high:
        raise MalformedError(f"{name} is not a whole number from {low} to {high}")
    return value


def text(found: Mapping[str, object], name: str, high: int, low: int = 0) -> str:
    """A string of `low` to `high` characters."""
    value = found[name]
    if type(value) is not str or not low <= len(value) <= high:
        raise MalformedError(f"{name} is not a string of {low} to {high} characters")
    return value


def _one_of(found: Mapping[str, object], name: str, allowed: tuple[T, ...]) -> T:
    value = found[name]
    for choice in allowed:
        if type(value) is type(choice) and value == choice:
            return choice
    raise MalformedError(f"{name} is not one of {allowed}")


def _hex(value: object, name: str, length: int | None = None) -> bytes:
    if type(value) is not str or len(value) > 2 * SECRET_MAX or value != value.lower():
        raise MalformedError(f"{name} is not lower-case hex")
    try:
        decoded = bytes.fromhex(value)
    except ValueError:
        raise MalformedError(f"{name} is not hex") from None
    if 2 * len(decoded) != len(value) or (length is not None and len(decoded) != length):
        raise MalformedError(f"{name} has a wrong length")
    return decoded
