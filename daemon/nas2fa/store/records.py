"""The records that everything else speaks of: frozen, pure, free of files and clocks.

Two kinds, as in a bank: a `Credential` is what was agreed at enrolment (secrets, rarely written); a `UserState` is what
happened since (used steps, failures), written at each login.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network
from types import MappingProxyType

SECRET_MIN = 10  # bytes; shorter keys are refused on import (RFC 4226 R6 asks for 16, old tokens have 10)
SECRET_NEW = 20  # bytes, for a key made here: RFC 4226 section 4 R6 recommends 160 bits
SECRET_MAX = 128  # bytes; the block size of SHA-512
LABEL_MAX = 64  # characters
UNNAMED = ("app", "token")  # how authenticators without a label are called: by time, by counter
COUNTER_MAX = 2**53 - 1  # what JSON numbers carry; as a used counter: it is lost, and no code is ever accepted
AUTHENTICATORS_MAX = 4  # of one user; each is more codes that a guess may hit
PLACES_MAX = 16  # sources that are remembered of one user; the oldest gives way


class Secret:
    """Bytes that never show in a repr, a log or an exception text. `reveal()` is the one way to the value."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = bytes(value)

    def reveal(self) -> bytes:
        """The bytes themselves, for computing a code or for the store's own file."""
        return self._value

    def fingerprint(self) -> str:
        """16 hex digits that name this secret in the state, so that its used steps outlive a reset and re-import."""
        return sha256(b"nas2fa fingerprint\0" + self._value).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__


@dataclass(frozen=True, slots=True)
class Instant:
    """One moment on both clocks, in seconds.

    wall: CLOCK_REALTIME, may jump. boot: CLOCK_BOOTTIME, counts suspend, never goes back within a boot.
    """

    wall: float
    boot: float

    @property
    def course(self) -> int:
        """The wall clock minus the one that nobody sets: within a boot another number when the clock was set."""
        return round(self.wall - self.boot)


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One secret: of an app, whose codes go by time (RFC 6238), or of a token, by a counter (RFC 4226)."""

    secret: Secret
    algorithm: str = "SHA1"  # SHA1 | SHA256 | SHA512
    digits: int = 6  # 6 | 8
    period: int = 30  # seconds: 30 | 60; by time alone
    label: str = ""
    created: int = 0  # unix seconds
    counter: int | None = None  # the first that was not used when it was set up; None: by time

    @property
    def called(self) -> str:
        """What its user calls it: no other one of theirs is called so."""
        return self.label or UNNAMED[self.counter is not None]


@dataclass(frozen=True, slots=True)
class RecoverySet:
    """Hashed one-time codes. A spent one is marked in the state as `<set_id>:<index>`, never removed here."""

    set_id: str  # 16 hex digits
    salt: bytes
    hashes: tuple[bytes, ...]  # SHA-256(salt + code), see factors/recovery.py


@dataclass(frozen=True, slots=True)
class Invite:
    """The admin's leave to enrol: hashed like a recovery code, valid until a wall clock time, gone when used."""

    salt: bytes
    hash: bytes
    expires: int  # unix seconds


@dataclass(frozen=True, slots=True)
class Credential:
    """All that was agreed with one user. `authenticators` empty = no second step, positively known."""

    uid: int
    user: str  # canonical name at enrolment; must equal the one of each login
    authenticators: tuple[Authenticator, ...] = ()
    pending: Authenticator | None = None  # imported, waits for its first good code
    recovery: RecoverySet | None = None
    invite: Invite | None = None
    enrolled: int = 0  # unix seconds of the first arming
    version: int = 0  # counts saves; save() refuses when it is not the one that was read

    @property
    def armed(self) -> bool:
        """True when a login of this user needs a code."""
        return bool(self.authenticators)

    @property
    def apps(self) -> tuple[Authenticator, ...]:
        """Those whose codes go by time."""
        return tuple(a for a in self.authenticators if a.counter is None)

    @property
    def tokens(self) -> tuple[Authenticator, ...]:
        """Those whose codes go by a counter."""
        return tuple(a for a in self.authenticators if a.counter is not None)

    @property
    def factors(self) -> str:
        """16 hex digits that are others after any change of what may be typed at the prompt."""
        named = [a.secret.fingerprint() for a in self.authenticators]
        named.append(self.recovery.set_id if self.recovery else "")
        return sha256(" ".join(named).encode("ascii")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Tally:
    """Failures of one user from one source, in faillock's sense. Times are CLOCK_BOOTTIME seconds."""

    failures: tuple[float, ...] = ()  # the checked wrong tries inside fail_interval, oldest first
    refused: int = 0  # tries that came while locked: counted, not checked
    locked_until: float = 0.0


@dataclass(frozen=True, slots=True)
class Guess:
    """One checked wrong try against the day's budget: when (CLOCK_BOOTTIME), how many codes were acceptable then."""

    at: float
    cost: int
    purse: str  # which budget pays: remote | console | own (login/lockout.py)


@dataclass(frozen=True, slots=True)
class Trust:
    """A good code at one address, which is not asked again for there for a while. Times are CLOCK_BOOTTIME seconds."""

    services: str  # those of the rule that grants it, sorted, with commas; "*" for all
    address: str
    began: float
    until: float
    password: str  # the version of the password then
    factors: str  # what the code was checked against, see `factors`


@dataclass(frozen=True, slots=True)
class Grant:
    """Leave to open the file shares from one address, bought by a code (login/grants.py). CLOCK_BOOTTIME seconds."""

    address: str
    began: float
    until: float
    seen: float  # the last login that it let in, or the last moment at which a session of it was open
    factors: str  # what the code was checked against, see `factors`


@dataclass(frozen=True, slots=True)
class Knock:
    """Logins to the file shares with a right password that had no grant. CLOCK_BOOTTIME seconds."""

    address: str
    first: float
    last: float
    count: int = 1


@dataclass(frozen=True, slots=True)
class Phone:
    """What its accepted codes tell of one phone's clock (clock/phones.py). Seconds, phone minus box."""

    period: int = 30  # of its codes
    seen: tuple[int, ...] = ()  # of the latest accepted codes: where the code's step begins, minus the moment it came
    shift: int = 0  # by which its codes are looked for
    wanted: int = 0  # by which they will be, once that is on disk
    course: int | None = None  # the box's two clocks then (Instant.course); None when that was in another boot

    @property
    def ahead(self) -> int:
        """The most that its codes may have been looked for ahead of the box; seconds, 0 or more.

        Never below 0: where the record could not be read, codes were accepted without it.
        """
        return max(0, self.shift, self.wanted)


@dataclass(frozen=True, slots=True)
class Noted:
    """A right code from beyond the window, which the next one in a row makes good (login/resync.py)."""

    name: str  # fingerprint
    step: int
    begin: int  # as one of Phone.seen
    at: float  # CLOCK_BOOTTIME, seconds


@dataclass(frozen=True, slots=True)
class Exemption:
    """Root's word that no code is asked of somebody in one network, at one service, until a day (login/policy.py)."""

    id: str  # 8 hex digits
    service: str  # canonical, nas2fa/rules.py
    network: IPv4Network | IPv6Network
    created: int  # unix seconds, as `until`
    until: int
    user: str = ""  # this or the next
    group: str = ""
    key: str = ""  # SHA256:… of the ssh key, or "any" (rules.ANY_KEY); empty: a password will do
    reason: str = ""
    by: int = 0  # the uid that made it


@dataclass(frozen=True, slots=True)
class UserState:
    """What happened to one user since. What has no time of this boot in it is also kept on disk (store/marks.py).

    uses: when each authenticator let in last.
    """

    used: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # fingerprint -> last step or counter
    tallies: Mapping[str, Tally] = field(default_factory=lambda: MappingProxyType({}))  # source -> Tally
    guesses: tuple[Guess, ...] = ()
    wrong_in_row: int = 0
    spent: frozenset[str] = frozenset()  # `<set_id>:<index>` of used recovery codes
    last_ok: int = 0  # unix seconds of the last accepted code
    trusts: tuple[Trust, ...] = ()
    grants: tuple[Grant, ...] = ()
    knocks: tuple[Knock, ...] = ()
    places: tuple[str, ...] = ()  # sources of right passwords to the file shares and of codes, the latest last
    phones: Mapping[str, Phone] = field(default_factory=lambda: MappingProxyType({}))  # fingerprint -> Phone, as `used`
    noted: Noted | None = None
    uses: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))  # fingerprint -> unix seconds
    version: int = 0


EMPTY_STATE = UserState()
