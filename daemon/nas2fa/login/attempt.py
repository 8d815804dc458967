"""One attempt, the world behind it, and how it ends: what every part of the login conversation speaks of."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias, TypeVar

from nas2fa.errors import Reason
from nas2fa.login.grants import Terms
from nas2fa.login.judgement import Outcome
from nas2fa.login.lockout import Limits
from nas2fa.login.protocol import Hello
from nas2fa.login.source import NAMED, Console, Source
from nas2fa.network import Own
from nas2fa.rules import Rule
from nas2fa.steps import Reply, Step
from nas2fa.store.records import Authenticator, Credential, Exemption, Instant, UserState

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Rules:
    """What the conversation takes from the configuration."""

    limits: Limits
    unenrolled: str
    console: Console = field(default_factory=Console)
    policy: tuple[Rule, ...] = ()  # the rules of nas2fa.toml, in their order
    grants: Terms = field(default_factory=Terms)


class World(Protocol):
    """What lies behind a conversation."""

    def rules(self) -> Rules:
        """The rules of this moment."""

    def load(self, uid: int, user: str) -> Credential:
        """The credential as it stands now. StoreError when that cannot be told."""

    def state(self, uid: int) -> UserState:
        """The state as it stands now."""

    def update(self, uid: int, user: str, fn: Callable[[Credential, UserState], tuple[UserState, T]]) -> T:
        """Load both, apply fn, keep its state, give its outcome: one step that nothing comes between."""

    def exemptions(self) -> tuple[Exemption, ...]:
        """What root has exempted; none when that cannot be read."""

    def own(self) -> Own:
        """The box's own addresses and gateways at this moment."""

    def recovery_fault(self, uid: int) -> Reason | None:
        """Why it is not known which recovery codes were used; none may be accepted then."""

    def put(self, uid: int, state: UserState) -> None:
        """Keep a state that was computed outside update."""

    def trial(self, uid: int, boot: float) -> float:
        """Seconds until the second step switches itself off, for an admin who has not confirmed it; else 0."""

    def floor(self, uid: int, authenticator: Authenticator, state: UserState, at: Instant, /) -> int:
        """The last step of this user's authenticator that counts as used at this moment (clock/floor.py)."""

    def heard(self, attempt: Attempt, uid: int, outcome: Outcome, at: Instant) -> int | None:
        """Let the box learn from this outcome how far off its phones are.

        How far they agree that they are ahead of it, seconds; None when it is not the box that is off.
        """


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a conversation ended: the word for the module, the reason for journal and `explain`."""

    word: str
    reason: Reason


@dataclass(slots=True)
class Attempt:
    """One attempt as the journal knows it; the conversation notes its decisions here, never an answer."""

    id: str
    hello: Hello
    peer_is_root: bool
    began: Instant
    login: bool = True  # False: asked on the control socket, where nobody gets in by it
    source: Source = NAMED
    trace: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    exemption: str = ""  # the id of the one that asked no code
    opened: str = ""  # the address for which this login opened the file shares
    new_place: bool = False  # a login to the file shares from where this user never was

    def note(self, line: str) -> None:
        """Add a line to the trace."""
        self.trace.append(line)


Flow: TypeAlias = Generator[Step, Reply, Verdict]
