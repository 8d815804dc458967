"""Who is revoked is out: sessions that are open, logins in flight, clients that come back; and nobody else is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from debianbox import lan, logins, samba
from debianbox.lan import NEIGHBOUR, VISITOR
from debianbox.logins import Person
from debianbox.machine import Box
from debianbox.samba import NEEDS_CODE, OK, PEOPLE, client, visit, wait_for_samba
from debianbox.smb_libraries import CLOSED
from debianbox.smb_unit import at_work, sessions, smbd, until_all_are_in

ROUNDS, AT_ONCE = 4, 4


@pytest.fixture(scope="module")
def nas(suite: str) -> Iterator[Box]:
    """A box whose shares open by grants; each test has people of its own."""
    with Box(samba.samba_layers(suite)) as box:
        lan.attach(box)
        wait_for_samba(box)
        yield box


_names = iter(2 * PEOPLE)  # for both suites


def person_at(box: Box, address: str) -> Person:
    """Somebody with a second step and a grant, whom no other test has."""
    person = logins.enrol(box, next(_names))
    words = ["nas2fa", "unlock", "smb", "--from", address]
    box.run(words, user=person.name, stdin=f"{person.phone.code()}\n")
    return person


def revoke(box: Box, name: str, *options: str) -> str:
    return box.run(["nas2fa", "grants", "revoke", "--user", name, *options]).stdout


def test_that_person_is_cut_off_and_nobody_else(nas: Box) -> None:
    one, other = person_at(nas, NEIGHBOUR), person_at(nas, NEIGHBOUR)
    before = smbd(nas)
    with at_work(nas, (one.name, NEIGHBOUR), (other.name, NEIGHBOUR)) as (a, b):
        assert "Open sessions ended: 1." in revoke(nas, one.name)
        assert (a.read(one.name), b.read(other.name)) == (CLOSED, OK)
        assert (visit(nas, one.name), visit(nas, other.name)) == (NEEDS_CODE, OK)
    assert smbd(nas) == before


@contextmanager
def slow_logins(box: Box, seconds: float) -> Iterator[None]:
    """A login opens its session only so long after nas2fad has let it in."""
    before = box.read("/etc/pam.d/samba")
    box.write("/root/slow", f'#!/bin/sh\n[ "$PAM_TYPE" != open_session ] || exec sleep {seconds}\n', mode=0o755)
    box.write("/etc/pam.d/samba", f"session optional pam_exec.so quiet /root/slow\n{before}")
    try:
        yield
    finally:
        box.write("/etc/pam.d/samba", before)


@pytest.mark.parametrize("seconds", [1.2, 4.2])
def test_a_login_that_was_let_in_just_before_is_cut_off(nas: Box, seconds: float) -> None:
    """The second one takes longer than is watched in any case; but it can be seen that it has not ended."""
    person = person_at(nas, NEIGHBOUR)
    with slow_logins(nas, seconds):
        child = nas.terminal(shlex.join(client(person.name)))
        nas.until(f"pgrep --full '[s]leep {seconds}'")
        assert sessions(nas, person.name) == []
        assert "Open sessions ended: 1." in revoke(nas, person.name)
    assert sessions(nas, person.name) == []
    assert visit(nas, person.name) == NEEDS_CODE
    child.close()


def test_clients_that_come_back_at_once_stay_out(nas: Box) -> None:
    """Two for each person, one that stays and one that comes and goes; several people are revoked at a time."""
    bystander, before = person_at(nas, VISITOR), smbd(nas)
    with at_work(nas, (bystander.name, VISITOR)) as (connection,):
        for _ in range(ROUNDS):
            names = [person_at(nas, NEIGHBOUR).name for _ in range(AT_ONCE)]
            visits = [(shlex.join(client(name)), stay) for name in names for stay in (20, 0.1)]
            loops = [f"while sleep 0.1; do sleep {stay} | {smbclient}; done &" for smbclient, stay in visits]
            nas.write("/root/loops", "\n".join([*loops, "wait"]))
            nas.run("systemd-run --quiet --unit=loops sh /root/loops")
            until_all_are_in(nas, *names)
            nas.run(["sh", "-c", 'for name; do nas2fa grants revoke --user "$name" & done; wait', "sh", *names])
            assert sessions(nas, *names) == []
            nas.run("systemctl stop loops")
            assert {visit(nas, name) for name in names} == {NEEDS_CODE}
        assert connection.read(bystander.name) == OK
    assert smbd(nas) == before
