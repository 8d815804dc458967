"""`nas2fa clock`, and what set-up and switching on say of a clock that is off."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from commanding import ROOT, Command
from nas2fa.activation import doctor, preflight
from nas2fa.activation.checks import clock as checks
from nas2fa.activation.examination import Examination
from nas2fa.activation.system import Ran, System
from nas2fa.cli import clock, setup, wizard
from scripted_daemon import ScriptedDaemon, ask, done, hear, refuse, request, say

SERVER = {"server": "ntp.lan", "address": "10.0.0.1", "fault": "", "offset": 20.25, "delay": 0.002, "stratum": 2}
SAID_NOTHING = dict.fromkeys(("offset", "delay", "stratum"))
SILENT = {**SERVER, **SAID_NOTHING, "server": "gone.lan", "address": "", "fault": "silent"}
RIGHT = {
    "iso": "2026-11-24T05:26:44+01:00",
    "zone": "CET",
    "utc_offset": 3600,
    "synchronised": True,
    "estimated_error": 0.001,
    "state": "trusted",
    "seconds": 0.01,
    "newest": 1_795_500_000.0,
    "whose": "ntp",
    "limit": 15,
    "source": "chrony",
    "measured_ago": 0,
    "servers": [{**SERVER, "offset": 0.01, "standing": "believed"}, {**SILENT, "standing": "useless"}],
    "services": [{"name": "chrony", "enabled": True, "running": True}],
    "head": "The clock is right.",
    "lines": ["Of no use: gone.lan (no answer)."],
    "doubt": False,
    "refusal": "",
    "remedy": [],
}
OFF = {
    **RIGHT,
    "synchronised": False,
    "estimated_error": None,
    "state": "drifting",
    "seconds": 20.25,
    "servers": [{**SERVER, "standing": "believed"}],
    "services": [{"name": "systemd-timesyncd", "enabled": False, "running": False}],
    "head": "The clock is 20 s behind.",
    "lines": [],
    "refusal": "The clock of this box is 20 s behind, more than the 15 s that are allowed.",
    "remedy": ["timedatectl set-ntp true"],
}


@pytest.fixture
def nas2fa(tmp_path, monkeypatch, capsys) -> Command:
    for module in (clock, setup, wizard):
        monkeypatch.setattr(module, "contained", lambda _: False)
    return Command(tmp_path, monkeypatch, capsys)


def shown(nas2fa: Command, found: Mapping[str, Any], *words: str) -> tuple[int, str]:
    with ScriptedDaemon(nas2fa.socket, [request("clock", measure=True), done(**found)]):
        outcome = nas2fa("clock", *words)
    assert outcome.err == ""
    return outcome.code, outcome.out


def test_a_clock_that_is_right(nas2fa) -> None:
    code, out = shown(nas2fa, RIGHT)
    assert code == 0
    for words in (
        "Tuesday, 24 November 2026",
        "05:26:44",
        "CET (UTC+01:00)",
        "on, by chrony\n",
        "calls the clock synchronised, to 0.001 s by its own guess\n",
        "of chrony\n",
        "The clock is right.\nOf no use: gone.lan (no answer).",
    ):
        assert words in out
    assert "  ntp.lan   10.0.0.1  +0.010 s  0.002 s  2        believed" in out
    assert "  gone.lan  -         silent    -        -        useless" in out
    assert "What to do" not in out


def test_a_clock_that_is_off_and_what_to_do(nas2fa) -> None:
    code, out = shown(nas2fa, OFF)
    assert code == 1
    assert "off (systemd-timesyncd does not run)" in out
    assert "Nothing can be set up until it is right." in out
    assert out.endswith("\nWhat to do, as root:\n  timedatectl set-ntp true\n")


def test_in_a_container_the_host_keeps_the_clock(nas2fa, monkeypatch) -> None:
    monkeypatch.setattr(clock, "contained", lambda _: True)
    code, out = shown(nas2fa, OFF)
    assert code == 1
    assert "kept by the host of this container" in out
    assert "In a container the clock is the host's" in out
    assert "timedatectl" not in out
    assert "In a container" not in shown(nas2fa, RIGHT)[1]


@pytest.mark.parametrize(
    ("state", "code"), [("trusted", 0), ("drifting", 1), ("behind", 1), ("unknown", 4), ("something new", 4)]
)
def test_the_exit_code_tells_the_verdict(nas2fa, state, code) -> None:
    assert shown(nas2fa, {**RIGHT, "state": state})[0] == code
    assert shown(nas2fa, {**RIGHT, "state": state}, "--json")[0] == code


def test_json_is_what_the_daemon_said(nas2fa) -> None:
    assert json.loads(shown(nas2fa, OFF, "--json")[1]) == OFF


@pytest.mark.parametrize(
    ("services", "words"),
    [
        ([], "off (no time service is installed)"),
        ([{"name": "ntpsec", "enabled": False, "running": True}], "on, by ntpsec, but not after the next start"),
    ],
)
def test_automatic_time(nas2fa, services, words) -> None:
    assert words in shown(nas2fa, {**RIGHT, "services": services})[1]


def test_what_was_not_asked_is_said(nas2fa) -> None:
    bare = {**RIGHT, "services": None, "servers": [], "source": "", "seconds": None, "measured_ago": None}
    assert 'not asked (clock = "kernel" in nas2fa.toml)' in shown(nas2fa, {**bare, "whose": "kernel"})[1]
    out = shown(nas2fa, bare)[1]
    assert "not asked yet" in out
    assert "Automatic time" not in out
    assert "nas2fa-courier, which asks them, does not answer" in shown(nas2fa, {**bare, "measured_ago": 0})[1]
    with ScriptedDaemon(nas2fa.socket, [request("clock", measure=False), done(**bare)]):
        assert nas2fa("clock", "--no-measure").code == 0


def test_phones_are_told_to_root(nas2fa) -> None:
    phones = {"known": 5, "off": 4, "seconds": 22, "suspect": None}
    assert "5 known, 4 of them off; the box is about 22 s behind them" in shown(nas2fa, {**RIGHT, "phones": phones})[1]
    phones = {"known": 0, "off": 0, "seconds": None, "suspect": -240}
    out = shown(nas2fa, {**RIGHT, "phones": phones})[1]
    assert "0 known, 0 of them off; refused codes of several users are right for a time 240 s behind" in out


def test_names_from_outside_do_not_reach_the_terminal(nas2fa) -> None:
    evil = {**SERVER, "server": "\x1b[2J", "standing": "\x1b[2J"}
    assert "\x1b" not in shown(nas2fa, {**OFF, "servers": [evil], "head": "\x1b]0;x\x07", "remedy": ["\x1bc"]})[1]


def test_set_up_is_refused_with_the_command_that_puts_it_right(nas2fa) -> None:
    refused = refuse("CLOCK_OFF", "The clock of this box is 20 s behind. Put it right, or --despite-clock REASON.")
    script = [request("status"), done(armed=False), request("setup", **ROOT), refused]
    with ScriptedDaemon(nas2fa.socket, [*script, request("clock", measure=False), done(**OFF)]):
        outcome = nas2fa("setup", "--user", "root")
    assert outcome.code == 1
    assert "20 s behind" in outcome.err
    assert "--despite-clock" in outcome.err
    assert outcome.err.endswith("Nothing was changed.\n")
    assert "timedatectl set-ntp true" in outcome.out


def test_root_may_set_up_despite_the_clock(nas2fa) -> None:
    script = [
        request("status"),
        done(armed=False),
        request("setup", **ROOT, despite_clock="no network here"),
        say({"show": "clock", "value": OFF}),
        ask("start"),
        hear({"cancel": True}),
        refuse("ABORTED", "Nothing was changed."),
    ]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("setup", "--user", "root", "--despite-clock", "no network here")
    assert "off (systemd-timesyncd does not run)" in outcome.out
    assert "The clock is 20 s behind." in outcome.out


def test_the_wizard_warns_of_servers_that_nobody_confirms(nas2fa) -> None:
    doubtful = {**RIGHT, "seconds": None, "synchronised": None, "doubt": True, "lines": ["Only ntp1 answered."]}
    for found, warned in ((doubtful, True), ({**doubtful, "doubt": False}, False)):
        opening = [request("status"), done(armed=False), request("setup"), say({"show": "clock", "value": found})]
        with ScriptedDaemon(nas2fa.socket, [*opening, ask("start"), hear({"cancel": True}), refuse("ABORTED", "x")]):
            out = nas2fa("setup", "--user", "root").out
        assert "does not say whether this clock is synchronised" in out
        assert ("Only ntp1 answered." in out) is warned


def test_the_wizard_tells_root_who_goes_on_that_the_clock_went_back(nas2fa) -> None:
    back = {**OFF, "seconds": None, "state": "behind", "head": "The clock is behind."}
    opening = [request("status"), done(armed=False), request("setup"), say({"show": "clock", "value": back})]
    with ScriptedDaemon(nas2fa.socket, [*opening, ask("start"), hear({"cancel": True}), refuse("ABORTED", "x")]):
        assert "The clock is behind." in nas2fa("setup", "--user", "root", "--despite-clock", "x").out


@dataclass(frozen=True, slots=True)
class Fake(System):
    """A box that is a container or none, and has a time service that runs."""

    contained: bool = False

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        if command[0] == "systemd-detect-virt":
            return Ran(0 if self.contained else 1, "", "")
        return Ran(0, "active\n", "")


def test_switching_on_is_refused_with_offset_command_and_override(tmp_path) -> None:
    refusal, doubt = preflight.clock_off(Fake(str(tmp_path)), lambda verb, args: (OFF, []))
    assert doubt is None
    assert refusal is not None
    for words in ("20 s behind", "timedatectl set-ntp true", "--despite-clock REASON"):
        assert words in refusal
    contained, _ = preflight.clock_off(Fake(str(tmp_path), contained=True), lambda verb, args: (OFF, []))
    assert contained is not None
    assert "the host's" in contained
    assert "timedatectl" not in contained


def test_switching_on_warns_where_nobody_knows(tmp_path) -> None:
    doubtful = {**RIGHT, "doubt": True, "head": "Not known.", "lines": ["Only ntp1 answered."]}
    assert preflight.clock_off(Fake(str(tmp_path)), lambda verb, args: (doubtful, [])) == (
        None,
        "Not known.\nOnly ntp1 answered.",
    )
    assert preflight.clock_off(Fake(str(tmp_path)), lambda verb, args: (RIGHT, [])) == (None, None)


def test_an_override_is_told_to_the_daemon(tmp_path) -> None:
    asked = []
    preflight.overrule_clock(lambda verb, args: asked.append((verb, args)) or (OFF, []), "no network here")
    assert asked == [("clock", {"measure": False, "despite": "no network here"})]


def findings(tmp_path, found: Mapping[str, Any], *, contained: bool = False) -> list[tuple[str, str]]:
    def ask(verb: str, args: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        return {"clock": found, "health": {"clock": {"synchronised": True}}}[verb], []

    look = Examination(Fake(str(tmp_path), contained), ask)
    return [(one.name, str(one.severity)) for check in checks.CHECKS for one in doctor._run(check, look)]


def standing(*words: str) -> list[dict[str, Any]]:
    return [{**SERVER, "standing": word} for word in words]


@pytest.mark.parametrize(
    ("found", "names"),
    [
        (RIGHT, []),
        (OFF, [("clock-off", "error")]),
        ({**OFF, "refusal": ""}, [("clock-off", "warning")]),
        ({**OFF, "state": "behind", "seconds": None}, [("clock-behind", "error")]),
        ({**RIGHT, "servers": standing("believed", "believed", "lying")}, [("clock-servers", "warning")]),
        ({**RIGHT, "servers": standing("undecided", "undecided")}, [("clock-servers", "warning")]),
        ({**RIGHT, "servers": standing("alone", "useless")}, [("clock-servers", "note")]),
        ({**RIGHT, "servers": standing("useless")}, [("clock-servers", "note")]),
        ({**RIGHT, "servers": []}, []),
        ({}, []),  # nas2fad is away
    ],
)
def test_the_doctor_finds_it(tmp_path, found, names) -> None:
    assert findings(tmp_path, found) == names


def test_the_doctor_tells_the_command_that_puts_it_right(tmp_path) -> None:
    look = Examination(Fake(str(tmp_path)), lambda verb, args: (OFF, []))
    [finding] = checks.clock_is_right(look)
    assert finding.fix == "timedatectl set-ntp true; nas2fa clock"
    [finding] = checks.clock_is_right(Examination(Fake(str(tmp_path), contained=True), lambda verb, args: (OFF, [])))
    assert "the host's" in finding.fix
