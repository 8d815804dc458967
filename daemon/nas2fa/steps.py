"""What a conversation says and hears, whoever pumps it: the login socket, the control socket or a unit test.

A conversation is a generator. It yields a step, is sent what came of it, and returns its result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from nas2fa.store.records import Instant


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to the person; is sent an Answer. `name` says what is asked, for clients that draw their own form."""

    text: str
    echo: bool = False
    name: str = "code"


@dataclass(frozen=True, slots=True)
class Tell:
    """A line of text for the person; is sent None."""

    text: str
    error: bool = False


@dataclass(frozen=True, slots=True)
class Show:
    """Something with a shape, for the control socket alone (a clock, a key, a table); is sent None."""

    kind: str
    value: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Durable:
    """Put the marks of this uid on disk before going on; is sent True when they are, False when that failed."""

    uid: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back on a question: a text, or one of the flags, or (none of them) an application that could not ask.

    `now` is the moment of its arrival.
    """

    now: Instant
    text: str | None = field(default=None, repr=False)
    repeated_password: bool = False  # equals the password; its text was never sent
    timed_out: bool = False  # prompt_timeout passed without an answer


@dataclass(frozen=True, slots=True)
class Cut:
    """Phase split: the last `digits` characters of the combined field are the code; is sent None."""

    digits: int


@dataclass(frozen=True, slots=True)
class InGroups:
    """Of these groups those the user is in, says the name service where the login runs; is sent a frozenset of names.

    Only for a peer that is root, as PasswordVersion. An answer that is not one has a ProtocolError thrown in.
    """

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PasswordVersion:
    """The password the user has now; is sent a text that is new with each change, "" when that cannot be told."""


@dataclass(frozen=True, slots=True)
class OffLoop:
    """Blocking work for a thread; is sent what it returned, or has thrown into it what it raised."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class LiveSessions:
    """The SMB sessions that are open now; is sent a list of them, None when that cannot be told."""


@dataclass(frozen=True, slots=True)
class EndSessions:
    """End the SMB sessions of a user, from one address or (empty) all; is sent how many, None when it failed."""

    uid: int
    address: str = ""


@dataclass(frozen=True, slots=True)
class ReadClock:
    """What is to be thought of the box's clock; is sent a server.clock.Told. `measure`: ask the time servers first."""

    measure: bool


Step: TypeAlias = (
    Ask | Tell | Show | Durable | Cut | InGroups | PasswordVersion | OffLoop | LiveSessions | EndSessions | ReadClock
)
Reply: TypeAlias = Any  # what the step says it is sent
