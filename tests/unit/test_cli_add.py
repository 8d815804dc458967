"""`nas2fa user add`: one and many; a URI is a secret and never comes out again."""

from __future__ import annotations

import json

import pytest
from commanding import ME, ROOT, Command
from scripted_daemon import HANG_UP, ScriptedDaemon, done, refuse, request

SECRET = "JBSWY3DPEHPK3PXP"
URI = f"otpauth://totp/nas:x?secret={SECRET}"


@pytest.fixture
def nas2fa(tmp_path, monkeypatch, capsys) -> Command:
    return Command(tmp_path, monkeypatch, capsys)


def test_one_by_option_and_by_standard_input(nas2fa) -> None:
    for arguments, typed in ((["--uri", URI], ""), (["--uri", "-"], f"{URI}\n"), ([], f"  {URI}\n")):
        script = [request("user.add", **ROOT, uri=URI, armed=False, replace=False), done(armed=False)]
        with ScriptedDaemon(nas2fa.socket, script):
            outcome = nas2fa("user", "add", "root", *arguments, stdin=typed)
        assert outcome.code == 0
        assert "Imported for root" in outcome.out
        assert SECRET not in outcome.out + outcome.err


def test_armed_and_replace(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("user.add", uri=URI, armed=True, replace=True), done(armed=True)]):
        outcome = nas2fa("user", "add", "root", "--uri", URI, "--armed", "--replace")
    assert "need a code from now on" in outcome.out


def test_many_with_a_report_of_the_refused_lines(nas2fa) -> None:
    listing = (
        "# name  uri\n"
        f"root {URI}1\n"
        "\n"
        f"no-such-user {URI}2\n"
        f"{ME['user']}\t{URI}3\r\n"
        "root\n"
        f"{URI}4\n"
        f"root   {URI}5\n"
        f"root {'x' * 9000}{SECRET}\n"
        f"root {URI}6"
    )
    script = [
        request("user.add", **ROOT, uri=f"{URI}1"),
        done(armed=False),
        HANG_UP,
        request("user.add", **ME, uri=f"{URI}3"),
        done(armed=False),
        HANG_UP,
        request("user.add", **ROOT, uri=f"{URI}5"),
        refuse("ALREADY_ENROLLED", "has one"),
        HANG_UP,
        request("user.add", **ROOT, uri=f"{URI}6"),
        done(armed=False),
    ]
    with ScriptedDaemon(nas2fa.socket, script):
        outcome = nas2fa("user", "add", "--from-file", "-", stdin=listing)
    assert outcome.code == 1
    lines = outcome.out.splitlines()
    assert lines[0] == "Added: 3. Refused: 5."
    assert [line.split(":")[0] for line in lines[1:6]] == ["line 4", "line 6", "line 7", "line 8", "line 9"]
    assert "no-such-user" in lines[1]
    assert "has one (ALREADY_ENROLLED)" in lines[4]
    assert "line 10: 3 added, 5 refused" in outcome.err
    assert SECRET not in outcome.out + outcome.err
    assert "otpauth" not in outcome.out + outcome.err


def test_many_as_json_from_a_file(nas2fa, tmp_path) -> None:
    (tmp_path / "list").write_text(f"root {URI}\nno-such-user {URI}\n")
    with ScriptedDaemon(nas2fa.socket, [request("user.add", **ROOT), done(armed=True)]):
        outcome = nas2fa("user", "add", "--armed", "--from-file", str(tmp_path / "list"), "--json")
    report = json.loads(outcome.out)
    assert report["added"] == 1
    assert [(line["line"], line["user"], line["reason"]) for line in report["refused"]] == [
        (2, "no-such-user", "UNKNOWN_USER")
    ]


def test_all_taken_is_exit_code_0_and_an_empty_list_too(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("user.add"), done(armed=False)]):
        assert nas2fa("user", "add", stdin=f"root {URI}\n").code == 0
    assert nas2fa("user", "add", stdin="").code == 0


def test_what_was_added_is_reported_when_the_daemon_is_lost(nas2fa) -> None:
    with ScriptedDaemon(nas2fa.socket, [request("user.add"), done(armed=False), HANG_UP, request("user.add"), HANG_UP]):
        outcome = nas2fa("user", "add", stdin=f"root {URI}\nroot {URI}\nroot {URI}\n")
    assert outcome.code == 3
    assert "Added: 1." in outcome.out
    assert "line 2: 1 added" in outcome.err


def test_usage(nas2fa, tmp_path) -> None:
    (tmp_path / "list").write_text("")
    assert nas2fa("user", "add", "--uri", URI).code == 2
    assert nas2fa("user", "add", "root", "--from-file", str(tmp_path / "list")).code == 2
    assert nas2fa("user", "add", "--from-file", str(tmp_path / "absent")).code == 2
