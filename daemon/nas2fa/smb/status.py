"""What `smbstatus --json --processes --numeric` says, read strictly. Pure.

Clients have a say in it: `remote_machine` is a name that they choose, so it is not looked at; `hostname` is the address
of their socket. Whatever does not have Samba's form is refused: half of the sessions would pass for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nas2fa.control import codec
from nas2fa.control.smb import ID_MAX, PID_MAX, Session, canonical
from nas2fa.errors import ProtocolError

OUTPUT_MAX = 8_388_608  # bytes: some 10,000 sessions
_NO_UIDS = frozenset({-1, 2**32 - 1})  # 4.17 and 4.22 for (uid_t) -1: the login has not ended yet
_NO_CLUSTER = str(2**32 - 1)  # NONCLUSTER_VNN
_ENDPOINT = re.compile(r"ipv([46]):(.+):[0-9]{1,5}", re.ASCII)
_NUMBER = re.compile(r"[0-9]{1,20}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Status:
    """The sessions, and the addresses of those whose login has not ended yet: they may be anybody's."""

    sessions: tuple[Session, ...] = ()
    logging_in: frozenset[str] = frozenset()


def parse(output: bytes) -> Status:
    """The sessions in an output of smbstatus. Raises ProtocolError, whatever comes in; its text never quotes it."""
    message = codec.decode(output, OUTPUT_MAX)
    sessions: list[Session] = []
    logging_in: set[str] = set()
    for key, entry in codec.mapping(message, "sessions").items():
        if not isinstance(entry, dict) or entry.get("session_id") != key:
            raise ProtocolError("a session that is not one of Samba's")
        uid = codec.integer(entry, "uid", -1, 2**32 - 1)
        if uid in _NO_UIDS:
            logging_in.update(_addresses(entry))
        else:
            sessions += _sessions(entry, uid)
    return Status(tuple(sessions), frozenset(logging_in))


def _sessions(entry: Mapping[str, Any], uid: int) -> Iterator[Session]:
    server = codec.mapping(entry, "server_id")
    if codec.text(server, "vnn", ID_MAX) != _NO_CLUSTER:
        raise ProtocolError("a session on another node of a cluster")
    pid = _number(server, "pid", PID_MAX)
    number = str(_number(entry, "session_id", 2**64 - 1))
    for address in _addresses(entry):
        yield Session(uid, address, pid, number, _began(entry))


def _addresses(entry: Mapping[str, Any]) -> list[str]:
    """Of the connection that opened the session and, since Samba 4.20, of each channel that joined it; each once."""
    endpoints = [codec.text(entry, "hostname")]
    if "channels" in entry:
        channels = codec.mapping(entry, "channels")
        endpoints += [codec.text(codec.mapping(channels, key), "remote_address") for key in channels]
    return list(dict.fromkeys(map(_address, endpoints)))


def _address(endpoint: str) -> str:
    """Of `ipv4:192.0.2.7:50000` or `ipv6:2001:db8::7:50000`."""
    parts = _ENDPOINT.fullmatch(endpoint)
    address = canonical(parts[2]) if parts else None
    if parts is None or address is None or (":" in parts[2]) != (parts[1] == "6"):
        raise ProtocolError("a session from what is not an address")
    return address


def _number(message: Mapping[str, Any], key: str, high: int) -> int:
    """Samba writes its numbers as texts."""
    digits = codec.text(message, key, ID_MAX)
    if not _NUMBER.fullmatch(digits) or not 1 <= int(digits) <= high:
        raise ProtocolError(f"'{key}' must be a number from 1 to {high}")
    return int(digits)


def _began(entry: Mapping[str, Any]) -> int:
    """Unix seconds, 0 when this Samba does not tell."""
    if "creation_time" not in entry:
        return 0
    try:
        return max(0, int(datetime.fromisoformat(codec.text(entry, "creation_time")).timestamp()))
    except (ValueError, OverflowError):
        raise ProtocolError("'creation_time' must be a time") from None
