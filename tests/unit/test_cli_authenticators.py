"""`nas2fa authenticator …` against a scripted daemon."""

from __future__ import annotations

import json

import pytest
from commanding import ROOT, Command
from scripted_daemon import ScriptedDaemon, answer, ask, done, refuse, request, say

TABLET = {"label": "tablet", "algorithm": "SHA1", "digits": 6, "period": 30, "created": 1_700_000_000}
TABLET |= {"counter": None, "last_used": 1_700_086_400, "offset": None, "shift": 0}
STATUS = [request("status", **ROOT), done(armed=True, authenticators=[TABLET, {**TABLET, "last_used": 0}])]


@pytest.fixture
def nas2fa(tmp_path, monkeypatch, capsys) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


def test_list_shows_name_and_last_use(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, STATUS):
        out = nas2fa("authenticator", "list", "--user", "root").out
    assert out.split("\n")[0].split() == ["NAME", "CODES", "SINCE", "LAST", "USED"]
    assert ["2023-11-15" in line for line in out.splitlines()[1:]] == [True, False]
    with ScriptedDaemon(nas2fa.socket, STATUS):
        assert json.loads(nas2fa("authenticator", "list", "--user", "root", "--json").out)[0] == TABLET


def test_add_asks_a_fresh_code_and_says_how_it_is_called(nas2fa) -> None:
    script = [*STATUS, request("authenticator.add", **ROOT, label="tablet"), ask("code"), answer("123456")]
    script += [ask("start"), answer(""), say({"tell": "Verified successfully.", "error": False})]
    with ScriptedDaemon(nas2fa.socket, [*script, done(label="tablet 2", authenticators=3)]):
        outcome = nas2fa("authenticator", "add", "--user", "root", "--label", "tablet", stdin="123456\n\n")
    assert outcome.code == 0
    assert "Added as tablet 2" in outcome.out


def test_nothing_is_added_to_an_account_that_is_not_set_up(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("status", **ROOT), done(armed=False)]):
        outcome = nas2fa("authenticator", "add", "--user", "root")
    assert (outcome.code, "nas2fa setup" in outcome.err) == (1, True)


def test_remove(nas2fa) -> None:
    script = [request("authenticator.remove", **ROOT, label="tablet"), ask("code"), answer("123456")]
    with ScriptedDaemon(nas2fa.socket, [*script, done(authenticators=1)]):
        outcome = nas2fa("authenticator", "remove", "tablet", "--user", "root", stdin="123456\n")
    assert outcome.code == 0
    assert "tablet is removed; left: 1." in outcome.out


def test_the_last_one_stays(nas2fa) -> None:
    script = [request("authenticator.remove", **ROOT, label="app"), refuse("REFUSED", "It is the last one.")]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("authenticator", "remove", "app", "--user", "root")
    assert (outcome.code, "It is the last one." in outcome.err) == (1, True)
