"""The time found by two codes in a row: where it is looked for, what becomes of the codes, and what is said."""

from __future__ import annotations

import time
from dataclasses import replace
from types import MappingProxyType

import pytest
from commanding import ROOT, Command
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.cli import rescue_clock
from nas2fa.enrolment.clock_rescue import rescue
from nas2fa.errors import Reason, RequestError
from nas2fa.factors import dating, totp
from nas2fa.factors.dating import DAY, EARLIEST, YEAR, Typed
from nas2fa.steps import Answer, Ask, OffLoop, Show, Tell
from nas2fa.store.records import EMPTY_STATE, Authenticator, Instant, Secret
from scripted_daemon import ScriptedDaemon, answer, ask, done, refuse, request, say
from worlds import PHONE, SSH, UID, USER, MemoryWorld, enrolled, play

TRUE = 1_800_000_007  # 7 s into a step
MADE = replace(PHONE, created=TRUE - 20 * DAY)
NAME = PHONE.secret.fingerprint()


class Rescue:
    """Plays the use case. The phone goes right; the box's clock shows `box` at the first code, `sets` at the end."""

    def __init__(self, world, box, *typed, pause=28.0, phone=MADE, true=TRUE, sets=None, said="set", typing=0.0):
        """`typed`: texts in place of the phone's two codes. `pause`: seconds between the two. `said`: at the end."""
        start = Instant(float(box), 5000.0)
        self.told, self.searched, self.found, self.changes, self.pieces = [], [], None, [], 0
        script = list(typed)
        flow = rescue(world, UID, USER, start, lambda old, new: self.changes.append((old, new)))
        reply, passed = None, 0.0
        try:
            while True:
                step = flow.send(reply)
                reply = None
                match step:
                    case Ask(_, _, "set"):
                        wall = start.wall + passed if sets is None else sets
                        reply = Answer(Instant(wall, start.boot + passed), text=said)
                    case Ask(_, echo, name):
                        assert not echo
                        passed += pause if name == "next" else typing
                        own = totp.code_at(phone, int(true + passed - typing) // phone.period)
                        text = script.pop(0) if script else own
                        reply = Answer(Instant(start.wall + passed, start.boot + passed), text=text)
                    case Tell(text):
                        self.told.append(text)
                    case Show("clock_search", value):
                        self.searched.append(value)
                    case Show("clock_found", value):
                        self.found, self.arrived = value, true + passed
                    case OffLoop(work):
                        reply = work()
                        self.pieces += 1
        except StopIteration as end:
            self.result = end.value


@pytest.mark.parametrize(
    "box",
    [0, 1_000_000_000, EARLIEST, TRUE - 90 * DAY, TRUE - 3600, TRUE - 1, TRUE, TRUE + 2 * 3600, TRUE + YEAR, 2**31 + 5],
)
def test_the_time_is_found_wherever_the_clock_of_the_box_stands(box) -> None:
    played = Rescue(enrolled(MADE), box)
    assert abs(played.found["found"] - played.arrived) <= played.found["doubt"] <= 20
    assert played.found["box"] == box + 28.0
    assert played.result == {"set": False}


@given(
    second=st.integers(0, 59), pause=st.floats(1.0, 150.0), typing=st.floats(0.0, 10.0),
    period=st.sampled_from(totp.PERIODS), digits=st.sampled_from(totp.DIGITS),
)  # fmt: skip
def test_the_time_found_is_as_near_as_it_says(second, pause, typing, period, digits) -> None:
    phone = replace(MADE, period=period, digits=digits)
    true = TRUE - TRUE % 60 + second
    if int(true + pause) // period == true // period:
        pause += period  # still the same code
    played = Rescue(enrolled(phone), true - 5000, pause=pause, typing=typing, phone=phone, true=true)
    assert abs(played.found["found"] - played.arrived) <= played.found["doubt"] + 0.001 <= period / 2 + 6


def test_a_record_of_a_clock_that_was_ahead_hides_no_time() -> None:
    world = enrolled(replace(PHONE, created=TRUE + 100 * DAY))
    assert abs(Rescue(world, 0).found["found"] - TRUE) < 60


def test_a_box_that_lay_in_a_cupboard_for_longer_than_it_first_looks(monkeypatch) -> None:
    monkeypatch.setattr(dating, "YEAR", 30 * DAY)
    world = enrolled(replace(PHONE, created=TRUE))
    played = Rescue(world, TRUE, true=TRUE + 100 * DAY)
    assert abs(played.found["found"] - played.arrived) < 60
    assert played.pieces > 500  # between them the daemon does other things
    assert len(played.searched) > 5  # and tells that it is still there


def test_the_newest_accepted_code_is_where_it_begins() -> None:
    world = enrolled(MADE)
    world.states[UID] = replace(EMPTY_STATE, used=MappingProxyType({NAME: (TRUE - 3600) // 30}))
    assert len(Rescue(world, 0).searched) <= 2


@pytest.mark.parametrize(
    ("typed", "told"),
    [(["", "12345"], 2), (["1234567"], 1), (["abcdef"], 1), (["١٢٣٤٥٦"], 1), ([totp.code_at(MADE, TRUE // 30)] * 2, 1)],
)
def test_what_is_no_code_or_the_same_again_is_asked_again(typed, told) -> None:
    played = Rescue(enrolled(MADE), TRUE + 900, *typed)
    assert len(played.told) == told
    assert abs(played.found["found"] - played.arrived) <= 60


def test_it_ends_after_three_that_are_none_or_a_cancel() -> None:
    never = ((["x", "x", "x"], Reason.REFUSED), ([None], Reason.ABORTED), (["123456", None], Reason.ABORTED))
    for typed, reason in never:
        with pytest.raises(RequestError) as error:
            Rescue(enrolled(MADE), TRUE, *typed)
        assert error.value.reason is reason


def test_codes_that_never_follow_each_other_find_nothing_and_use_nothing(monkeypatch) -> None:
    for name, value in (("EARLIEST", TRUE - 30 * DAY), ("YEAR", 10 * DAY), ("AHEAD", 20 * DAY)):
        monkeypatch.setattr(dating, name, value)  # the whole search costs half a minute
    world = enrolled(MADE)
    step = TRUE // 30
    for pair in ((step, step + 5), (step + 1, step)):
        with pytest.raises(RequestError) as error:
            Rescue(world, TRUE, *(totp.code_at(MADE, s) for s in pair))
        assert error.value.reason is Reason.REFUSED
    assert world.state(UID) == EMPTY_STATE


def test_who_has_no_second_step_is_not_asked() -> None:
    with pytest.raises(RequestError) as error:
        Rescue(MemoryWorld(), TRUE)
    assert error.value.reason is Reason.NOT_ENROLLED


def test_each_of_several_authenticators_will_do() -> None:
    tablet = Authenticator(Secret(b"another secret 12345"), digits=8, created=TRUE - DAY)
    for phone in (MADE, tablet):
        assert abs(Rescue(enrolled(MADE, tablet), 0, phone=phone).found["found"] - TRUE) < 60


def login(world, wall, step) -> str:
    """What a login comes to that shows the code of `step` when the box's clock is at `wall`, long after its start."""
    return play(world, SSH, totp.code_at(MADE, step), now=Instant(float(wall), 90_000.0)).verdict.reason


def test_once_the_clock_is_set_both_codes_are_used_and_the_next_one_is_good() -> None:
    world = enrolled(MADE)
    played = Rescue(world, 1000, sets=TRUE + 28)
    assert played.result == {"set": True}
    assert played.changes == [(1028.0, TRUE + 28)]
    step = TRUE // 30
    assert login(world, TRUE + 28, step) == login(world, TRUE + 28, step + 1) == Reason.REUSED
    assert login(world, TRUE + 58 - 3600, step + 2 - 120) is Reason.CLOCK  # should it go back once more
    assert login(world, TRUE + 58, step + 2) is Reason.OK


def test_a_time_service_that_sets_it_meanwhile_is_not_taken_for_the_one_who_asked() -> None:
    played = Rescue(enrolled(MADE), 1000, sets=TRUE + 28, said="")
    assert (played.result, played.changes) == ({"set": False}, [])


def test_where_the_phone_was_wrong_and_the_clock_is_left_its_codes_stay_used_and_others_are_good() -> None:
    world = enrolled(MADE)
    box = TRUE - 600
    assert Rescue(world, box).result == {"set": False}
    assert login(world, box, box // 30) is Reason.OK
    for step in (TRUE // 30, TRUE // 30 + 1):
        assert login(world, step * 30, step) is Reason.REUSED


def test_codes_that_a_clock_ahead_accepted_stay_used_and_it_is_said_until_when() -> None:
    world = enrolled(MADE)
    ahead = TRUE // 30 + 5000
    world.states[UID] = replace(EMPTY_STATE, used=MappingProxyType({NAME: ahead}))
    played = Rescue(world, ahead * 30, sets=TRUE + 28)
    assert world.state(UID).used[NAME] == ahead
    until = played.found["refused_until"]
    assert login(world, until - 30, until // 30 + 5) is Reason.CLOCK
    assert login(world, until + 30, ahead + 1) is Reason.OK


def test_the_first_place_that_fits_is_taken_only_where_both_follow() -> None:
    step = TRUE // 30
    first, second = (Typed(totp.code_at(MADE, s), 28.0 * n) for n, s in enumerate((step, step + 1)))
    whole = dating.Span(TRUE - DAY, TRUE + DAY)
    assert dating.look([MADE], first, second, whole).steps == (step, step + 1)
    assert dating.look([MADE], first, second, dating.Span(TRUE - DAY, TRUE - 60)) is None


# --- the command


FOUND = {"boot": 1.0, "found": float(TRUE), "box": TRUE - 7200.0, "doubt": 12.0, "refused_until": 0}


@pytest.fixture
def nas2fa(tmp_path, monkeypatch, capsys) -> Command:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()

    def never(*_: object) -> None:
        raise AssertionError("a private instance sets the clock of the box")

    monkeypatch.setattr(rescue_clock.time, "clock_settime", never)
    return Command(tmp_path, monkeypatch, capsys)


def script(found, *end):
    return [
        request("rescue-clock", **ROOT), ask("code", "Code: ", echo=False), answer("123456"),
        ask("next", "Next: ", echo=False), answer("654321"),
        say({"show": "clock_search", "value": {"begin": EARLIEST, "end": EARLIEST + 10 * DAY}}),
        say({"show": "clock_found", "value": found}), ask("set", ""), answer(""), *end,
    ]  # fmt: skip


def test_the_command_shows_both_times_and_how_far_they_are_apart(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, script(FOUND, done(set=False))):
        outcome = nas2fa("rescue-clock", "--user", "root", stdin="123456\n654321\nyes\n")
    assert outcome.code == 1
    assert outcome.out.count("Looking for the time") == 1
    assert "right for  2027-01-15 08:00:07 UTC, give or take 12 s" in outcome.out
    assert "takes it for     2027-01-15 06:00:07 UTC" in outcome.out
    assert "behind by 2 h 0 min" in outcome.out
    assert "left alone" in outcome.err  # under --root nothing of the box is touched, whatever is typed
    assert "123456" not in outcome.out + outcome.err


def test_a_clock_that_is_right_is_left_alone(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, script({**FOUND, "box": TRUE + 40.0}, done(set=False))):
        outcome = nas2fa("rescue-clock", "--user", "root", stdin="123456\n654321\n")
    assert outcome.code == 0
    assert "Nothing was changed" in outcome.out


def test_a_refusal_says_what_to_do(nas2fa) -> None:
    end = [request("rescue-clock"), ask("code"), answer("1"), refuse("REFUSED", "No time was found")]
    with ScriptedDaemon(nas2fa.socket, end):
        outcome = nas2fa("rescue-clock", "--user", "root", stdin="1\n")
    assert (outcome.code, "No time was found" in outcome.err) == (1, True)


def test_without_a_name_it_is_the_one_administrator_who_has_a_second_step(nas2fa) -> None:
    row = {**ROOT, "armed": True}
    users = [request("user.list"), say({"rows": [{**ROOT, "uid": 4_000_000_000, "armed": True}, row]}), done(total=2)]
    with ScriptedDaemon(nas2fa.socket, [*users, *script(FOUND, done(set=False))]):
        assert nas2fa("rescue-clock", stdin="123456\n654321\n").code == 1
    nobody = [request("user.list"), say({"rows": [{**ROOT, "armed": False}]}), done(total=1)]
    with ScriptedDaemon(nas2fa.socket, nobody):
        outcome = nas2fa("rescue-clock")
    assert (outcome.code, "nobody has a second step" in outcome.err) == (1, True)
