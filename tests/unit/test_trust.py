"""Rules, exemptions and trusted devices in whole conversations."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from nas2fa.errors import Reason
from nas2fa.network import Own
from nas2fa.rules import Rule
from nas2fa.store import statecodec
from nas2fa.store.records import Exemption
from worlds import (
    CONSOLE,
    NOON,
    SSH,
    UID,
    USER,
    MemoryWorld,
    code,
    end_by_lock,
    end_by_phone,
    end_by_recovery_codes,
    end_by_reset,
    enrolled,
    later,
    play,
    wrong,
)

AGAIN = Rule("code", service=frozenset({"sshd", "dovecot"}), again_after=3600, number=1)
SOON = later(100)


def ruled(*rules: Rule, world: MemoryWorld | None = None) -> MemoryWorld:
    world = world or enrolled()
    world.the_rules = replace(world.the_rules, policy=rules)
    return world


def trusted() -> MemoryWorld:
    """Alice gave a code at noon, from 192.0.2.7."""
    world = ruled(AGAIN)
    assert play(world, SSH, code()).verdict.word == "allow"
    assert len(world.state(UID).trusts) == 1
    return world


def asked(world: MemoryWorld, hello=SSH, now=SOON) -> bool:
    """Whether a login is asked for a code (and leaves without giving one)."""
    return play_until_asked(world, hello, now) != ("pass", Reason.TRUSTED)


def play_until_asked(world: MemoryWorld, hello, now):
    try:
        verdict = play(world, hello, now=now).verdict
    except IndexError:  # the script has no answer
        return None
    return verdict.word, verdict.reason


def test_a_trusted_device_is_not_asked_again() -> None:
    world = trusted()
    assert not asked(world)
    assert not asked(world, replace(SSH, service="dovecot"))  # of the same rule
    assert not asked(world, now=later(3599))


@pytest.mark.parametrize(
    "hello",
    [
        replace(SSH, rhost="192.0.2.8"),
        replace(SSH, rhost="host.lan"),
        replace(SSH, rhost=""),
        replace(SSH, service="su"),
        replace(SSH, service="nas2fa"),
        CONSOLE,
    ],
)
def test_elsewhere_it_is(hello) -> None:
    assert asked(trusted(), hello)


def test_not_for_longer_than_the_rule_says_now() -> None:
    world = trusted()
    assert asked(world, now=later(3600))
    assert asked(ruled(replace(AGAIN, again_after=50), world=world))
    assert asked(ruled(replace(AGAIN, again_after=0), world=world))
    assert asked(ruled(replace(AGAIN, service=frozenset({"sshd"})), world=world))
    assert asked(ruled(world=world))


def end_by_password(world: MemoryWorld) -> None:
    world.password = "$y$j9T$salt2"


def end_by_no_password(world: MemoryWorld) -> None:
    world.password = ""


@pytest.mark.parametrize(
    "end", [end_by_lock, end_by_reset, end_by_password, end_by_no_password, end_by_phone, end_by_recovery_codes]
)
def test_what_ends_it(end) -> None:
    world = trusted()
    end(world)
    assert asked(world)


def test_a_lock_ends_it_for_good() -> None:
    world = trusted()
    end_by_lock(world)
    assert world.state(UID).trusts == ()
    assert asked(world, now=later(700))


@pytest.mark.parametrize(
    ("hello", "root", "login"),
    [
        (SSH, False, True),
        (SSH, True, False),  # a rehearsal on the control socket
        (replace(SSH, rhost="192.168.1.5"), True, True),  # the box itself
        (replace(SSH, rhost="127.0.0.1"), True, True),
        (replace(SSH, rhost="host.lan"), True, True),
        (replace(SSH, rhost=""), True, True),
        (replace(SSH, service="su"), True, True),
    ],
)
def test_what_is_never_remembered(hello, root: bool, login: bool) -> None:
    world = ruled(AGAIN)
    assert play(world, hello, code(), root=root, login=login).verdict.word == "allow"
    assert world.state(UID).trusts == ()


def test_without_the_own_addresses_or_a_password_nothing_is_remembered() -> None:
    for change in ({"the_own": Own()}, {"password": ""}):
        world = ruled(AGAIN)
        for name, value in change.items():
            setattr(world, name, value)
        assert play(world, SSH, code()).verdict.word == "allow"
        assert world.state(UID).trusts == ()


def test_a_wrong_code_is_not_remembered() -> None:
    world = ruled(AGAIN)
    play(world, SSH, wrong())
    assert world.state(UID).trusts == ()


def test_a_peer_that_is_not_root_and_a_rehearsal_do_not_profit() -> None:
    world = trusted()
    assert play(world, SSH, code(SOON), now=SOON, root=False).verdict.word == "allow"
    later_still = later(200)
    assert play(world, SSH, code(later_still), now=later_still, login=False).verdict.word == "allow"


def test_a_key_alone_passes_the_guard_where_a_code_was_given() -> None:
    world = trusted()
    guard = replace(SSH, phase="guard")
    assert play(world, guard, now=SOON).verdict.word == "ignore"
    assert play(world, replace(guard, rhost="192.0.2.8"), now=SOON).verdict.reason is Reason.NOT_VERIFIED


def test_the_field_of_a_trusted_user_is_still_cut() -> None:
    assert play(trusted(), replace(SSH, phase="split"), now=SOON).cuts == [6]


def test_a_decoy_of_a_trusted_user_asks_as_little_as_the_login_would() -> None:
    assert play(trusted(), replace(SSH, phase="decoy"), now=SOON).asked == []


def test_trusts_survive_the_state_folder_and_stay_out_of_the_marks() -> None:
    state = trusted().state(UID)
    assert statecodec.decode(statecodec.encode(state)) == state
    assert statecodec.lasting(state).trusts == ()
    before = statecodec.encode(state)
    del before["trusts"]
    assert statecodec.decode(before).trusts == ()


def test_no_more_than_so_many() -> None:
    world = ruled(AGAIN)
    for number in range(40):
        when = later(60.0 * number)
        play(world, replace(SSH, rhost=f"192.0.2.{number + 10}"), code(when), now=when)
    assert len(world.state(UID).trusts) == 32
    assert world.state(UID).trusts[-1].address == "192.0.2.49"


def test_skip_and_deny_by_rule() -> None:
    assert play(ruled(Rule("skip")), SSH).verdict.reason is Reason.RULE
    denied = play(ruled(Rule("deny")), SSH)
    assert (denied.verdict.word, denied.verdict.reason) == ("deny", Reason.RULE)
    assert denied.told
    assert play(ruled(Rule("skip")), replace(SSH, phase="guard")).verdict.word == "ignore"
    assert play(ruled(Rule("deny")), replace(SSH, phase="guard")).verdict.word == "deny"
    assert play(ruled(Rule("deny"), world=MemoryWorld()), SSH).verdict.word == "deny"
    assert play(ruled(Rule("skip")), replace(SSH, phase="split")).cuts == []


def test_a_rule_cannot_ask_a_code_of_who_has_none() -> None:
    world = ruled(Rule("code"), world=MemoryWorld())
    assert play(world, SSH).verdict.word == "pass"
    world.the_rules = replace(world.the_rules, unenrolled="deny")
    assert play(world, SSH).verdict.reason is Reason.NOT_ENROLLED


def test_groups_are_asked_of_the_module_and_only_then() -> None:
    world = ruled(Rule("skip", group=frozenset({"staff"}), service=frozenset({"sshd"})))
    assert play(world, SSH, code()).verdict.word == "allow"
    world.groups = frozenset({"staff"})
    assert play(world, SSH).verdict.word == "pass"
    assert world.asked_groups == ["staff", "staff"]
    assert play(world, replace(SSH, service="su"), code(SOON), now=SOON).verdict.word == "allow"
    assert play(world, SSH, wrong(), root=False).verdict.word == "deny"
    assert world.asked_groups == ["staff", "staff"]


def test_many_groups_are_asked_in_turns() -> None:
    names = frozenset(f"g{number:03}" for number in range(200))
    world = ruled(Rule("deny", group=names))
    world.groups = frozenset({"g199"})
    assert play(world, SSH).verdict.word == "deny"
    assert world.asked_groups == sorted(names)


OFFICE = Exemption(
    "0a0b0c0d", "sshd", ip_network("192.0.2.0/24"), int(NOON.wall) - 9, int(NOON.wall) + 99, user=USER, reason="x"
)


def test_an_exemption_in_a_login() -> None:
    world = enrolled()
    world.exempted = (OFFICE,)
    played = play(world, SSH)
    assert (played.verdict.word, played.verdict.reason) == ("pass", Reason.EXEMPT)
    assert played.attempt.exemption == OFFICE.id
    guard = play(world, replace(SSH, phase="guard"))
    assert (guard.verdict.word, guard.attempt.exemption) == ("ignore", OFFICE.id)
    assert play(world, replace(SSH, service="nas2fa"), code()).verdict.word == "allow"
    assert play(world, SSH, code(SOON), now=later(100)).verdict.word == "allow"  # it is over


def test_an_exemption_lets_in_who_never_set_up_where_everybody_must() -> None:
    world = MemoryWorld(exempted=(OFFICE,))
    world.the_rules = replace(world.the_rules, unenrolled="deny")
    assert play(world, SSH).verdict.word == "pass"
