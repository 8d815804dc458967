"""The table of doors, by ssh: its clients, and what becomes of keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import doors
import pytest
from debianbox import ssh_libraries
from debianbox.knocking import Visit, knock, records
from debianbox.logins import PASSWORD
from debianbox.machine import Box
from debianbox.neighbours import Street, door_layers
from door_checks import (
    Way,
    asks_password_and_code,
    by_command,
    lets_strangers_in_by_password,
    stays_shut_without_the_daemon,
)
from doors import HERE, SSH, Door, Key

CLIENTS = {door.name: door for door in doors.PASSWORD_AND_CODE if door.service == "sshd"}
MULTIPLEXED = f"ssh {SSH} -o ControlMaster=auto -o ControlPath=/run/%r -o ControlPersist=60 {{user}}@{HERE} id -un"


def way_in(box: Box, door: Door) -> Way:
    return by_command(box, door) if door.command else by_library(box, *LIBRARIES[door.name])


def by_library(box: Box, login: Callable[..., Any], refused: type[Exception]) -> Way:
    """By a library that calls back for each answer."""

    def way(name: str, password: str, code: str) -> Visit:
        visit = Visit()

        def reply(prompt: str) -> str:
            visit.asked.append("password" if "assword" in prompt else "code")
            return {"password": password, "code": code}[visit.asked[-1]]

        try:
            visit.entered = name in login(box, name, reply)
        except refused as error:
            visit.shown = str(error)
        return visit

    return way


LIBRARIES = {
    "paramiko": (ssh_libraries.by_paramiko, ssh_libraries.paramiko.AuthenticationException),
    "asyncssh": (ssh_libraries.by_asyncssh, ssh_libraries.asyncssh.PermissionDenied),
}


@pytest.mark.parametrize("client", CLIENTS)
def test_password_and_code(street: Street, client: str) -> None:
    asks_password_and_code(street, CLIENTS[client], way_in(street.box, CLIENTS[client]))


@pytest.mark.parametrize("client", CLIENTS)
def test_who_has_not_set_it_up(street: Street, client: str) -> None:
    lets_strangers_in_by_password(street, CLIENTS[client], way_in(street.box, CLIENTS[client]))


@pytest.mark.parametrize("client", ["ssh", "paramiko"])
def test_with_nas2fad_masked_nobody_gets_in(closed_street: Street, client: str) -> None:
    door = CLIENTS[client]
    visit = stays_shut_without_the_daemon(closed_street, door, way_in(closed_street.box, door))
    assert "does not answer" in visit.shown or client == "paramiko"  # which shows nothing by itself


def test_one_code_for_all_sessions_of_a_control_master(street: Street) -> None:
    person = street.resident()
    command = MULTIPLEXED.format(user=person.name)
    first = knock(street.box.terminal(command), person.name + "\r", PASSWORD, person.phone.code())
    second = knock(street.box.terminal(command), person.name + "\r", PASSWORD, "")
    assert (first.entered, first.asked) == (True, ["password", "code"])
    assert (second.entered, second.asked) == (True, [])


def test_what_can_answer_one_question_only_is_refused(street: Street) -> None:
    """The method `password`, and a program that types the password to every prompt, which is no wrong code."""
    person = street.resident()
    method = f"ssh {SSH} -o PreferredAuthentications=password {person.name}@{HERE} id -un"
    child = street.box.terminal(method)
    child.expect(r"Permission denied \(publickey,keyboard-interactive\)")
    repeated = by_command(street.box, CLIENTS["ssh"])(person.name, PASSWORD, PASSWORD)
    assert not repeated.entered
    assert records(street.box, person.name) == [("DENIED", "PASSWORD_REPEATED", "sshd", HERE)]


# --- keys


@pytest.fixture
def keyed(suite: str, key: Key, request: pytest.FixtureRequest) -> Any:
    """A street of its own, switched on with that choice; with "guard" the one that all share."""
    if key.choice == "guard":
        yield request.getfixturevalue("street")
        return
    with Box(door_layers(suite, "--ssh-keys", key.choice)) as box:
        yield Street(box)


def with_key(box: Box, name: str) -> Callable[[str], Visit]:
    """Authorise a key of `name`, and knock with it."""
    own = f"/home/{name}/.ssh"
    box.run(
        f"mkdir -m 700 {own} && ssh-keygen -q -t ed25519 -N '' -f {own}/id && cp {own}/id.pub {own}/authorized_keys"
    )
    box.run(f"chown -R {name}: {own}")
    command = f"ssh {SSH} -o PreferredAuthentications=publickey,keyboard-interactive -i {own}/id {name}@{HERE} id -un"

    def way(code: str) -> Visit:
        return knock(box.terminal(command), name + "\r", PASSWORD, code)

    return way


@pytest.mark.parametrize("key", doors.KEYS, ids=lambda key: key.choice)
def test_key(keyed: Street, key: Key) -> None:
    person = keyed.resident()
    way = with_key(keyed.box, person.name)
    visit = way(person.phone.code())
    assert (visit.entered, tuple(visit.asked)) == (key.entered, key.asked), visit.shown
    assert records(keyed.box, person.name) == [(*key.logged, "sshd", HERE)]

    assert not way(person.phone.wrong()).entered
    assert not way("").entered


@pytest.mark.parametrize("key", doors.KEYS, ids=lambda key: key.choice)
def test_key_of_who_has_not_set_it_up(keyed: Street, key: Key) -> None:
    visit = with_key(keyed.box, keyed.stranger())("")
    assert (visit.entered, visit.asked) == (True, ["password"] if "password" in key.not_enrolled else [])


@pytest.mark.parametrize("key", [key for key in doors.KEYS if key.entered], ids=lambda key: key.choice)
def test_without_the_key_password_and_code_open(keyed: Street, key: Key) -> None:
    asks_password_and_code(keyed, CLIENTS["ssh"], way_in(keyed.box, CLIENTS["ssh"]))


def test_with_nas2fad_broken_behind_its_sockets(suite: str) -> None:
    """The sockets take the connection, and nobody ever answers: refused all the same, and not only after minutes."""
    with Box(door_layers(suite)) as box:
        street = Street(box)
        box.write("/etc/systemd/system/nas2fad.service.d/broken.conf", "[Service]\nExecStart=\nExecStart=/bin/false\n")
        box.run("systemctl daemon-reload; systemctl kill --signal=KILL nas2fad; systemctl start nas2fad", check=False)
        box.run("systemctl is-active nas2fad-login.socket")
        stays_shut_without_the_daemon(street, CLIENTS["ssh"], way_in(box, CLIENTS["ssh"]))
