"""What the verbs work with, and what several of them share."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from nas2fa.enrolment.proof import Tokens
from nas2fa.server.attempts import Attempts
from nas2fa.server.clock import Clock
from nas2fa.server.world import StoreWorld
from nas2fa.store.records import Credential

Args: TypeAlias = Mapping[str, Any]
Act: TypeAlias = Generator[Any, Any, dict[str, Any]]


@dataclass(slots=True)
class Desk:
    """What the verbs work with."""

    world: StoreWorld
    attempts: Attempts
    clock: Clock
    open_conversations: Callable[[], int]
    config_fault: str | None = None
    started: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)


def named(credential: Credential, args: Args) -> Credential:
    """A record that does not exist has no name; the caller's own stands in for it on display."""
    return credential if credential.user else replace(credential, user=args["user"])
