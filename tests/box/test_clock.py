"""`nas2fa clock` and the gate before a set-up, with time servers on the box's network."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from debianbox import lan, logins
from debianbox.logins import PASSWORD, PASSWORD_PROMPT, plain_layers
from debianbox.machine import Box
from debianbox.roots import TIME_SERVICES
from debianbox.switching import PLAINLY, state, system
from debianbox.timeservers import ADDRESSES, black_hole, serving
from debianbox.timeservices import time_layers

YEAR = 365 * 86_400
OVERRIDDEN = "NAS2FA_EVENT=CLOCK_OVERRIDDEN"
ONE, TWO, THREE, _ = ADDRESSES


@pytest.fixture(scope="module")
def timed(suite: str) -> Iterator[Box]:
    """One box for all tests: nobody is set up, and nothing is switched on."""
    with Box(plain_layers(suite)) as box:
        lan.attach(box)
        yield box


def asked(box: Box, *servers: str) -> None:
    """Have these servers asked."""
    box.write("/etc/nas2fa/nas2fa.toml", f"ntp_servers = {json.dumps(servers)}\n")
    box.run("systemctl reload nas2fad")


@contextmanager
def times(box: Box, *words: str | float) -> Iterator[None]:
    """Servers that say so are on the network, and are asked."""
    said = dict(zip(ADDRESSES, words, strict=False))
    with serving(box, said):
        asked(box, *said)
        yield


def clock(box: Box, user: str = "root") -> tuple[int, Mapping[str, Any]]:
    """Exit code and answer of `nas2fa clock`."""
    done = box.run("nas2fa clock --json", user=user, check=False)
    return done.returncode, json.loads(done.stdout)


def standings(found: Mapping[str, Any]) -> list[str]:
    return [server["standing"] for server in found["servers"]]


@pytest.mark.parametrize(
    ("words", "code", "seconds", "expected"),
    [
        ((0, 0, 0), 0, 0, ["believed"] * 3),
        ((20, 20, 20), 1, 20, ["believed"] * 3),
        ((-20, -20, -20), 1, -20, ["believed"] * 3),
        ((YEAR, YEAR, YEAR), 1, YEAR, ["believed"] * 3),
        ((0, YEAR, 0), 0, 0, ["believed", "lying", "believed"]),
        ((20, 0, 20), 1, 20, ["believed", "lying", "believed"]),
        ((YEAR,), None, None, ["alone"]),
        ((0, YEAR), None, None, ["undecided"] * 2),
        (("silent", "silent", "silent"), None, None, ["useless"] * 3),
        (("silent", 0, "unsynchronised"), None, None, ["useless", "alone", "useless"]),
    ],
    ids=str,
)
def test_what_time_servers_say(timed: Box, words, code, seconds, expected) -> None:
    with times(timed, *words):
        ended, found = clock(timed)
    assert standings(found) == expected
    if seconds is None:  # none is believed: the kernel's word counts, which is that of the machine that runs the tests
        assert (found["state"], ended) == (("trusted", 0) if found["synchronised"] else ("unknown", 4))
    else:
        assert (found["seconds"], ended) == (pytest.approx(seconds, abs=0.5), code)


def test_servers_in_a_black_hole_are_waited_for_a_moment_only(timed: Box) -> None:
    asked(timed, black_hole(timed))
    before = float(timed.run("cut -d' ' -f1 /proc/uptime").stdout)
    _, found = clock(timed)
    assert float(timed.run("cut -d' ' -f1 /proc/uptime").stdout) - before < 8
    assert [server["fault"] for server in found["servers"]] == ["silent"]


def test_a_box_without_time_service_is_told_how_to_get_one(timed: Box) -> None:
    asked(timed)
    _, found = clock(timed)
    assert (found["servers"], found["source"], found["services"]) == ([], "", [])
    assert found["remedy"] == ["apt-get install systemd-timesyncd", "timedatectl set-ntp true"]
    assert "In a container the clock is the host's" in timed.run("nas2fa clock", check=False).stdout
    timed.run("ln -s /bin/false /usr/sbin/systemd-detect-virt")  # found before the real one: this is no container
    assert "timedatectl set-ntp true" in timed.run("nas2fa clock", check=False).stdout
    timed.run("rm /usr/sbin/systemd-detect-virt")


def test_the_kernels_word_is_heard_in_the_cage(timed: Box) -> None:
    _, found = clock(timed)
    assert found["synchronised"] in (True, False)


def test_anybody_may_ask(timed: Box) -> None:
    with times(timed, 20, 20):
        clock(timed)
        code, found = clock(timed, user="bob")
    assert (code, found["state"]) == (1, "drifting")


def test_nobody_is_set_up_by_a_clock_that_is_off_but_by_root_for_a_reason(timed: Box) -> None:
    with times(timed, 20, 20):
        refused = timed.run("nas2fa setup --user bob", check=False)
        assert refused.returncode == 1
        for words in ("20 s behind", "clock_limit", "--despite-clock REASON", "Nothing was changed."):
            assert words in refused.stderr
        own = timed.terminal("nas2fa setup", user="bob")
        own.expect(PASSWORD_PROMPT)
        own.sendline(PASSWORD)
        own.expect_exact("Tell the administrator.")
        own.expect_exact("Nothing was changed.")
        assert timed.journal(OVERRIDDEN) == []
        child = timed.terminal("nas2fa setup --user bob --despite-clock 'no network here'")
        child.expect_exact("The clock is 20 s behind")
        logins.set_up(child, "bob")
        [record] = timed.journal(OVERRIDDEN)
        assert "no network here" in record["MESSAGE"]
    timed.run("nas2fa user reset --yes bob")


def test_a_liar_keeps_nobody_from_being_set_up(timed: Box) -> None:
    with times(timed, 0, YEAR, 0):
        logins.set_up(timed.terminal("nas2fa setup --user bob"), "bob")
    timed.run("nas2fa user reset --yes bob")


def test_the_box_is_not_switched_on_by_a_clock_that_is_off_but_for_a_reason(timed: Box) -> None:
    told = len(timed.journal(OVERRIDDEN))
    with times(timed, 20, 20):
        refused = system(timed, *PLAINLY, status=1)
        assert "20 s behind" in refused
        assert "--despite-clock REASON" in refused
        assert "--despite-findings" not in refused  # it has one override, not two
        assert state(timed) == "off"
        dry = system(timed, *PLAINLY, "--dry-run", status=1)
        assert "Without --dry-run this would be refused:\nThe clock of this box is 20 s behind" in dry
        assert len(timed.journal(OVERRIDDEN)) == told
        system(timed, *PLAINLY, "--despite-clock", "no network here")
        assert state(timed) == "trial"
        assert len(timed.journal(OVERRIDDEN)) == told + 1
        system(timed, "disable", "--yes")


def test_switching_on_warns_of_a_server_alone(timed: Box) -> None:
    with times(timed, YEAR):
        assert f"Only {ONE} answered" in system(timed, *PLAINLY, "--dry-run")


def test_the_journal_tells_when_the_verdict_changes(timed: Box) -> None:
    with times(timed, 0, 0):
        clock(timed)
    before = [record["__CURSOR"] for record in changes(timed)]
    with times(timed, 20, 20):
        clock(timed)
        clock(timed)
    with times(timed, 0, 0):
        clock(timed)
    told = [record for record in changes(timed) if record["__CURSOR"] not in before]
    assert [record["NAS2FA_EVENT"] for record in told] == ["CLOCK_DOUBTED", "CLOCK_TRUSTED"]
    assert "20 s behind" in told[0]["MESSAGE"]


def changes(box: Box) -> list[dict[str, Any]]:
    return box.journal("NAS2FA_EVENT=CLOCK_DOUBTED", "NAS2FA_EVENT=CLOCK_TRUSTED")


def test_a_clock_that_went_back_is_seen_at_the_start(timed: Box) -> None:
    asked(timed)
    timed.run("nas2fa user add bob --uri 'otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'")
    timed.run("touch --date '1 hour' /var/lib/nas2fa/users/*.json; systemctl restart nas2fad")
    timed.until("journalctl -q NAS2FA_EVENT=CLOCK_DOUBTED | grep -q 'The clock is behind'")
    code, found = clock(timed)
    assert (code, found["state"]) == (1, "behind")
    refused = timed.run("nas2fa setup --user bob", check=False)
    assert "behind its own records" in refused.stderr
    with times(timed, 0, 0):  # who knows better
        assert clock(timed)[0] == 0
    timed.run("touch /var/lib/nas2fa/users/*")


@pytest.mark.parametrize("service", TIME_SERVICES)
def test_the_commands_that_are_told_turn_automatic_time_on(suite: str, service: str) -> None:
    """Switched on they are seen to be; that they run is not, as nothing may set the clock in these boxes."""
    with Box(time_layers(suite, service)) as box:
        box.run(f"ln -s /bin/false /usr/sbin/systemd-detect-virt; systemctl disable {service}")
        _, found = clock(box)
        assert found["services"] == [{"name": service, "enabled": False, "running": False}]
        assert f"off ({service} does not run)" in box.run("nas2fa clock", check=False).stdout
        for command in found["remedy"]:
            box.run(command, check=False)
        assert clock(box)[1]["services"][0]["enabled"] is True
        assert box.run(f"systemctl is-enabled {service}").stdout.strip() == "enabled"
