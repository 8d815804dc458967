"""Exemptions: what may be made, and the file they are kept in."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from box_network import OWN
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.enrolment.exempting import kept, new
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.paths import Paths
from nas2fa.store.exemptions import Exemptions, _decoded
from nas2fa.store.records import Exemption, Instant

NOW = Instant(1_790_000_000.0, 100.0)
DAY = 86400
ARGS = {
    "user": "backup", "group": "", "uid": 34, "service": "sshd", "network": "10.0.0.0/24", "key": "",
    "until": 1_790_000_000 + DAY, "reason": "nightly",
}  # fmt: skip
KEY = "SHA256:" + "a" * 43


def test_an_exemption_says_all() -> None:
    made = new({**ARGS, "service": "SSHD", "key": KEY}, OWN, 0, NOW)
    assert made == Exemption(
        made.id, "sshd", ip_network("10.0.0.0/24"), int(NOW.wall), ARGS["until"], "backup", "", KEY, "nightly", 0
    )
    assert new({**ARGS, "user": "", "group": "staff", "uid": None}, OWN, 0, NOW).group == "staff"
    assert new({**ARGS, "user": "root", "uid": 0, "key": KEY}, OWN, 0, NOW).user == "root"
    assert new({**ARGS, "key": "any"}, OWN, 0, NOW).key == "any"
    assert new({**ARGS, "network": "192.168.1.0/24"}, OWN, 0, NOW)  # the LAN, though the box is in it


@pytest.mark.parametrize(
    "change",
    [
        {"user": ""},
        {"group": "staff"},
        {"user": "", "group": "a:b"},
        {"user": "root", "uid": 0},
        {"service": "nas2fa"},
        {"service": "sudo"},
        {"service": "samba", "key": "any"},  # smbd sees no key
        {"service": "su-l"},
        {"service": "NAS2FA"},
        {"network": "0.0.0.0/0"},
        {"network": "::/0"},
        {"network": "0.0.0.0/1"},
        {"network": "10.0.0.1/24"},
        {"network": "host.lan"},
        {"network": "127.0.0.1"},
        {"network": "127.0.0.0/8"},
        {"network": "::1"},
        {"network": "fe80::/64"},
        {"network": "169.254.0.0/16"},
        {"network": "192.168.1.5"},
        {"network": "192.168.1.1/32"},
        {"network": "fd00::5"},
        {"key": "SHA256:short"},
        {"key": "anything"},
        {"key": "MD5:" + "a" * 43},
        {"until": int(NOW.wall)},
        {"until": int(NOW.wall) + 6 * 366 * DAY},
        {"reason": "  "},
    ],
)
def test_what_is_refused(change) -> None:
    with pytest.raises(RequestError) as error:
        new({**ARGS, **change}, OWN, 0, NOW)
    assert error.value.reason is Reason.BAD_REQUEST


MADE = new(ARGS, OWN, 0, NOW)


@pytest.fixture
def exemptions(paths: Paths) -> Exemptions:
    return Exemptions(paths)


def test_none_at_first_and_then_what_was_written(exemptions: Exemptions, paths: Paths) -> None:
    assert exemptions.current() == ()
    assert exemptions.fault() is None
    exemptions.change(lambda found: (*found, MADE))
    assert exemptions.current() == (MADE,)
    assert os.stat(paths.exemptions).st_mode & 0o777 == 0o600
    other = replace(MADE, id="11111111", user="", group="staff", key=KEY)
    exemptions.change(lambda found: (*found, other))
    assert Exemptions(paths).current() == (MADE, other)
    os.unlink(paths.exemptions)
    assert exemptions.current() == ()


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        (b"", 0o600),
        (b"{", 0o600),
        (b'{"v": 2, "exemptions": []}', 0o600),
        (b'{"v": 1, "exemptions": [{}]}', 0o600),
        (b"\xff", 0o600),
        (b"[" * 100_000, 0o600),
        (b" " * 300_000, 0o600),
        (None, 0o644),  # others may read it: not how it was written
        (None, 0o620),
    ],
)
def test_a_file_that_cannot_be_believed_exempts_nobody(exemptions, paths, content, mode) -> None:
    exemptions.change(lambda _: (MADE,))
    file = Path(paths.exemptions)
    before = file.read_bytes() if content is None else content
    file.write_bytes(before)
    file.chmod(mode)
    assert exemptions.current() == ()
    assert exemptions.fault() is not None
    with pytest.raises(StoreError):
        exemptions.change(lambda _: ())
    assert file.read_bytes() == before
    file.unlink()
    assert exemptions.fault() is None


def test_a_link_is_not_followed(exemptions: Exemptions, paths: Paths, tmp_path: Path) -> None:
    exemptions.change(lambda _: (MADE,))
    os.rename(paths.exemptions, tmp_path / "elsewhere")
    os.symlink(tmp_path / "elsewhere", paths.exemptions)
    assert exemptions.current() == ()


def test_no_more_than_so_many(exemptions: Exemptions) -> None:
    with pytest.raises(StoreError):
        exemptions.change(lambda _: (MADE,) * 201)


def test_those_long_over_go() -> None:
    old = replace(MADE, until=int(NOW.wall) - 31 * DAY)
    assert kept((old, replace(old, until=int(NOW.wall) - DAY), MADE), NOW.wall) == (
        replace(old, until=int(NOW.wall) - DAY),
        MADE,
    )


@given(st.recursive(st.none() | st.integers() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)))
def test_any_other_json_is_a_fault(found) -> None:
    with pytest.raises(StoreError):
        _decoded(json.dumps({"v": 1, "exemptions": [found]}).encode(), "x")
