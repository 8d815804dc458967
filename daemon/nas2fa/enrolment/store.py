"""What the use cases need of the store: an interface the server fills."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol, TypeAlias

from nas2fa.steps import Reply, Step
from nas2fa.store.records import Authenticator, Credential, Instant, UserState

UseCase: TypeAlias = Generator[Step, Reply, dict[str, Any]]


class AccountStore(Protocol):
    """Credentials and state. `save` and `remove` wait for the disk: they go through the step OffLoop."""

    def load(self, uid: int, user: str | None) -> Credential:
        """The credential now. StoreError."""

    def save(self, credential: Credential) -> Credential:
        """Write; the result has the new version. StoreError(STALE) when it changed since it was read."""

    def remove(self, uid: int) -> None:
        """Delete record and backup; used steps are remembered."""

    def state(self, uid: int) -> UserState:
        """The state now."""

    def put(self, uid: int, state: UserState) -> None:
        """Keep a state."""

    def forget(self, uid: int) -> None:
        """Drop tallies, guesses and recovery marks; used steps stay."""

    def removals(self, uid: int) -> int:
        """How often this user's record was removed since the daemon started."""

    def mark_born(self, fingerprint: str) -> None:
        """Note that this secret was made just now, so that nobody can have used a code of it."""

    def floor(self, uid: int, authenticator: Authenticator, state: UserState, at: Instant, /) -> int:
        """The last step of this user's authenticator that counts as used at this moment (clock/floor.py)."""
