"""Every way to log in to a share is asked: each dialect, client and spelling, a stolen hash, and what joins later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
from debianbox import lan
from debianbox.knocking import records
from debianbox.lan import NEIGHBOUR, NEIGHBOUR6, VISITOR
from debianbox.machine import Box
from debianbox.rules import rules
from debianbox.samba import GUEST_SHARE, NEEDS_CODE, OK, OTHER_SHARE, WRONG_PASSWORD, FileServer, unlock, visit
from debianbox.smb_libraries import CLOSED, SMB_1, Dialects, SmbConnection, by_impacket

Way: TypeAlias = Callable[[Box, str], str]


def by_smbclient(*options: str, spelt: str = "{}") -> Way:
    return lambda box, name: visit(box, spelt.format(name), "correct horse 9", *options)


def nt_hash(box: Box, name: str) -> str:
    """What somebody finds who steals Samba's file of passwords."""
    return box.run(["pdbedit", "--list", "--smbpasswd-style", name]).stdout.split(":")[3]


def by_stolen_hash(box: Box, name: str) -> str:
    return visit(box, name, nt_hash(box, name), "--pw-nt-hash")


def pipe(box: Box, name: str) -> str:
    """The list of users, by a named pipe: it needs no share but IPC$."""
    command = ["rpcclient", f"--user={name}%correct horse 9", "--command=enumdomusers", lan.BOX]
    done = box.run(["nsenter", f"--net={lan.NAMESPACE}", "--", *command], check=False)
    if done.returncode == 0:
        return OK
    return NEEDS_CODE if NEEDS_CODE in done.stdout + done.stderr else done.stdout + done.stderr


WAYS: dict[str, Way] = {
    "2.02": by_smbclient("--max-protocol=SMB2_02"),
    "2.10": by_smbclient("--max-protocol=SMB2_10"),
    "3.00": by_smbclient("--max-protocol=SMB3_00"),
    "3.1.1": by_smbclient("--max-protocol=SMB3_11"),
    "signed": by_smbclient("--client-protection=sign"),
    "encrypted": by_smbclient("--client-protection=encrypt"),
    "upper case": lambda box, name: visit(box, name.upper()),
    "another domain": by_smbclient(spelt="OTHERDOM\\{}"),
    "port 139": by_smbclient("--port=139"),
    "stolen hash": by_stolen_hash,
    "impacket": by_impacket,
    "impacket, stolen hash": lambda box, name: by_impacket(box, name, nt_hash=nt_hash(box, name)),
    "impacket, 2.02": lambda box, name: by_impacket(box, name, dialect=int(Dialects.SMB_2_0_2)),
    "pipes": pipe,
}


@pytest.mark.parametrize("way", WAYS)
def test_refused_until_it_was_opened(server: FileServer, way: str) -> None:
    person = server.person()
    assert WAYS[way](server.box, person.name) == NEEDS_CODE
    assert unlock(server.box, person).returncode == 0
    assert WAYS[way](server.box, person.name) == OK


def test_smb_1_where_it_is_still_spoken(server: FileServer) -> None:
    person = server.person()
    by_smb_1 = by_smbclient("--max-protocol=NT1", "--option=client min protocol=NT1")
    with server.configured("server min protocol = NT1"):
        assert by_smb_1(server.box, person.name) == NEEDS_CODE
        assert by_impacket(server.box, person.name, dialect=SMB_1) == WRONG_PASSWORD  # of its second try, by NTLM 1
        assert unlock(server.box, person).returncode == 0
        assert by_smb_1(server.box, person.name) == OK
        assert by_impacket(server.box, person.name, dialect=SMB_1) == OK


def test_a_name_that_samba_maps_to_a_user(server: FileServer) -> None:
    """The grant is the user's, by whatever name the client calls."""
    box, person = server.box, server.person()
    box.write("/etc/samba/users.map", f'{person.name} = wonder "Alice Adams"\n')
    with server.configured("username map = /etc/samba/users.map"):
        for name in ("wonder", "Alice Adams", person.name):
            assert visit(box, name) == NEEDS_CODE
        assert unlock(box, person).returncode == 0
        for name in ("wonder", "Alice Adams", person.name):
            assert visit(box, name) == OK


def test_root_is_asked_too(server: FileServer) -> None:
    """`admin users` makes a user root on the share, and changes nothing about who is asked."""
    box, person = server.box, server.person()
    with server.configured(f"admin users = {person.name}"):
        assert visit(box, person.name) == NEEDS_CODE
        assert unlock(box, person).returncode == 0
        assert visit(box, person.name) == OK


def test_the_password_with_a_code_behind_it_is_a_wrong_one(server: FileServer) -> None:
    person = server.person()
    assert visit(server.box, person.name, f"correct horse 9{person.phone.code()}") == WRONG_PASSWORD


def test_a_wrong_password_never_reaches_nas2fad_and_a_refusal_never_counts_as_one(server: FileServer) -> None:
    box, person = server.box, server.person()
    before = records(box, person.name)
    for source in (NEIGHBOUR, NEIGHBOUR6):
        assert visit(box, person.name, "wrong", source=source) == WRONG_PASSWORD
    assert by_impacket(box, person.name, nt_hash="0" * 32) == WRONG_PASSWORD
    assert records(box, person.name) == before
    assert "nobody was refused" in box.run("nas2fa attempts approve", user=person.name, check=False).stderr.lower()
    box.run("pdbedit --account-policy='bad lockout attempt' --value=2")
    try:
        for _ in range(4):
            assert visit(box, person.name) == NEEDS_CODE
        assert "Bad password count  : 0" in box.run(["pdbedit", "--verbose", person.name]).stdout
    finally:
        box.run("pdbedit --account-policy='bad lockout attempt' --value=0")


DIALECTS = [Dialects.SMB_2_0_2, Dialects.SMB_2_1_0, Dialects.SMB_3_0_2, Dialects.SMB_3_1_1]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_two_users_on_one_connection(server: FileServer, dialect: int) -> None:
    """A terminal server: the grant of one is none of the other's, and a refusal is none of the first one's."""
    box, person, other = server.box, server.person_at(NEIGHBOUR), server.person()
    with SmbConnection(box, dialect=dialect) as line:
        assert line.log_in(person.name) == OK
        assert line.open_share(person.name) == OK
        assert line.log_in(other.name) == NEEDS_CODE
        assert line.read(person.name) == OK
        assert unlock(box, other).returncode == 0
        assert line.log_in(other.name) == OK
        assert line.open_share(other.name, OTHER_SHARE) == OK
        assert line.read(other.name, OTHER_SHARE) == OK


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_session_lives_on_when_its_grant_is_over_and_asking_again_ends_it(
    server: FileServer, encrypted: bool
) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    with SmbConnection(box) as line:
        assert line.log_in(person.name, encrypted=encrypted) == OK
        assert line.log_in_again(person.name) == OK
        assert line.open_share(person.name) == OK
        with rules(box, "smb_grant_max = 1\n"):
            box.until(f"! nas2fa explain --imagine user={person.name} service=samba from={NEIGHBOUR} | grep GRANTED")
            assert line.read(person.name) == OK
            assert line.open_share(person.name, GUEST_SHARE) == OK
            assert visit(box, person.name) == NEEDS_CODE
            assert line.log_in_again(person.name) == NEEDS_CODE
            assert line.read(person.name) == CLOSED


@pytest.mark.parametrize("dialect", [Dialects.SMB_3_0_2, Dialects.SMB_3_1_1])
def test_each_channel_needs_a_grant_for_its_own_address(server: FileServer, dialect: int) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    with SmbConnection(box, dialect=dialect) as line:
        assert line.log_in(person.name) == OK
        assert line.open_share(person.name) == OK
        assert line.join(person.name, NEIGHBOUR) == OK
        assert line.join(person.name, VISITOR) == NEEDS_CODE
        assert line.read(person.name) == OK
        assert unlock(box, person, VISITOR).returncode == 0
        assert line.join(person.name, VISITOR) == OK
        assert line.read(person.name) == OK


def test_a_name_told_on_port_139_is_not_an_address(server: FileServer) -> None:
    """Samba shows it as the machine's name; a thief can tell that of a computer with a grant."""
    box, person = server.box, server.person_at(NEIGHBOUR)
    spoofed = ("--port=139", f"--netbiosname={NEIGHBOUR}")
    assert visit(box, person.name, "correct horse 9", *spoofed, source=VISITOR) == NEEDS_CODE
    with server.configured("hostname lookups = yes"):
        assert visit(box, person.name, "correct horse 9", *spoofed, source=VISITOR) == NEEDS_CODE
        assert visit(box, person.name, "correct horse 9", *spoofed) == OK


@pytest.mark.parametrize("lines", ["never", "bad user", "bad password"])
def test_whoever_is_refused_is_never_a_guest(server: FileServer, lines: str) -> None:
    """On a share, too, that lets guests in."""
    box, person, exempt = server.box, server.person(), server.stranger()
    with server.configured(f"map to guest = {lines}"):
        if lines != "never":
            assert visit(box, "nobody-here", "x", share=GUEST_SHARE) == OK  # so guests do get in
        for share in (GUEST_SHARE, OTHER_SHARE):
            assert visit(box, person.name, share=share) == NEEDS_CODE
        assert by_impacket(box, person.name, share=GUEST_SHARE) == NEEDS_CODE
        with rules(box, f'smb_deny = "hidden"\n[[rule]]\naction = "deny"\nuser = ["{exempt}"]\n'):
            assert visit(box, person.name, share=GUEST_SHARE) == WRONG_PASSWORD
            assert visit(box, exempt, share=GUEST_SHARE) == "NT_STATUS_ACCESS_DENIED"
        box.run("systemctl stop 'nas2fad*.socket' nas2fad")
        try:
            assert visit(box, person.name, share=GUEST_SHARE) == "NT_STATUS_UNSUCCESSFUL"
        finally:
            box.run("systemctl start nas2fad")
