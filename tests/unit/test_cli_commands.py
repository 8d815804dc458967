"""The commands against a scripted daemon: what is asked of it, what is printed, which exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from commanding import ME, ROOT, Command
from scripted_daemon import HANG_UP, ScriptedDaemon, answer, ask, done, refuse, request, say

AUTHENTICATOR = {"label": "phone", "algorithm": "SHA1", "digits": 6, "period": 30, "created": 1_700_000_000}
AUTHENTICATOR |= {"counter": None, "last_used": 0}
STATUS = {
    **ME,
    "armed": True,
    "pending": False,
    "authenticators": [{**AUTHENTICATOR, "offset": 24, "shift": 22}],
    "recovery_left": 9,
    "locked": None,
    "last_ok": 0,
}
ROW = {**ROOT, "armed": True, "pending": False, "recovery_left": 9, "locked": False, "last_ok": 0, "fault": None}
SHOW = {**STATUS, **ROOT, "fault": None, "tallies": [], "budget": [], "wrong_in_row": 0, "trusts": []}
SHOW["invite_until"] = None


@pytest.fixture
def nas2fa(tmp_path, monkeypatch, capsys) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


def test_status_of_oneself(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("status", **ME), done(**STATUS)]):
        outcome = nas2fa("status")
    assert outcome.code == 0
    assert "2-step verification  on" in outcome.out
    assert "phone: 6 digits every 30 s, SHA1" in outcome.out


@pytest.mark.parametrize(
    ("offset", "shift", "words"),
    [
        (24, 22, "about 24 s ahead of this box; its codes are looked for +22 s from now"),
        (-250, 0, "about 4 minutes behind this box\n"),
        (0, 0, "that of this box"),
        (None, 0, "not known yet"),
        (None, -120, "not known yet; its codes are looked for -120 s from now"),
    ],
)
def test_the_clock_of_a_phone_in_words(nas2fa, offset: int | None, shift: int, words: str) -> None:
    status = {**STATUS, "authenticators": [{**AUTHENTICATOR, "offset": offset, "shift": shift}]}
    with ScriptedDaemon(nas2fa.socket, [request("status", **ME), done(**status)]):
        assert f"Clock of that phone  {words}" in nas2fa("status").out


@pytest.mark.parametrize(
    ("left", "words"), [(3, "3\n"), (2, "2 (a new set: nas2fa recovery-codes)"), (0, "0 (a new set: nas2fa reco")]
)
def test_the_status_warns_of_few_recovery_codes(nas2fa, left: int, words: str) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("status", **ME), done(**{**STATUS, "recovery_left": left})]):
        assert f"Recovery codes left  {words}" in nas2fa("status").out


def test_status_as_json_is_what_the_daemon_said(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("status", **ROOT), done(**STATUS)]):
        outcome = nas2fa("status", "root", "--json")
    assert json.loads(outcome.out) == STATUS


def test_control_characters_from_outside_do_not_reach_the_terminal(nas2fa) -> None:
    evil = {**STATUS["authenticators"][0], "label": "\x1b[2J\u202eenohp"}
    with ScriptedDaemon(nas2fa.socket, [request("status"), done(**{**STATUS, "authenticators": [evil]})]):
        outcome = nas2fa("status")
    assert outcome.out.isascii()
    assert "\x1b" not in outcome.out
    with ScriptedDaemon(nas2fa.socket, [request("status"), refuse("LOCKED", "a\x1b]0;b\x07\nc")]):
        outcome = nas2fa("status")
    assert "\x1b" not in outcome.err
    assert "\x07" not in outcome.err


def test_locks_in_words(nas2fa) -> None:
    lock = {"reason": "LOCKED", "source": "10.0.0.5", "seconds": 595}
    with ScriptedDaemon(nas2fa.socket, [request("status"), done(**{**STATUS, "locked": lock})]):
        assert "LOCKED from 10.0.0.5 for 9 min 55 s" in nas2fa("status").out
    lock = {"reason": "LOCKED_DURABLY", "source": "", "seconds": None}
    with ScriptedDaemon(nas2fa.socket, [request("status"), done(**{**STATUS, "locked": lock})]):
        assert "LOCKED_DURABLY from everywhere until an administrator unlocks it" in nas2fa("status").out


def test_exit_code_1_says_what_to_do_next(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("status"), refuse("STORE_ABSENT", "the users folder is not there")]):
        outcome = nas2fa("status")
    assert outcome.code == 1
    assert "the users folder is not there (STORE_ABSENT)" in outcome.err
    assert "nas2fa repair" in outcome.err


@pytest.mark.parametrize("arguments", [["no-such"], ["status", "--no-such"], ["explain", "a b"], ["user", "show"]])
def test_exit_code_2(nas2fa, arguments) -> None:
    assert nas2fa(*arguments).code == 2


def test_exit_code_3_names_socket_and_unit(nas2fa) -> None:
    outcome = nas2fa("status")
    assert outcome.code == 3
    assert str(nas2fa.socket) in outcome.err
    assert "systemctl status nas2fad" in outcome.err
    with ScriptedDaemon(nas2fa.socket, [request("status"), HANG_UP]):
        assert nas2fa("status").code == 3


def test_an_unknown_user_ends_before_the_daemon_is_asked(nas2fa) -> None:
    for name in ("no-such-user", "../root", "a\nb", "x" * 300, "ö"):
        outcome = nas2fa("status", name)
        assert outcome.code == 1
        assert "UNKNOWN_USER" in outcome.err
        assert "a\nb" not in outcome.err


@pytest.mark.parametrize(
    ("verdict", "code"), [("allow", 0), ("pass", 0), ("deny", 1), ("locked", 1), ("unavailable", 1)]
)
def test_test_relays_the_conversation_and_says_the_verdict(nas2fa, verdict, code) -> None:
    script = [
        request("test", **ROOT, service="smbd", rhost="10.0.0.5"),
        ask("code", "Verification code: ", echo=False),
        answer("123456"),
        say({"tell": "Now you know.", "error": False}),
        done(verdict=verdict, reason="WRONG", attempt="abcd"),
    ]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("test", "root", "--service", "smbd", "--from", "10.0.0.5", stdin="123456\n")
    assert outcome.code == code
    assert "Verification code: " in outcome.err
    assert "Now you know." in outcome.out
    assert f"Verdict: {verdict} (WRONG), attempt abcd" in outcome.out
    assert "used up" in outcome.out
    assert "123456" not in outcome.out + outcome.err


def test_test_as_json_prints_nothing_else(nas2fa) -> None:
    script = [request("test"), ask("code"), answer("1"), done(verdict="deny", reason="WRONG", attempt="ab")]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("test", "--json", stdin="1\n")
    assert json.loads(outcome.out) == {"verdict": "deny", "reason": "WRONG", "attempt": "ab"}


def test_disable_with_a_fresh_code(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("disable", **ME), ask("code"), answer("123456"), done()]):
        outcome = nas2fa("disable", stdin="123456\n")
    assert (outcome.code, "is off" in outcome.out) == (0, True)
    with ScriptedDaemon(nas2fa.socket, [request("disable"), ask("code"), answer("1"), refuse("REFUSED", "no")]):
        outcome = nas2fa("disable", stdin="1\n")
    assert (outcome.code, "is off" in outcome.out) == (1, False)


def test_recovery_codes_are_shown_and_acknowledged_by_yes(nas2fa) -> None:
    codes = [f"aaaa-bbbb-ccc{n}" for n in range(10)]
    script = [
        request("recovery-codes", **ME),
        ask("code"),
        answer("123456"),
        say({"show": "recovery_codes", "value": {"codes": codes}}),
        ask("saved"),
        answer("yes"),
        done(),
    ]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("recovery-codes", stdin="123456\nno\n\nYES\n")
    assert outcome.code == 0
    assert [code for code in codes if outcome.out.count(code) == 1] == codes
    assert outcome.err.count("Type yes") == 3


def test_list_in_pages(nas2fa) -> None:
    rows = [{**ROW, "uid": uid, "user": f"user{uid}"} for uid in range(120)]
    pages = [say({"rows": rows[start : start + 50]}) for start in range(0, 120, 50)]
    script = [request("user.list"), *pages, done(total=120)]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("user", "list")
    assert [line.split()[0] for line in outcome.out.splitlines()] == ["USER", *(row["user"] for row in rows)]
    with ScriptedDaemon(nas2fa.socket, script):
        assert json.loads(nas2fa("user", "list", "--json").out) == rows


def test_show_names_fault_and_remedy_and_tallies(nas2fa) -> None:
    fault = {"reason": "RECORD_UNSAFE", "text": "group-readable"}
    tally = {"source": "10.0.0.5", "failures": 3, "refused": 1, "locked_seconds": 61}
    budget = {"purse": "remote", "used": 9, "limit": 90}
    found = {**SHOW, "fault": fault, "tallies": [tally], "budget": [budget]}
    with ScriptedDaemon(nas2fa.socket, [request("user.show", **ROOT), done(**found)]):
        out = nas2fa("user", "show", "root").out
    assert "Fault: RECORD_UNSAFE: group-readable" in out
    assert "nas2fa repair" in out
    assert [line.split() for line in out.splitlines() if line.startswith("10.0.0.5")] == [
        ["10.0.0.5", "3", "1", "1", "min", "1", "s"]
    ]
    assert ["remote", "9", "90"] in [line.split() for line in out.splitlines()]


def test_show_of_an_account_that_is_gone_from_the_box(nas2fa) -> None:
    gone = {**ROW, "uid": 4_000_123, "user": "long-gone"}
    script = [
        request("user.list"),
        say({"rows": [gone]}),
        done(total=1),
        request("user.show", uid=4_000_123, user="long-gone"),
        done(**SHOW),
    ]
    for name in ("long-gone", "4000123"):
        with ScriptedDaemon(nas2fa.socket, script):
            assert nas2fa("user", "show", name).code == 0


def test_reset_asks_first(nas2fa) -> None:
    health = [request("health"), done(unenrolled="pass")]
    for typed in ("", "no\n", "y\n"):
        with ScriptedDaemon(nas2fa.socket, health):
            outcome = nas2fa("user", "reset", "root", stdin=typed)
        assert "the password alone will do" in outcome.err
        assert (outcome.code, "Nothing was changed." in outcome.err) == (1, True)
    for arguments, typed in (([], "yes\n"), (["--yes"], "")):
        with ScriptedDaemon(nas2fa.socket, [*health, HANG_UP, request("user.reset", **ROOT), done(had=True)]):
            outcome = nas2fa("user", "reset", "root", *arguments, stdin=typed)
        assert (outcome.code, "is removed" in outcome.out) == (0, True)


@pytest.mark.parametrize(
    ("armed", "last"), [([0], True), ([0, 65534], True), ([], True)], ids=["root alone", "and a user", "nobody"]
)
def test_reset_where_that_shuts_out_says_so_and_names_the_last_administrator(nas2fa, armed, last) -> None:
    rows = [{**ROW, "uid": uid, "armed": True} for uid in armed]
    listed = [request("user.list"), say({"rows": rows}), done(total=len(rows))]
    script = [request("health"), done(unenrolled="deny"), HANG_UP, *listed]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("user", "reset", "root", stdin="no\n")
    assert "the password alone" not in outcome.err
    assert "nas2fa setup --user root" in outcome.err
    assert ("NO OTHER ADMINISTRATOR" in outcome.err) == last


def test_unlock_rename_invite(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("user.unlock", **ROOT), done(was_locked=True)]):
        assert "root is unlocked" in nas2fa("user", "unlock", "root").out
    with ScriptedDaemon(nas2fa.socket, [request("user.rename", **ROOT), done(was="toor")]):
        assert "toor until now" in nas2fa("user", "rename", "root").out
    made = {"invite": "aaaa-bbbb-cccc", "until": 1_800_000_000}
    with ScriptedDaemon(nas2fa.socket, [request("user.invite", **ROOT, hours=5), done(**made)]):
        assert "aaaa-bbbb-cccc" in nas2fa("user", "invite", "root", "--hours", "5").out
    with ScriptedDaemon(nas2fa.socket, [request("user.invite", **ROOT), done(**made)]):
        assert json.loads(nas2fa("user", "invite", "root", "--json").out) == made


ATTEMPT = {
    "attempt": "abcd1234",
    "time": 1_700_000_000,
    "user": "alice",
    "uid": 1000,
    "service": "sshd",
    "phase": "auth",
    "source": "10.0.0.5",
    "verdict": "deny",
    "reason": "WRONG",
}


def test_explain_the_latest(nas2fa) -> None:
    script = [request("explain", limit=7), say({"rows": [ATTEMPT, ATTEMPT]}), done(total=2)]
    with ScriptedDaemon(nas2fa.socket, script):
        out = nas2fa("explain", "--limit", "7").out
    assert len(out.splitlines()) == 3
    assert "abcd1234  alice  sshd     auth   10.0.0.5  deny     WRONG" in out
    with ScriptedDaemon(nas2fa.socket, script):
        assert json.loads(nas2fa("explain", "--limit", "7", "--json").out) == [ATTEMPT, ATTEMPT]


def test_explain_one_line_by_line(nas2fa) -> None:
    found = {**ATTEMPT, "trace": ["asked for a code", "evil \x1b[2J"]}
    with ScriptedDaemon(nas2fa.socket, [request("explain", attempt="abcd1234"), done(**found)]):
        out = nas2fa("explain", "abcd1234").out
    assert "  asked for a code\n" in out
    assert "\x1b" not in out


def test_explain_of_what_nobody_knows(nas2fa) -> None:
    script = [request("explain", attempt="no-such-attempt"), refuse("BAD_REQUEST", "not in memory")]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("explain", "no-such-attempt")
    assert outcome.code == 1
    assert "neither nas2fad nor the journal" in outcome.err


def test_repair(nas2fa) -> None:
    fault = {
        "uid": 0,
        "fault": "RECORD_MISSING",
        "text": "enrolled, but gone",
        "remedy": "nas2fa repair root --restore",
    }
    script = [request("repair", action="check"), say({"rows": [fault]}), done(faults=1, repaired=0)]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("repair")
    assert outcome.code == 1
    assert "uid 0: RECORD_MISSING: enrolled, but gone\n  nas2fa repair root --restore" in outcome.out
    assert nas2fa("repair", "--restore").code == 2
    assert nas2fa("repair", "root", "--restore", "--adopt").code == 2
    assert nas2fa("repair", "root", "--restore", stdin="no\n").code == 1
    with ScriptedDaemon(nas2fa.socket, [request("repair", action="restore", uid=0), done(faults=0, repaired=1)]):
        assert nas2fa("repair", "root", "--restore", stdin="yes\n").code == 0
    with ScriptedDaemon(nas2fa.socket, [request("repair", action="adopt"), done(faults=0, repaired=0)]):
        assert nas2fa("repair", "--adopt", "--yes").code == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, 0),
        ({"store": "STORE_ABSENT"}, 1),
        ({"faults": 1}, 1),
        ({"config": "x:1: bad"}, 1),
        ({"exemptions": "x"}, 1),
    ],
)
def test_health(nas2fa, change, code) -> None:
    found = {"version": "1", "pid": 7, "started": 1, "store": "ok", "config": "ok", "clock": {}, "open": 0}
    found |= {"faults": 0, "exemptions": "ok", **change}
    with ScriptedDaemon(nas2fa.socket, [request("health"), done(**found)]):
        outcome = nas2fa("health", "--json")
    assert (outcome.code, json.loads(outcome.out)) == (code, found)


def test_version_needs_no_daemon(nas2fa) -> None:
    assert nas2fa("version").out.startswith("nas2fa ")
    assert nas2fa("version").code == 0


def test_every_command_has_help(nas2fa) -> None:
    out = nas2fa("--help").out
    names = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line.strip()]
    assert {"setup", "status", "user", "repair"} <= set(names)
    for name in names:
        assert nas2fa(name, "--help").code == 0


@pytest.mark.parametrize("where", ["full disk", "closed pipe"])
def test_output_that_goes_nowhere(where) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed, Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "nas2fa.cli", "version"],
            env={"PYTHONPATH": ":".join(sys.path)},
            stdout=full if where == "full disk" else closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stderr == ("nas2fa: No space left on device\n" if where == "full disk" else "")


def test_a_command_loads_no_library_that_it_does_not_need(tmp_path) -> None:
    program = (
        "import sys; from nas2fa.cli.main import main; code = main(['--root', sys.argv[1], 'status']);"
        "print(code, sorted({'segno', 'systemd', 'pamela', 'asyncio'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "3 []\n"
