"""nas2fa-courier in its cage: on boxes with each of Debian's time services, against servers of every kind."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from debianbox import lan, timeservers, timeservices
from debianbox.layers import installed
from debianbox.machine import Box
from debianbox.roots import TIME_SERVICES
from debianbox.timeservers import ADDRESSES
from debianbox.timeservices import ask

YEAR = 365 * 86_400
RIGHT, AHEAD, YEAR_BEHIND, MUTE = ADDRESSES
ALL_SECONDS = 6.0  # 4 s of its own, and a box under test that starts Python


@pytest.fixture(scope="module", params=TIME_SERVICES)
def kept(suite: str, request: pytest.FixtureRequest) -> Iterator[tuple[Box, str]]:
    """A box with a network, and the service that keeps its clock."""
    with Box(timeservices.time_layers(suite, request.param)) as box:
        lan.attach(box)
        yield box, request.param


@pytest.fixture(scope="module")
def box(suite: str) -> Iterator[Box]:
    """A box with a network and without any time service."""
    with Box(installed(suite)) as box:
        lan.attach(box)
        yield box


def is_off(row: Mapping[str, Any], seconds: float) -> bool:
    """By what NTP can say: to half of the delay, however busy the box is. Without an answer both are 0."""
    return abs(row["offset"] - seconds) <= row["delay"] / 2 + 0.01


# --- each service, as Debian has it, and as the admin of a NAS has it then; in this order, on one box


def test_debians_own_servers_are_found(kept: tuple[Box, str]) -> None:
    box, service = kept
    servers, services, end = ask(box)
    assert end["done"]["source"] == service
    assert servers
    assert all(row["server"].endswith(".debian.pool.ntp.org") for row in servers)
    assert {row["fault"] for row in servers} == {"not-found"}  # there is no name server here
    assert services == [{"name": service, "enabled": True, "running": False}]


def test_servers_of_every_kind(kept: tuple[Box, str]) -> None:
    """One liar of three, a lost year, one that never answers, a black hole, and a closed port."""
    box, service = kept
    hole = timeservers.black_hole(box)
    names = ["right.lan", AHEAD, YEAR_BEHIND, MUTE, hole, lan.BOX, "nobody.lan"]
    box.run(f"echo {RIGHT} right.lan >> /etc/hosts")
    timeservices.tell(box, service, names)
    with timeservers.serving(box, {RIGHT: 0, AHEAD: 20, YEAR_BEHIND: -YEAR, MUTE: "silent"}):
        began = time.monotonic()
        servers, _, end = ask(box)
        took = time.monotonic() - began
    assert end["done"] == {"total": len(names) + 1, "source": service}
    assert [row["server"] for row in servers] == names
    assert [row["fault"] for row in servers] == ["", "", "", "silent", "silent", "refused", "not-found"]
    assert all(map(is_off, servers, [0, 20, -YEAR, 0, 0, 0, 0]))
    assert servers[0]["address"] == RIGHT
    assert took < ALL_SECONDS


def test_none_is_configured(kept: tuple[Box, str]) -> None:
    box, service = kept
    box.run("rm -f /etc/chrony/sources.d/lan.sources; sed -i '/^server/d' /etc/ntpsec/ntp.conf || :")
    if service == "systemd-timesyncd":
        timeservices.tell(box, service, [])
    servers, _, end = ask(box)
    assert (servers, end["done"]["source"]) == ([], "")


def test_a_service_that_is_masked_is_off(kept: tuple[Box, str]) -> None:
    box, service = kept
    box.run(f"systemctl mask --quiet {service}")
    assert ask(box)[1] == [{"name": service, "enabled": False, "running": False}]
    box.run(f"systemctl unmask --quiet {service}; systemctl disable --quiet {service}")
    assert ask(box)[1] == [{"name": service, "enabled": False, "running": False}]


def test_a_service_that_runs(suite: str) -> None:
    """chronyd, which is told to leave the clock alone, since a box has no right to set it."""
    with Box(timeservices.time_layers(suite, "chrony")) as box:
        box.write(
            "/etc/systemd/system/chrony.service.d/box.conf",
            "[Unit]\nConditionCapability=\n[Service]\nExecStart=\nExecStart=!/usr/sbin/chronyd -x\n",
        )
        box.run("systemctl daemon-reload; systemctl start chrony")
        assert ask(box)[1] == [{"name": "chrony", "enabled": True, "running": True}]
        box.run("systemctl stop chrony")
        assert ask(box)[1] == [{"name": "chrony", "enabled": True, "running": False}]


# --- the unit


def test_a_box_without_a_time_service(box: Box) -> None:
    assert ask(box) == ([], [], {"done": {"total": 0, "source": ""}})


def test_our_own_servers_by_ipv6_too(box: Box) -> None:
    with timeservers.serving(box, {RIGHT: 5, lan.NEIGHBOUR6: -5}):
        servers, _, end = ask(box, RIGHT, lan.NEIGHBOUR6)
    assert end["done"]["source"] == "nas2fa.toml"
    assert all(map(is_off, servers, [5, -5]))


def test_a_name_server_that_is_never_heard(box: Box) -> None:
    box.run(f"echo nameserver {timeservers.black_hole(box)} > /etc/resolv.conf; systemctl stop nas2fa-courier")
    began = time.monotonic()
    with timeservers.serving(box, {RIGHT: 5}):
        servers, _, _ = ask(box, *(f"{number}.time.example" for number in range(7)), RIGHT)
    assert [row["fault"] for row in servers] == ["not-found"] * 7 + [""]
    assert time.monotonic() - began < ALL_SECONDS


@pytest.mark.parametrize(
    "change",
    [
        "echo '10.99.3.1 right.lan' > /etc/hosts.new; mv /etc/hosts.new /etc/hosts",
        "sed -i s/10.99.3.2/10.99.3.1/ /etc/hosts",
        "printf '10.99.3.1 right.lan' > /etc/hosts",
    ],
)
def test_a_change_is_seen_by_the_next_question(box: Box, change: str) -> None:
    """Whichever way an editor writes; the cage was made before it."""
    box.run("echo '10.99.3.2 right.lan' > /etc/hosts; echo > /etc/resolv.conf; systemctl stop nas2fa-courier")
    with timeservers.serving(box, {RIGHT: 0, AHEAD: 20}):
        assert is_off(ask(box, "right.lan")[0][0], 20)
        box.run(change)
        (after,), _, _ = ask(box, "right.lan")
    assert after["fault"] == ""
    assert is_off(after, 0)


def test_it_is_not_root_and_for_root_alone(box: Box) -> None:
    ask(box)
    pid = box.run("systemctl show --property=MainPID --value nas2fa-courier").stdout.strip()
    uids = box.run(f"awk '/^Uid:/ {{print $2, $3, $4, $5}}' /proc/{pid}/status").stdout.split()
    assert len(set(uids)) == 1
    assert 61_184 <= int(uids[0]) <= 65_519  # a dynamic user of systemd
    box.run("useradd --create-home alice")
    refused = box.run(["/usr/bin/python3", "-c", timeservices.ASK, ""], user="alice", check=False)
    assert "PermissionError" in refused.stderr


def test_the_next_question_is_answered_whatever_became_of_it(box: Box) -> None:
    for _ in range(8):
        ask(box)
        box.run("systemctl kill --signal=KILL nas2fa-courier; systemctl is-active nas2fa-courier.socket")
    assert ask(box)[2] == {"done": {"total": 0, "source": ""}}


def test_one_that_cannot_start_is_not_started_for_ever(suite: str) -> None:
    """The question would wait, and start it anew, and again. Its socket fails then; the journal says why.

    After five times here, where the unit has a hundred, which take a while.
    """
    with Box(installed(suite)) as box:
        assert box.run("systemctl show --property=StartLimitBurst nas2fa-courier").stdout == "StartLimitBurst=100\n"
        box.write("/run/systemd/system/nas2fa-courier.service.d/few.conf", "[Unit]\nStartLimitBurst=5\n")
        box.run("systemctl daemon-reload")
        module = "/usr/lib/python3/dist-packages/ntplib.py"
        box.run(f"mv {module} /root/")
        assert box.run(["/usr/bin/python3", "-c", timeservices.ASK, ""], check=False).returncode != 0
        box.until("systemctl is-failed nas2fa-courier.socket")
        assert "ModuleNotFoundError: No module named 'ntplib'" in box.run("journalctl -u nas2fa-courier").stdout
        box.run(f"mv /root/ntplib.py {module}; systemctl reset-failed; systemctl start nas2fa-courier.socket")
        assert ask(box)[2] == {"done": {"total": 0, "source": ""}}


def test_without_systemd_it_becomes_nobody(box: Box) -> None:
    """By its own socket, in a private instance; nas2fad is content with it, since root was who listened."""
    box.run("mkdir -p /tmp/own/run")
    box.run("systemd-run --quiet --unit=own /usr/libexec/nas2fa/nas2fa-courier --listen --root /tmp/own")
    box.until("test -S /tmp/own/run/courier.sock")
    elsewhere = timeservices.ASK.replace("/run/nas2fa/", "/tmp/own/run/")
    assert box.run(["/usr/bin/python3", "-c", elsewhere, ""]).stdout == '[[], {"done": {"total": 0, "source": ""}}]\n'
    assert box.run("ps -o user= -p $(systemctl show --property=MainPID --value own)").stdout.strip() == "nobody"
