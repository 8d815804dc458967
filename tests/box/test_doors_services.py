"""The table of doors, by programs with one field for password and code, and by Cockpit, which has two pages."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import doors
import pytest
from debianbox import lan
from debianbox.knocking import at_once, records
from debianbox.logins import PASSWORD
from debianbox.machine import Box
from debianbox.neighbours import HEEDS_PAM, Street, door_layers
from debianbox.protocols import LanLogin, Login, by_cockpit, by_cups, by_ftp, by_imap
from door_checks import asks_password_and_code, lets_strangers_in_by_password, logged, stays_shut_without_the_daemon

DOORS = {door.service: door for door in doors.ONE_FIELD}
COCKPIT = next(door for door in doors.PASSWORD_AND_CODE if door.service == "cockpit")
LOGINS: dict[str, Login] = {"vsftpd": by_ftp, "proftpd": by_ftp, "cups": by_cups, "dovecot": by_imap}

# Each failure from one address would make the next answer of Dovecot slower, up to 15 seconds.
_NO_PENALTY = "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n"
_PORTS = {"vsftpd": 21, "cups": 631, "dovecot": 993}


def open_up(box: Box, service: str) -> None:
    """Start a service, if it is not running."""
    if service == "dovecot":
        box.write("/etc/dovecot/conf.d/99-test.conf", _NO_PENALTY)
    if service in _PORTS:
        box.run(f"systemctl start {service}")
        box.until(f"ss -ltn | grep -q ':{_PORTS[service]} '")


@pytest.fixture(params=DOORS)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def place(service: str, suite: str, request: pytest.FixtureRequest) -> Street:
    """The street where the service is: ProFTPD and vsftpd cannot be on one."""
    street: Street = request.getfixturevalue("ftp_street" if service == "proftpd" else "street")
    open_up(street.box, service)
    return street


@pytest.fixture(scope="session")
def ftp_street(suite: str) -> Iterator[Street]:
    """With ProFTPD, which has been told to heed PAM."""
    with Box(door_layers(suite, proftpd=True)) as box:
        start_proftpd(box)
        yield Street(box)


def start_proftpd(box: Box) -> None:
    """It does not start where the box's own name has no address."""
    box.run("echo 127.0.1.1 $(uname -n) >> /etc/hosts; systemctl restart proftpd")
    box.until("ss -ltn | grep -q ':21 '")


def test_the_code_behind_the_password(place: Street, service: str) -> None:
    """Both, in one field; neither the password alone nor a used, a wrong or an unasked code opens."""
    login, person = partial(LOGINS[service], place.box), place.resident()
    code = person.phone.code()
    assert not login(person.name, f"not {PASSWORD}{code}")
    assert login(person.name, PASSWORD + code)
    refused = (PASSWORD, PASSWORD + code, PASSWORD + person.phone.wrong())
    assert at_once(*(partial(login, person.name, field) for field in refused)) == [False] * 3
    seen = logged(place.box, DOORS[service], person.name)
    assert seen[0] == ("ALLOWED", "OK"), "after a wrong password no code is tried"
    assert sorted(seen[1:]) == [("DENIED", "PASSWORD_REPEATED"), ("DENIED", "REUSED"), ("DENIED", "WRONG")]


def test_who_has_not_set_it_up(place: Street, service: str) -> None:
    name = place.stranger()
    assert LOGINS[service](place.box, name, PASSWORD)
    assert logged(place.box, DOORS[service], name) == [("PASSED", "NOT_ENROLLED")]


@pytest.mark.parametrize("service", _PORTS)
def test_with_nas2fad_masked_nobody_gets_in(closed_street: Street, service: str) -> None:
    open_up(closed_street.box, service)
    assert not LOGINS[service](closed_street.box, closed_street.stranger(), PASSWORD)


def test_proftpd_without_the_star_lets_the_password_alone_in(suite: str) -> None:
    """What the doctor warns of: PAM's refusal is recorded, and overruled."""
    with Box(door_layers(suite, proftpd=True)) as box:
        name = Street(box).resident().name
        doctor = "nas2fa system check --json"
        assert "proftpd" not in box.run(doctor, check=False).stdout
        box.run(["sed", "-i", "s/c[*]/c/", HEEDS_PAM])
        start_proftpd(box)
        assert by_ftp(box, name, PASSWORD)
        assert records(box, name)[-1][:2] == ("DENIED", "PASSWORD_REPEATED")
        assert "proftpd-overrules-pam" in box.run(doctor, check=False).stdout


# --- a code that stays good for a while


@pytest.fixture(scope="session")
def trusting_street(suite: str) -> Iterator[Street]:
    """Where a good code of the last eight hours is enough for dovecot and cups, from the same address."""
    rule = '[[rule]]\naction = "code"\nservice = ["dovecot", "cups"]\nagain_after = 28800\n'
    with Box(door_layers(suite)) as box:
        lan.attach(box)
        box.write("/etc/nas2fa/nas2fa.toml", rule)
        box.run("systemctl reload nas2fad; sed -i 's/^Listen localhost:631/Listen 631/' /etc/cups/cupsd.conf")
        box.run("sed -i '/^<Location/a Allow from all' /etc/cups/cupsd.conf")
        open_up(box, "dovecot")
        open_up(box, "cups")
        yield Street(box)


@pytest.mark.parametrize("login", [by_imap, by_cups])
def test_a_second_connection_with_the_same_code(trusting_street: Street, login: LanLogin) -> None:
    box, person = trusting_street.box, trusting_street.resident()
    knock = partial(login, box, person.name, host=lan.BOX, namespace=lan.NAMESPACE)
    typed = PASSWORD + person.phone.code()
    assert [knock(field=typed), knock(field=typed)] == [True, True]
    assert [record[:2] + record[3:] for record in records(box, person.name)] == [
        ("ALLOWED", "OK", lan.NEIGHBOUR),
        ("PASSED", "TRUSTED", lan.NEIGHBOUR),
    ]
    assert not knock(field=f"not {typed}"), "the password is asked each time"
    assert not login(box, person.name, typed), "another address is trusted with nothing"


# --- Cockpit


@pytest.fixture(scope="session")
def cockpit(street: Street) -> Street:
    """Cockpit with the login page over plain HTTP."""
    street.box.write("/etc/cockpit/cockpit.conf", "[WebService]\nAllowUnencrypted = true\n")
    street.box.run("systemctl start cockpit.socket")
    return street


def test_cockpit(cockpit: Street) -> None:
    asks_password_and_code(cockpit, COCKPIT, partial(by_cockpit, cockpit.box))


def test_cockpit_for_who_has_not_set_it_up(cockpit: Street) -> None:
    lets_strangers_in_by_password(cockpit, COCKPIT, partial(by_cockpit, cockpit.box))


def test_cockpit_with_nas2fad_masked(closed_street: Street) -> None:
    closed_street.box.write("/etc/cockpit/cockpit.conf", "[WebService]\nAllowUnencrypted = true\n")
    closed_street.box.run("systemctl start cockpit.socket")
    stays_shut_without_the_daemon(closed_street, COCKPIT, partial(by_cockpit, closed_street.box))
