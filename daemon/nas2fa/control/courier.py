"""What nas2fad and nas2fa-courier say to each other: one verb and its rows. Pure; docs/protocol.md, part 4."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any, Final

from nas2fa.clock.words import SERVICES, Fault, Network, Reading, TimeService
from nas2fa.control import codec
from nas2fa.control.verbs import Arg, Caller, Verb
from nas2fa.errors import ProtocolError

NAME_MAX: Final = 253  # characters of a host name (RFC 1035)
SERVERS_MAX: Final = 2048  # characters of all names, with spaces between
ROWS_MAX: Final = 64  # of one answer: of servers three times 8 at the most, and the services
SECONDS_MAX: Final = 1e10  # NTP's eras reach 136 years; a liar may say anything

NTP = Verb("ntp", frozenset({Caller.ROOT}), {"servers": Arg(str, "", most=SERVERS_MAX)})
VERBS: Mapping[str, Verb] = MappingProxyType({NTP.name: NTP})


def to_rows(found: Network) -> list[dict[str, Any]]:
    """A row for each server that was asked, then one for each service."""
    return [*map(asdict, found.readings), *map(asdict, found.services)]


def from_rows(rows: Iterable[Mapping[str, Any]], done: Mapping[str, Any]) -> Network:
    """The same again. Raises ProtocolError."""
    readings, services = [], []
    for row in rows:
        if "server" in row:
            readings.append(_reading(row))
        else:
            services.append(_service(row))
    return Network(tuple(readings), tuple(services), _word(done, "source", 64))


def _reading(row: Mapping[str, Any]) -> Reading:
    try:
        fault = Fault(codec.text(row, "fault", 32))
    except ValueError:
        raise ProtocolError("'fault' is none that is known") from None
    return Reading(
        _word(row, "server", NAME_MAX),
        _word(row, "address", 64),
        fault,
        _seconds(row, "offset"),
        _seconds(row, "delay"),
        codec.integer(row, "stratum", 0, 255),
    )


def _service(row: Mapping[str, Any]) -> TimeService:
    name, enabled, running = _word(row, "name", 64), row.get("enabled"), row.get("running")
    if name not in SERVICES:  # it becomes part of a command that root is told to type
        raise ProtocolError("no time service has that name")
    if not isinstance(enabled, bool) or not isinstance(running, bool):
        raise ProtocolError("a service is enabled and running, or not")
    return TimeService(name, enabled, running)


def _word(row: Mapping[str, Any], key: str, limit: int) -> str:
    """A text that can be put into a sentence and stays one word of it."""
    found = codec.text(row, key, limit)
    if not found.isprintable() or " " in found:
        raise ProtocolError(f"'{key}' must be one word")
    return found


def _seconds(row: Mapping[str, Any], key: str) -> float:
    found = row.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < SECONDS_MAX:  # no NaN either
        raise ProtocolError(f"'{key}' must be seconds")
    return float(found)
