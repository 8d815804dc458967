"""File shares at a running nas2fad: refused, opened by a code, closed."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from nas2fa.login.protocol import Hello, encode_hello
from running import Running, code, connected

SMB = Hello("account", "samba", 1000, "alice", rhost="192.0.2.7", tty="samba")
SSH = Hello("auth", "sshd", 1000, "alice", rhost="192.0.2.7", tty="ssh")
ALICE = {"uid": 1000, "user": "alice"}


def word(daemon: Running, hello: Hello = SMB) -> str:
    return daemon.login(hello, None)[0]


def unlock(daemon: Running, text: str, address: str = "192.0.2.7", **args: object) -> dict:
    """`smb.unlock` with this answer to its question for a code; the end of it."""
    return daemon.answered("smb.unlock", text, **{**ALICE, "address": address, **args})


def test_a_fresh_code_opens_them_for_one_address(daemon: Running) -> None:
    daemon.add(1000, "alice")
    assert word(daemon) == "expired"
    (knock,) = daemon.rows("smb.attempts")
    assert (knock["user"], knock["address"], knock["count"], knock["doubt"]) == ("alice", "192.0.2.7", 1, "")
    assert unlock(daemon, "000000")["error"] == "REFUSED"
    assert word(daemon) == "expired"
    done = unlock(daemon, code(), seconds=7200)["done"]
    assert done == {"address": "192.0.2.7", "seconds": 7200, "idle_seconds": 1800}
    assert word(daemon) == "allow"
    assert word(daemon, replace(SMB, rhost="192.0.2.8")) == "expired"
    assert [row["address"] for row in daemon.rows("smb.attempts")] == ["192.0.2.8"]
    (grant,) = daemon.rows("smb.grants", uid=1000)
    assert (grant["user"], grant["address"], grant["sessions"]) == ("alice", "192.0.2.7", None)
    assert 7100 < grant["seconds"] <= 7200


def test_they_stay_open_over_a_restart_and_close_on_a_word(daemon: Running) -> None:
    daemon.add(1000, "alice")
    assert daemon.login(SSH, b"R" + code().encode())[0] == "allow"
    assert word(daemon) == "allow"
    daemon.stop()
    daemon.start()
    assert word(daemon) == "allow"
    assert daemon.ask("smb.revoke", **ALICE, address="192.0.2.8")["done"]["revoked"] == 0
    assert word(daemon) == "allow"
    assert daemon.ask("smb.revoke", **ALICE)["done"] == {"revoked": 1, "ended": None}  # nobody can end sessions here
    assert word(daemon) == "expired"
    assert daemon.rows("smb.grants") == []


def test_the_last_code_says_for_how_long(daemon: Running) -> None:
    daemon.add(1000, "alice")
    assert daemon.login(SSH, b"R" + code().encode())[0] == "allow"
    _, codes = daemon.set_up(1001, "bob")
    bob = {"uid": 1001, "user": "bob"}
    for text, seconds in ((codes[0], 7200), (codes[1], 60)):
        assert unlock(daemon, text, **bob, seconds=seconds)["done"]["seconds"] == seconds
    (grant,) = daemon.rows("smb.grants", uid=1001)
    assert grant["seconds"] <= 60


def test_who_is_not_set_up_has_nothing_to_open(daemon: Running) -> None:
    assert unlock(daemon, "")["error"] == "NOT_ENROLLED"


def test_logins_left_at_the_prompt_take_no_place_of_a_share(daemon: Running) -> None:
    """Whoever knows the password can leave as many as one user may have."""
    daemon.add(1000, "alice")
    assert daemon.login(SSH, b"R" + code().encode())[0] == "allow"
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            link = stack.enter_context(connected(daemon.root / "run/login.sock"))
            link.send(encode_hello(SSH))
            assert link.recv(5000)[:1] == b"s"
        assert word(daemon) == "allow"


def test_a_reset_closes_them(daemon: Running) -> None:
    daemon.add(1000, "alice")
    assert daemon.login(SSH, b"R" + code().encode())[0] == "allow"
    daemon.ask("user.reset", **ALICE)
    daemon.add(1000, "alice")
    assert word(daemon) == "expired"


@pytest.mark.parametrize(
    "address",
    ["nas.lan", "127.0.0.1", "255.255.255.255", "224.0.0.1", "::ffff:127.0.0.1", "fe80::1", "192.0.2.0/24", "0.0.0.0"],
)
def test_what_cannot_be_opened_is_said_before_a_code_is_used_up(daemon: Running, address: str) -> None:
    daemon.add(1000, "alice")
    end = unlock(daemon, code(), address)
    assert end["error"] == "BAD_REQUEST"
    assert "address" in end["text"]
    assert "done" in unlock(daemon, code())


def test_a_revocation_that_is_not_understood_revokes_nothing(daemon: Running) -> None:
    daemon.add(1000, "alice")
    assert daemon.login(SSH, b"R" + code().encode())[0] == "allow"
    assert daemon.ask("smb.revoke", **ALICE, address="nas.lan")["error"] == "BAD_REQUEST"
    assert word(daemon) == "allow"


def test_the_option_hides_that_the_password_was_right(daemon: Running) -> None:
    daemon.stop()
    (daemon.root / "etc" / "nas2fa.toml").write_text('smb_deny = "hidden"\n')
    daemon.start()
    daemon.add(1000, "alice")
    assert word(daemon) == "hidden"


def test_what_is_said_in_the_journal(daemon: Running) -> None:
    daemon.add(1000, "alice")
    for _ in range(5):
        assert word(daemon) == "expired"
    unlock(daemon, code())
    for _ in range(5):
        assert word(daemon) == "allow"
    daemon.ask("smb.revoke", **ALICE)
    assert word(daemon) == "expired"
    messages = [r["message"] for r in daemon.records() if r.get("uid") == "1000" and r["event"] != "IMPORTED"]
    told = [message.partition(" (attempt")[0] for message in messages]
    assert told == [
        "nas2fa: denied alice from 192.0.2.7 via samba: NO_GRANT",
        "nas2fa: right password of alice from 192.0.2.7 via samba, where alice never was: NO_GRANT",
        "nas2fa: allowed alice from local:- via nas2fa",
        "nas2fa: file shares opened for alice from 192.0.2.7 via nas2fa",
        "nas2fa: allowed alice from 192.0.2.7 via samba",
        "nas2fa: file shares closed for alice from everywhere by uid 0: revoked, sessions could not be ended",
        "nas2fa: denied alice from 192.0.2.7 via samba: NO_GRANT",
    ]


def test_wrong_codes_are_recorded_one_by_one_by_that_name_too(daemon: Running) -> None:
    """Only where nobody is asked is the same outcome told once a minute."""
    daemon.add(1000, "alice")
    for _ in range(3):
        assert daemon.login(replace(SMB, phase="auth"), b"R000000")[0] == "deny"
    assert len([r for r in daemon.records() if r["event"] == "DENIED"]) == 3


def test_what_would_be_decided(daemon: Running) -> None:
    daemon.add(1000, "alice")
    args = {**ALICE, "service": "samba", "rhost": "192.0.2.7"}
    decision = daemon.ask("imagine", **args)["done"]
    assert (decision["action"], decision["reason"]) == ("code", "NO_GRANT")
    assert daemon.rows("smb.attempts") == []
    unlock(daemon, code())
    assert daemon.ask("imagine", **args)["done"]["reason"] == "GRANTED"
    loopback = daemon.ask("imagine", **{**args, "rhost": "127.0.0.1"})["done"]
    assert (loopback["reason"], loopback["trace"][-1]) == ("NO_GRANT", "grant: none for 127.0.0.1 (a loopback address)")
