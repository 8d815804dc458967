"""Where the caller sits: pure functions over what kernel and logind say."""

from __future__ import annotations

import pytest
from box_network import OWN
from nas2fa.signin.place import parsed, session_of, source_of, tty_of


def stat(tty_nr: int | str, comm: str = "bash") -> str:
    return f"4242 ({comm}) S 1 4242 4242 {tty_nr} 4242 4194304 100 0 0 0 0 0 0 0 20 0 1 0 1000 1 1"


def device(major: int, minor: int) -> int:
    """Encoded as new_encode_dev() of the kernel does."""
    return (minor & 0xFF) | (major << 8) | ((minor & ~0xFF) << 12)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (device(4, 1), "tty1"),
        (device(4, 63), "tty63"),
        (device(4, 64), "ttyS0"),
        (device(4, 67), "ttyS3"),
        (device(5, 1), "console"),
        (device(204, 64), "ttyAMA0"),
        (device(229, 0), "hvc0"),
        (0, ""),
        (device(4, 0), ""),
        (device(5, 0), ""),  # /dev/tty
        (device(136, 1), ""),  # pts/1
        (device(136, 260), ""),
        (device(4, 256), ""),
        (device(204, 5), ""),
        (-1, ""),
        ("", ""),
        ("x", ""),
        ("--1", ""),
        ("²", ""),
    ],
)
def test_terminal(number, name) -> None:
    assert tty_of(stat(number)) == name


@pytest.mark.parametrize("comm", ["a b", ") S 1 1 1 1025 (", "1025 1025)", "", "\n) R"])
def test_a_program_cannot_choose_its_terminal_by_its_name(comm) -> None:
    assert tty_of(stat(device(136, 1), comm)) == ""
    assert tty_of(stat(device(4, 2), comm)) == "tty2"


@pytest.mark.parametrize("text", ["", "4242 (bash", "4242 (bash) S", "4242 (bash) S 1 1"])
def test_a_stat_that_is_none(text) -> None:
    assert tty_of(text) == ""


@pytest.mark.parametrize(
    ("cgroup", "sessionid", "session"),
    [
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "", "3"),
        ("0::/user.slice/user-1000.slice/session-c12.scope\n", "7", "c12"),
        ("1:name=systemd:/user.slice/user-0.slice/session-9.scope\n0::/\n", "", "9"),
        ("0::/user.slice/user-1000.slice/session-3.scope/inner\n", "", "3"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope\n", "5", "5"),
        ("0::/system.slice/cron.service\n", "4294967295", ""),
        ("0::/user.slice/user-1000.slice/session-../../etc.scope\n", "", ""),
        ("0::/user.slice/user-1000.slice/session-3.scopefoo\n", "", ""),
        # What a user may make below user@.service says nothing.
        ("0::/user.slice/user-1000.slice/user@1000.service/session-3.scope\n", "", ""),
        ("0::/user.slice/user-1000.slice/user@1000.service/user.slice/user-0.slice/session-3.scope\n", "", ""),
        ("", "../1", ""),
        ("", "²", ""),
        ("", "", ""),
    ],
)
def test_session(cgroup, sessionid, session) -> None:
    assert session_of(cgroup, sessionid) == session


LOCAL = {"REMOTE": "0", "TTY": "tty1", "SEAT": "seat0"}
REMOTE = {"REMOTE": "1", "REMOTE_HOST": "10.0.0.5", "TTY": "pts/0"}


@pytest.mark.parametrize(
    ("tty", "session", "source"),
    [
        ("tty1", LOCAL, "console"),
        ("hvc0", {"REMOTE": "0", "TTY": "hvc0"}, "console"),
        # cron and systemd --user have sessions without a terminal; a member of dialout opens a serial line in them.
        ("ttyS0", {"REMOTE": "0", "CLASS": "background"}, "unknown"),
        ("tty2", LOCAL, "unknown"),  # another terminal than its session's
        ("", LOCAL, "unknown"),  # su from a graphical terminal: a pts
        ("tty1", REMOTE, "10.0.0.5"),  # the session does not agree
        ("tty1", {}, "unknown"),
        ("tty1", None, "unknown"),
        ("", None, "unknown"),
        ("", REMOTE, "10.0.0.5"),
        ("", {**REMOTE, "REMOTE_HOST": "fd00::0009"}, "fd00::9"),
        ("", {**REMOTE, "REMOTE_HOST": "::ffff:10.0.0.5"}, "10.0.0.5"),
        ("", {**REMOTE, "REMOTE_HOST": "fe80::1%eth0"}, "unknown"),
        ("", {**REMOTE, "REMOTE_HOST": "laptop.example"}, "unknown"),
        ("", {**REMOTE, "REMOTE_HOST": "console"}, "unknown"),
        ("", {**REMOTE, "REMOTE_HOST": "10.0.0.5\n"}, "unknown"),
        ("", {"REMOTE": "1"}, "unknown"),
    ],
)
def test_source_where_logind_keeps_sessions(tty, session, source) -> None:
    assert source_of(tty, session, logind=True, own=OWN) == source


@pytest.mark.parametrize("host", ["192.168.1.5", "192.168.1.1", "::ffff:192.168.1.5", "fd00::5"])
def test_the_box_itself_and_its_gateway_are_no_source(host) -> None:
    assert source_of("", {**REMOTE, "REMOTE_HOST": host}, True, OWN) == "unknown"
    assert source_of("", {**REMOTE, "REMOTE_HOST": "192.168.1.7"}, True, OWN) == "192.168.1.7"


def test_source_without_logind_is_the_terminal_alone() -> None:
    assert source_of("tty1", None, logind=False, own=OWN) == "console"
    assert source_of("", None, logind=False, own=OWN) == "unknown"


def test_a_file_of_logind() -> None:
    text = "# This is private data. Do not parse.\nUID=1000\nREMOTE=1\nREMOTE_HOST=10.0.0.5\nDESKTOP=a=b\n\n"
    assert parsed(text) == {"UID": "1000", "REMOTE": "1", "REMOTE_HOST": "10.0.0.5", "DESKTOP": "a=b"}
