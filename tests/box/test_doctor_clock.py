"""The doctor's findings about the clock, each planted; and the daily check, which sees them from its cage."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from debianbox import lan
from debianbox.logins import plain_layers
from debianbox.machine import Box
from debianbox.timeservers import ADDRESSES, serving
from nas2fa.activation import report

METAL = "ln -s /bin/false /usr/sbin/systemd-detect-virt"  # found before the real one: this is no container
ENROL = "nas2fa user add bob --uri 'otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'"


@pytest.fixture(scope="module")
def timed(suite: str) -> Iterator[Box]:
    """One box for all plants."""
    with Box(plain_layers(suite)) as box:
        lan.attach(box)
        box.run(f"{METAL}; {ENROL}")
        box.write("/etc/nas2fa/nas2fa.toml", f"ntp_servers = {json.dumps(ADDRESSES[:3])}\n")
        box.run("systemctl reload nas2fad")
        yield box


def findings(box: Box) -> dict[str, tuple[str, str]]:
    """Severity and remedy of what is found about the clock, but for the word of the kernel of this machine."""
    found = json.loads(box.run("nas2fa system check --json", check=False).stdout)
    about = {one["name"]: (one["severity"], one["fix"]) for one in found if one["where"] == "clock"}
    about.pop("clock-not-synchronised", None)
    assert about.pop("no-time-service")[0] == "warning"  # none is installed here
    return about


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((0, 0, 0), {}),
        ((20, 20, 20), {"clock-off": "error"}),
        ((10, 10, 10), {"clock-off": "warning"}),
        ((0, 0, 20), {"clock-servers": "warning"}),
        (("silent", "silent", "silent"), {"clock-servers": "note"}),
        (("silent", 0, "silent"), {"clock-servers": "note"}),
        ((0, "silent", 0), {}),
    ],
    ids=str,
)
def test_what_time_servers_say_is_found(timed: Box, words, names) -> None:
    with serving(timed, dict(zip(ADDRESSES, words, strict=False))):
        found = findings(timed)
    assert {name: severity for name, (severity, _) in found.items()} == names
    if "clock-off" in found:
        assert "timedatectl set-ntp true" in found["clock-off"][1]


def test_a_clock_behind_its_records_is_found(timed: Box) -> None:
    timed.run("touch --date '1 hour' /var/lib/nas2fa/users/*.json")
    with serving(timed, dict.fromkeys(ADDRESSES[:3], "silent")):
        found = findings(timed)
    assert found["clock-behind"][0] == "error"
    assert "nas2fa rescue-clock" in found["clock-behind"][1]
    with serving(timed, dict.fromkeys(ADDRESSES[:3], 0)):
        assert findings(timed) == {}
    timed.run("touch /var/lib/nas2fa/users/*")


def test_the_daily_check_tells_it_from_its_cage(timed: Box) -> None:
    with serving(timed, dict.fromkeys(ADDRESSES[:3], 20)):
        timed.run("systemctl start nas2fa-check.service")
    told = {record["NAS2FA_FINDING"] for record in timed.journal(f"MESSAGE_ID={report.FOUND}")}
    assert "clock-off" in told
