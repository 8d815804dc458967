"""How many recovery codes are left: told at the login, in the status and, once, in the journal."""

import json
from collections.abc import Iterator
from contextlib import suppress

import pytest
from nas2fa.factors import recovery
from nas2fa.login.attempt import Flow
from nas2fa.server.attempts import Attempts
from nas2fa.server.views import status
from nas2fa.steps import Answer, Ask, Durable, Step
from worlds import NOON, SSH, UID, enrolled, play


def test_a_login_by_a_recovery_code_says_how_many_are_left_and_warns_at_two() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    told = [play(world, SSH, each).told for each in codes]
    assert [len(lines) for lines in told] == [1] * 10
    assert "9 others left" in told[0][0]
    for at, words in ((7, "only 2 left"), (8, "only 1 left"), (9, "the last one")):
        assert words in told[at][0]
        assert "nas2fa recovery-codes" in told[at][0]
    assert not any("nas2fa recovery-codes" in line for lines in told[:7] for line in lines)
    assert status(world.credentials[UID], world.state(UID), NOON)["recovery_left"] == 0


def test_nothing_is_told_of_codes_left_when_the_login_is_refused() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    play(world, SSH, codes[0])
    assert "left" not in play(world, SSH, codes[0]).told[0]


def pumped(flow: Flow, typed: str) -> Iterator[Step]:
    """The steps of a conversation in which this is typed and the disk takes everything."""
    reply = None
    with suppress(StopIteration):
        while True:
            yield (step := flow.send(reply))
            reply = Answer(NOON, text=typed) if isinstance(step, Ask) else isinstance(step, Durable) or None


def test_the_journal_has_each_code_and_one_warning_for_a_set(capfd: pytest.CaptureFixture[str]) -> None:
    kept, codes = recovery.new_set()
    attempts = Attempts(enrolled(recovery=kept))  # type: ignore[arg-type]  # a StoreWorld's interface, in memory
    for each in codes:
        list(pumped(attempts.run(SSH, True), each))
    records = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert [r["reason"] for r in records if r["event"] == "RECOVERY_USED"] == [f"{n} left" for n in range(9, -1, -1)]
    assert [r["reason"] for r in records if r["event"] == "RECOVERY_LOW"] == ["2 left"]
