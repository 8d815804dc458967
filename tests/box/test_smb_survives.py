"""File shares while nas2fad is stopped, stuck or busy, and after restarts: nobody gets in, and nobody is cut off."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from debianbox import lan
from debianbox.clients import openssh
from debianbox.knocking import at_once
from debianbox.lan import NEIGHBOUR, VISITOR
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box
from debianbox.samba import NEEDS_CODE, NO_DAEMON, OK, OTHER_SHARE, STACK, FileServer, samba_layers, visit
from debianbox.smb_libraries import SmbConnection

SOCKETS = "nas2fad-login.socket nas2fad-user.socket nas2fad-control.socket"
IN_TIME = 5.0
"""Seconds in which a login must be answered; smbclient itself gives up after 20."""


@contextmanager
def without_daemon(box: Box, how: str) -> Iterator[None]:
    """nas2fad away, in one of the ways in which it can be."""
    anew = f"systemctl stop nas2fad; systemctl start {SOCKETS} nas2fad"
    off, on = {
        "stopped": (f"systemctl stop {SOCKETS} nas2fad", anew),
        "without its sockets": (f"systemctl stop {SOCKETS}", anew),
        "stuck": ("systemctl kill --signal=STOP nas2fad", "systemctl kill --signal=CONT nas2fad"),
    }[how]
    box.run(off)
    try:
        yield
    finally:
        box.run(on)
        box.until("nas2fa health")


@pytest.mark.parametrize("how", ["stopped", "without its sockets", "stuck"])
def test_without_nas2fad_nobody_new_gets_in_and_nobody_is_cut_off(server: FileServer, how: str) -> None:
    box, person, unenrolled = server.box, server.person_at(NEIGHBOUR), server.stranger()
    with SmbConnection(box) as line:
        assert line.log_in(person.name) == OK
        assert line.open_share(person.name) == OK
        with without_daemon(box, how):
            started = time.monotonic()
            said = at_once(lambda: visit(box, person.name), lambda: visit(box, unenrolled))
            assert said == [NO_DAEMON, NO_DAEMON]
            assert time.monotonic() - started < IN_TIME
            assert line.read(person.name) == OK
            assert line.open_share(person.name, OTHER_SHARE) == OK
    assert visit(box, person.name) == OK
    assert visit(box, unenrolled) == OK


@pytest.mark.parametrize(
    "restart",
    [
        "systemctl restart nas2fad",
        "systemctl kill --signal=KILL nas2fad; nas2fa health >/dev/null",
        "systemctl stop nas2fad",  # the next login starts it
    ],
)
def test_a_restart_keeps_grants_and_what_was_refused(server: FileServer, restart: str) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    assert visit(box, person.name, source=VISITOR) == NEEDS_CODE
    box.run(restart, check=False)
    assert visit(box, person.name) == OK
    assert visit(box, person.name, source=VISITOR) == NEEDS_CODE
    assert VISITOR in box.run("nas2fa attempts", user=person.name).stdout


def test_a_restart_of_smbd_asks_again(server: FileServer) -> None:
    box, person, other = server.box, server.person_at(NEIGHBOUR), server.person()
    with server.configured():
        assert visit(box, person.name) == OK
        assert visit(box, other.name) == NEEDS_CODE


def test_a_reboot_ends_grants(suite: str) -> None:
    with Box(samba_layers(suite)) as box:
        lan.attach(box)
        person = FileServer(box).person_at(NEIGHBOUR)
        assert visit(box, person.name) == OK
        box.reboot()
        lan.attach(box)
        FileServer(box)
        assert visit(box, person.name) == NEEDS_CODE


def test_a_line_of_ours_in_the_session_phase_neither_opens_nor_refuses(server: FileServer) -> None:
    """There the client's machine can tell any address it likes, and nothing is decided."""
    box, person, other = server.box, server.person_at(NEIGHBOUR), server.person()
    before = box.read(STACK)
    box.write(STACK, f"{before}session optional pam_nas2fa.so\n")
    try:
        assert visit(box, person.name) == OK
        assert visit(box, other.name) == NEEDS_CODE
        spoofed = ("--port=139", f"--netbiosname={NEIGHBOUR}")
        assert visit(box, person.name, PASSWORD, *spoofed, source=VISITOR) == NEEDS_CODE
    finally:
        box.write(STACK, before)


def test_who_keeps_nas2fad_waiting_delays_nobody(server: FileServer) -> None:
    """Logins by ssh whose code nobody types, of the same user as well, and one to the shares that hangs elsewhere."""
    box, person = server.box, server.person_at(NEIGHBOUR)
    waiting = [openssh(box, person.name) for _ in range(3)]
    for child in waiting:
        child.expect(PASSWORD_PROMPT)
        child.sendline(PASSWORD)
    for child in waiting:
        child.expect(CODE_PROMPT)
    slow = server.stranger()
    before = box.read(STACK)
    who = f"account [success=ignore default=1] pam_succeed_if.so quiet user = {slow}\n"
    hang = f"{who}account optional pam_exec.so /hang\n"
    box.write("/hang", "#!/bin/sh\ntouch /hanging\ncat </fifo\n", mode=0o755)
    box.run("mkfifo /fifo")
    box.write(STACK, before.replace("# nas2fa BEGIN", f"{hang}# nas2fa BEGIN"))
    with ThreadPoolExecutor(1) as threads:
        hung = threads.submit(visit, box, slow)
        try:
            box.until("test -e /hanging")
            started = time.monotonic()
            for source in (NEIGHBOUR, VISITOR):
                assert visit(box, person.name, source=source) == (OK if source == NEIGHBOUR else NEEDS_CODE)
            assert time.monotonic() - started < IN_TIME
            assert not hung.done()
        finally:
            box.run("echo >/fifo")
            box.write(STACK, before)
        assert hung.result() == OK
    for child in waiting:
        child.close(force=True)


# One program of the box that starts them all: the host is then not what is measured.
_CROWD = (
    "seq 100 | xargs -P 100 -I_ nsenter --net={network} -- smbclient //{box}/files --user='{name}%{password}' "
    "--command=exit 2>&1"
)


def crowd(box: Box, name: str) -> float:
    """A hundred logins of one user, all at once: a computer that wakes up opens many connections. Seconds."""
    command = _CROWD.format(network=lan.NAMESPACE, box=lan.BOX, name=name, password=PASSWORD)
    started = time.monotonic()
    assert box.run(command, check=False).stdout == ""
    return time.monotonic() - started


def test_a_hundred_logins_at_once_all_get_in_and_take_less_than_twice_the_time(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    before = box.read(STACK)

    def slower() -> float:
        asked = crowd(box, person.name)
        box.write(STACK, before.replace("account requisite pam_nas2fa.so", "# none"))
        try:
            return asked / crowd(box, person.name)
        finally:
            box.write(STACK, before)

    assert any(slower() < 2 for _ in range(3))  # other tests run beside this one
