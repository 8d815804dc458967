"""The file shares in whole conversations: who is let in by a code that was given elsewhere."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.errors import Reason
from nas2fa.factors import recovery
from nas2fa.login import grants
from nas2fa.login.grants import Terms
from nas2fa.login.judgement import codes_per_try
from nas2fa.login.lockout import standing
from nas2fa.login.protocol import Hello
from nas2fa.login.source import source_of
from nas2fa.network import Own, place_of
from nas2fa.rules import Rule
from nas2fa.store import statecodec
from nas2fa.store.records import Exemption, Instant
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

SMB = Hello("account", "samba", UID, USER, rhost="192.0.2.7", tty="samba")
SHARE = replace(SMB, service="nas2fa-share", tty="admin$data")
TERMS = Terms()
ELSEWHERE = "192.0.2.8"


def opened(address: str = "192.0.2.7", seconds: float = 43_200, world: MemoryWorld | None = None) -> MemoryWorld:
    """Alice gave a code at noon, for this address."""
    world = world or enrolled()
    place = place_of(address, world.own())
    terms = world.rules().grants
    world.put(UID, grants.opened(world.state(UID), world.load(UID, USER), place, seconds, terms, NOON.boot))
    return world


def termed(world: MemoryWorld, **terms: object) -> MemoryWorld:
    world.the_rules = replace(world.the_rules, grants=replace(TERMS, **terms))
    return world


def outcome(world: MemoryWorld, hello: Hello = SMB, now=NOON) -> tuple[str, Reason]:
    verdict = play(world, hello, now=now).verdict
    return verdict.word, verdict.reason


LET_IN = ("allow", Reason.GRANTED)
REFUSED = ("expired", Reason.NO_GRANT)


def test_without_a_grant_the_right_password_is_refused() -> None:
    assert outcome(enrolled()) == REFUSED
    assert outcome(enrolled(), SHARE) == REFUSED
    assert outcome(enrolled(), replace(SMB, service="Samba")) == REFUSED


def test_hidden_answers_as_to_a_wrong_password() -> None:
    assert outcome(termed(enrolled(), hidden=True)) == ("hidden", Reason.NO_GRANT)


def test_a_grant_lets_in_again_and_again() -> None:
    world = opened()
    for seconds in range(0, 300, 10):
        assert outcome(world, now=later(seconds)) == LET_IN
        assert outcome(world, SHARE, now=later(seconds)) == LET_IN


@pytest.mark.parametrize("rhost", [ELSEWHERE, "", "host.lan", "127.0.0.1", "2001:db8::7", "192.0.2.7x"])
def test_from_elsewhere_it_does_not(rhost: str) -> None:
    assert outcome(opened(), replace(SMB, rhost=rhost)) == REFUSED


def test_the_same_address_in_another_form_is_the_same() -> None:
    assert outcome(opened(), replace(SMB, rhost="::ffff:192.0.2.7")) == LET_IN
    world = opened("2001:DB8:0:0::7")
    assert outcome(world, replace(SMB, rhost="2001:db8::7")) == LET_IN
    assert outcome(world, replace(SMB, rhost="2001:db8::8")) == REFUSED  # not the /64


def test_somebody_else_at_that_address_is_refused() -> None:
    world = opened()
    world.credentials[1001] = replace(world.credentials[UID], uid=1001, user="bob")
    assert outcome(world, replace(SMB, uid=1001, user="bob")) == REFUSED


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "fe80::1", "192.168.1.5", "192.168.1.1", "0.0.0.0", "ff02::1"])
def test_what_tells_nobody_apart_is_never_granted(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        opened(address)


def test_a_grant_is_void_where_the_address_became_the_boxs_own() -> None:
    world = opened()
    world.the_own = Own(frozenset({ip_network("192.0.2.7")}), frozenset({4, 6}))
    assert outcome(world) == REFUSED
    world.the_own = Own()  # the tables cannot be read
    assert outcome(world) == REFUSED


def test_only_sambas_account_phase_of_root_reads_it() -> None:
    world = opened()
    for hello in (replace(SMB, service="sshd"), replace(SMB, service="cron")):
        assert outcome(world, hello) == ("ignore", Reason.OK)
    assert play(world, SMB, root=False).verdict.word == "ignore"
    guard = replace(SMB, phase="guard", service="sshd")
    assert outcome(world, guard) == ("deny", Reason.NOT_VERIFIED)
    assert play(world, replace(SMB, phase="auth"), wrong()).verdict.word == "deny"


def test_it_ends_when_nobody_is_there_for_a_while() -> None:
    assert outcome(opened(), now=later(1799)) == LET_IN
    assert outcome(opened(), now=later(1800)) == REFUSED
    world = opened()
    assert outcome(world, now=later(1700)) == LET_IN
    assert outcome(world, now=later(3400)) == LET_IN
    assert outcome(world, now=later(5200)) == REFUSED


def test_an_open_session_keeps_it_but_not_beyond_its_end() -> None:
    world = opened()
    for minutes in range(10, 721, 10):
        now = later(60 * minutes)
        world.put(UID, grants.swept(world.state(UID), {"192.0.2.7"}, TERMS, now.boot))
        assert outcome(world, now=now) == (LET_IN if minutes < 720 else REFUSED)
    assert len(world.state(UID).grants) == 1  # it is known who let the session in
    world.put(UID, grants.swept(world.state(UID), frozenset(), TERMS, later(43_300).boot))
    assert world.state(UID).grants == ()


def test_sessions_that_cannot_be_told_keep_no_grant_in_force() -> None:
    world = opened()
    for minutes in (10, 20, 30):
        world.put(UID, grants.swept(world.state(UID), None, TERMS, later(60 * minutes).boot))
    assert outcome(world, now=later(1800)) == REFUSED
    assert len(world.state(UID).grants) == 1  # until it can be told that no session is left of it


def test_a_shorter_time_and_shorter_terms_hold() -> None:
    assert outcome(opened(seconds=100), now=later(99)) == LET_IN
    assert outcome(opened(seconds=100), now=later(100)) == REFUSED
    assert outcome(termed(opened(), most=60), now=later(61)) == REFUSED
    assert outcome(termed(opened(), idle=60), now=later(61)) == REFUSED


def test_the_last_code_says_for_how_long() -> None:
    world = opened(seconds=1000)
    opened(seconds=100, world=world)
    assert outcome(world, now=later(99)) == LET_IN
    assert outcome(world, now=later(100)) == REFUSED
    opened(seconds=500, world=world)
    assert outcome(world, now=later(100)) == LET_IN
    assert len(world.state(UID).grants) == 1


def end_by_revocation(world: MemoryWorld) -> None:
    world.put(UID, grants.revoked(world.state(UID)))


def end_by_its_own_revocation(world: MemoryWorld) -> None:
    world.put(UID, grants.revoked(world.state(UID), "192.0.2.7"))


@pytest.mark.parametrize(
    "end",
    [end_by_lock, end_by_reset, end_by_revocation, end_by_its_own_revocation, end_by_phone, end_by_recovery_codes],
)
def test_what_ends_it(end) -> None:
    world = opened()
    end(world)
    assert outcome(world) == REFUSED


@pytest.mark.parametrize("end", [end_by_lock, end_by_reset, end_by_revocation])
def test_who_loses_a_grant_is_known_so_that_the_sessions_end_too(end) -> None:
    world = opened()
    before = world.state(UID)
    end(world)
    assert grants.lost(before, world.state(UID)) == {"192.0.2.7"}


def test_the_revocation_of_another_address_leaves_it() -> None:
    world = opened(ELSEWHERE, world=opened())
    world.put(UID, grants.revoked(world.state(UID), ELSEWHERE))
    assert outcome(world) == LET_IN
    assert outcome(world, replace(SMB, rhost=ELSEWHERE)) == REFUSED


def test_a_login_by_ssh_with_a_code_opens_its_address() -> None:
    world = enrolled()
    played = play(world, SSH, code())
    assert (played.verdict.word, played.attempt.opened) == ("allow", "192.0.2.7")
    assert outcome(world) == LET_IN
    assert outcome(world, replace(SMB, rhost=ELSEWHERE)) == REFUSED


def test_a_recovery_code_opens_it_too_when_it_is_on_disk() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    assert play(world, SSH, codes[0]).verdict.word == "allow"
    assert outcome(world) == LET_IN
    world = enrolled(recovery=kept)
    world.disk = False
    assert play(world, SSH, codes[1]).verdict.word == "unavailable"
    assert outcome(world) == REFUSED


@pytest.mark.parametrize(
    ("hello", "root", "login"),
    [
        (replace(SSH, service="su", rhost=""), True, True),
        (replace(SSH, service="cockpit"), True, True),
        (CONSOLE, True, True),
        (SSH, False, True),
        (SSH, True, False),  # a rehearsal on the control socket
        (replace(SSH, rhost="host.lan"), True, True),
        (replace(SSH, rhost="127.0.0.1"), True, True),
    ],
)
def test_what_opens_nothing(hello: Hello, root: bool, login: bool) -> None:
    world = enrolled()
    assert play(world, hello, code(), root=root, login=login).verdict.word == "allow"
    assert world.state(UID).grants == ()


def test_a_wrong_code_opens_nothing() -> None:
    world = enrolled()
    play(world, SSH, wrong())
    assert world.state(UID).grants == ()


@pytest.mark.parametrize(
    ("option", "rule", "opens"), [(True, None, True), (False, None, False), (False, True, True), (True, False, False)]
)
def test_the_rule_has_the_last_word_on_ssh(option: bool, rule: bool | None, opens: bool) -> None:
    world = termed(enrolled(), by_ssh=option)
    world.the_rules = replace(world.the_rules, policy=(Rule("code", opens_smb=rule, number=1),))
    play(world, SSH, code())
    assert bool(world.state(UID).grants) is opens


def ruled(*rules: Rule) -> MemoryWorld:
    world = enrolled()
    world.the_rules = replace(world.the_rules, policy=rules)
    return world


def test_shares_for_administrators_only() -> None:
    smb = frozenset({"samba"})
    rules = (
        Rule("code", service=smb, group=frozenset({"sudo"}), number=1),
        Rule("skip", service=smb, number=2),
    )
    world = ruled(*rules)
    assert outcome(world) == ("allow", Reason.RULE)
    assert outcome(world, SHARE) == REFUSED  # one share may ask what the others do not
    world.groups = frozenset({"sudo"})
    assert outcome(world) == REFUSED


def test_a_rule_may_refuse_whatever_was_granted() -> None:
    world = opened(world=ruled(Rule("deny", service=frozenset({"samba"}), number=1)))
    assert outcome(world) == ("deny", Reason.RULE)


def test_trusted_devices_are_not_believed() -> None:
    world = termed(ruled(Rule("code", again_after=3600, number=1)), by_ssh=False)
    world.the_rules = replace(world.the_rules, policy=(Rule("code", again_after=3600, number=1),))
    assert play(world, SSH, code()).verdict.word == "allow"
    assert len(world.state(UID).trusts) == 1
    assert outcome(world, now=later(100)) == REFUSED


def test_an_exemption_needs_user_and_network() -> None:
    world = enrolled()
    network = ip_network("192.0.2.0/29")
    begin, end = int(NOON.wall) - 10, int(NOON.wall) + 10_000
    world.exempted = (Exemption("0badc0de", "samba", network, begin, end, user=USER),)
    assert outcome(world) == ("allow", Reason.EXEMPT)
    assert outcome(world, replace(SMB, rhost="192.0.2.9")) == REFUSED
    world.exempted = (replace(world.exempted[0], user="bob"),)
    assert outcome(world) == REFUSED


def test_who_is_not_set_up_gets_in_as_the_option_says() -> None:
    world = MemoryWorld()
    assert outcome(world) == ("allow", Reason.NOT_ENROLLED)
    world.the_rules = replace(world.the_rules, unenrolled="deny")
    assert outcome(world) == ("deny", Reason.NOT_ENROLLED)


def test_refusals_wait_to_be_approved_for_ten_minutes() -> None:
    world = enrolled()
    for seconds in (0, 5, 10):
        outcome(world, now=later(seconds))
    (knock,) = grants.waiting(world.state(UID), later(600).boot)
    assert (knock.address, knock.count) == ("192.0.2.7", 3)
    assert grants.waiting(world.state(UID), later(610).boot) == ()
    opened(world=world)
    assert world.state(UID).knocks == ()


def test_an_address_is_new_until_a_code_was_given_for_it() -> None:
    """A refused login teaches nothing; while it waits to be approved it is not told again."""
    world = enrolled()
    assert play(world, SMB).attempt.new_place
    assert not play(world, SMB, now=later(60)).attempt.new_place
    assert play(world, replace(SMB, rhost=ELSEWHERE)).attempt.new_place
    assert play(world, SMB, now=later(700)).attempt.new_place
    opened(world=world)
    assert outcome(world) == LET_IN
    assert not play(world, SMB, now=later(70_000)).attempt.new_place


def test_an_address_where_a_code_was_given_is_not_new() -> None:
    world = termed(enrolled(), by_ssh=False)
    play(world, SSH, code())
    assert not play(world, SMB).attempt.new_place


def test_knocks_and_places_of_many_addresses_stay_few() -> None:
    world = enrolled()
    for last in range(1, 60):
        outcome(world, replace(SMB, rhost=f"198.51.100.{last}"), now=later(last))
    assert len(world.state(UID).knocks) == 16
    assert world.state(UID).knocks[-1].address == "198.51.100.59"
    assert world.state(UID).places == ()  # strangers drive no known address out


def test_it_all_survives_the_state_folder_and_only_the_places_a_boot() -> None:
    world = opened(ELSEWHERE)
    outcome(world)
    outcome(world, replace(SMB, rhost=ELSEWHERE))
    state = world.state(UID)
    assert state.grants
    assert state.knocks
    assert state.places
    assert statecodec.decode(statecodec.encode(state)) == state
    lasting = statecodec.lasting(state)
    assert (lasting.grants, lasting.knocks, lasting.places) == ((), (), state.places)


# --- whatever happens

_ADDRESSES = ("192.0.2.7", ELSEWHERE, "2001:db8::7")
_ACTS = st.tuples(
    st.sampled_from(("code", "smb", "sweep", "sweep unknown", "lock", "revoke")),
    st.sampled_from(_ADDRESSES),
    st.integers(1, 4000),
)


@given(st.lists(_ACTS, max_size=40))
def test_nobody_is_let_in_without_a_code_for_that_address(acts: list[tuple[str, str, int]]) -> None:
    world, now, codes = enrolled(), NOON, {}
    for act, address, seconds in acts:
        now = later(seconds, now)
        match act:
            case "code":
                hello = replace(SSH, rhost=address)
                if play(world, hello, *answers(world, hello, code(now), now), now=now).verdict.word == "allow":
                    codes[address] = now.boot
            case "smb":
                if outcome(world, replace(SMB, rhost=address), now=now) == LET_IN:
                    assert now.boot - codes[address] < TERMS.most
            case "lock":
                for _ in range(3):
                    hello = replace(SSH, rhost="198.51.100.1")
                    play(world, hello, *answers(world, hello, wrong(now), now), now=now)
                codes.clear()
            case "revoke":
                world.put(UID, grants.revoked(world.state(UID), address))
                codes.pop(address, None)
            case _:
                seen = None if act == "sweep unknown" else {address}
                world.put(UID, grants.swept(world.state(UID), seen, TERMS, now.boot))


def answers(world: MemoryWorld, hello: Hello, text: str, now: Instant) -> tuple[str, ...]:
    """What is typed in such a login; nothing when a lock comes before the question."""
    source = source_of(hello, True, world.rules().console)
    return () if standing(world.state(UID), source, now.boot, codes_per_try(world.credentials[UID])) else (text,)
