"""The messages of the control socket, both ways: dataclass <-> JSON object. Pure; docs/protocol.md, part 2."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from nas2fa.control import codec
from nas2fa.errors import ProtocolError
from nas2fa.steps import Ask, Show, Tell

VERSION = 1
NAME_MAX = 32  # characters of a verb, an ask's name or a show's kind
ANSWER_MAX = 4096  # characters of one answer
PAGE_MAX = 50  # rows of one page


@dataclass(frozen=True, slots=True)
class Request:
    """What a client wants; `args` are not yet checked (verbs.py) and may hold secrets."""

    verb: str
    args: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Rows:
    """One page of a list."""

    rows: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Done:
    """The good end."""

    value: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Failed:
    """The bad end. `reason` is a word of errors.Reason; a newer daemon may know more of them."""

    reason: str
    text: str


Message: TypeAlias = Tell | Show | Rows | Ask | Done | Failed


def request_to_json(request: Request) -> dict[str, Any]:
    """The object that opens a request."""
    return {"v": VERSION, "verb": request.verb, "args": dict(request.args)}


def request_from_json(message: Mapping[str, Any]) -> Request:
    """The request in `message`. Raises ProtocolError, also for another version."""
    _only(message, {"v", "verb", "args"})
    if codec.integer(message, "v") != VERSION:
        raise ProtocolError(f"this side speaks version {VERSION} of the control protocol")
    return Request(codec.text(message, "verb", NAME_MAX), codec.mapping(message, "args"))


def answer_to_json(answer: str | None) -> dict[str, Any]:
    """The object that answers an Ask; None cancels."""
    return {"cancel": True} if answer is None else {"answer": answer}


def answer_from_json(message: Mapping[str, Any]) -> str | None:
    """What the person answered; None when they cancelled. Raises ProtocolError."""
    if message == {"cancel": True}:
        return None
    _only(message, {"answer"})
    return codec.text(message, "answer", ANSWER_MAX)


def paged(rows: Iterable[Mapping[str, Any]]) -> Iterator[Rows]:
    """`rows` in pages that fit into a packet each: at most PAGE_MAX rows and half of codec.PACKET_MAX."""
    page: list[Mapping[str, Any]] = []
    size = 0
    for row in rows:
        bulk = len(codec.encode(row))
        if page and (len(page) == PAGE_MAX or size + bulk > codec.PACKET_MAX // 2):
            yield Rows(page)
            page, size = [], 0
        page.append(row)
        size += bulk
    if page:
        yield Rows(page)


def to_json(message: Message) -> dict[str, Any]:
    """The object the daemon sends for `message`."""
    match message:
        case Tell(text, error):
            return {"tell": text, "error": error}
        case Show(kind, value):
            return {"show": kind, "value": dict(value)}
        case Rows(rows):
            return {"rows": [dict(row) for row in rows]}
        case Ask(text, echo, name):
            return {"ask": text, "echo": echo, "name": name}
        case Done(value):
            return {"done": dict(value)}
        case Failed(reason, text):
            return {"error": reason, "text": text}


def from_json(message: Mapping[str, Any]) -> Message:
    """The step or end in `message`. Raises ProtocolError when it is none or holds a key too many."""
    if "tell" in message:
        _only(message, {"tell", "error"})
        return Tell(codec.text(message, "tell"), codec.flag(message, "error"))
    if "show" in message:
        _only(message, {"show", "value"})
        return Show(codec.text(message, "show", NAME_MAX), codec.mapping(message, "value"))
    if "rows" in message:
        _only(message, {"rows"})
        return Rows(codec.rows(message, "rows"))
    if "ask" in message:
        _only(message, {"ask", "echo", "name"})
        return Ask(codec.text(message, "ask"), codec.flag(message, "echo"), codec.text(message, "name", NAME_MAX))
    return _end(message)


def _end(message: Mapping[str, Any]) -> Done | Failed:
    if "done" in message:
        _only(message, {"done"})
        return Done(codec.mapping(message, "done"))
    if "error" in message:
        _only(message, {"error", "text"})
        return Failed(codec.text(message, "error", NAME_MAX), codec.text(message, "text"))
    raise ProtocolError("neither a step nor an end")


def _only(message: Mapping[str, Any], keys: set[str]) -> None:
    """No key beside `keys`: {"tell": …, "done": …} would be read as one thing here and as another there."""
    if not keys.issuperset(message):
        raise ProtocolError("a message with keys that do not belong together")
