"""File shares: a right password is refused until a code, given elsewhere, opens them to this user at this address."""

from __future__ import annotations

import json

import pytest
from debianbox import lan, logins
from debianbox.clients import answer, openssh
from debianbox.knocking import records
from debianbox.lan import FARTHER, GATEWAY, NEIGHBOUR, NEIGHBOUR6, VISITOR, VISITOR6, Neighbour
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, Person
from debianbox.rules import rules
from debianbox.samba import (
    DENIED,
    GUEST_SHARE,
    NEEDS_CODE,
    OK,
    OTHER_SHARE,
    SHARE,
    WRONG_PASSWORD,
    FileServer,
    unlock,
    visit,
)
from debianbox.smb_libraries import by_impacket


def ssh_from(server: FileServer, person: Person, address: str) -> None:
    """A whole login by ssh with a code, at that address of the neighbour."""
    child = openssh(Neighbour(server.box), person.name, "-b", address, host=lan.BOX)
    answer(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, person.phone.code()))
    assert child.exitstatus == 0


def grants(server: FileServer, name: str) -> list[str]:
    """The addresses at which the shares are open to somebody, as root's list has them."""
    rows = json.loads(server.box.run(["nas2fa", "grants", "list", "--user", name, "--json"]).stdout)
    return [row["address"] for row in rows]


def over(server: FileServer, name: str, address: str = NEIGHBOUR) -> bool:
    """Whether a grant ends by itself, without waiting long: with the option set to one second."""
    server.box.until(f"! nas2fa explain --imagine user={name} service=samba from={address} | grep -q GRANTED")
    return visit(server.box, name, source=address) == NEEDS_CODE


@pytest.mark.parametrize("share", [SHARE, OTHER_SHARE, GUEST_SHARE])
@pytest.mark.parametrize("source", [NEIGHBOUR, NEIGHBOUR6])
def test_refused_until_a_code_opens_them_there(server: FileServer, source: str, share: str) -> None:
    box, person = server.box, server.person()
    assert visit(box, person.name, source=source, share=share) == NEEDS_CODE
    assert unlock(box, person, source).returncode == 0
    assert visit(box, person.name, source=source, share=share) == OK
    for elsewhere in {NEIGHBOUR, NEIGHBOUR6, VISITOR, VISITOR6} - {source}:
        assert visit(box, person.name, source=elsewhere, share=share) == NEEDS_CODE


def test_open_to_this_user_alone(server: FileServer) -> None:
    server.person_at(NEIGHBOUR)
    assert visit(server.box, server.person().name) == NEEDS_CODE


def test_who_has_no_second_step_gets_in_as_before(server: FileServer) -> None:
    name = server.stranger()
    assert visit(server.box, name) == OK
    assert visit(server.box, name, "wrong") == WRONG_PASSWORD
    with rules(server.box, 'unenrolled = "deny"\n'):
        assert visit(server.box, name) == DENIED


def test_a_wrong_code_opens_nothing(server: FileServer) -> None:
    person = server.person()
    assert unlock(server.box, person, code=person.phone.wrong()).returncode != 0
    assert visit(server.box, person.name) == NEEDS_CODE


def test_nobody_opens_them_for_another(server: FileServer) -> None:
    thief, victim = server.person(), server.person()
    words = ["nas2fa", "unlock", "smb", "--from", NEIGHBOUR, "--user", victim.name]
    assert server.box.run(words, user=thief.name, stdin=f"{thief.phone.code()}\n", check=False).returncode != 0
    assert visit(server.box, victim.name) == NEEDS_CODE


@pytest.mark.parametrize("option", ["smb_grant_idle", "smb_grant_max"])
def test_it_ends_with_its_time(server: FileServer, option: str) -> None:
    person = server.person_at(NEIGHBOUR)
    assert visit(server.box, person.name) == OK
    with rules(server.box, f"{option} = 1\n"):
        assert over(server, person.name)


def test_a_login_by_ssh_opens_its_own_address(server: FileServer) -> None:
    box, person, other = server.box, server.person(), server.person()
    ssh_from(server, person, NEIGHBOUR)
    assert visit(box, person.name) == OK
    assert visit(box, person.name, source=VISITOR) == NEEDS_CODE
    ssh_from(server, other, FARTHER)
    assert grants(server, other.name) == [FARTHER]
    assert visit(box, other.name) == NEEDS_CODE


def test_policy_says_whether_a_login_by_ssh_opens_them(server: FileServer) -> None:
    box, staff, other = server.box, server.person(), server.person()
    text = f'smb_opened_by_ssh = false\n[[rule]]\naction = "code"\ngroup = ["{staff.name}"]\nopens_smb = true\n'
    with rules(box, text):
        for person in (staff, other):
            ssh_from(server, person, NEIGHBOUR)
    assert visit(box, staff.name) == OK
    assert visit(box, other.name) == NEEDS_CODE


def test_a_trusted_device_opens_nothing(server: FileServer) -> None:
    box, person = server.box, server.person()
    with rules(box, 'smb_opened_by_ssh = false\n[[rule]]\naction = "code"\nagain_after = 3600\n'):
        ssh_from(server, person, NEIGHBOUR)
        child = openssh(Neighbour(box), person.name, "-b", NEIGHBOUR, host=lan.BOX)
        answer(child, (PASSWORD_PROMPT, PASSWORD))
        assert child.exitstatus == 0  # sshd trusts it
        assert visit(box, person.name) == NEEDS_CODE


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", lan.BOX, lan.BOX6, "fe80::2", "::ffff:127.0.0.1", "nas.lan"])
def test_where_people_cannot_be_told_apart_nothing_is_opened(server: FileServer, address: str) -> None:
    person = server.person()
    assert unlock(server.box, person, address).returncode != 0
    assert grants(server, person.name) == []


def test_from_the_box_itself_and_from_its_gateway(server: FileServer) -> None:
    """Whoever has a shell on the box could come by its own address; behind a router comes the whole internet."""
    box, person = server.box, server.person()
    ssh_from(server, person, GATEWAY)
    child = openssh(box, person.name)
    answer(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, person.phone.code()))
    box.run(f"ip route add default via {GATEWAY}")
    try:
        assert visit(box, person.name, source="") == NEEDS_CODE
        assert by_impacket(box, person.name, source=GATEWAY) == NEEDS_CODE
    finally:
        box.run("ip route del default")


def test_a_refused_login_is_listed_and_approved(server: FileServer) -> None:
    box, person = server.box, server.person()
    assert visit(box, person.name, source=VISITOR) == NEEDS_CODE
    assert visit(box, person.name, "wrong") == WRONG_PASSWORD  # tells nobody anything
    assert VISITOR in box.run("nas2fa attempts", user=person.name).stdout
    (row,) = json.loads(box.run("nas2fa attempts --json", user=person.name).stdout)
    assert (row["user"], row["address"], row["count"]) == (person.name, VISITOR, 1)
    for typed in ("\n", "n\n", "yess\n", f"y\n{person.phone.wrong()}\n"):
        assert box.run("nas2fa attempts approve", user=person.name, stdin=typed, check=False).returncode != 0
    assert visit(box, person.name, source=VISITOR) == NEEDS_CODE
    child = box.terminal("nas2fa attempts approve", user=person.name)
    child.expect(rf"{VISITOR} gave your password .*\[y/N\] ")
    child.sendline("y")
    answer(child, (CODE_PROMPT, person.phone.code()))
    assert child.exitstatus == 0
    assert visit(box, person.name, source=VISITOR) == OK
    assert visit(box, person.name) == NEEDS_CODE


def test_a_right_password_from_where_the_user_never_was_is_a_warning(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    assert visit(box, person.name) == OK
    for _ in range(3):
        assert visit(box, person.name, source=VISITOR) == NEEDS_CODE
    warned = [record for record in records(box, person.name) if record[0] == "SHARES_KNOCKED"]
    assert warned == [("SHARES_KNOCKED", "NO_GRANT", "samba", VISITOR)]


def test_revoked_at_one_address_and_at_all(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR, VISITOR)
    assert sorted(grants(server, person.name)) == [NEIGHBOUR, VISITOR]
    box.run(["nas2fa", "grants", "revoke", "--from", VISITOR], user=person.name)
    assert visit(box, person.name, source=VISITOR) == NEEDS_CODE
    assert visit(box, person.name) == OK
    box.run(["nas2fa", "grants", "revoke", "--user", person.name])
    assert visit(box, person.name) == NEEDS_CODE
    assert grants(server, person.name) == []


def test_a_lock_closes_them(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    with rules(box, "deny = 1\n"):
        assert unlock(box, person, VISITOR, code=person.phone.wrong()).returncode != 0
        assert visit(box, person.name) == NEEDS_CODE


def test_a_reset_closes_them(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    box.run(["nas2fa", "user", "reset", person.name, "--yes"])
    logins.enrol(box, person.name)
    assert visit(box, person.name) == NEEDS_CODE


def test_new_recovery_codes_close_them(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    box.run("nas2fa recovery-codes", user=person.name, stdin=f"{person.phone.code()}\nyes\n")
    assert visit(box, person.name) == NEEDS_CODE


def test_hidden_answers_as_to_a_wrong_password(server: FileServer) -> None:
    box, person = server.box, server.person()
    with rules(box, 'smb_deny = "hidden"\n'):
        assert visit(box, person.name) == WRONG_PASSWORD
        assert unlock(box, person).returncode == 0
        assert visit(box, person.name) == OK


ADMINS_ONLY = """
[[rule]]
action = "code"
service = ["samba"]
group = ["{group}"]
[[rule]]
action = "skip"
service = ["samba"]
"""


def test_for_administrators_only(server: FileServer) -> None:
    box, admin, user = server.box, server.person(), server.person()
    with rules(box, ADMINS_ONLY.format(group=admin.name)):
        assert visit(box, admin.name) == NEEDS_CODE
        assert visit(box, user.name) == OK
    with rules(box, f'[[rule]]\naction = "deny"\nservice = ["samba"]\nuser = ["{admin.name}"]\n'):
        assert unlock(box, admin).returncode == 0
        assert visit(box, admin.name) == DENIED


def test_an_exemption_needs_the_user_and_the_network(server: FileServer) -> None:
    """What Time Machine and backup programs live by; every use is on record."""
    box, backup, other = server.box, server.person(), server.person()
    until = box.run("date --date '1 year' +%F").stdout.strip()
    made = box.run(
        ["nas2fa", "exempt", "add", "--user", backup.name, "--service", "samba", "--from", "10.99.2.0/24", "--until",
         until, "--reason", "nightly", "--json"]
    )  # fmt: skip
    assert visit(box, backup.name, source=VISITOR) == OK
    assert visit(box, backup.name) == NEEDS_CODE
    assert visit(box, backup.name, source=VISITOR6) == NEEDS_CODE
    assert visit(box, other.name, source=VISITOR) == NEEDS_CODE
    assert visit(box, backup.name, "wrong", source=VISITOR) == WRONG_PASSWORD
    assert ("EXEMPTED", "samba", VISITOR) in [(r[0], *r[2:]) for r in records(box, backup.name)]
    box.run(["nas2fa", "exempt", "remove", json.loads(made.stdout)["id"]])
    assert visit(box, backup.name, source=VISITOR) == NEEDS_CODE
