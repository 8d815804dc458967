"""What users and the journal are told of clocks, and when the box is blamed instead of a phone."""

from __future__ import annotations

import json
from dataclasses import replace
from types import MappingProxyType

import pytest
from nas2fa.server.phones import DAY, Watch
from nas2fa.store.records import Credential, Secret
from worlds import NOON, PHONE, SSH, UID, MemoryWorld, code, enrolled, later, play, wrong

HOUR = 3600.0
USERS = {UID + n: replace(PHONE, secret=Secret(b"secret of user no. %04d" % n)) for n in range(6)}


def box() -> MemoryWorld:
    """Six users with a phone each."""
    return MemoryWorld({uid: Credential(uid, f"user{uid}", (phone,), version=1) for uid, phone in USERS.items()})


def log_in(world: MemoryWorld, uid: int, ahead: float, hours: float, *, off: int = 0):
    """One login of this user; the phone is so many seconds ahead, and read 5 s before."""
    now, phone = later(hours * HOUR + hours * 18.54 + uid), world.credentials[uid].authenticators[0]
    typed = code(replace(now, wall=now.wall + ahead - 5), off, phone)
    played = play(world, replace(SSH, uid=uid, user=f"user{uid}"), typed, now=now)
    world.written(uid)
    return played


def days(world: MemoryWorld, ahead: dict[int, float], logins: int = 8, since: float = 0) -> list:
    """Everybody logs in so often; the last round."""
    for n in range(logins):
        last = [log_in(world, uid, seconds, since + n) for uid, seconds in ahead.items()]
    return last


@pytest.fixture
def journal(capfd: pytest.CaptureFixture[str]):
    """The events written since the last look, of these kinds."""

    def look(*kinds: str) -> list[dict]:
        rows = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
        return [row for row in rows if row["event"] in kinds]

    return look


@pytest.mark.parametrize(
    ("ahead", "words"), [(24, "ahead of this box"), (-24, "behind this box"), (12, None), (0, None)]
)
def test_who_is_off_is_told_after_the_good_code(ahead: float, words: str | None, journal) -> None:
    world = box()
    (last,) = days(world, {UID: ahead})
    assert last.verdict.word == "allow"
    told = " ".join(last.told)
    assert (words in told and "automatic time" in told) if words else not told
    events = journal("PHONE_OFF")
    assert len(events) == (1 if words else 0)  # once a day
    assert all(words in event["message"] and event["user"] == f"user{UID}" for event in events)


def test_nothing_is_told_to_who_is_refused() -> None:
    world = box()
    days(world, {UID: 24})
    other = later(9 * HOUR)
    refused = play(world, SSH, wrong(other, world.credentials[UID].authenticators[0]), now=other)
    assert refused.told == play(enrolled(), SSH, wrong()).told


def test_a_phone_that_is_off_has_a_record_each_day(journal) -> None:
    world = box()
    days(world, {UID: 24})
    days(world, {UID: 24}, 3, since=26)
    assert len(journal("PHONE_OFF")) == 2


def test_when_many_are_off_the_box_is_blamed(journal) -> None:
    world = box()
    last = days(world, {UID: 24, UID + 1: 25, UID + 2: 23, UID + 3: 26})
    for played in last:
        assert "clock of this box" in played.told[0]
        assert "behind the phones" in played.told[0]
    (event,) = journal("CLOCK_PHONES")
    assert "4 of 4 phones are" in event["message"] or "3 of 3 phones are" in event["message"]
    summary = world.watch.summary(later(8 * HOUR))
    assert (summary["known"], summary["off"]) == (4, 4)
    assert 20 <= summary["seconds"] <= 28


def test_few_of_many_are_not_the_box(journal) -> None:
    world = box()
    right = {UID + 3: 0, UID + 4: 1, UID + 5: -2}
    days(world, right)
    last = days(world, {UID: 24, UID + 1: 25, UID + 2: 23, **right}, since=9)
    assert "Your phone's clock" in last[0].told[0]
    assert not journal("CLOCK_PHONES")
    assert world.watch.summary(later(17 * HOUR)) == {"known": 6, "off": 3, "seconds": None, "suspect": None}


def test_who_has_not_logged_in_for_a_week_says_nothing_of_today() -> None:
    world = box()
    days(world, {UID: 24, UID + 1: 25, UID + 2: 23})
    assert world.watch.summary(later(8 * HOUR))["known"] == 3
    assert world.watch.summary(later(8 * DAY))["known"] == 0


def test_a_box_whose_clock_was_set_is_no_longer_blamed() -> None:
    world = box()
    days(world, {UID: 24, UID + 1: 25, UID + 2: 23})
    mended = later(8 * HOUR)
    assert world.watch.summary(replace(mended, wall=mended.wall + 24)) == {
        "known": 3,
        "off": 0,
        "seconds": None,
        "suspect": None,
    }


def test_a_daemon_that_starts_knows_what_the_state_knows() -> None:
    world = box()
    days(world, {UID: 24, UID + 1: 25, UID + 2: 23})
    again = Watch(world.states, later(9 * HOUR))
    assert again.summary(later(9 * HOUR)) == world.watch.summary(later(9 * HOUR))
    assert Watch(world.states, later(9 * DAY)).summary(later(9 * DAY))["known"] == 0


def test_a_state_that_knows_a_phone_and_no_code_of_it_stops_no_daemon() -> None:
    world = box()
    days(world, {UID: 24})
    odd = replace(world.states[UID], used=MappingProxyType({}))
    assert Watch({UID: odd}, NOON).summary(NOON)["known"] == 0


@pytest.mark.parametrize("ahead", [120.0, -120.0, 200.0])
def test_wrong_codes_of_several_users_that_are_off_by_the_same_make_the_clock_suspect(ahead: float, journal) -> None:
    world = box()
    first, second = (log_in(world, UID + n, ahead, n / 10) for n in range(2))
    assert not journal("CLOCK_SUSPECT")
    third = log_in(world, UID + 2, ahead, 0.2)
    (event,) = journal("CLOCK_SUSPECT")
    assert "3 users or more" in event["message"]
    assert any("suspect" in line for line in third.attempt.trace)
    assert third.told == first.told == second.told  # nobody at a prompt learns it
    assert abs(world.watch.summary(later(0.3 * HOUR))["suspect"] - ahead) <= 25


@pytest.mark.parametrize(
    "others",
    [
        [(UID + 1, 120.0, 0.1), (UID + 1, 120.0, 0.11)],  # two users
        [(UID + 1, -120.0, 0.1), (UID + 2, 120.0, 0.2)],  # not the same
        [(UID + 1, 120.0, 0.1), (UID + 3, 0.0, 0.15), (UID + 2, 120.0, 0.2)],  # a good code between
        [(UID + 1, 120.0, 0.1), (UID + 2, 120.0, 1.2)],  # not within an hour
    ],
)
def test_less_than_that_is_no_suspicion(others: list[tuple[int, float, float]], journal) -> None:
    world = box()
    log_in(world, UID, 120.0, 0)
    for uid, ahead, hours in others:
        log_in(world, uid, ahead, hours)
    assert not journal("CLOCK_SUSPECT")


def test_whoever_guesses_makes_nothing_suspect(journal) -> None:
    world = box()
    for uid, phone in USERS.items():
        play(world, replace(SSH, uid=uid, user=f"user{uid}"), wrong(NOON, phone))
    assert not journal("CLOCK_SUSPECT", "CLOCK_PHONES", "PHONE_OFF")
