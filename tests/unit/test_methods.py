"""The menu at the code prompt: what it names, for whom, and that it ends."""

from dataclasses import replace
from pathlib import Path

import pytest
from nas2fa import texts
from nas2fa.errors import Reason
from nas2fa.factors import recovery
from nas2fa.login import protocol
from nas2fa.server.password_first import password_first
from nas2fa.store.records import Credential
from worlds import CONSOLE, PHONE, SSH, UID, USER, MemoryWorld, code, enrolled, play, wrong

DECOY = replace(SSH, phase="decoy")
MINE = f"{texts.MENU}\n  - {texts.BY_APP}\n  - {texts.BY_RECOVERY}"
ANYBODY = f"{texts.MENU}\n  - {texts.BY_APP}\n  - {texts.BY_COUNTER}\n  - {texts.BY_RECOVERY}"


@pytest.mark.parametrize("sign", ["?", " ? ", "", "  "])
@pytest.mark.parametrize("hello", [SSH, CONSOLE, replace(SSH, service="sudo", rhost="", ruser=USER)])
def test_the_menu_names_what_this_user_has_and_asks_again(sign: str, hello: protocol.Hello) -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    played = play(world, hello, sign, codes[0])
    assert played.verdict.word == "allow"
    assert [line for line in played.told if line.startswith(texts.MENU)] == [MINE]
    assert len(played.asked) == 2
    assert texts.BY_RECOVERY not in "".join(play(enrolled(), hello, sign, code()).told)


def test_used_recovery_codes_are_not_offered() -> None:
    kept, codes = recovery.new_set()
    world = enrolled(recovery=kept)
    for each in codes:
        play(world, SSH, each)
    assert texts.BY_RECOVERY not in play(world, SSH, "?", wrong()).told[0]


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
def test_where_a_wrong_password_is_asked_too_nobody_can_tell_who_has_what(answers: tuple[str, ...]) -> None:
    """With a decoy on the box, the real prompt says what the decoy says: to everybody the same."""
    kept, _ = recovery.new_set()
    one, other = enrolled(recovery=kept), enrolled()
    seen = []
    for world in (one, other):
        world.stacks_ask_behind_the_password = False
        seen += [play(world, SSH, *answers).told, play(world, DECOY, *answers).told]
    stranger = play(MemoryWorld(), replace(DECOY, uid=None, user="nobody-here"), *answers).told
    assert all(told == stranger for told in seen)
    assert stranger[0] == ANYBODY


def test_a_decoy_tells_nothing_even_where_the_files_do_not_show_it() -> None:
    assert play(enrolled(), DECOY, "?", "1").told[0] == ANYBODY


def test_a_reset_while_the_menu_is_open_counts() -> None:
    world = enrolled()
    calls = iter(range(9))

    def reset() -> None:
        if next(calls) == 1:
            world.credentials[UID] = Credential(UID, USER, (replace(PHONE, digits=8),), version=2)

    assert play(world, SSH, "?", code(), before_answer=reset).verdict.reason is Reason.CHANGED


COMMON = (
    "auth\t[success=1 default=ignore]\tpam_unix.so nullok\n"
    "auth\trequisite\tpam_deny.so\nauth required pam_permit.so\nauth requisite pam_nas2fa.so\n"
)


@pytest.mark.parametrize(
    ("files", "first"),
    [
        ({"common-auth": COMMON}, True),
        ({"common-auth": COMMON, "sshd": "auth required pam_nas2fa.so pubkey\n@include common-auth\n"}, True),
        ({"common-auth": COMMON, "vsftpd": "auth required pam_nas2fa.so split\n@include common-auth\n"}, True),
        ({"x": "@include common-auth\nauth required pam_nas2fa.so\n"}, True),
        ({"x": "auth substack password-auth\nauth required /lib/security/pam_nas2fa.so\n"}, True),
        ({}, False),
        ({"common-auth": "auth required pam_unix.so\n"}, False),
        ({"common-auth": COMMON + "auth [default=ignore] pam_nas2fa.so decoy\n"}, False),
        ({"common-auth": COMMON, "odd": "-auth \\\n optional pam_nas2fa.so decoy\n"}, False),
        ({"common-auth": COMMON, "odd": "auth required pam_nas2fa.so\n@include common-auth\n"}, False),
        ({"common-auth": COMMON, "odd": "@include common-account\nauth required pam_nas2fa.so\n"}, False),
        ({"common-auth": COMMON, "odd": "# auth required pam_unix.so\nauth required pam_nas2fa.so\n"}, False),
        ({"common-auth": COMMON, "odd": "account required pam_unix.so\nauth required pam_nas2fa.so\n"}, False),
        ({"common-auth": COMMON, "long": "#" * 70_000}, False),
    ],
)
def test_the_files_tell_whether_a_right_password_came_before(
    tmp_path: Path, files: dict[str, str], first: bool
) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    assert password_first((str(tmp_path), str(tmp_path / "none"))) is first
