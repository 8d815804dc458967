"""Whether an administrator gets in, as policy itself decides it: rules, exemptions and `unenrolled` in real words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from nas2fa import config
from nas2fa.activation import entrance, preflight
from nas2fa.activation.admins import Admin
from nas2fa.activation.checks.people import an_administrator_gets_in
from nas2fa.activation.edits import Keys
from nas2fa.activation.examination import Examination
from nas2fa.activation.system import Ran, System
from nas2fa.errors import Reason, RequestError
from nas2fa.login.facts import facts_of
from nas2fa.login.policy import decide
from nas2fa.login.protocol import Hello
from nas2fa.network import Own
from nas2fa.store.records import Exemption

ANN, BEN, ROOT = Admin(1000, "ann"), Admin(1001, "ben"), Admin(0, "root")
GROUPS = {"ann": ("ann", "sudo"), "ben": ("ben", "sudo"), "root": ("root",)}
OWN = Own(frozenset(), frozenset({4, 6}))
CODES = '[[rule]]\naction = "code"\n'
DENY = '[[rule]]\naction = "deny"\n'
LAN = 'network = ["192.168.7.0/24"]\n'


@dataclass(frozen=True, slots=True)
class Fake(System):
    """A box with two administrators beside root, whose password is locked."""

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        match command:
            case ["id", "-Gnz", name]:
                return Ran(0, "\0".join(GROUPS[name]) + "\0", "")
            case ["getent", "passwd"]:
                return Ran(0, "".join(f"{a.user}:x:{a.uid}:{a.uid}::/:/bin/sh\n" for a in (ROOT, ANN, BEN)), "")
            case ["getent", "group", *_]:
                return Ran(0, "sudo:x:27:ann,ben\n", "")
        return Ran(0, "", "")


class Daemon:
    """nas2fad as far as it is asked, with the policy of the real one."""

    def __init__(self, rules: str, unenrolled: str = "pass", armed: Sequence[str] = ("ann", "ben")) -> None:
        self.config = config.parse(rules, "nas2fa.toml")
        self.unenrolled, self.armed = unenrolled, armed
        self.exempt: tuple[Exemption, ...] = ()
        self.fault: RequestError | None = None

    def __call__(self, verb: str, args: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        match verb:
            case "imagine":
                return self._imagine(args), []
            case "user.list":
                row = {"armed": True, "fault": None, "last_ok": 1, "recovery_left": 10}
                return {}, [{**row, "uid": a.uid, "user": a.user} for a in (ROOT, ANN, BEN) if a.user in self.armed]
            case "exempt.list":
                if self.fault:
                    raise self.fault
                return {}, [{"user": e.user, "network": str(e.network), "over": False} for e in self.exempt]
        raise AssertionError(verb)

    def _imagine(self, args: Mapping[str, Any]) -> Mapping[str, Any]:
        phase = "guard" if args.get("alone") else "auth"
        first = "publickey " if args.get("first") == "key" else ""
        hello = Hello(phase, args["service"], args["uid"], args["user"], args.get("rhost", ""), args["tty"], "", first)
        facts = facts_of(hello, True, OWN, frozenset(args["groups"].split(":")))
        decision = decide(self.config.rule, self.exempt, facts, 1.0)
        action, reason, why = str(decision.action), decision.reason, decision.why
        if action == "code" and args["user"] not in self.armed:
            action, reason = ("skip" if self.unenrolled == "pass" else "deny"), Reason.NOT_ENROLLED
        elif action == "code" and phase == "guard":
            action, reason = "deny", Reason.NOT_VERIFIED
        return {"action": action, "reason": str(reason), "why": why}


@pytest.fixture
def box(tmp_path: Path) -> Fake:
    (tmp_path / "etc/nas2fa").mkdir(parents=True)
    (tmp_path / "etc/shadow").write_text("root:!:1::::::\nann:$y$x:1::::::\nben:$y$x:1::::::\n")
    return Fake(str(tmp_path))


def barred(box: Fake, rules: str, admin: Admin = ANN, **more: Any) -> str | None:
    (Path(box.root) / "etc/nas2fa/nas2fa.toml").write_text(rules)
    return entrance.barred(box, admin, Keys.GUARD, Daemon(rules, **more))


@pytest.mark.parametrize(
    "rules",
    [
        "",
        DENY + 'user = ["ben"]\n',
        DENY + 'service = ["sshd"]\n',  # the console is left
        DENY + 'from = "remote"\n',
        CODES + LAN + DENY + 'service = ["sshd", "login"]\n',  # from the network of the rule
        '[[rule]]\naction = "skip"\nfirst = "key"\n' + DENY + 'service = ["sshd", "login"]\n',
    ],
)
def test_a_door_that_is_left_is_found(box: Fake, rules: str) -> None:
    assert barred(box, rules) is None


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        (DENY, "rule 1"),
        (DENY + 'group = ["sudo"]\n', "rule 1"),
        (DENY + 'user = ["ann"]\n', "rule 1"),
        (CODES + LAN + DENY, "sudo: rule 2"),  # in from the network, but on to root from nowhere
        (DENY + 'service = ["sudo"]\n', "sudo: rule 1"),
    ],
)
def test_an_administrator_without_a_door_is_told_why(box: Fake, rules: str, why: str) -> None:
    assert why in str(barred(box, rules))


def test_who_is_not_set_up_gets_in_only_where_that_passes(box: Fake) -> None:
    assert barred(box, "", armed=()) is None
    assert "login" in str(barred(box, "", armed=(), unenrolled="deny"))


def test_root_by_an_exempt_key_is_a_door(box: Fake) -> None:
    asked = Daemon("", "deny", armed=())
    assert entrance.barred(box, ROOT, Keys.GUARD, asked)
    asked.exempt = (Exemption("x", "sshd", ip_network("10.0.0.0/24"), 0, 2, "root", "", "any", "way back", 0),)
    assert entrance.barred(box, ROOT, Keys.GUARD, asked) is None


def test_exemptions_that_cannot_be_read_bar_nobody(box: Fake) -> None:
    asked = Daemon("")
    asked.fault = RequestError(Reason.RECORD_UNREADABLE, "exemptions.json")
    assert entrance.barred(box, ANN, Keys.GUARD, asked) is None


def test_enable_counts_no_administrator_whom_the_rules_refuse(box: Fake) -> None:
    assert preflight.no_way_back(box, [ANN, BEN], Keys.GUARD, Daemon("")) is None
    said = preflight.no_way_back(box, [ANN, BEN], Keys.GUARD, Daemon(DENY + 'user = ["ben"]\n'))
    assert "ben: would be refused by the rules" in str(said)


@pytest.mark.parametrize(
    ("rules", "more", "found"),
    [
        ("", {}, False),
        (DENY + 'group = ["sudo"]\n', {}, True),  # root, whose password is locked, is no way in
        (DENY + 'user = ["ann"]\n', {}, False),
        ("", {"unenrolled": "deny"}, False),
        ("", {"unenrolled": "deny", "armed": ()}, True),
        ("", {"unenrolled": "deny", "armed": ("ben",)}, False),
    ],
)
def test_the_doctor_finds_a_box_that_lets_no_administrator_in(
    box: Fake, rules: str, more: dict[str, Any], found: bool
) -> None:
    (Path(box.root) / "etc/nas2fa/nas2fa.toml").write_text(rules)
    findings = list(an_administrator_gets_in(Examination(box, Daemon(rules, **more))))
    assert [finding.name for finding in findings] == ["no-admin-gets-in"] * found
