"""The menu at the code prompt: what it names, for whom, and that it ends."""

from dataclasses import replace

import pytest
from nas2fa import texts
from nas2fa.errors import Reason
from nas2fa.factors import recovery
from nas2fa.login import protocol
from nas2fa.store.records import Credential
from worlds import CONSOLE, PHONE, SSH, UID, USER, MemoryWorld, code, enrolled, play, wrong

DECOY = replace(SSH, phase="decoy")
MINE = f"{texts.MENU}\n  - {texts.BY_APP}\n  - {texts.BY_RECOVERY}"
ANYBODY = f"{texts.MENU}\n  - {texts.BY_APP}\n  - {texts.BY_COUNTER}\n  - {texts.BY_RECOVERY}"


@pytest.mark.parametrize("sign", ["?", " ? ", "", "  "])
@pytest.mark.parametrize("hello", [SSH, CONSOLE, replace(SSH, service="sudo", rhost="", ruser=USER)])
def test_the_menu_names_what_there_is_and_asks_again(sign: str, hello: protocol.Hello) -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    played = play(world, hello, sign, codes[0])
    assert played.verdict.word == "allow"
    assert [line for line in played.told if line.startswith(texts.MENU)] == [ANYBODY]
    assert len(played.asked) == 2


@pytest.mark.parametrize("how", [{"root": False}, {"login": False}])
def test_who_is_the_user_already_is_told_what_the_user_has(how: dict[str, bool]) -> None:
    kept, _ = recovery.new_set()
    assert play(enrolled(recovery=kept), SSH, "?", code(), **how).told[0] == MINE
    assert texts.BY_RECOVERY not in play(enrolled(), SSH, "?", code(), **how).told[0]


def test_used_recovery_codes_are_not_offered() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    for each in codes:
        play(world, SSH, each)
    assert texts.BY_RECOVERY not in play(world, SSH, "?", wrong(), root=False).told[0]


def test_the_menu_costs_nothing_and_a_wrong_code_behind_it_costs_once() -> None:
    world = enrolled()
    for _ in range(20):
        assert play(world, SSH, "?", "").verdict.reason is Reason.EMPTY
    assert world.state(UID).guesses == ()
    play(world, SSH, "?", "?", wrong())
    assert [g.cost for g in world.state(UID).guesses] == [3]


@pytest.mark.parametrize("answers", [("", ""), ("?", ""), ("?", "?", "?"), ("", "?", "?"), ("?", "?", "")])
def test_a_program_that_always_answers_the_same_comes_to_an_end_uncounted(answers: tuple[str, ...]) -> None:
    """`play` fails when more is asked than the script has."""
    for hello in (SSH, DECOY):
        world = enrolled()
        played = play(world, hello, *answers)
        assert played.verdict.word == "deny"
        assert played.told[-1] == texts.refusal(Reason.EMPTY, "")
        assert world.state(UID).guesses == ()


def test_all_that_one_call_may_say_fits_into_the_limit_of_the_module() -> None:
    """On trial, at sudo, with each menu and a lock at the end; 16 are left for groups, trust and slow disks."""
    world = enrolled()
    world.trials = {UID: 300.0}
    world.the_rules = replace(world.the_rules, limits=replace(world.the_rules.limits, deny=1))
    played = play(world, replace(SSH, service="sudo"), "?", "?", wrong())
    assert len(played.told) + len(played.asked) + 1 <= protocol.STEPS_MAX - 16
    assert all(len(line.encode()) <= protocol.TELL_MAX for line in played.told)


@pytest.mark.parametrize("answers", [("?", "1"), ("", "1"), ("?", "?", "1")])
def test_at_a_login_nobody_can_tell_who_has_what(answers: tuple[str, ...]) -> None:
    """It may stand behind a wrong password: where a decoy asks, or where our line follows `required pam_unix.so`."""
    kept, _ = recovery.new_set()
    one, other = enrolled(recovery=kept), enrolled()
    seen = []
    for world in (one, other):
        seen += [play(world, SSH, *answers).told, play(world, DECOY, *answers).told]
    stranger = play(MemoryWorld(), replace(DECOY, uid=None, user="nobody-here"), *answers).told
    assert all(told == stranger for told in seen)
    assert stranger[0] == ANYBODY


def test_a_reset_while_the_menu_is_open_counts() -> None:
    world = enrolled()
    calls = iter(range(9))

    def reset() -> None:
        if next(calls) == 1:
            world.credentials[UID] = Credential(UID, USER, (replace(PHONE, digits=8),), version=2)

    assert play(world, SSH, "?", code(), before_answer=reset).verdict.reason is Reason.CHANGED
