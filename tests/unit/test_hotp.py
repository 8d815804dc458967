"""Counter tokens (RFC 4226): what is accepted, what is used up, what is found again, and what guesses cost."""

from dataclasses import replace

import pytest
from nas2fa.enrolment import admin, setup
from nas2fa.errors import Reason, RequestError
from nas2fa.factors import hotp, provisioning, recovery, totp
from nas2fa.login.judgement import USED_MAX, codes_per_try, judge, with_used
from nas2fa.login.lockout import BUDGET, DAY, Limits
from nas2fa.login.source import CONSOLE as CONSOLE_SOURCE
from nas2fa.login.source import OWN, Source
from nas2fa.store import codec, statecodec
from nas2fa.store.records import COUNTER_MAX, EMPTY_STATE, Authenticator, Credential, Instant, Secret
from test_enrolment import NEW, Wizard
from worlds import CONSOLE, NOON, PHONE, SSH, UID, USER, code, enrolled, later, play

RFC_KEY = Secret(b"12345678901234567890")
RFC_CODES = [755224, 287082, 359152, 969429, 338314, 254676, 287922, 162583, 399871, 520489]  # appendix D
TOKEN = Authenticator(Secret(b"the token's own key!"), label="key fob", counter=0)
URI = "otpauth://hotp/nas:fob?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&counter=7"
EASY = Limits(deny=1000, fail_interval=1, unlock_time=1)


def pressed(counter: int, token: Authenticator = TOKEN) -> str:
    return totp.code_at(token, counter)


def far_off(token: Authenticator = TOKEN) -> str:
    """A code that this token shows at no counter near 0, nor the phone about noon."""
    near = {pressed(c, token) for c in range(400)} | {code(offset=o) for o in range(-40, 41)}
    return next(c for c in (f"{n:06}" for n in range(5000)) if c not in near)


def allowed(world, text: str, hello=SSH, now=NOON) -> bool:
    return play(world, hello, text, now=now).verdict.word == "allow"


def test_the_values_of_the_rfc() -> None:
    token = Authenticator(RFC_KEY, counter=0)
    assert [pressed(c, token) for c in range(10)] == list(map(str, RFC_CODES))


def test_each_code_once_in_any_order_that_goes_ahead() -> None:
    world = enrolled(TOKEN)
    for counter in (0, 1, 5, 9):
        assert allowed(world, pressed(counter))
    for counter in range(10):
        assert play(world, SSH, pressed(counter)).verdict.reason is Reason.REUSED
    assert world.state(UID).guesses == ()


@pytest.mark.parametrize(("ahead", "opens"), [(0, True), (3, True), (4, False), (50, False)])
def test_four_presses_of_look_ahead(ahead: int, opens: bool) -> None:
    assert allowed(enrolled(TOKEN), pressed(ahead)) is opens
    assert allowed(enrolled(replace(TOKEN, counter=1000)), pressed(1000 + ahead)) is opens


def test_codes_of_before_the_import_are_used() -> None:
    assert play(enrolled(replace(TOKEN, counter=20)), SSH, pressed(19)).verdict.reason is Reason.REUSED
    assert not allowed(enrolled(replace(TOKEN, counter=20)), pressed(3))


@pytest.mark.parametrize("first", [4, 60, 98])
def test_two_in_a_row_find_a_token_again_within_a_hundred(first: int) -> None:
    world = enrolled(TOKEN)
    played = play(world, SSH, pressed(first))
    assert played.verdict.reason is Reason.WRONG
    assert played.told == play(enrolled(TOKEN), SSH, far_off()).told  # the person learns nothing by it
    assert allowed(world, pressed(first + 1))
    assert allowed(world, pressed(first + 2))


def test_two_that_are_not_in_a_row_or_too_far_or_too_late_do_not() -> None:
    for first, second, seconds in ((60, 62, 1), (60, 60, 1), (60, 59, 1), (100, 101, 1), (60, 61, 400)):
        world = enrolled(TOKEN)
        assert not allowed(world, pressed(first))
        assert not allowed(world, pressed(second), now=later(seconds)), (first, second)


def test_it_works_with_any_clock() -> None:
    world = enrolled(PHONE, TOKEN)
    assert allowed(world, code())
    for counter, wall in enumerate((NOON.wall - 9e6, 0.0, 2e11)):
        now = Instant(wall, NOON.boot + 60)
        assert allowed(world, pressed(counter), now=now)
        assert not allowed(world, code(), now=now)


def test_a_counter_is_on_disk_before_anybody_is_let_in_and_is_used_even_if_that_fails() -> None:
    world = enrolled(TOKEN)
    world.disk = False
    assert play(world, SSH, pressed(0)).verdict.reason is Reason.WRITE_FAILED
    world.disk = True
    assert play(world, SSH, pressed(0)).verdict.reason is Reason.REUSED
    assert allowed(world, pressed(1))
    kept = statecodec.decode(statecodec.encode(statecodec.lasting(world.state(UID))))
    world.states[UID] = statecodec.merge(EMPTY_STATE, kept)  # after a power cut
    assert play(world, SSH, pressed(1)).verdict.reason is Reason.REUSED


def test_where_the_disk_does_not_tell_what_was_used_a_token_is_not_believed_and_a_phone_is() -> None:
    world = enrolled(TOKEN)
    world.lost_marks = Reason.RECORD_UNREADABLE
    assert play(world, SSH, pressed(0)).verdict.reason is Reason.RECORD_UNREADABLE
    assert world.state(UID).guesses == ()
    both = enrolled(PHONE, TOKEN)
    both.lost_marks = Reason.RECORD_UNREADABLE
    assert not allowed(both, pressed(0))
    assert allowed(both, code())


def test_a_token_whose_counter_was_lost_opens_nothing() -> None:
    world = enrolled(TOKEN)
    world.states[UID] = replace(EMPTY_STATE, used={TOKEN.secret.fingerprint(): COUNTER_MAX})
    assert not any(allowed(world, pressed(c)) for c in (0, 1))


def test_other_secrets_drive_out_no_counter_of_a_token_that_the_user_has() -> None:
    credential, state = Credential(UID, USER, (PHONE, TOKEN)), EMPTY_STATE
    state = with_used(state, credential, TOKEN, 57, wall=NOON.wall)
    for number in range(3 * USED_MAX):
        other = Authenticator(Secret(bytes([number]) * 20))
        state = with_used(state, credential, other, 1_000 * number + 10)
    assert hotp.last_used(TOKEN, state) == 57
    assert len(state.used) <= USED_MAX


def test_a_login_by_token_drives_out_no_step_of_a_phone_whose_codes_are_in_reach() -> None:
    """Removed and added again, the phone's last code must not be good again."""
    step = totp.step_at(PHONE, NOON)
    used = {PHONE.secret.fingerprint(): step, **{f"{number:016x}": number for number in range(USED_MAX)}}
    state = with_used(replace(EMPTY_STATE, used=used), Credential(UID, USER, (TOKEN,)), TOKEN, 1, wall=NOON.wall)
    assert len(state.used) == USED_MAX
    assert state.used[PHONE.secret.fingerprint()] == step


def test_recovery_codes_and_phone_work_beside_it() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(PHONE, TOKEN, recovery=kept)
    assert all(allowed(world, text) for text in (pressed(3), code(), codes[0], pressed(4)))
    assert allowed(world, pressed(5), CONSOLE)


def test_the_menu_names_it() -> None:
    told = play(enrolled(TOKEN), SSH, "?", pressed(0), root=False).told[0]
    assert "counter token" in told
    assert "app" not in told


def test_a_wrong_code_costs_what_it_could_have_hit() -> None:
    for authenticators, cost in (((TOKEN,), 4), ((PHONE, TOKEN), 7)):
        world = enrolled(*authenticators)
        play(world, SSH, far_off())
        assert [g.cost for g in world.state(UID).guesses] == [cost]


def hits(credential: Credential, state, source: Source, now: Instant, world) -> int:
    """How many of all codes of six digits would let in now; each is tried."""
    near = {pressed(c, a) for a in credential.tokens for c in range(hotp.last_used(a, state) + 1, 300)}
    near |= {code(now, o, a) for a in credential.apps for o in range(-12, 13)}
    return sum(judge(credential, state, text, source, now, world.floor, EASY)[1].reason is Reason.OK for text in near)


def test_guesses_of_a_day_hit_less_than_once_in_ten_thousand() -> None:
    """Two phones, a token and recovery codes; every purse is spent to its end, and as many codes noted as help.

    What could have hit is counted at each try by trying all that is near. The recovery codes' part is nothing:
    ten of 32^12 for each try.
    """
    kept, _ = recovery.new_set()
    other = Authenticator(Secret(b"the second phone key"))
    world = enrolled(PHONE, other, TOKEN, recovery=kept)
    credential, state, chances, paid_tries = world.credentials[UID], EMPTY_STATE, 0, 0
    assert codes_per_try(credential) == 10
    now, number = NOON, 0
    while now.boot < NOON.boot + DAY:
        for source in (Source(f"10.0.0.{number % 250}", "remote"), OWN, CONSOLE_SOURCE):
            before = sum(g.cost for g in state.guesses)
            could = hits(credential, state, source, now, world)
            text = pressed(40) if number % 2 == 0 else far_off()
            state, outcome = judge(credential, state, text, source, now, world.floor, EASY)
            assert outcome.reason is not Reason.OK
            if sum(g.cost for g in state.guesses) > before:
                assert could <= sum(g.cost for g in state.guesses) - before
                chances, paid_tries = chances + could, paid_tries + 1
        number += 1
        now = later(40 if number < 8 else 7200, now)
    assert paid_tries >= 4
    assert chances >= 10 * paid_tries  # what costs 10 could have hit as many
    assert (chances + 10 * paid_tries * 10**6 / 32**12) / 10**6 < 1e-4
    assert sum(BUDGET.values()) <= 90
    assert all(codes_per_try(credential) + 2 <= purse for purse in BUDGET.values())


@pytest.mark.parametrize("counter", ["", "x", "-1", "1.5", "9" * 16, "٣"])
def test_a_uri_needs_a_counter(counter: str) -> None:
    with pytest.raises(RequestError, match="counter"):
        provisioning.parse(URI.replace("counter=7", f"counter={counter}"), NOON.wall)


def test_a_uri_of_each_kind_has_no_parameter_of_the_other() -> None:
    for uri in (f"{URI}&period=30", URI.replace("hotp", "totp")):
        with pytest.raises(RequestError, match="parameter"):
            provisioning.parse(uri, NOON.wall)


def test_imported_armed_it_begins_at_its_counter() -> None:
    world = enrolled()
    world.credentials.clear()
    Wizard(admin.add(world, UID, USER, URI, True, False, NOON))
    token = Authenticator(RFC_KEY)
    assert play(world, SSH, pressed(6, token)).verdict.reason is Reason.REUSED
    assert allowed(world, pressed(7, token))


def test_imported_beside_a_phone_it_waits_for_its_first_code() -> None:
    world = enrolled()
    Wizard(admin.add_beside(world, UID, USER, URI.replace("GEZD", "GEZA"), False, NOON))
    token = world.credentials[UID].pending
    assert token is not None
    assert not allowed(world, pressed(7, token))
    flow = setup.set_up(world, UID, USER, NEW, {}, NOON, list, beside=True)
    Wizard(flow, start=[""], code=[far_off(token), pressed(30, token), pressed(31, token)])
    assert [a.called for a in world.credentials[UID].authenticators] == ["app", "fob"]
    assert world.state(UID).uses[token.secret.fingerprint()] == int(NOON.wall)
    world.states.clear()  # the record alone knows that the first codes are used
    assert play(world, SSH, pressed(31, token)).verdict.reason is not Reason.OK
    assert allowed(world, pressed(32, token))


def test_no_more_tokens_than_the_smallest_purse_can_pay_a_try_for() -> None:
    Wizard(admin.add_beside(enrolled(TOKEN), UID, USER, URI, True, NOON))
    three = [replace(TOKEN, secret=Secret(bytes([n]) * 20), label=f"fob {n}") for n in range(3)]
    with pytest.raises(RequestError) as caught:
        Wizard(admin.add_beside(enrolled(*three), UID, USER, URI, True, NOON))
    assert caught.value.reason is Reason.REFUSED


def test_a_record_of_before_knows_no_counter() -> None:
    raw = codec.encode(Credential(UID, USER, (PHONE,), version=1)).replace(b',"counter":null', b"")
    assert codec.decode(raw, "x").authenticators == (PHONE,)
    raw = codec.encode(Credential(UID, USER, (TOKEN,), version=1))
    assert codec.decode(raw, "x").authenticators == (TOKEN,)
