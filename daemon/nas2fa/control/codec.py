"""One packet of the control socket: a JSON object, read strictly. Pure; docs/protocol.md, part 2.

Strict means: what two readers could understand differently (a key given twice, NaN, half a character) is refused,
and so is what only costs memory or stack. Whatever comes in, `decode` returns a dict or raises ProtocolError.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from nas2fa.errors import ProtocolError

PACKET_MAX = 65_536  # bytes of one packet
DEPTH_MAX = 8  # objects and lists inside each other
TEXT_MAX = 16_384  # characters of one text
INTEGER_MAX = 2**53 - 1  # beyond this, readers of JSON differ (RFC 8259 section 6)


def encode(message: Mapping[str, Any]) -> bytes:
    """The packet of `message`. Raises ProtocolError when too big or not plain JSON; never quotes the content."""
    try:
        packet = json.dumps(dict(message), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError):
        raise ProtocolError("the message cannot be written as JSON") from None
    if len(packet) > PACKET_MAX:
        raise ProtocolError(f"the message is larger than {PACKET_MAX} bytes")
    return packet


def decode(packet: bytes, limit: int = PACKET_MAX) -> dict[str, Any]:
    """The object in `packet`. Raises ProtocolError on anything else; its text never quotes the packet."""
    if len(packet) > limit:
        raise ProtocolError(f"a packet of more than {limit} bytes")
    try:
        message = json.loads(
            packet.decode(),
            object_pairs_hook=_unique,
            parse_constant=_constant,
            parse_float=_finite,
        )
    except (
        ValueError,
        RecursionError,
    ):  # also UnicodeDecodeError, JSONDecodeError and integers of 4,300 digits
        raise ProtocolError("a packet that is not JSON") from None
    if not isinstance(message, dict):
        raise ProtocolError("a packet that is not a JSON object")
    _walk(message, DEPTH_MAX)
    return message


def text(message: Mapping[str, Any], key: str, limit: int = TEXT_MAX) -> str:
    """The text under `key`, at most `limit` characters. Raises ProtocolError when absent or another."""
    value = message.get(key)
    if not isinstance(value, str) or len(value) > limit:
        raise ProtocolError(f"'{key}' must be a text of at most {limit} characters")
    return value


def integer(message: Mapping[str, Any], key: str, low: int = 0, high: int = INTEGER_MAX) -> int:
    """The whole number under `key`, from `low` to `high`; true and 1.0 are none. Raises ProtocolError."""
    value = message.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ProtocolError(f"'{key}' must be a whole number from {low} to {high}")
    return value


def flag(message: Mapping[str, Any], key: str) -> bool:
    """The true or false under `key`. Raises ProtocolError when absent or something else."""
    value = message.get(key)
    if not isinstance(value, bool):
        raise ProtocolError(f"'{key}' must be true or false")
    return value


def mapping(message: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The object under `key`. Raises ProtocolError when absent or something else."""
    value = message.get(key)
    if not isinstance(value, dict):
        raise ProtocolError(f"'{key}' must be an object")
    return value


def rows(message: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """The list of objects under `key`. Raises ProtocolError when absent or something else."""
    value = message.get(key)
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise ProtocolError(f"'{key}' must be a list of objects")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object, unless a key stands in it twice: one reader would take the first, another the last."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return members


def _constant(_word: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number too large for a float")
    return value


def _walk(value: object, depth: int) -> None:
    """Hold depth, length of texts and size of numbers in everything below `value`."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise ProtocolError("a number too large for JSON")
    elif isinstance(value, dict | list):
        if depth == 0:
            raise ProtocolError(f"more than {DEPTH_MAX} levels of nesting")
        for inner in value:
            _walk(inner, depth - 1)
        if isinstance(value, dict):
            for inner in value.values():
                _walk(inner, depth - 1)


def _check_text(value: str) -> None:
    if len(value) > TEXT_MAX:
        raise ProtocolError(f"a text of more than {TEXT_MAX} characters")
    if any("\ud800" <= character <= "\udfff" for character in value):  # "\\ud800" alone is JSON, but no Unicode
        raise ProtocolError("a text with half a character")
