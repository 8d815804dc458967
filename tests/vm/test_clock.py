"""A real machine that has lost its clock: the way in, the time by two codes, and by each of Debian's time services."""

from __future__ import annotations

import json
import re
import time

from debianbox import logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from debianbox.roots import TIME_SERVICES
from disk import PAPER, SERVERS, admin, image
from machine import Machine
from outside import Outside

PROMPT = r"[$#] (?:\x1b\[\S*)?$"
MONTH = 30 * 86_400
SLOW = 90.0  # seconds for a few commands of this machine, beside which both clocks are looked at


def test_a_lost_clock() -> None:
    """The hardware clock begins in 1970, and no time server is there; later one is, and the clock goes wrong again."""
    with (
        Outside(SERVERS) as outside,
        Machine(image("bookworm"), outside=outside.enter, clock="1970-01-01T00:00:00") as machine,
    ):
        machine.boot()
        for service in ("login", "sudo"):
            logins.add_module(machine, service)
        machine.run("systemctl start anchor.service")
        the_time_by_two_codes(machine)
        with outside.time_servers(dict.fromkeys(SERVERS, "0")):
            for service in TIME_SERVICES:
                the_time_by(service, machine)


def the_time_by_two_codes(machine: Machine) -> None:
    """No code is right: alice goes to the console with her recovery codes, and sets the clock with her phone."""
    assert off(machine) < -MONTH
    found = clock(machine)
    assert (found["state"], found["seconds"]) == ("behind", None)
    assert found["synchronised"] is False

    alice, step = admin("alice"), int(time.time()) // 30
    paper = re.findall(r"\b\w{4}-\w{4}-\w{4}\b", machine.run(["cat", PAPER]).stdout)
    assert "has gone back" in log_in(machine, alice.phone.at(step), "login: ")
    log_in(machine, paper[0], PROMPT)
    typed = (
        ("", "sudo nas2fa rescue-clock --user alice"),
        ("password for alice: ", PASSWORD),
        (CODE_PROMPT, paper[1]),
        ("alice shows now: ", alice.phone.at(step)),
        ("the next one, and type that: ", alice.phone.at(step + 1)),
        ("Type yes to go on: ", "yes"),
        (PROMPT, "exit"),
    )
    for prompt, reply in typed:
        machine.console.expect(prompt)
        machine.console.sendline(reply)
    assert "The clock is set" in str(machine.console.before)
    assert abs(off(machine)) < SLOW
    assert abs(off(machine, "hwclock --get")) < SLOW
    (record,) = machine.run("journalctl -q -o cat NAS2FA_EVENT=CLOCK_RESCUED").stdout.splitlines()
    assert "clock set by uid 0 by codes of alice: from 20" in record

    machine.console.expect("login: ")
    used, good = alice.phone.at(step + 1), alice.phone.at(step + 2)
    assert "used already" in log_in(machine, used, "login: ")
    log_in(machine, good, PROMPT)
    machine.console.sendline("exit")


def the_time_by(service: str, machine: Machine) -> None:
    """The clock is a month behind; the service puts it right."""
    machine.run("date --set '1 month ago'")
    found = clock(machine)
    assert found["state"] == "behind"
    assert abs(found["seconds"] + off(machine)) < SLOW
    assert not any(each["running"] for each in found["services"])

    machine.run(f"systemctl start {service}; until [ $(date +%s) -ge {time.time():.0f} ]; do :; done")
    found = clock(machine)
    assert (found["state"], abs(found["seconds"]) < 2) == ("trusted", True), found
    assert [each["name"] for each in found["services"] if each["running"]] == [service]
    bobby = admin("bobby")
    assert "Verdict: allow (OK)" in machine.run("nas2fa test bobby", stdin=bobby.phone.code() + "\n").stdout
    machine.run(f"systemctl stop {service}")


def log_in(machine: Machine, code: str, then: str) -> str:
    """Alice at the serial console, from the password on; what it shows until `then`."""
    for prompt, reply in (("", "alice"), (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, code)):
        machine.console.expect(prompt)
        machine.console.sendline(reply)
    machine.console.expect(then)
    return str(machine.console.before)


def clock(machine: Machine) -> dict:
    return json.loads(machine.run("nas2fa clock --json", check=False).stdout)


def off(machine: Machine, read: str = "date") -> float:
    """Seconds by which a clock of the machine is ahead."""
    return int(machine.run(f'date --date "$({read})" +%s').stdout) - time.time()
