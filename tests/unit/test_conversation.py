"""The login conversation, played by scripts: what each person at the prompt sees and what they get."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.errors import Reason, StoreError
from nas2fa.factors import recovery
from nas2fa.login.attempt import Rules
from nas2fa.login.methods import MENUS_MAX
from nas2fa.login.protocol import PHASES, Hello
from nas2fa.steps import Answer
from nas2fa.store.records import Authenticator, Credential, Instant, Secret
from worlds import CONSOLE, NOON, PHONE, SSH, UID, USER, MemoryWorld, code, enrolled, later, play, wrong


def result(played) -> tuple[str, Reason]:
    return played.verdict.word, played.verdict.reason


def test_right_code_is_let_in() -> None:
    played = play(enrolled(), SSH, code())
    assert result(played) == ("allow", Reason.OK)
    assert [a.echo for a in played.asked] == [False]


@pytest.mark.parametrize("typed", ["{a} {b}", " {a}{b} ", "{a}{b}"])
def test_spaces_in_a_code_do_not_matter(typed: str) -> None:
    whole = code()
    assert result(play(enrolled(), SSH, typed.format(a=whole[:3], b=whole[3:]))) == ("allow", Reason.OK)


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_one_step_either_way_is_accepted(offset: int) -> None:
    assert result(play(enrolled(), SSH, code(offset=offset))) == ("allow", Reason.OK)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", Reason.EMPTY),
        ("   ", Reason.EMPTY),
        ("12345", Reason.WRONG),
        ("1234567", Reason.WRONG),
        ("12345a", Reason.WRONG),
        ("٣٤٥٦٧٨", Reason.WRONG),  # Arabic-Indic digits: int() would take them
        ("123456", Reason.WRONG),  # full-width
        ("123456\n", Reason.WRONG),
        ("123\n456", Reason.WRONG),
        ("123456\0", Reason.WRONG),
        ("\udcff\udcfe", Reason.WRONG),
        ("9" * 4000, Reason.WRONG),
        ("-12345", Reason.WRONG),
        ("0x1234", Reason.WRONG),
    ],
)
def test_odd_answers_are_refused(answer: str, reason: Reason) -> None:
    played = play(enrolled(), SSH, *([answer] * (1 + (reason is Reason.EMPTY))))
    assert result(played) == ("deny", reason)
    assert played.told


def test_right_code_with_a_line_break_is_refused() -> None:
    assert result(play(enrolled(), SSH, code() + "\n")) == ("deny", Reason.WRONG)


def test_same_code_twice_is_reused_and_not_counted() -> None:
    world = enrolled()
    play(world, SSH, code())
    for _ in range(10):
        assert result(play(world, SSH, code())) == ("deny", Reason.REUSED)
    assert result(play(world, SSH, code(later(60)), now=later(60))) == ("allow", Reason.OK)


def test_an_earlier_step_than_the_accepted_one_is_reused() -> None:
    world = enrolled()
    play(world, SSH, code(offset=1))
    assert result(play(world, SSH, code(offset=0))) == ("deny", Reason.REUSED)


def test_old_code_says_so_future_code_does_not() -> None:
    old, future, plain = (play(enrolled(), SSH, c) for c in (code(offset=-4), code(offset=4), wrong()))
    assert result(old) == ("deny", Reason.OLD)
    assert result(future) == ("deny", Reason.FUTURE)
    assert old.told != plain.told
    assert future.told == plain.told  # else the refusal would tell a guesser which code to try in two minutes


def test_a_future_code_is_burnt() -> None:
    world = enrolled()
    early = code(offset=4)
    play(world, SSH, early)
    assert result(play(world, SSH, early, now=later(120))) == ("deny", Reason.REUSED)
    assert result(play(world, SSH, code(later(150)), now=later(150))) == ("allow", Reason.OK)


def test_not_enrolled_passes_without_a_question_and_never_with_allow() -> None:
    played = play(MemoryWorld(), SSH)
    assert result(played) == ("pass", Reason.NOT_ENROLLED)


def test_unenrolled_deny() -> None:
    world = MemoryWorld()
    world.the_rules = replace(world.the_rules, unenrolled="deny")
    assert result(play(world, SSH)) == ("deny", Reason.NOT_ENROLLED)


def test_unenrolled_deny_still_lets_people_prove_their_password_to_set_up() -> None:
    world = MemoryWorld()
    world.the_rules = replace(world.the_rules, unenrolled="deny")
    assert play(world, replace(SSH, service="nas2fa", rhost="")).verdict.word == "pass"
    assert play(enrolled(), replace(SSH, service="nas2fa", rhost=""), code()).verdict.word == "allow"


@pytest.mark.parametrize("reason", [r for r in Reason if r.startswith(("STORE_", "RECORD_"))])
def test_a_store_that_cannot_be_believed_is_unavailable_never_not_enrolled(reason: Reason) -> None:
    world = enrolled()
    world.fault = StoreError(reason, "broken")
    for hello in (SSH, CONSOLE, replace(SSH, phase="guard"), replace(SSH, phase="split")):
        assert result(play(world, hello)) == ("unavailable", reason)


def test_wrong_codes_lock_this_source_and_no_other() -> None:
    world = enrolled()
    words = [play(world, SSH, wrong()).verdict.word for _ in range(3)]
    assert words == ["deny", "deny", "locked"]
    locked = play(world, SSH)
    assert result(locked) == ("locked", Reason.LOCKED)
    assert "10 minutes" in locked.told[0]
    assert result(play(world, replace(SSH, rhost="192.0.2.8"), code())) == ("allow", Reason.OK)
    assert result(play(world, SSH, code(later(601)), now=later(601))) == ("allow", Reason.OK)


def test_console_cannot_be_locked_from_elsewhere() -> None:
    world = enrolled()
    for number in range(60):
        hello = replace(SSH, rhost=f"192.0.2.{number}")
        if play_word(world, hello) == "locked":
            break
    assert result(play(world, CONSOLE, code())) == ("allow", Reason.OK)


def play_word(world: MemoryWorld, hello: Hello) -> str:
    """A wrong try, or the lock that refuses it without a question."""
    try:
        return play(world, hello, wrong()).verdict.word
    except AssertionError:
        return "locked"


@pytest.mark.parametrize("event", ["reset", "replaced", "locked"])
def test_what_happens_while_the_prompt_is_open_counts(event: str) -> None:
    world = enrolled()
    other = Credential(UID, USER, (Authenticator(Secret(b"another secret 12345")),), version=5)

    def meanwhile() -> None:
        if event == "reset":
            world.credentials.clear()
        elif event == "replaced":
            world.credentials[UID] = other
        else:
            for _ in range(3):
                play(world, SSH, wrong())

    played = play(world, SSH, code(), before_answer=meanwhile)
    assert result(played)[0] in ("deny", "locked")
    assert played.verdict.reason is (Reason.LOCKED if event == "locked" else Reason.CHANGED)


def test_a_store_that_breaks_after_the_question_counts_the_answer_as_wrong() -> None:
    world = enrolled()
    for _ in range(3):
        world.fault = None

        def breaks() -> None:
            world.fault = StoreError(Reason.RECORD_UNREADABLE, "broken")

        assert result(play(world, SSH, code(), before_answer=breaks)) == ("unavailable", Reason.RECORD_UNREADABLE)
    world.fault = None
    assert result(play(world, SSH)) == ("locked", Reason.LOCKED)


def test_repeated_password_is_neither_tried_nor_counted() -> None:
    world = enrolled()
    for _ in range(10):
        played = play(world, SSH, Answer(NOON, repeated_password=True))
        assert result(played) == ("deny", Reason.PASSWORD_REPEATED)
    assert world.state(UID).guesses == ()


def test_application_that_cannot_ask_and_person_who_does_not_answer() -> None:
    assert result(play(enrolled(), SSH, None)) == ("deny", Reason.ABORTED)
    assert result(play(enrolled(), SSH, Answer(NOON, timed_out=True))) == ("deny", Reason.TIMEOUT)


def test_recovery_code_once() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    assert result(play(world, SSH, codes[3])) == ("allow", Reason.OK)
    assert result(play(world, SSH, codes[3])) == ("deny", Reason.SPENT)
    assert result(play(world, SSH, codes[4].upper().replace("-", " "))) == ("allow", Reason.OK)
    assert recovery.left(kept, world.state(UID).spent) == 8


def test_recovery_code_is_refused_when_its_mark_cannot_be_written() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    world.disk = False
    assert result(play(world, SSH, codes[0])) == ("unavailable", Reason.WRITE_FAILED)


def test_recovery_codes_are_refused_uncounted_when_it_is_not_known_which_were_used() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    world.lost_marks = Reason.RECORD_UNREADABLE
    for _ in range(5):
        assert result(play(world, SSH, codes[0])) == ("unavailable", Reason.RECORD_UNREADABLE)
    assert result(play(world, SSH, code())) == ("allow", Reason.OK)


def test_clock_that_went_back_stops_totp_alone_and_locks_nobody() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    play(world, SSH, code())
    back = Instant(NOON.wall - 3600, NOON.boot + 60)
    for _ in range(10):
        assert result(play(world, SSH, code(back), now=back)) == ("deny", Reason.CLOCK)
    assert result(play(world, SSH, codes[0], now=back)) == ("allow", Reason.OK)


def test_codes_of_before_a_fresh_start_count_as_used() -> None:
    world = enrolled()
    for age in (0, 5, 29):
        world.began = NOON.boot - age
        assert result(play(world, SSH, code())) == ("deny", Reason.FRESH_START)
    world.began = NOON.boot - 100
    assert result(play(world, SSH, code())) == ("allow", Reason.OK)


def test_guard_wants_a_verified_handle_of_whom_policy_asks_a_code() -> None:
    guard = replace(SSH, phase="guard")
    assert result(play(enrolled(), guard)) == ("deny", Reason.NOT_VERIFIED)
    assert play(enrolled(), replace(guard, verified=True)).verdict.word == "ignore"
    assert play(MemoryWorld(), guard).verdict.word == "ignore"


def test_account_phase_without_guard_says_nothing() -> None:
    assert play(enrolled(), replace(SSH, phase="account")).verdict.word == "ignore"


@pytest.mark.parametrize("digits", [6, 8])
def test_split_cuts_what_the_phone_shows(digits: int) -> None:
    world = enrolled(replace(PHONE, digits=digits))
    assert play(world, replace(SSH, phase="split")).cuts == [digits]
    assert play(MemoryWorld(), replace(SSH, phase="split")).cuts == []


def test_decoy_asks_as_a_login_would_and_counts_nothing() -> None:
    world = enrolled()
    decoy = replace(SSH, phase="decoy")
    played = play(world, decoy, code())
    assert played.verdict.word == "deny"
    assert played.asked == play(enrolled(), SSH, code()).asked
    assert world.state(UID) == MemoryWorld().state(UID)
    assert play(MemoryWorld(), replace(decoy, uid=None, user="nobody-here"), "1").verdict.word == "deny"
    assert play(MemoryWorld(), decoy).asked == []


@pytest.mark.parametrize(
    "answer", [wrong(), "", "  ", Answer(NOON, repeated_password=True), Answer(NOON, timed_out=True), None]
)
def test_a_decoy_says_what_a_real_login_says(answer: str | Answer | None) -> None:
    """A wrong password is not to be told from a wrong code."""
    world, answers = enrolled(), [answer] * (1 + (isinstance(answer, str) and not answer.strip()))
    true, false = play(world, SSH, *answers), play(world, replace(SSH, phase="decoy"), *answers)
    assert (false.asked, false.told) == (true.asked, true.told)
    assert result(false) == ("deny", Reason.DECOY)


def test_a_decoy_of_a_locked_account_is_as_locked() -> None:
    world = enrolled()
    for _ in range(world.the_rules.limits.deny):
        play(world, SSH, wrong())
    true, false = play(world, SSH), play(world, replace(SSH, phase="decoy"))
    assert (false.asked, false.told) == (true.asked, true.told)


def test_sudo_is_told_what_is_asked_as_it_may_replace_the_prompt() -> None:
    played = play(enrolled(), replace(SSH, service="sudo", rhost="", ruser=USER), code())
    assert played.verdict.word == "allow"
    assert len(played.told) == 1


def test_an_admin_is_told_that_it_is_on_trial() -> None:
    world = enrolled()
    world.trials = {UID: 350.0}
    played = play(world, SSH, code())
    assert played.verdict.word == "allow"
    assert [line for line in played.told if "is undone in 6 minutes" in line]
    assert "nas2fa system confirm" in played.told[0]
    assert play(world, replace(SSH, phase="decoy"), wrong()).told[:1] == played.told  # as a real login would


def test_no_answer_gets_into_trace_repr_or_text() -> None:
    world = enrolled()
    typed = wrong()
    played = play(world, SSH, typed)
    everything = "\n".join([*played.attempt.trace, *played.told, repr(played), repr(world.credentials)])
    assert typed not in everything
    assert "12345678901234567890" not in everything
    assert "GEZDGNBV" not in everything


def test_rules_are_those_of_the_answer_not_of_the_question() -> None:
    world = enrolled()
    strict = Rules(replace(world.the_rules.limits, deny=1), "pass")

    def stricter() -> None:
        world.the_rules = strict

    assert play(world, SSH, wrong(), before_answer=stricter).verdict.word == "locked"


NEAR = {code(offset=o) for o in range(-1, 2)}


@given(st.text(), st.sampled_from([SSH, CONSOLE]), st.booleans())
def test_whatever_is_typed_gives_a_verdict_and_only_a_right_code_lets_in(typed: str, hello: Hello, root: bool) -> None:
    kept, _ = recovery.new_set()
    asked = {"": 2, "?": MENUS_MAX + 1}.get(typed.replace(" ", ""), 1)
    played = play(enrolled(recovery=kept), hello, *([typed] * asked), root=root)
    assert played.verdict.word in {"allow", "deny"}
    assert (played.verdict.word == "allow") == (typed.replace(" ", "") in NEAR)


@given(
    st.sampled_from(sorted(PHASES)),
    st.text(min_size=1),
    st.text(),
    st.text(),
    st.text(),
    st.booleans(),
    st.booleans(),
)
def test_whatever_a_hello_says_nobody_is_allowed_without_a_code(
    phase: str, service: str, rhost: str, tty: str, ruser: str, verified: bool, root: bool
) -> None:
    hello = Hello(phase, service, UID, USER, rhost, tty, ruser, "", verified)
    script = [None] if phase in ("auth", "decoy") else []
    played = play(enrolled(), hello, *script, root=root)
    assert played.verdict.word in {"deny", "ignore", "pass"}
    assert played.verdict.word != "pass" or phase == "split"  # `pass` in auth would skip the code
