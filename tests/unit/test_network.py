"""Where somebody comes from: in a network, outside, or at an address that proves nothing."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest
from box_network import OWN, TABLES
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.interfaces import own_addresses
from nas2fa.network import Inside, Own, literal, network_of, own_of, place_of

LAN = (ip_network("192.168.1.0/24"), ip_network("fd00::/64"))
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))


def test_own_addresses_and_gateways() -> None:
    assert {str(n) for n in OWN.networks} == {
        "127.0.0.1/32", "192.168.1.5/32", "192.168.1.1/32", "::1/128", "fd00::5/128", "fd00::6/128", "fd00::1/128",
    }  # fmt: skip
    assert OWN.known == {4, 6}


def test_a_range_that_is_local_as_a_whole() -> None:
    """`ip route add local 10.7.0.0/16 dev lo`: the box answers for all of it."""
    trie = TABLES["fib_trie"] + "     |-- 10.7.0.0\n        /16 host LOCAL\n"
    assert ip_network("10.7.0.0/16") in own_of({**TABLES, "fib_trie": trie}).networks


def test_every_next_hop_is_a_gateway() -> None:
    """Two lines to the internet, one of several hops, halves of it for a VPN, and what lies behind another router."""
    v4 = "".join(
        f"eth0\t{to}\t0{n}01A8C0\t0003\t0\t0\t50\t{mask}\t0\t0\t0\n"
        for n, to, mask in ((2, "00000000", "00000000"), (3, "00000080", "00000080"), (4, "0000000A", "000000FF"))
    )
    v6 = "".join(
        f"{to:0<32} {size} {'0' * 32} 00 fd00{n:028} 00000400 00000001 00000000 00000003     eth0\n"
        for n, to, size in ((2, "", "00"), (3, "2", "03"), (4, "fd01", "40"))
    )
    found = own_of({**TABLES, "route": TABLES["route"] + v4, "ipv6_route": TABLES["ipv6_route"] + v6})
    for net in ("192.168.1.", "fd00::"):
        places = [place_of(f"{net}{n}", found).inside(LAN) for n in (1, 2, 3, 4, 9)]
        assert places == [*[Inside.PERHAPS] * 4, Inside.YES]
    assert ip_network("0.0.0.0") not in found.networks


@pytest.mark.parametrize(
    ("rhost", "inside"),
    [
        ("192.168.1.7", Inside.YES),
        ("::ffff:192.168.1.7", Inside.YES),
        ("fd00::7", Inside.YES),
        ("192.168.2.7", Inside.NO),
        ("fd00:0:0:1::7", Inside.NO),
        ("", Inside.NO),
        ("192.168.1.5", Inside.PERHAPS),  # the box
        ("::ffff:192.168.1.5", Inside.PERHAPS),
        ("192.168.1.1", Inside.PERHAPS),  # its gateways
        ("fd00::1", Inside.PERHAPS),
        ("fd00::6", Inside.PERHAPS),
        ("laptop.example", Inside.PERHAPS),
        ("192.168.1.7.", Inside.PERHAPS),
        ("fe80::1%eth0", Inside.NO),
        ("192.168.001.007", Inside.PERHAPS),
    ],
)
def test_in_the_lan_or_not(rhost: str, inside: Inside) -> None:
    assert place_of(rhost, OWN).inside(LAN) is inside


@pytest.mark.parametrize("rhost", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "169.254.1.1", "fe80::1", "::"])
def test_places_that_never_prove_anything(rhost: str) -> None:
    assert place_of(rhost, OWN).inside(EVERYWHERE) is Inside.PERHAPS


def test_without_the_tables_no_address_proves_anything() -> None:
    assert place_of("192.168.1.7", Own()).inside(LAN) is Inside.PERHAPS
    without = own_of({**TABLES, "if_inet6": None})
    assert place_of("192.168.1.7", without).inside(LAN) is Inside.YES
    assert place_of("fd00::7", without).inside(LAN) is Inside.PERHAPS


def test_tables_of_this_machine_and_of_none(tmp_path: Path) -> None:
    assert ip_network("127.0.0.1") in own_addresses(("/proc/self/net",)).networks
    assert own_addresses((str(tmp_path),)) == Own()


@given(st.text(), st.text(), st.text(), st.text())
def test_any_table_is_read(fib_trie: str, route: str, if_inet6: str, ipv6_route: str) -> None:
    """What is not in the kernel's form proves nothing: it is a version that is not known."""
    own_of({"fib_trie": fib_trie, "route": route, "if_inet6": if_inet6, "ipv6_route": ipv6_route})


@given(st.ip_addresses())
def test_an_address_is_itself(address) -> None:
    mapped = getattr(address, "ipv4_mapped", None)
    assert literal(str(address)) == (mapped or address)


@pytest.mark.parametrize(
    ("text", "network"),
    [
        ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
        ("::ffff:192.0.2.7", "192.0.2.7/32"),
        ("fd00::/8", "fd00::/8"),
        ("::/0", "::/0"),
    ],
)
def test_a_network_of_ipv4_inside_of_ipv6_is_that_of_ipv4(text: str, network: str) -> None:
    """As the addresses that are looked for in it: else a rule would be taken and never fit."""
    assert network_of(text) == ip_network(network)


def test_such_a_rule_fits() -> None:
    assert place_of("::ffff:10.1.2.3", OWN).inside((network_of("::ffff:10.0.0.0/104"),)) is Inside.YES
