"""What others say of the time: servers, one by one, and the services that keep the clock right. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

SERVICES: Final = ("systemd-timesyncd", "chrony", "ntpsec", "ntp", "openntpd")  # those that are known


class Fault(StrEnum):
    """Why a server's answer is of no use; empty when it is."""

    NONE = ""
    NOT_FOUND = "not-found"  # the name has no address
    SILENT = "silent"  # no answer within the deadline
    REFUSED = "refused"  # the network or the server said no: ICMP, or a kiss-o'-death packet
    UNSYNCHRONISED = "unsynchronised"  # it says itself that its clock is not right (leap 3, stratum 0 or above 15)
    BROKEN = "broken"  # no NTP packet, or not the answer to this question


@dataclass(frozen=True, slots=True)
class Reading:
    """One server asked once (RFC 5905). `server`: its name as configured; `address`: where the answer came from."""

    server: str
    address: str = ""
    fault: Fault = Fault.NONE
    offset: float = 0.0  # seconds, server minus box: above 0 the box is behind
    delay: float = 0.0  # seconds there and back
    stratum: int = 0


@dataclass(frozen=True, slots=True)
class TimeService:
    """A service of this box that keeps the clock right."""

    name: str  # one of SERVICES
    enabled: bool  # starts with the box
    running: bool


@dataclass(frozen=True, slots=True)
class Network:
    """All that nas2fa-courier found. `source`: whose configuration named the servers; empty when none did."""

    readings: tuple[Reading, ...] = ()
    services: tuple[TimeService, ...] = ()
    source: str = ""
