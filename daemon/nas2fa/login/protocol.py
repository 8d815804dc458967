"""The login conversation's packets (docs/protocol.md, part 1): a pure codec.

Invariant: any bytes give a message or a ProtocolError, never another exception.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from nas2fa.errors import ProtocolError
from nas2fa.steps import Ask, Tell

PACKET_MAX: Final = 4096  # bytes, type byte included
ASK_MAX: Final = 511  # bytes: PAM_MAX_MSG_SIZE less the NUL (security/_pam_types.h)
TELL_MAX: Final = 4000  # bytes
STEPS_MAX: Final = 32  # packets of the daemon per call: PAM_MAX_NUM_MSG
NAME_MAX: Final = 256  # bytes of a user name
UID_MAX: Final = 2**32 - 2  # (uid_t)-1 is no user
GROUPS_MAX: Final = 64  # names of groups asked about at once
VERSION: Final = b"1"
ASK_PASSWORD_VERSION: Final = b"k"

PHASES: Final = frozenset({"auth", "account", "guard", "split", "decoy"})
WORDS: Final = frozenset({"allow", "deny", "locked", "expired", "unavailable", "pass", "ignore", "hidden"})


@dataclass(frozen=True, slots=True)
class Hello:
    """The module's first packet. `uid` is None only in phase decoy, for a user the box does not know."""

    phase: str
    service: str
    uid: int | None
    user: str
    rhost: str = ""
    tty: str = ""
    ruser: str = ""
    first: str = ""
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to the last question, undecodable bytes as surrogates. Not shown by repr."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordRepeated:
    """The application answered with the password again."""


@dataclass(frozen=True, slots=True)
class CouldNotRelay:
    """The application could not relay the question."""


@dataclass(frozen=True, slots=True)
class Groups:
    """For each group name of the question, in its order, whether the user is in it."""

    member: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class PasswordVersion:
    """The stored password without its hash; "" when there is none or it cannot be told."""

    text: str


Incoming: TypeAlias = Hello | Reply | PasswordRepeated | CouldNotRelay | Groups | PasswordVersion


def decode(packet: bytes) -> Incoming:
    """One packet of the module. Raises ProtocolError; its text never holds what was in the packet."""
    if not packet or len(packet) > PACKET_MAX:
        raise ProtocolError("empty or oversized packet")
    kind, body = packet[:1], packet[1:]
    if kind == b"H":
        return _hello(body)
    if kind == b"R":
        return Reply(body.decode("utf-8", "surrogateescape"))
    if kind == b"G":
        return _groups(body)
    if kind == b"K":
        return PasswordVersion(body.decode("utf-8", "surrogateescape"))
    if body:
        raise ProtocolError("a body where none belongs")
    if kind == b"P":
        return PasswordRepeated()
    if kind == b"X":
        return CouldNotRelay()
    raise ProtocolError("unknown packet type")


def _groups(body: bytes) -> Groups:
    if not body or len(body) > GROUPS_MAX or body.strip(b"01"):
        raise ProtocolError("not one 0 or 1 for each group")
    return Groups(tuple(digit == ord("1") for digit in body))


def _hello(body: bytes) -> Hello:
    if body[:1] != VERSION:
        raise ProtocolError("unknown version")
    fields = body[1:].split(b"\0")
    if len(fields) != 10 or fields[9]:
        raise ProtocolError("a hello has nine fields, each ended by NUL")
    if len(fields[3]) > NAME_MAX:
        raise ProtocolError("user name too long")
    phase, service, uid, user, rhost, tty, ruser, first, verified, _ = (
        f.decode("utf-8", "surrogateescape") for f in fields
    )
    if phase not in PHASES:
        raise ProtocolError("unknown phase")
    if not service or not user or verified not in ("", "1"):
        raise ProtocolError("service, user or verified is odd")
    return Hello(phase, service, _uid(uid, phase), user, rhost, tty, ruser, first, verified == "1")


def _uid(text: str, phase: str) -> int | None:
    if not text and phase == "decoy":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > UID_MAX:
        raise ProtocolError("uid is not a number of a user")
    return int(text)


def encode_hello(hello: Hello) -> bytes:
    """The hello as a packet: what the C module sends, for tests and for trying the daemon by hand."""
    uid = "" if hello.uid is None else str(hello.uid)
    fields = (hello.phase, hello.service, uid, hello.user, hello.rhost, hello.tty, hello.ruser, hello.first)
    body = "".join(f"{f}\0" for f in (*fields, "1" if hello.verified else ""))
    return b"H" + VERSION + body.encode("utf-8", "surrogateescape")


def encode_step(step: Ask | Tell) -> bytes:
    """A question or a told line as a packet, cut at its limit. Text of ours, so it holds no NUL."""
    if isinstance(step, Ask):
        return (b"o" if step.echo else b"s") + _cut(step.text, ASK_MAX)
    return (b"e" if step.error else b"i") + _cut(step.text, TELL_MAX)


def encode_split(digits: int) -> bytes:
    """How many characters the split line cuts off: 6 to 8."""
    if not 6 <= digits <= 8:
        raise ValueError("a code has 6 to 8 digits")
    return b"t%d" % digits


def encode_groups(names: Sequence[str]) -> bytes:
    """The question which of these groups the user is in. ValueError for names that do not fit (`nas2fa.toml`)."""
    packet = b"g" + ":".join(names).encode()
    if not 0 < len(names) <= GROUPS_MAX or len(packet) > PACKET_MAX:
        raise ValueError("too many groups, or none")
    if any(not name or ":" in name or "\0" in name for name in names):
        raise ValueError("not the name of a group")
    return packet


def encode_verdict(word: str) -> bytes:
    """The verdict as a packet. A word outside WORDS is a defect of ours: ValueError."""
    if word not in WORDS:
        raise ValueError("not a verdict")
    return b"V" + word.encode("ascii")


def _cut(text: str, limit: int) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace")[:limit].decode("utf-8", "ignore").encode("utf-8")
