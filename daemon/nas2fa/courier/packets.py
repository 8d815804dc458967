"""The question to a time server, and what counts as its answer (RFC 4330, RFC 5905). No network here.

ntplib reads and writes the packets. Its client is not used: it believes the first packet that comes from the right
address, whatever question that answers, waits anew after each one from elsewhere, and cannot write dates beyond 2036.
"""

from __future__ import annotations

from typing import Final

import ntplib

from nas2fa.clock.words import Fault, Reading

SIZE: Final = 48  # bytes of a packet without extensions
NONCE: Final = 8  # bytes
ROOT_DISTANCE_MAX: Final = 16.0  # seconds that a server may be from the source of its time (RFC 5905: MAXDISP)
SLACK: Final = 0.01  # seconds: a server's clock is corrected while it answers, too
_ASKED = slice(24, 32)  # the originate timestamp: the transmit timestamp of the question
_SERVER_MODE: Final = 4
_ERA: Final = 2**32  # seconds
_ERA_BEGINS: Final = (
    2**31
)  # RFC 4330 section 3: a time stamp is of 1968 to 2036, or without its first bit of 2036 to 2104
_REFUSALS: Final = frozenset(int.from_bytes(word) for word in (b"DENY", b"RSTR", b"RATE"))  # kiss codes


def question(nonce: bytes) -> bytes:
    """A client's packet. Instead of its time it sends `nonce`: only who sees the question can answer it."""
    packet: bytes = ntplib.NTPPacket(version=4, mode=3).to_data()
    return packet[:-NONCE] + nonce


def judged(packet: bytes, nonce: bytes, sent: float, took: float) -> Reading | None:
    """What the packet says, if it answers the question with that nonce; else None.

    sent   Unix seconds of this box when the question left; took: seconds until the answer was there
    """
    if len(packet) < SIZE or packet[_ASKED] != nonce:
        return None
    read = ntplib.NTPStats()
    read.from_data(packet)
    if read.mode != _SERVER_MODE:
        return None
    if read.stratum == 0 and read.ref_id in _REFUSALS:
        return Reading("", fault=Fault.REFUSED)
    if _unsynchronised(read):
        return Reading("", fault=Fault.UNSYNCHRONISED, stratum=read.stratum)
    received, left = _unix(read.recv_timestamp), _unix(read.tx_timestamp)
    delay = took - (left - received)
    if not -SLACK <= left - received <= took + SLACK:
        return Reading("", fault=Fault.BROKEN, stratum=read.stratum)
    offset = ((received - sent) + (left - (sent + took))) / 2
    return Reading("", offset=offset, delay=max(0.0, delay), stratum=read.stratum)


def _unsynchronised(read: ntplib.NTPStats) -> bool:
    """Its own word. A time of zero is that of a server that has none."""
    distance = read.root_delay / 2 + read.root_dispersion
    has_time = read.recv_timestamp and read.tx_timestamp
    return bool(read.leap == 3 or not 1 <= read.stratum <= 15 or distance > ROOT_DISTANCE_MAX or not has_time)


def _unix(timestamp: float) -> float:
    """Unix seconds of an NTP time stamp, until 2104."""
    later = timestamp if timestamp >= _ERA_BEGINS else timestamp + _ERA
    return later - float(ntplib.NTP.NTP_DELTA)
