"""The table of doors on the box itself: terminals, su, sudo, polkit, and what runs by itself."""

from __future__ import annotations

from collections.abc import Iterator

import doors
import pytest
from debianbox.knocking import Visit, knock, records
from debianbox.logins import PASSWORD, enrol
from debianbox.machine import Box
from debianbox.neighbours import Street, door_layers
from door_checks import (
    Way,
    asks_password_and_code,
    by_command,
    lets_strangers_in_by_password,
    logged,
    stays_shut_to_who_leaves,
    stays_shut_without_the_daemon,
)
from doors import Door, Unasked

LOCAL = {door.name: door for door in doors.PASSWORD_AND_CODE if door.service not in ("sshd", "cockpit", "login")}
LEFT = ("chsh", "chfn", "a screen locker without privileges")  # ssh, login, su, sudo, polkit: test_interrupted.py


def way_in(box: Box, door: Door) -> Way:
    return by_command(box, door) if door.command else SPECIAL[door.name](box)


def by_input(box: Box) -> Way:
    """By sudo -S: the answers are lines of its input, the questions go to its error output."""

    def way(name: str, password: str, code: str) -> Visit:
        done = box.run(["sudo", "-k", "-S", "echo", "in"], user=name, stdin=f"{password}\n{code}\n", check=False)
        asked = [
            word for word, text in (("password", "password for"), ("code", "Verification code:")) if text in done.stderr
        ]
        return Visit(done.stdout == "in\n", asked, done.stderr)

    return way


SPECIAL = {"sudo -S": by_input}


@pytest.mark.parametrize("name", LOCAL)
def test_password_and_code(street: Street, name: str) -> None:
    asks_password_and_code(street, LOCAL[name], way_in(street.box, LOCAL[name]))


@pytest.mark.parametrize("name", LOCAL)
def test_who_has_not_set_it_up(street: Street, name: str) -> None:
    lets_strangers_in_by_password(street, LOCAL[name], way_in(street.box, LOCAL[name]))


@pytest.mark.parametrize("name", LEFT)
def test_leaving_at_the_code_prompt(street: Street, name: str) -> None:
    stays_shut_to_who_leaves(street, LOCAL[name], way_in(street.box, LOCAL[name]))


@pytest.mark.parametrize("name", LOCAL)
def test_with_nas2fad_masked_nobody_gets_in(closed_street: Street, name: str) -> None:
    visit = stays_shut_without_the_daemon(closed_street, LOCAL[name], way_in(closed_street.box, LOCAL[name]))
    assert "does not answer" in visit.shown


def test_sudo_remembers(street: Street) -> None:
    person = street.resident()
    child = street.box.terminal("sudo true && sudo -n id -un", user=person.name)
    visit = knock(child, "root\r", PASSWORD, person.phone.code())
    assert (visit.entered, visit.asked) == (True, ["password", "code"])


# --- the console


@pytest.fixture
def console_street(suite: str) -> Iterator[Street]:
    with Box(door_layers(suite), console=True) as box:
        box.write("/etc/nas2fa/nas2fa.toml", "console_ptys = true\n")  # as in every container
        box.run("systemctl reload nas2fad")
        yield Street(box)


def test_login_on_the_console(console_street: Street) -> None:
    door = next(door for door in doors.PASSWORD_AND_CODE if door.service == "login")
    box, person, stranger = console_street.box, console_street.resident(), console_street.stranger()
    code = person.phone.code()

    def way(name: str, password: str, code: str) -> Visit:
        """As a person at the screen, who logs out again."""
        box.console.expect("login: ")
        box.console.sendline(name)
        visit = knock(box.console, r"\$ ", password, code, refused="Login incorrect", leave=False)
        if visit.entered:
            box.console.sendline("exit")
        return visit

    first = way(person.name, PASSWORD, code)
    assert (first.entered, first.asked) == (True, ["password", "code"])
    assert not way(person.name, PASSWORD, code).entered
    assert not way(person.name, PASSWORD, person.phone.wrong()).entered
    assert way(person.name, "not " + PASSWORD, "").asked == ["password"]
    visit = way(stranger, PASSWORD, "")
    assert (visit.entered, visit.asked) == (True, ["password"])
    assert logged(box, door, person.name) == [("ALLOWED", "OK"), ("DENIED", "REUSED"), ("DENIED", "WRONG")]
    assert logged(box, door, stranger) == [("PASSED", "NOT_ENROLLED")]


# --- what is not asked


@pytest.fixture(params=["street", "closed_street"], ids=["with nas2fad", "with nas2fad masked"])
def any_street(suite: str, request: pytest.FixtureRequest) -> Street:
    street: Street = request.getfixturevalue(request.param)
    return street


@pytest.mark.parametrize("program", [each for each in doors.NOT_ASKED if each.command], ids=lambda each: each.name)
def test_not_asked(any_street: Street, program: Unasked) -> None:
    box, name = any_street.box, any_street.stranger()
    if box.run("systemctl is-active nas2fad", check=False).returncode == 0:
        enrol(box, name)
    proof = f"/home/{name}/proof"
    command = program.command.replace("{user}", name).replace("{proof}", proof)
    if program.terminal:
        child = box.terminal(command, user=name)
        for prompt, reply in program.terminal:
            child.expect(prompt)
            child.sendline(reply.replace("{password}", PASSWORD).replace("{new}", "another 8 Word"))
    else:
        box.run(command)
    box.until(f"test -s {proof}")
    assert records(box, name) == []


def test_a_getty_with_autologin(suite: str) -> None:
    """By login -f, also with nas2fad masked."""
    with Box(door_layers(suite), console=True) as box:
        name = Street(box).resident().name
        box.run("systemctl mask --now --quiet nas2fad.service 'nas2fad-*.socket'")
        agetty = f"agetty --noclear --keep-baud --autologin {name} - 115200,38400,9600 vt220"
        box.write(
            "/etc/systemd/system/console-getty.service.d/auto.conf", f"[Service]\nExecStart=\nExecStart=-{agetty}\n"
        )
        box.run("systemctl daemon-reload; systemctl restart console-getty")
        box.console.expect(r"\$ ")
        box.console.sendline("echo in-as-$(id -un)")
        box.console.expect(f"in-as-{name}")
