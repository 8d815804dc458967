"""What nas2fad and nas2fa-smb say to each other: two verbs and one kind of row. Pure; docs/protocol.md, part 3."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from nas2fa.control import codec
from nas2fa.control.verbs import UID_MAX, Arg, Caller, Verb
from nas2fa.errors import ProtocolError
from nas2fa.network import literal

ADDRESS_MAX = 45  # characters of an IPv6 address in its longest form
ID_MAX = 20  # digits of Samba's 64 bits
PID_MAX = 2**22  # PID_MAX_LIMIT of the kernel

_ROOT = frozenset({Caller.ROOT})
SESSIONS = Verb("sessions", _ROOT)
END = Verb("end", _ROOT, {"uid": Arg(int, most=UID_MAX), "address": Arg(str, "", most=ADDRESS_MAX)})
VERBS: Mapping[str, Verb] = MappingProxyType({verb.name: verb for verb in (SESSIONS, END)})


@dataclass(frozen=True, slots=True)
class Session:
    """One session at one address: with several channels from different addresses there is one of these for each.

    pid: the smbd process that serves it, and with it every other session on the same TCP connection. id: Samba's
    number of the session. began: unix seconds; before Samba 4.20, which does not tell, when its connection began.
    """

    uid: int
    address: str
    pid: int
    id: str
    began: int


def canonical(address: str) -> str | None:
    """The one spelling of an address, without the scope of a link-local one; None when it is not an address."""
    read = literal(address)
    return None if read is None else str(read).partition("%")[0]


def to_row(session: Session) -> dict[str, Any]:
    """The row of a session."""
    return {
        "uid": session.uid,
        "address": session.address,
        "pid": session.pid,
        "id": session.id,
        "began": session.began,
    }


def from_row(row: Mapping[str, Any]) -> Session:
    """The session of a row. Raises ProtocolError."""
    address = canonical(codec.text(row, "address", ADDRESS_MAX))
    if address is None:
        raise ProtocolError("'address' must be an address")
    return Session(
        codec.integer(row, "uid", 0, UID_MAX),
        address,
        codec.integer(row, "pid", 1, PID_MAX),
        codec.text(row, "id", ID_MAX),
        codec.integer(row, "began"),
    )
