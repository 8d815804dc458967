"""A file server in a domain: its people are known to winbind alone, and log in by passwords and by tickets."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from debianbox import lan, logins
from debianbox.clients import answer, openssh
from debianbox.domain import CONTROLLER, GROUP, SHORT, Domain, joined, ticket, visit_by_ticket
from debianbox.lan import NEIGHBOUR, VISITOR, Neighbour
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person
from debianbox.machine import Box
from debianbox.rules import rules
from debianbox.samba import NEEDS_CODE, NO_DAEMON, OK, visit
from debianbox.smb_libraries import TicketConnection
from nas2fa.activation import report

LONG = SHORT + r"\{}"
SESSION_EXPIRED = "NT_STATUS_NETWORK_SESSION_EXPIRED"


@pytest.fixture(scope="module")
def domain(suite: str) -> Iterator[Domain]:
    """A controller, and a member with two machines beside it, shared by the tests of this file."""
    with joined(suite) as running:
        yield running


@pytest.fixture(params=["{}", LONG], ids=["short", "long"])
def named(request: pytest.FixtureRequest, domain: Domain) -> Iterator[str]:
    """What the member makes of a name of the domain, with `winbind use default domain` and without."""
    if request.param == LONG:
        domain.name_people(long=True)
    yield request.param
    if request.param == LONG:
        domain.name_people(long=False)


def ssh_from(box: Box, address: str, person: Person, spelt: str = "") -> None:
    """A whole login by ssh with a code, at that address, by the box's own name or as `spelt`."""
    child = openssh(Neighbour(box, address), spelt or person.name, host=lan.BOX)
    shown = answer(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, person.phone.code()))
    assert child.exitstatus == 0
    assert person.name in shown.split()


def findings(box: Box, name: str) -> set[str]:
    """What the daily check, which sees the box from a cage, has told of somebody up to now."""
    box.run("systemctl start nas2fa-check.service")
    told = box.journal(f"MESSAGE_ID={report.FOUND}")
    return {one["NAS2FA_FINDING"] for one in told if name in one["NAS2FA_WHERE"].split(", ")}


def test_however_a_name_is_spelt_it_is_one_account(domain: Domain, named: str) -> None:
    r"""Samba tells PAM ADT\dave, and sshd what was typed; the record has the box's own name, which winbind tells."""
    box, name = domain.member, domain.stranger()
    spellings = [LONG.format(name), rf"adt\{name.upper()}", f"{name}@ad.test"]
    assert [visit(box, each) for each in spellings] == [OK] * 3
    person = logins.enrol(box, spellings[0])
    person.name = named.format(name)
    assert [visit(box, each) for each in spellings] == [NEEDS_CODE] * 3
    ssh_from(box, NEIGHBOUR, person)
    assert [visit(box, each) for each in spellings] == [OK] * 3
    assert visit(box, spellings[0], source=VISITOR) == NEEDS_CODE
    ssh_from(box, VISITOR, person, spellings[2])
    assert visit(box, spellings[0], source=VISITOR) == OK


def test_a_ticket_is_no_code(domain: Domain) -> None:
    box, name = domain.member, domain.stranger()
    assert visit_by_ticket(box, name) == OK
    person = logins.enrol(box, name)
    assert visit_by_ticket(box, name) == NEEDS_CODE
    ssh_from(box, NEIGHBOUR, person)
    assert visit_by_ticket(box, name) == OK
    assert visit_by_ticket(box, name, source=VISITOR) == NEEDS_CODE


def test_a_session_whose_ticket_ends_asks_again(domain: Domain) -> None:
    """That is so with Kerberos alone: a session by password has no end."""
    box, name = domain.member, domain.stranger()
    person = logins.enrol(box, name)
    with TicketConnection(box) as refused:
        assert refused.log_in(name, ticket(box, name, 300)) == NEEDS_CODE
    ssh_from(box, NEIGHBOUR, person)
    short, ends = ticket(box, name, 8), time.time() + 8
    with TicketConnection(box) as stays, TicketConnection(box) as goes:
        assert [each.log_in(name, short) for each in (stays, goes)] == [OK, OK]
        assert [each.look() for each in (stays, goes)] == [OK, OK]
        box.until(f"test $(date +%s) -gt {ends:.0f}")
        assert [each.look() for each in (stays, goes)] == [SESSION_EXPIRED] * 2
        another = ticket(box, name, 300)
        assert stays.log_in(name, another) == OK
        assert stays.look() == OK
        with rules(box, "smb_grant_max = 1\n"):
            box.until(f"! nas2fa explain --imagine user={name} service=samba from={NEIGHBOUR} | grep -q GRANTED")
            assert goes.log_in(name, another) == NEEDS_CODE


def test_who_has_another_name_than_the_record_is_refused_until_that_follows(domain: Domain) -> None:
    """Whoever changes `winbind use default domain` gives everybody a new name."""
    box, name = domain.member, domain.stranger()
    person = logins.enrol(box, name)
    ssh_from(box, NEIGHBOUR, person)
    assert visit(box, name) == OK
    domain.name_people(long=True)
    try:
        assert [visit(box, LONG.format(name)), visit_by_ticket(box, name)] == [NO_DAEMON] * 2
        box.run(["nas2fa", "user", "rename", LONG.format(name)])
        assert visit(box, LONG.format(name)) == OK  # it is the same person, so the grant holds
    finally:
        domain.name_people(long=False)


def test_a_rule_for_a_group_of_the_domain(domain: Domain, named: str) -> None:
    keeper, other = domain.keeper(), domain.stranger()
    for name in (keeper, other):
        logins.enrol(domain.member, LONG.format(name))
    rule = f"[[rule]]\naction = 'code'\nservice = ['samba']\ngroup = ['{named.format(GROUP)}']\n"
    with rules(domain.member, f"{rule}[[rule]]\naction = 'skip'\nservice = ['samba']\n"):
        assert visit(domain.member, LONG.format(keeper)) == NEEDS_CODE
        assert visit(domain.member, LONG.format(other)) == OK


def test_the_doctor_knows_who_is_of_the_domain(domain: Domain, named: str) -> None:
    """Although winbind lists nobody; and a local account of the same name, which takes the place of one at sshd."""
    box, name = domain.member, domain.stranger()
    logins.enrol(box, LONG.format(name))
    assert findings(box, named.format(name)) == {"never-used"}
    box.run(f"cp -p /etc/passwd /root/passwd; echo '{named.format(name)}:x:4242:4242::/:/bin/sh' >> /etc/passwd")
    try:
        assert findings(box, named.format(name)) == {"never-used", "name-given-twice"}
    finally:
        box.run("cp -p /root/passwd /etc/passwd")


def test_a_controller_asks_nobody_and_the_doctor_says_so(domain: Domain) -> None:
    """The line is in its stack: it was switched on before it became one."""
    box, name = domain.controller, domain.stranger()
    assert "account requisite pam_nas2fa.so" in box.read("/etc/pam.d/samba")
    logins.enrol(box, LONG.format(name))
    assert visit(box, name, source="", host=CONTROLLER, share="sysvol") == OK
    assert "samba-is-controller" in box.run("nas2fa system check", check=False).stdout
