"""The table of verbs, and that docs/protocol.md holds the same one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from nas2fa.control.verbs import VERBS, Caller, check_args, check_caller, find
from nas2fa.errors import Reason, RequestError

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"
EXEMPT = {"service": "sshd", "network": "10.0.0.0/24", "until": 2**31, "reason": "x", "id": "0a0b0c0d"}
CALLERS = {  # the words of the page
    "root": {Caller.ROOT},
    "root (nas2fa-signin)": {Caller.ROOT},
    "anybody": {Caller.ROOT, Caller.ANYBODY},
    "root, own uid": {Caller.ROOT, Caller.OWN},
    "own uid (root too)": {Caller.ROOT, Caller.OWN},
    "root for anybody; own uid with `token`": {Caller.ROOT, Caller.OWN_WITH_TOKEN},
}
ALICE = {"uid": 1000, "user": "alice"}


def _page() -> dict[str, tuple[str, list[str], str]]:
    """The table of part 2: verb -> callers, names of the arguments, the rest."""
    table = {}
    for line in PAGE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) == 4 and cells[0].startswith("`") and re.match("root|own|anybody", cells[1]):
            args = re.sub(r"\([^)]*\)|:.*", "", cells[2])
            table[cells[0].strip("`")] = (cells[1], re.findall(r"[a-z_]+", args), cells[3])
    return table


def test_the_page_holds_the_same_table() -> None:
    page = _page()
    assert sorted(page) == sorted(VERBS)
    for name, verb in VERBS.items():
        callers, args, rest = page[name]
        assert verb.callers == CALLERS[callers], name
        assert sorted(verb.args) == sorted(args), name
        assert verb.fresh_code == ("fresh code" in rest), name


def test_root_only_arguments_of_the_page() -> None:
    for name, verb in VERBS.items():
        row = next(line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(f"| `{name}` |"))
        assert re.findall(r"(\w+) \(root only\)", row) == [n for n, arg in verb.args.items() if arg.root_only]


def test_defaults_are_filled_in() -> None:
    args = check_args(find("setup"), ALICE)
    assert args == {
        **ALICE,
        "token": "",
        "invite": "",
        "label": "",
        "issuer": "",
        "algorithm": None,
        "digits": None,
        "period": None,
        "replace": False,
        "despite_clock": "",
    }
    assert check_args(find("explain"), {}) == {"attempt": "", "limit": 20}
    assert check_args(find("repair"), {"uid": None}) == {"uid": None, "action": "check"}


WRONG = {
    "no such argument": ("status", {**ALICE, "more": 1}),
    "one missing": ("status", {"uid": 1000}),
    "uid as text": ("status", {**ALICE, "uid": "1000"}),
    "uid true": ("status", {**ALICE, "uid": True}),
    "uid as float": ("status", {**ALICE, "uid": 1000.0}),
    "uid negative": ("status", {**ALICE, "uid": -1}),
    "uid that means none": ("status", {**ALICE, "uid": 2**32 - 1}),
    "uid null": ("status", {**ALICE, "uid": None}),
    "empty name": ("status", {**ALICE, "user": ""}),
    "name of 257": ("status", {**ALICE, "user": "a" * 257}),
    "name with a newline": ("status", {**ALICE, "user": "a\nb"}),
    "name with a NUL": ("status", {**ALICE, "user": "a\0b"}),
    "name with an escape": ("status", {**ALICE, "user": "\x1b[2Jroot"}),
    "name with an override of direction": ("status", {**ALICE, "user": "a\u202eb"}),
    "digits 7": ("setup", {**ALICE, "digits": 7}),
    "period 0": ("setup", {**ALICE, "period": 0}),
    "algorithm MD5": ("setup", {**ALICE, "algorithm": "MD5"}),
    "armed as number": ("user.add", {**ALICE, "uri": "otpauth://totp/a", "armed": 1}),
    "uri of 2049": ("user.add", {**ALICE, "uri": "o" * 2049}),
    "no hours": ("user.invite", {**ALICE, "hours": 0}),
    "limit 0": ("explain", {"limit": 0}),
    "action": ("repair", {"action": "delete"}),
}


@pytest.mark.parametrize(("verb", "args"), WRONG.values(), ids=WRONG.keys())
def test_wrong_arguments(verb, args) -> None:
    with pytest.raises(RequestError) as caught:
        check_args(find(verb), args)
    assert caught.value.reason == Reason.BAD_REQUEST
    assert "\x1b" not in caught.value.text
    assert "otpauth" not in caught.value.text


@pytest.mark.parametrize("name", ["", "STATUS", "status ", "user", "__class__"])
def test_unknown_verbs(name) -> None:
    with pytest.raises(RequestError) as caught:
        find(name)
    assert caught.value.reason == Reason.BAD_REQUEST


def _filled(verb, **more):
    given = {**ALICE, "uri": "otpauth://totp/a", "source": "console", "since": 0}
    given |= {"address": "10.0.0.5", "label": "phone", **EXEMPT, **more}
    return check_args(verb, {name: value for name, value in given.items() if name in verb.args})


@pytest.mark.parametrize("name", VERBS)
def test_root_may_ask_everything_for_anybody(name) -> None:
    check_caller(VERBS[name], 0, _filled(VERBS[name]))


@pytest.mark.parametrize("name", VERBS)
def test_others_may_ask_what_the_table_says_for_themselves(name) -> None:
    verb = VERBS[name]
    if verb.callers & {Caller.OWN, Caller.ANYBODY}:
        check_caller(verb, 1000, _filled(verb))
    else:
        with pytest.raises(RequestError) as caught:
            check_caller(verb, 1000, _filled(verb))
        assert caught.value.reason == Reason.FORBIDDEN
    if Caller.ANYBODY in verb.callers:
        return
    with pytest.raises(RequestError) as caught:
        check_caller(verb, 1001, _filled(verb, token="t"))
    assert caught.value.reason == Reason.FORBIDDEN


def test_setup_by_a_user_needs_the_token() -> None:
    check_caller(VERBS["setup"], 1000, _filled(VERBS["setup"], token="t"))
    check_caller(VERBS["setup"], 0, _filled(VERBS["setup"]))


def test_an_override_is_for_root() -> None:
    for verb, override in (("clock", "despite"), ("setup", "despite_clock")):
        with pytest.raises(RequestError) as caught:
            check_caller(VERBS[verb], 1000, _filled(VERBS[verb], token="t", **{override: "because"}))
        assert caught.value.reason == Reason.FORBIDDEN
        check_caller(VERBS[verb], 0, _filled(VERBS[verb], **{override: "because"}))


def test_an_address_is_for_root() -> None:
    with pytest.raises(RequestError) as caught:
        check_caller(VERBS["test"], 1000, _filled(VERBS["test"], rhost="10.0.0.1"))
    assert caught.value.reason == Reason.FORBIDDEN
    check_caller(VERBS["test"], 0, _filled(VERBS["test"], rhost="10.0.0.1"))
