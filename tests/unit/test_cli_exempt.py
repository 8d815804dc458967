"""`nas2fa exempt`, `explain --imagine` and `user forget-devices`: what is asked of the daemon, and what is shown."""

from __future__ import annotations

import grp
import json
import os
import time

import pytest
from commanding import ME, ROOT, Command
from nas2fa.activation.edits import KeyOnly, Keys
from nas2fa.activation.key_only import in_force
from nas2fa.activation.system import System
from scripted_daemon import ScriptedDaemon, done, refuse, request, say
from switched import switch_on

NEW_YEAR = int(time.mktime((2027, 1, 1, 0, 0, 0, 0, 0, -1)))
ROW = {
    "id": "0a0b0c0d", "user": "backup", "group": "", "service": "sshd", "network": "10.0.0.0/24", "key": "",
    "created": 1_790_000_000, "until": NEW_YEAR, "reason": "night\x1bly", "by": 0, "over": False,
}  # fmt: skip
SAID = ("--service", "sshd", "--from", "10.0.0.0/24", "--reason", "nightly")


@pytest.fixture
def nas2fa(tmp_path, monkeypatch, capsys) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


def test_an_exemption_is_made(nas2fa) -> None:
    args = {"service": "sshd", "network": "10.0.0.0/24", "reason": "nightly", "until": NEW_YEAR, "key": ""}
    script = [request("exempt.add", **ROOT, **args), done(id="0a0b0c0d", until=NEW_YEAR)]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("exempt", "add", "--user", "root", *SAID, "--until", "2027-01-01")
    assert outcome.code == 0
    assert "0a0b0c0d is in force until 2027-01-01 00:00:00" in outcome.out
    assert "nas2fa exempt remove 0a0b0c0d" in outcome.out
    group = grp.getgrgid(0).gr_name
    evening = NEW_YEAR + 18 * 3600
    with ScriptedDaemon(nas2fa.socket, [request("exempt.add", group=group, until=evening), done(id="x", until=1)]):
        outcome = nas2fa("exempt", "add", "--group", group, *SAID, "--until", "2027-01-01 18:00", "--json")
    assert json.loads(outcome.out) == {"id": "x", "until": 1}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([*SAID, "--until", "2027-01-01"], 2),
        (["--user", "root", "--group", "root", *SAID, "--until", "2027-01-01"], 2),
        (["--user", "root", *SAID], 2),
        (["--user", "root", *SAID, "--until", "someday"], 2),
        (["--user", "no-such-user", *SAID, "--until", "2027-01-01"], 1),
        (["--group", "no-such-group", *SAID, "--until", "2027-01-01"], 1),
    ],
)
def test_what_is_not_even_asked_for(nas2fa, arguments, code) -> None:
    assert nas2fa("exempt", "add", *arguments).code == code


def test_the_list(nas2fa) -> None:
    rows = [ROW, {**ROW, "user": "", "group": "staff", "over": True}]
    script = [request("exempt.list"), say({"rows": rows}), done(total=2)]
    with ScriptedDaemon(nas2fa.socket, script):
        out = nas2fa("exempt", "list").out
    assert "user backup" in out
    assert "group staff" in out
    assert "(over)" in out
    assert "\x1b" not in out
    with ScriptedDaemon(nas2fa.socket, script):
        assert json.loads(nas2fa("exempt", "list", "--json").out) == rows


def test_removal(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("exempt.remove", id="0a0b0c0d"), done(**ROW)]):
        assert "Exemption 0a0b0c0d of user backup is removed." in nas2fa("exempt", "remove", "0a0b0c0d").out
    with ScriptedDaemon(nas2fa.socket, [request("exempt.remove", id="x"), refuse("BAD_REQUEST", "no such")]):
        assert nas2fa("exempt", "remove", "x").code == 1


SHA = "SHA256:" + "a" * 43
BACKUP = KeyOnly("backup", ("10.0.0.0/24",))


@pytest.mark.parametrize(
    ("keys", "key", "told"),
    [
        (Keys.CODE, "any", "nas2fa system enable"),
        (Keys.PASSWORD, "", "nas2fa system enable"),
        (Keys.GUARD, "any", ""),
        (Keys.GUARD, SHA, "--key any"),
        (None, SHA, ""),
        (None, "any", ""),
    ],
)
def test_what_else_a_key_alone_needs_is_told(nas2fa, tmp_path, keys, key, told) -> None:
    if keys:
        switch_on(tmp_path, keys)
    with ScriptedDaemon(nas2fa.socket, [request("exempt.add", key=key), done(id="0a", until=NEW_YEAR)]):
        more = ["--key", key] if key else []
        err = nas2fa("exempt", "add", "--user", "root", *SAID, "--until", "2027-01-01", *more).err
    assert told in err
    assert bool(told) == bool(err)


@pytest.mark.parametrize(("keys", "told"), [(Keys.CODE, True), (Keys.GUARD, False)])
def test_a_door_that_stays_open_in_sshd_is_told(nas2fa, tmp_path, keys, told) -> None:
    switch_on(tmp_path, keys, [BACKUP])
    with ScriptedDaemon(nas2fa.socket, [request("exempt.remove", id="0a0b0c0d"), done(**ROW)]):
        assert ("nas2fa system enable" in nas2fa("exempt", "remove", "0a0b0c0d").err) == told


@pytest.mark.parametrize(
    ("keys", "words", "alone"),
    [
        (Keys.GUARD, ["first=key"], True),
        (Keys.GUARD, [f"key={SHA}"], True),
        (Keys.GUARD, ["first=password"], None),
        (Keys.GUARD, ["first=key", "service=su"], None),
        (Keys.CODE, ["first=key", "from=10.0.0.7"], False),
        (None, ["first=key"], False),
    ],
)
def test_a_key_is_imagined_alone_where_sshd_asks_for_nothing_else(nas2fa, tmp_path, keys, words, alone) -> None:
    if keys:
        switch_on(tmp_path, keys, [BACKUP])
    asks = ("hear", lambda seen: seen["args"].get("alone") is alone)
    refused = {**IMAGINED, "action": "deny", "reason": "NOT_VERIFIED"}
    with ScriptedDaemon(nas2fa.socket, [asks, done(**refused, trace=[])]):
        assert "a key alone is not enough" in nas2fa("explain", "--imagine", "user=root", *words).out


def test_an_exempt_key_stands_alone_with_any_choice(tmp_path) -> None:
    switch_on(tmp_path, Keys.CODE, [BACKUP])
    ssh = in_force(System(str(tmp_path)))
    assert ssh.alone("backup", "10.0.0.7")
    assert not ssh.alone("backup", "10.0.1.7")
    assert not ssh.alone("backup", "nas.lan")
    assert not ssh.alone("root", "10.0.0.7")


IMAGINED = {"action": "skip", "reason": "RULE", "why": "rule 2 (lan): no code", "rule": 2, "exemption": ""}


def test_an_imagined_login(nas2fa) -> None:
    groups = {grp.getgrgid(gid).gr_name for gid in os.getgroups()} if os.geteuid() else {"root"}

    def asks(seen) -> bool:
        args = seen["args"]
        return (
            seen["verb"] == "imagine"
            and args.items() >= {**ME, "service": "sshd", "rhost": "10.0.0.7"}.items()
            and args.items() >= {"first": "key", "key": "SHA256:x"}.items()
            and {"staff", *groups} <= set(args["groups"].split(":"))
        )

    script = [("hear", asks), done(**IMAGINED, source="10.0.0.7", trace=["policy: \x1b"])]
    with ScriptedDaemon(nas2fa.socket, script):
        words = [f"user={ME['user']}", "service=sshd", "from=10.0.0.7", "first=key", "key=SHA256:x", "group=staff"]
        out = nas2fa("explain", "--imagine", *words).out
    assert "No code is asked" in out
    assert "Because: rule 2 (lan): no code" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("words", "code"),
    [([], 2), (["service=su"], 2), (["user=root", "form=1"], 2), (["user"], 2), (["user=no-such-user"], 1)],
)
def test_what_cannot_be_imagined(nas2fa, words, code) -> None:
    assert nas2fa("explain", "--imagine", *words).code == code


def test_devices_are_forgotten(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("user.forget", **ROOT), done(forgotten=2)]):
        assert nas2fa("user", "forget-devices", "root").out == "Trusted devices of root forgotten: 2.\n"


def test_a_service_that_the_box_does_not_have_is_told(nas2fa, tmp_path) -> None:
    (tmp_path / "etc/pam.d").mkdir(parents=True)
    (tmp_path / "etc/pam.d/sshd").touch()
    for service, told in (("shsd", True), ("sshd", False), ("SSHD", False)):
        with ScriptedDaemon(nas2fa.socket, [request("exempt.add"), done(id="0a", until=NEW_YEAR)]):
            outcome = nas2fa("exempt", "add", "--user", "root", *SAID, "--until", "2027-01-01", "--service", service)
        assert ("no PAM service named shsd" in outcome.err) == told
        assert outcome.code == 0


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("service=ssdh", "no PAM service named ssdh"),
        ("from=foo", "foo is no address"),
        ("group=no-such-group", "no group named no-such-group"),
        ("key=foo", "foo is no fingerprint"),
    ],
)
def test_what_may_be_mistyped_is_imagined_and_told(nas2fa, tmp_path, word, told) -> None:
    (tmp_path / "etc/pam.d").mkdir(parents=True)
    (tmp_path / "etc/pam.d/sshd").touch()
    with ScriptedDaemon(nas2fa.socket, [request("imagine"), done(**IMAGINED, trace=[])]):
        assert told in nas2fa("explain", "--imagine", "user=root", word).err
    with ScriptedDaemon(nas2fa.socket, [request("imagine"), done(**IMAGINED, trace=[])]):
        assert nas2fa("explain", "--imagine", "user=root", "from=10.0.0.7", f"key={SHA}", "service=sshd").err == ""


def test_a_bad_day_is_answered_by_an_example(nas2fa) -> None:
    err = nas2fa("exempt", "add", "--user", "root", *SAID, "--until", "someday").err
    assert "2027-01-01 18:00" in err
    assert "%Y" not in err


def test_an_unknown_group_is_no_unknown_user(nas2fa) -> None:
    assert "UNKNOWN_GROUP" in nas2fa("exempt", "add", "--group", "no-such-group", *SAID, "--until", "2027-01-01").err
