"""Setting up and what an admin does, played by scripts."""

import ipaddress
from dataclasses import replace

import pytest
from nas2fa.enrolment import admin, setup
from nas2fa.enrolment.proof import TOKEN_SECONDS, TOKENS_MAX, Tokens, check_proof
from nas2fa.errors import Reason, RequestError, StoreError
from nas2fa.factors import provisioning, recovery, totp
from nas2fa.login.judgement import USED_MAX
from nas2fa.steps import Answer, Ask, OffLoop, Show, Tell
from nas2fa.store.records import Authenticator, Credential, Instant, Secret
from worlds import NOON, PHONE, SSH, UID, USER, MemoryWorld, code, enrolled, later, play, wrong

NEW = setup.NewKey("SHA1", 6, 30, "phone", "nas")
URI = provisioning.uri_of(PHONE, USER, "nas")


class Wizard:
    """Plays a use case; `answers` maps an ask's name to what is typed, a callable getting the shown key."""

    def __init__(self, flow, now=NOON, **answers):
        self.shown, self.told, self.asked, self.result = {}, [], [], None
        reply, answers = None, {k: list(v) for k, v in answers.items()}
        try:
            while True:
                step = flow.send(reply)
                reply = None
                match step:
                    case Show(kind, value):
                        self.shown[kind] = value
                    case Tell(text):
                        self.told.append(text)
                    case Ask(_, _, name):
                        self.asked.append(name)
                        text = answers[name].pop(0)
                        reply = Answer(now, text=text(self) if callable(text) else text)
                    case OffLoop(work):
                        reply = work()
        except StopIteration as end:
            self.result = end.value
        assert not any(answers.values())

    def phone(self) -> Authenticator:
        return provisioning.parse(self.shown["secret"]["uri"], 0)


def right(wizard: Wizard) -> str:
    return code(authenticator=wizard.phone())


def set_up(world, **answers) -> Wizard:
    return Wizard(setup.set_up(world, UID, USER, NEW, {}, NOON, list), **{"start": [""], "saved": ["yes"], **answers})


def test_whole_wizard_in_its_order() -> None:
    world = MemoryWorld()
    wizard = set_up(world, code=[right])
    assert wizard.asked == ["start", "code", "saved"]
    assert list(wizard.shown) == ["clock", "secret", "recovery_codes"]
    assert "Verified successfully." in wizard.told
    assert wizard.result == {"armed": True}
    assert world.load(UID, USER).armed
    assert len(wizard.shown["recovery_codes"]["codes"]) == 10


def replacing(world, **answers) -> Wizard:
    flow = setup.set_up(world, UID, USER, NEW, {}, NOON, list, replacing=True)
    return Wizard(flow, **{"start": [""], "saved": ["yes"], **answers})


def test_a_new_phone_takes_the_place_of_the_old_one_whose_used_codes_stay_used() -> None:
    world = MemoryWorld()
    first = set_up(world, code=[right])
    old = first.phone()
    used = world.state(UID).used
    second = replacing(world, code=[right])
    assert world.load(UID, USER).authenticators == (world.load(UID, USER).authenticators[0],)
    assert world.load(UID, USER).authenticators[0].secret == second.phone().secret != old.secret
    assert used.items() <= world.state(UID).used.items()
    spare = first.shown["recovery_codes"]["codes"][0]
    for typed, word in ((spare, "deny"), (code(NOON, 2, old), "deny"), (code(NOON, 2, second.phone()), "allow")):
        assert play(world, SSH, typed, now=later(60)).verdict.word == word


def test_the_old_phone_counts_until_the_new_one_has_shown_a_code() -> None:
    world = MemoryWorld()
    old = set_up(world, code=[right]).phone()
    with pytest.raises(RequestError):
        replacing(world, code=[None])
    assert play(world, SSH, code(NOON, 2, old), now=later(60)).verdict.word == "allow"


@pytest.mark.parametrize("leaves", [False, True])
def test_set_up_is_announced_once_it_is_kept_even_if_the_person_leaves_then(leaves: bool) -> None:
    world, kept = MemoryWorld(), []
    flow = setup.set_up(world, UID, USER, NEW, {}, NOON, lambda: kept.append(True))
    if leaves:
        with pytest.raises(KeyError):
            Wizard(flow, start=[""], code=[right])  # `saved` gets no answer: the person is gone
    else:
        Wizard(flow, start=[""], code=[right], saved=["yes"])
    assert kept == [True]
    assert world.load(UID, USER).armed


def test_nothing_is_announced_before_it_is_kept() -> None:
    kept: list = []
    with pytest.raises(RequestError):
        Wizard(setup.set_up(MemoryWorld(), UID, USER, NEW, {}, NOON, lambda: kept.append(True)), start=[None])
    assert kept == []


def test_the_first_codes_step_is_used_before_the_record_exists() -> None:
    world = MemoryWorld()

    def save(credential):
        assert world.state(UID).used
        return MemoryWorld.save(world, credential)

    world.save = save
    set_up(world, code=[right])
    assert world.load(UID, USER).armed


def test_a_wizard_left_open_does_not_make_spent_recovery_codes_good_again() -> None:
    world = MemoryWorld()
    spent: list[str] = []

    def meanwhile(open_wizard: Wizard) -> str:
        spent.append(set_up(world, code=[right]).shown["recovery_codes"]["codes"][0])
        assert play(world, SSH, spent[0]).verdict.word == "allow"
        return right(open_wizard)

    with pytest.raises(StoreError) as caught:
        set_up(world, code=[meanwhile])
    assert caught.value.reason is Reason.STALE
    assert play(world, SSH, spent[0]).verdict.reason is Reason.SPENT


@pytest.mark.parametrize("invited", [True, False])
def test_a_wizard_opened_before_a_reset_arms_nothing_after_it(invited: bool) -> None:
    world = MemoryWorld()
    if invited:
        Wizard(admin.invite(world, UID, USER, 1, NOON))

    def meanwhile(open_wizard: Wizard) -> str:
        Wizard(admin.reset(world, UID))
        if invited:
            Wizard(admin.invite(world, UID, USER, 1, NOON))  # its version is the one that the wizard has read
        return right(open_wizard)

    with pytest.raises(StoreError) as caught:
        set_up(world, code=[meanwhile])
    assert caught.value.reason is Reason.STALE
    assert not world.load(UID, USER).armed


def test_of_an_imported_key_it_is_not_told_how_far_off_a_code_is() -> None:
    world = MemoryWorld()
    Wizard(admin.add(world, UID, USER, URI, False, False, NOON))
    wizard = set_up(world, code=[code(offset=-4), code()])
    assert not any("behind" in text for text in wizard.told)


def test_first_code_is_used_by_the_set_up() -> None:
    world = MemoryWorld()
    wizard = set_up(world, code=[right])
    assert play(world, SSH, right(wizard)).verdict.reason is Reason.REUSED
    assert play(world, SSH, code(later(30), 0, wizard.phone()), now=later(30)).verdict.word == "allow"


def test_recovery_codes_are_kept_only_hashed_and_work() -> None:
    world = MemoryWorld()
    wizard = set_up(world, code=[right])
    shown = wizard.shown["recovery_codes"]["codes"]
    kept = world.load(UID, USER).recovery
    assert not any(c.replace("-", "").encode() in h for c in shown for h in kept.hashes)
    assert play(world, SSH, shown[0]).verdict.word == "allow"


@pytest.mark.parametrize("leave_at", ["start", "code"])
def test_leaving_before_the_first_good_code_changes_nothing(leave_at: str) -> None:
    world = MemoryWorld()
    answers = {"start": [""], "code": [], "saved": []}
    answers[leave_at] = [None]
    with pytest.raises(RequestError) as refused:
        set_up(world, **answers)
    assert refused.value.reason is Reason.ABORTED
    assert world.credentials == {}


def test_five_wrong_codes_end_it_and_change_nothing() -> None:
    world = MemoryWorld()
    with pytest.raises(RequestError) as refused:
        set_up(world, code=["000", "abcdef", "", "1" * 9, "٣٤٥٦٧٨"], saved=[])
    assert refused.value.reason is Reason.REFUSED
    assert world.credentials == {}


def test_a_phone_with_a_wrong_clock_is_told_how_far_off_it_is() -> None:
    wizard = set_up(MemoryWorld(), code=[lambda w: code(offset=-4, authenticator=w.phone()), right])
    assert any("120 s behind" in text for text in wizard.told)


def test_who_is_set_up_cannot_set_up_again() -> None:
    with pytest.raises(RequestError) as refused:
        set_up(enrolled())
    assert refused.value.reason is Reason.ALREADY_ENROLLED


def test_imported_key_waits_for_its_first_good_code_and_is_not_shown() -> None:
    world = MemoryWorld()
    Wizard(admin.add(world, UID, USER, URI, False, False, NOON))
    assert play(world, SSH).verdict.word == "pass"
    wizard = set_up(world, code=[code()])
    assert "secret" not in wizard.shown
    assert play(world, SSH, code(later(30)), now=later(30)).verdict.word == "allow"


def test_imported_armed_needs_its_code_at_once() -> None:
    world = MemoryWorld()
    Wizard(admin.add(world, UID, USER, URI, True, False, NOON))
    assert play(world, SSH, code()).verdict.word == "allow"
    with pytest.raises(RequestError):
        Wizard(admin.add(world, UID, USER, URI, True, False, NOON))
    Wizard(admin.add(world, UID, USER, URI, True, True, NOON))


def test_used_steps_outlive_reset_and_re_import() -> None:
    world = enrolled()
    play(world, SSH, code())
    Wizard(admin.reset(world, UID))
    assert play(world, SSH).verdict.word == "pass"
    Wizard(admin.add(world, UID, USER, URI, True, False, NOON))
    assert play(world, SSH, code()).verdict.reason is Reason.REUSED


@pytest.mark.parametrize("period", [30, 60])
def test_used_steps_outlive_any_number_of_set_ups_meanwhile(period: int) -> None:
    token = replace(PHONE, period=period)
    world = enrolled(token)
    play(world, SSH, code(authenticator=token))
    for _ in range(2 * USED_MAX):
        Wizard(admin.reset(world, UID))
        set_up(world, code=[right])
    Wizard(admin.add(world, UID, USER, provisioning.uri_of(token, USER, "nas"), True, True, NOON))
    assert play(world, SSH, code(authenticator=token)).verdict.reason is Reason.REUSED


def test_used_steps_that_no_code_can_reach_any_more_are_forgotten() -> None:
    world = MemoryWorld()
    for n in range(3 * USED_MAX):
        Wizard(admin.reset(world, UID))
        now = later(n * 300)
        Wizard(
            setup.set_up(world, UID, USER, NEW, {}, now, list),
            now=now,
            start=[""],
            code=[lambda wizard, at=now: code(at, authenticator=wizard.phone())],
            saved=["yes"],
        )
    assert len(world.state(UID).used) == USED_MAX


def test_unlock() -> None:
    world = enrolled()
    for _ in range(3):
        play(world, SSH, wrong())
    assert admin.unlock(world, UID, USER, NOON) == {"was_locked": True}
    assert play(world, SSH, code()).verdict.word == "allow"
    assert admin.unlock(world, UID, USER, NOON) == {"was_locked": False}


def test_new_recovery_codes_replace_the_old_ones() -> None:
    kept, old = recovery.new_set()
    world = enrolled(recovery=kept)
    wizard = Wizard(setup.new_recovery_codes(world, UID, USER, list), saved=["yes"])
    assert play(world, SSH, old[0]).verdict.reason is Reason.WRONG
    assert play(world, SSH, wizard.shown["recovery_codes"]["codes"][0]).verdict.word == "allow"


def test_invite_once_and_in_time() -> None:
    world = MemoryWorld()
    invited = Wizard(admin.invite(world, UID, USER, 1, NOON)).result
    assert recovery.invited(world.load(UID, USER).invite, invited["invite"], NOON.wall)
    assert not recovery.invited(world.load(UID, USER).invite, invited["invite"], invited["until"])
    set_up(world, code=[right])
    assert world.load(UID, USER).invite is None


LAN = [ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("127.0.0.0/8")]


@pytest.mark.parametrize(
    ("source", "enough"),
    [
        ("console", True),
        ("192.0.2.9", True),
        ("::ffff:192.0.2.9", True),
        ("198.51.100.1", False),
        ("127.0.0.1", False),  # everybody who is on the box already comes from there
        ("unknown", False),
        ("", False),
    ],
)
def test_a_password_alone_does_not_enrol(source: str, enough: bool) -> None:
    if enough:
        check_proof(Credential(UID, USER), source, "", LAN, NOON)
    else:
        with pytest.raises(RequestError) as refused:
            check_proof(Credential(UID, USER), source, "", LAN, NOON)
        assert refused.value.reason is Reason.NO_PROOF


def test_invite_code_is_proof_and_a_wrong_one_is_not() -> None:
    kept, text = recovery.new_invite(int(NOON.wall) + 60)
    credential = Credential(UID, USER, invite=kept)
    check_proof(credential, "unknown", text, [], NOON)
    for wrong_text, now in (("abcd-efgh-ijkm", NOON), (text, later(60))):
        with pytest.raises(RequestError):
            check_proof(credential, "unknown", wrong_text, [], now)


def test_tokens_are_for_one_uid_for_one_set_up_for_two_minutes() -> None:
    tokens = Tokens()
    token = tokens.issue(UID, USER, "console", NOON)
    assert tokens.look(token, UID, NOON).source == "console"
    for uid, now in ((UID + 1, NOON), (UID, later(TOKEN_SECONDS))):
        with pytest.raises(RequestError):
            tokens.look(token, uid, now)
    tokens.use(token)
    with pytest.raises(RequestError):
        tokens.look(token, UID, NOON)


def test_tokens_are_bounded() -> None:
    tokens = Tokens()
    for uid in range(TOKENS_MAX):
        tokens.issue(uid, USER, "console", NOON)
    with pytest.raises(RequestError):
        tokens.issue(TOKENS_MAX, USER, "console", NOON)
    tokens.issue(UID, USER, "console", Instant(NOON.wall, NOON.boot + TOKEN_SECONDS + 1))


def test_one_user_who_signs_in_again_and_again_keeps_no_other_out() -> None:
    tokens = Tokens()
    mine = [tokens.issue(UID, USER, "console", NOON) for _ in range(2 * TOKENS_MAX)]
    with pytest.raises(RequestError):
        tokens.look(mine[0], UID, NOON)
    assert tokens.look(mine[-1], UID, NOON).user == USER
    tokens.issue(UID + 1, "bob", "console", NOON)


@pytest.mark.parametrize("algorithm", ["SHA1", "SHA256", "SHA512"])
@pytest.mark.parametrize("digits", [6, 8])
@pytest.mark.parametrize("period", [30, 60])
def test_uri_both_ways(algorithm: str, digits: int, period: int) -> None:
    phone = replace(PHONE, algorithm=algorithm, digits=digits, period=period, label="alice", created=5)
    assert provisioning.parse(provisioning.uri_of(phone, "alice", "my nas: ü"), 5) == phone


KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://totp/x?secret=" + KEY,
        "otpauth://hotp/x?secret=" + KEY,
        "otpauth://steam/x?secret=" + KEY,
        "otpauth://totp/x",
        "otpauth://totp/x?secret=",
        "otpauth://totp/x?secret=1" + KEY,
        "otpauth://totp/x?secret=GEZDGNBV",
        "otpauth://totp/x?secret=" + KEY * 10,
        f"otpauth://totp/x?secret={KEY}&digits=7",
        f"otpauth://totp/x?secret={KEY}&digits=06",
        f"otpauth://totp/x?secret={KEY}&period=15",
        f"otpauth://totp/x?secret={KEY}&algorithm=MD5",
        f"otpauth://totp/x?secret={KEY}&secret={KEY}",
        f"otpauth://totp/x?secret={KEY}&nonsense=1",
        "otpauth://[totp/x?secret=" + KEY,
    ],
)
def test_refused_uris_name_the_fault_and_not_the_key(uri: str) -> None:
    with pytest.raises(RequestError) as refused:
        provisioning.parse(uri, 0)
    assert refused.value.reason is Reason.BAD_REQUEST
    assert KEY[:8] not in str(refused.value)


def test_new_keys_differ_and_have_160_bits() -> None:
    keys = {provisioning.new_authenticator("SHA1", 6, 30, "", 0).secret for _ in range(50)}
    assert len(keys) == 50
    assert {len(k.reveal()) for k in keys} == {20}


def test_secret_never_shows() -> None:
    secret = Secret(b"very secret bytes")
    credential = Credential(1, "a", (Authenticator(secret),))
    assert "secret bytes" not in f"{secret} {secret!r} {Authenticator(secret)!r} {credential!r}"


def test_codes_of_the_wizard_are_those_of_the_app() -> None:
    """The URI that is shown, read back as an app does, gives the codes that are accepted."""
    wizard = set_up(MemoryWorld(), code=[lambda w: totp.code_at(w.phone(), totp.step_at(w.phone(), NOON))])
    assert wizard.result == {"armed": True}
