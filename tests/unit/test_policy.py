"""Who is asked for a code: rules, exemptions and the places they speak of."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from box_network import OWN
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.errors import Reason
from nas2fa.login.facts import Facts, facts_of, fingerprints
from nas2fa.login.policy import Action, decide, groups_needed
from nas2fa.login.protocol import Hello
from nas2fa.network import Own, place_of
from nas2fa.rules import Rule
from nas2fa.store.records import Exemption

NOW = 1_790_000_000
LAN = (ip_network("192.168.1.0/24"),)
KEY = "SHA256:BU9qSLqf0fPSvhRmOWbyAhnyHVTgyVAPRnIFFkTBvsE"
KEY_LINE = "publickey ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIoyi6A8Xm5hNZx3nVqjYqnYlpDQX9MCm2QjLm8Tjm7r"


def at(rhost: str = "192.168.1.7", service: str = "sshd", own: Own = OWN, **more) -> Facts:
    """A login of alice."""
    return Facts(service, "alice", 1000, place_of(rhost, own), **more)


def action(rules, facts: Facts, *exemptions: Exemption) -> str:
    return str(decide(rules, exemptions, facts, NOW).action)


SKIP = Rule("skip", number=1)
BACKUP = Exemption("0a0b0c0d", "sshd", LAN[0], NOW - 10, NOW + 10, user="alice", reason="nightly")


@pytest.mark.parametrize(
    ("rule", "facts", "fits"),
    [
        (SKIP, at(), True),
        (replace(SKIP, service=frozenset({"sshd", "su"})), at(), True),
        (replace(SKIP, service=frozenset({"su"})), at(), False),
        (replace(SKIP, user=frozenset({"alice"})), at(), True),
        (replace(SKIP, user=frozenset({"Alice", "bob"})), at(), False),
        (replace(SKIP, group=frozenset({"wheel", "users"})), at(groups=frozenset({"users"})), True),
        (replace(SKIP, group=frozenset({"wheel"})), at(groups=frozenset({"users"})), False),
        (replace(SKIP, group=frozenset({"wheel"})), at(), False),
        (replace(SKIP, network=LAN), at(), True),
        (replace(SKIP, network=LAN), at("192.168.2.7"), False),
        (replace(SKIP, network=LAN), at(""), False),
        (replace(SKIP, network=LAN), at("192.168.1.5"), False),  # the box itself
        (replace(SKIP, network=LAN), at("192.168.1.1"), False),  # its gateway
        (replace(SKIP, network=LAN), at("host.lan"), False),
        (replace(SKIP, network=LAN), at(own=Own()), False),  # own addresses not known
        (replace(SKIP, first="key"), at(first="key"), True),
        (replace(SKIP, first="key"), at(), False),
        (replace(SKIP, first="password"), at(), True),
        (replace(SKIP, origin="local"), at(""), True),
        (replace(SKIP, origin="local"), at(), False),
        (replace(SKIP, origin="remote"), at("127.0.0.1"), True),
        (replace(SKIP, origin="remote"), at(""), False),
        (replace(SKIP, user=frozenset({"alice"}), network=LAN), at("192.168.2.7"), False),
    ],
)
def test_each_condition(rule: Rule, facts: Facts, fits: bool) -> None:
    assert action([rule], facts) == ("skip" if fits else "code")


def test_the_first_that_fits_decides() -> None:
    rules = [Rule("deny", user=frozenset({"bob"})), Rule("skip", origin="remote"), Rule("deny")]
    assert action(rules, at()) == "skip"
    assert action(rules, at("")) == "deny"
    assert action(rules, replace(at(), user="bob")) == "deny"
    assert action([], at()) == "code"


@pytest.mark.parametrize("rhost", ["192.168.1.5", "192.168.1.1", "host.lan", "::ffff:192.168.1.5"])
def test_a_place_that_proves_nothing_can_only_be_worse_off(rhost: str) -> None:
    """Otherwise a hop over the box's own address would get round a rule for the network it is in."""
    lan = Rule("code", network=LAN)
    assert action([replace(lan, action="deny"), SKIP], at(rhost)) == "deny"
    assert action([lan, SKIP], at(rhost)) == "code"
    assert action([lan, Rule("deny")], at(rhost)) == "deny"
    assert action([replace(lan, action="skip"), Rule("deny")], at(rhost)) == "deny"
    assert "perhaps" in decide([lan, SKIP], (), at(rhost), NOW).notes[0]


def test_what_sshd_says_of_keys() -> None:
    assert fingerprints(KEY_LINE) == {"SHA256:/d362NF6BY9HzIPbay4fmmnjQ8J5xoV/CoEhuMQjJPo"}  # ssh-keygen -l
    assert fingerprints(KEY_LINE + "\n") == fingerprints(KEY_LINE)
    assert fingerprints(KEY_LINE[:-5]) != fingerprints(KEY_LINE)
    assert fingerprints("") == fingerprints("password") == fingerprints("publickey ssh-ed25519") == frozenset()
    assert fingerprints("publickey x %%%") == frozenset()


@pytest.mark.parametrize(
    ("phase", "verified", "first", "kind"),
    [
        ("auth", False, "", "password"),
        ("auth", False, KEY_LINE, "key"),
        ("auth", False, "password", "password"),
        ("guard", False, "", "key"),  # sshd ran no auth phase
        ("guard", True, "", "password"),
    ],
)
def test_first_factor(phase: str, verified: bool, first: str, kind: str) -> None:
    hello = Hello(phase, "sshd", 1000, "alice", "192.168.1.7", "ssh", "", first, verified)
    assert facts_of(hello, True, OWN).first == kind


def test_services_that_are_one() -> None:
    hello = Hello("auth", "sudo-i", 1000, "alice")
    assert facts_of(hello, True, OWN).service == "sudo"
    assert facts_of(replace(hello, service="su-l"), True, OWN).service == "su"


GROUPED = Rule("skip", group=frozenset({"staff"}))


@pytest.mark.parametrize(
    ("rules", "exemptions", "facts", "asked"),
    [
        ([], [], at(), ()),
        ([GROUPED], [], at(), ("staff",)),
        ([SKIP, GROUPED], [], at(), ()),  # decided before
        ([replace(GROUPED, service=frozenset({"su"}))], [], at(), ()),
        ([replace(GROUPED, network=LAN)], [], at("10.0.0.1"), ()),
        ([replace(GROUPED, network=LAN)], [], at("192.168.1.5"), ("staff",)),
        ([GROUPED, replace(GROUPED, group=frozenset({"admins"}))], [], at(), ("admins", "staff")),
        ([GROUPED], [], at(root=False), ()),
        ([GROUPED], [], at(service="nas2fa"), ()),
        ([], [replace(BACKUP, user="", group="backup")], at(), ("backup",)),
        ([], [replace(BACKUP, user="", group="backup")], at("10.0.0.1"), ()),
        ([], [replace(BACKUP, user="", group="backup", until=NOW)], at(), ()),
    ],
)
def test_groups_are_asked_only_when_the_decision_hangs_on_them(rules, exemptions, facts, asked) -> None:
    assert groups_needed(rules, exemptions, facts, NOW) == asked


def test_an_exemption_asks_no_code_and_softens_no_deny() -> None:
    decision = decide([], [BACKUP], at(), NOW)
    assert (decision.action, decision.reason, decision.exemption) == (Action.SKIP, Reason.EXEMPT, "0a0b0c0d")
    assert action([Rule("deny")], at(), BACKUP) == "deny"


@pytest.mark.parametrize(
    ("exemption", "facts"),
    [
        (BACKUP, at("192.168.2.7")),
        (BACKUP, at("192.168.1.5")),
        (BACKUP, at(own=Own())),
        (BACKUP, at("")),
        (BACKUP, at("host.lan")),
        (BACKUP, at(service="su")),
        (BACKUP, replace(at(), user="bob")),
        (replace(BACKUP, until=NOW), at()),
        (replace(BACKUP, created=NOW + 1), at()),  # the clock went back
        (replace(BACKUP, user="", group="backup"), at()),
        (replace(BACKUP, key=KEY), at()),
        (replace(BACKUP, key="any"), at()),
        (replace(BACKUP, key=KEY), at(first="key")),  # a key alone: sshd does not tell which
        (replace(BACKUP, key=KEY), at(first="key", keys=frozenset({KEY[:-1] + "x"}))),
        (replace(BACKUP, user="root"), replace(at(), user="root", uid=0)),
        (replace(BACKUP, user="", group="wheel"), replace(at(groups=frozenset({"wheel"})), user="root", uid=0)),
        (BACKUP, at(root=False)),
        (replace(BACKUP, service="nas2fa"), at(service="nas2fa")),
    ],
)
def test_an_exemption_holds_for_nothing_else(exemption: Exemption, facts: Facts) -> None:
    assert action([], facts, exemption) == "code"


def test_an_exemption_with_a_key() -> None:
    keyed = replace(BACKUP, key=KEY)
    assert action([], at(first="key", keys=frozenset({KEY})), keyed) == "skip"
    assert action([], at(first="key"), replace(BACKUP, key="any")) == "skip"
    root = replace(at(keys=frozenset({KEY})), user="root", uid=0)
    assert action([], root, replace(keyed, user="root")) == "skip"
    assert action([], at(groups=frozenset({"staff"})), replace(BACKUP, user="", group="staff")) == "skip"


NAMES = st.frozensets(st.sampled_from(["alice", "bob", "sshd", "su", "nas2fa"]), max_size=2)
NETWORKS = st.lists(
    st.sampled_from([ip_network(n) for n in ("192.168.1.0/24", "0.0.0.0/0", "::/0", "10.0.0.0/8")]), max_size=2
).map(tuple)
RULES = st.lists(
    st.builds(
        Rule,
        action=st.sampled_from(["code", "skip", "deny"]),
        service=NAMES,
        user=NAMES,
        group=NAMES,
        network=NETWORKS,
        first=st.sampled_from(["", "key", "password"]),
        origin=st.sampled_from(["", "local", "remote"]),
        number=st.integers(1, 9),
    ),
    max_size=5,
)
HOSTS = st.sampled_from(["", "192.168.1.7", "192.168.1.5", "10.1.1.1", "name", "127.0.0.1", "fd00::1"])
PEOPLE = st.builds(
    Facts,
    service=st.sampled_from(["sshd", "su", "nas2fa"]),
    user=st.sampled_from(["alice", "bob"]),
    uid=st.sampled_from([0, 1000]),
    place=HOSTS.map(lambda rhost: place_of(rhost, OWN)),
    first=st.sampled_from(["key", "password"]),
    groups=NAMES,
    root=st.booleans(),
)
EXEMPTIONS = st.lists(
    st.builds(
        Exemption,
        id=st.just("x"),
        service=st.sampled_from(["sshd", "su", "nas2fa"]),
        network=st.sampled_from(LAN),
        created=st.just(0),
        until=st.sampled_from([NOW - 1, NOW + 1]),
        user=st.sampled_from(["alice", "bob"]),
    ),
    max_size=3,
)


@given(RULES, EXEMPTIONS, PEOPLE)
def test_no_rule_and_no_exemption_is_about_sign_in_or_a_peer_that_is_not_root(rules, exemptions, facts) -> None:
    assert action(rules, replace(facts, root=False), *exemptions) == "code"
    assert action(rules, replace(facts, service="nas2fa"), *exemptions) == "code"


@given(RULES, RULES, PEOPLE)
def test_rules_behind_one_that_fits_for_certain_change_nothing(before, behind, facts) -> None:
    everybody = Rule("code", number=7)
    assert decide([*before, everybody, *behind], (), facts, NOW) == decide([*before, everybody], (), facts, NOW)


@given(RULES, EXEMPTIONS, PEOPLE)
def test_exemptions_only_turn_a_code_into_none(rules, exemptions, facts) -> None:
    without = decide(rules, (), facts, NOW).action
    found = decide(rules, exemptions, facts, NOW).action
    assert found == without or (without, found) == (Action.CODE, Action.SKIP)


STRICT = {"skip": 0, "code": 1, "deny": 2}


@given(RULES, EXEMPTIONS, PEOPLE, st.sampled_from(["192.168.1.5", "192.168.1.1", "10.9.9.9"]))
def test_not_knowing_the_own_addresses_widens_nothing(rules, exemptions, facts, rhost) -> None:
    known = action(rules, replace(facts, place=place_of(rhost, OWN)), *exemptions)
    unknown = action(rules, replace(facts, place=place_of(rhost, Own())), *exemptions)
    assert STRICT[unknown] >= STRICT[known]


@given(RULES, EXEMPTIONS, PEOPLE)
def test_the_groups_asked_for_are_all_that_matter(rules, exemptions, facts) -> None:
    needed = frozenset(groups_needed(rules, exemptions, replace(facts, groups=frozenset()), NOW))
    lazy = replace(facts, groups=facts.groups & needed)
    assert decide(rules, exemptions, lazy, NOW) == decide(rules, exemptions, facts, NOW)
