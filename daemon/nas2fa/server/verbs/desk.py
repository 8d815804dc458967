"""What the verbs work with, and what several of them share."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias

from nas2fa.clock.kernel import kernel_word
from nas2fa.enrolment.proof import Tokens
from nas2fa.server.attempts import Attempts
from nas2fa.server.world import StoreWorld
from nas2fa.store.records import Credential

Args: TypeAlias = Mapping[str, Any]
Act: TypeAlias = Generator[Any, Any, dict[str, Any]]


@dataclass(slots=True)
class Desk:
    """What the verbs work with."""

    world: StoreWorld
    attempts: Attempts
    open_conversations: Callable[[], int]
    config_fault: str | None = None
    started: float = 0.0
    tokens: Tokens = field(default_factory=Tokens)


def named(credential: Credential, args: Args) -> Credential:
    """A record that does not exist has no name; the caller's own stands in for it on display."""
    return credential if credential.user else replace(credential, user=args["user"])


def clock() -> dict[str, Any]:
    """Date, time and zone of this box, and whether the kernel calls its clock synchronised (None: unknown)."""
    here = datetime.fromtimestamp(time.time()).astimezone()
    offset = here.utcoffset()
    return {
        "iso": here.isoformat(timespec="seconds"),
        "zone": here.tzname() or "",
        "utc_offset": 0 if offset is None else int(offset.total_seconds()),
        "synchronised": kernel_word().synchronised,
    }
