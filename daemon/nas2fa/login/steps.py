"""What a conversation says and hears, whoever pumps it: the login socket, the control socket or a unit test.

A conversation is a generator. It yields a step, is sent what came of it, and returns its result.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """What came back on a question. Exactly one of the three is meant; `now` is the moment of its arrival."""

    now: Instant
    text: str | None = field(default=None, repr=False)
    repeated_password: bool = False  # equals the password; its text was never sent

    @property
    def aborted(self) -> bool:
        """True when the application could not relay the question."""
        return self.text is None and not self.repeated_password


Step: TypeAlias = Ask | Tell | Show | Durable
Reply: TypeAlias = Answer | bool | None
