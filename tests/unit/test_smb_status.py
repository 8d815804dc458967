"""What is understood of smbstatus: the output of Samba 4.17 and 4.22 as it is, and nothing that is not Samba's."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.control.smb import Session
from nas2fa.errors import ProtocolError
from nas2fa.smb.status import OUTPUT_MAX, parse

# Samba 4.17.12 (Debian 12): alice, and a login that has not ended.
OLD = b"""{"timestamp": "2026-11-24T14:15:14.956485+0000", "version": "4.17.12-Debian", "smb_conf":
"/etc/samba/smb.conf", "sessions": {"4103421762": {"session_id": "4103421762", "server_id": {"pid": "163", "task_id":
"0", "vnn": "4294967295", "unique_id": "12873142691252521434"}, "uid": 1000, "gid": 1000, "username": "1000",
"groupname": "1000", "remote_machine": "10.99.0.2", "hostname": "ipv4:10.99.0.2:35036", "session_dialect": "SMB3_11",
"encryption": {"cipher": "-", "degree": "none"}, "signing": {"cipher": "AES-128-GMAC", "degree": "partial"}}, "1701":
{"session_id": "1701", "server_id": {"pid": "170", "task_id": "0", "vnn": "4294967295", "unique_id": "1"}, "uid": -1,
"gid": -1, "username": "4294967295", "groupname": "4294967295", "remote_machine": "10.99.0.3", "hostname":
"ipv4:10.99.0.3:48654", "session_dialect": "SMB2_10", "encryption": {"cipher": "-", "degree": "none"}, "signing":
{"cipher": "-", "degree": "none"}}}}
"""

# Samba 4.22.11 (Debian 13), with a second channel from another address.
NEW = b"""{"timestamp": "2026-11-24T14:15:17.906918+0000", "version": "4.22.11-Debian-4.22.11+dfsg-0+deb13u1",
"smb_conf": "/etc/samba/smb.conf", "sessions": {"3510954999": {"session_id": "3510954999", "server_id": {"pid": "162",
"task_id": "0", "vnn": "4294967295", "unique_id": "968604952085745457"}, "uid": 1001, "gid": 1001, "username": "1001",
"groupname": "1001", "creation_time": "2026-11-24T14:15:15.838683+00:00", "expiration_time":
"30828-09-14T02:48:05.477581+00:00", "auth_time": "2026-11-24T14:15:15.839842+00:00", "remote_machine": "fd99::2",
"hostname": "ipv6:fd99::2:46228", "session_dialect": "SMB3_11", "client_guid": "b4986109-53b7-4523-9916-15fec05f796a",
"encryption": {"cipher": "-", "degree": "none"}, "signing": {"cipher": "AES-128-GMAC", "degree": "partial"},
"channels": {"1": {"channel_id": "1", "creation_time": "2026-11-24T14:15:15.838683+00:00", "local_address":
"ipv6:fd99::1:445", "remote_address": "ipv6:fd99::2:46228"}, "2": {"channel_id": "2", "creation_time":
"2026-11-24T14:15:16.838683+00:00", "local_address": "ipv4:10.99.0.1:445", "remote_address":
"ipv4:10.99.0.2:46230"}}}}}
"""


def test_the_output_of_samba_4_17() -> None:
    status = parse(OLD)
    assert status.sessions == (Session(1000, "10.99.0.2", 163, "4103421762", 0),)
    assert status.logging_in == {"10.99.0.3"}


def test_the_output_of_samba_4_22_has_a_row_for_each_address() -> None:
    first, second = parse(NEW).sessions
    assert first == Session(1001, "fd99::2", 162, "3510954999", 1795529715)
    assert second == Session(1001, "10.99.0.2", 162, "3510954999", 1795529715)


def test_nobody() -> None:
    status = parse(b'{"version": "4.17.12-Debian", "sessions": {}}')
    assert (status.sessions, status.logging_in) == ((), frozenset())


def changed(change: Callable[[dict[str, Any]], object], output: bytes = NEW) -> bytes:
    """The output with something else in its first session."""
    message = json.loads(output)
    change(next(iter(message["sessions"].values())))
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    ("hostname", "address"),
    [
        ("ipv4:192.0.2.7:445", "192.0.2.7"),
        ("ipv6:2001:DB8:0:0::7:50000", "2001:db8::7"),
        ("ipv6:fe80::1:50000", "fe80::1"),
        ("ipv6:fe80::1%eth0:50000", "fe80::1"),
        ("ipv6:::1:50000", "::1"),
        ("ipv6:::ffff:192.0.2.7:50000", "192.0.2.7"),
    ],
)
def test_an_address_has_one_spelling(hostname: str, address: str) -> None:
    assert parse(changed(lambda entry: entry.update(hostname=hostname), OLD)).sessions[0].address == address


@pytest.mark.parametrize(
    "hostname",
    [
        "", "nas", "10.99.0.2", "10.99.0.2:445", "ipv4:10.99.0.2", "ipv4:nas:445", "ipv4:fd99::2:445",
        "ipv6:10.99.0.2:445", "ipv4:10.99.0.2:445 ", "ipv4:10.99.0.2:\u0664\u0664", "unix:/run/smb",
        "ipv4:10.99.0.256:1",
        "ipv4:10.99.0.2/24:1", None, 5,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(hostname: object) -> None:
    with pytest.raises(ProtocolError):
        parse(changed(lambda entry: entry.update(hostname=hostname)))


def test_the_name_that_a_client_gives_itself_decides_nothing() -> None:
    for name in ("10.99.0.1", "ipv4:10.99.0.1:445", "", "x" * 300):
        told = parse(changed(lambda entry, name=name: entry.update(remote_machine=name), OLD))  # type: ignore[misc]
        assert [session.address for session in told.sessions] == ["10.99.0.2"]


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.update(uid="1000"),
        lambda entry: entry.update(uid=True),
        lambda entry: entry.update(uid=-2),
        lambda entry: entry.update(uid=2**32),
        lambda entry: entry.pop("uid"),
        lambda entry: entry.update(session_id="1"),
        lambda entry: entry.pop("server_id"),
        lambda entry: entry["server_id"].update(pid="0"),
        lambda entry: entry["server_id"].update(pid="-1"),
        lambda entry: entry["server_id"].update(pid=162),
        lambda entry: entry["server_id"].update(pid="162 "),
        lambda entry: entry["server_id"].update(pid="smbd"),
        lambda entry: entry["server_id"].update(pid="99999999"),
        lambda entry: entry["server_id"].update(vnn="0"),
        lambda entry: entry.update(channels=[]),
        lambda entry: entry.update(channels={"1": "ipv4:10.99.0.2:1"}),
        lambda entry: entry["channels"]["2"].pop("remote_address"),
        lambda entry: entry.update(creation_time="yesterday"),
        lambda entry: entry.update(creation_time=17),
    ],
)
def test_a_session_that_is_not_as_sambas_are_is_refused(change: Callable[[dict[str, Any]], object]) -> None:
    with pytest.raises(ProtocolError):
        parse(changed(change))


@pytest.mark.parametrize(
    "output",
    [
        b"", b"\n", b"null", b"[]", b'"sessions"', b"{}", b'{"sessions": null}', b'{"sessions": []}', OLD[:-2],
        OLD + OLD,
        b'{"sessions": {"1": null}}', b'{"sessions": {}, "sessions": {}}', b"\xff", b"Samba version 4.17.12-Debian\n",
        b'{"sessions": ' + b'{"a": ' * 5000, b'{"sessions": {}}' + b" " * OUTPUT_MAX,
    ],
)  # fmt: skip
def test_garbage_is_refused(output: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(output)


@given(st.data())
def test_a_change_of_any_byte_is_read_or_refused(data: st.DataObject) -> None:
    output = bytearray(NEW)
    for _ in range(data.draw(st.integers(1, 4))):
        output[data.draw(st.integers(0, len(output) - 1))] = data.draw(st.integers(0, 255))
    try:
        parse(bytes(output))
    except ProtocolError as error:
        assert "10.99" not in error.text  # it is not quoted


def test_ten_thousand_sessions() -> None:
    entry = json.loads(NEW)["sessions"]["3510954999"]
    sessions = {str(number): {**entry, "session_id": str(number)} for number in range(1, 5001)}
    assert len(parse(json.dumps({"sessions": sessions}).encode()).sessions) == 10_000
