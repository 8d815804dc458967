"""Where somebody comes from, as far as it proves anything. Pure: the tables of the kernel come in as text.

Whoever is on the box can connect to it from one of its own addresses, and behind a router that rewrites sources the
whole internet comes from the gateway's: neither says that somebody is in a network.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# Files of /proc/PID/net that are read: local addresses and routes of IPv4, then of IPv6.
PREFIX_MIN: Final = {4: 8, 6: 16}  # bits; a wider network is next to everywhere
TABLES: Final = {4: ("fib_trie", "route"), 6: ("if_inet6", "ipv6_route")}

_EVERYBODY = IPv4Address("255.255.255.255")
_LEAF = re.compile(r"\s*\|-- ([0-9.]+)", re.ASCII)
_LOCAL = re.compile(r"\s*/([0-9]+) host LOCAL", re.ASCII)
_NEXT_HOP = re.compile(r"^\S+\t[0-9A-F]{8}\t(?!00000000)([0-9A-F]{8})\t", re.ASCII | re.MULTILINE)
_RTF_LOCAL = 0x80000000  # linux/ipv6_route.h: the destination is this machine itself
_NOWHERE_V6 = "0" * 32  # the next hop of who is on the link itself
_MAPPED = 96  # bits before an IPv4 address inside of IPv6: RFC 4291, 2.5.5.2


class Inside(IntEnum):
    """Whether somebody is in a network. PERHAPS: the address says so, and proves nothing."""

    NO = 0
    PERHAPS = 1
    YES = 2


@dataclass(frozen=True, slots=True)
class Own:
    """The box's own addresses and its gateways, and the IP versions for which they are known.

    Those of all routes, since the whole internet may be behind two halves of it (0.0.0.0/1, 128.0.0.0/1) or 2000::/3.
    The tables have the first only of an IPv4 route with more next hops than one, and IPv4's main table alone.
    """

    networks: frozenset[Network] = frozenset()
    known: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a login comes from. `doubt` says why its address proves nothing; empty when it does."""

    rhost: str = ""
    address: Address | None = None
    doubt: str = ""

    @property
    def remote(self) -> bool:
        """False when the program named no remote host: console, su, sudo."""
        return bool(self.rhost)

    def inside(self, networks: tuple[Network, ...]) -> Inside:
        """Whether this place is in one of the networks. A name may belong to any of them, says its DNS."""
        if self.address is None:
            return Inside.PERHAPS if self.remote else Inside.NO
        if not any(self.address.version == n.version and self.address in n for n in networks):
            return Inside.NO
        return Inside.PERHAPS if self.doubt else Inside.YES


def place_of(rhost: str, own: Own) -> Place:
    """The place that PAM_RHOST tells of."""
    if not rhost:
        return Place()
    address = literal(rhost)
    if address is None:
        return Place(rhost, None, "a name, not an address")
    return Place(rhost, address, _doubt(address, own))


def literal(text: str) -> Address | None:
    """The address, IPv4 inside of IPv6 taken out; None for a name."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def network_of(text: str) -> Network:
    """The network, or that of one address; IPv4 inside of IPv6 taken out, as literal() does it. Raises ValueError."""
    found = ip_network(text)
    mapped = found.network_address.ipv4_mapped if isinstance(found, IPv6Network) else None
    if mapped is None or found.prefixlen < _MAPPED:
        return found
    return IPv4Network((mapped, found.prefixlen - _MAPPED))


def _doubt(address: Address, own: Own) -> str:
    if address.is_loopback:
        return "a loopback address"
    scoped = isinstance(address, IPv6Address) and address.scope_id is not None
    if address.is_unspecified or address.is_multicast or address == _EVERYBODY:
        return "no address of a computer"
    if scoped or address.is_link_local:
        return "an address of the link alone"
    if address.version not in own.known:
        return "the box's own addresses cannot be read"
    if any(address.version == n.version and address in n for n in own.networks):
        return "an address of this box or of its gateway"
    return ""


def own_of(tables: Mapping[str, str | None]) -> Own:
    """From the files of TABLES, None for one that could not be read. Half of a version's tables is none of them."""
    texts = {version: [tables.get(name) for name in names] for version, names in TABLES.items()}
    found: set[Network] = set()
    known = set()
    for version, (local, routes) in texts.items():
        if local is None or routes is None:
            continue
        with suppress(ValueError, IndexError, OverflowError):  # not the kernel's form: then this version is not known
            found |= _own_v4(local, routes) if version == 4 else _own_v6(local, routes)
            known.add(version)
    return Own(frozenset(found), frozenset(known))


def _own_v4(fib_trie: str, route: str) -> set[Network]:
    found: set[Network] = set()
    leaf = ""
    for line in fib_trie.splitlines():
        named, local = _LEAF.match(line), _LOCAL.match(line)
        leaf = named[1] if named else leaf
        if local:
            found.add(IPv4Network(f"{leaf}/{local[1]}"))
    for word in _NEXT_HOP.findall(route):  # four bytes in network order, printed as one number of this machine
        found.add(IPv4Network(int(word, 16).to_bytes(4, sys.byteorder)))
    return found


def _own_v6(if_inet6: str, ipv6_route: str) -> set[Network]:
    found: set[Network] = {IPv6Network(int(line.split()[0], 16)) for line in if_inet6.splitlines() if line.strip()}
    for line in ipv6_route.splitlines():  # destination, its length, source, its length, gateway, metric, …, flags
        words = line.split()
        if len(words) < 9:
            continue
        if int(words[8], 16) & _RTF_LOCAL:
            found.add(IPv6Network((int(words[0], 16), int(words[1], 16)), strict=False))
        elif words[4] != _NOWHERE_V6:
            found.add(IPv6Network(int(words[4], 16)))
    return found
