"""One share that asks for a grant of its own, where Samba at large asks for no code: by smbd's `root preexec`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from debianbox import lan, logins, samba
from debianbox.lan import NEIGHBOUR, NEIGHBOUR6, VISITOR, VISITOR6
from debianbox.layers import layer
from debianbox.machine import Box
from debianbox.rules import rules
from debianbox.samba import DENIED, OK, SHARE, SMB_CONF, FileServer, unlock, visit
from debianbox.smb_libraries import SmbConnection

ADMIN = "admin"
GONE = "NT_STATUS_NETWORK_NAME_DELETED"
PAM = "/usr/lib/nas2fa/pam.d"
_SHARE = """
[admin]
   path = /srv/admin
   read only = no
[home of bob]
   path = /srv/bob
   force user = bob
[mounted]
   path = /srv/mounted
   root preexec = /bin/mountpoint -q /
"""


def _prepare(box: Box) -> None:
    logins.enable(box, "--no-samba")
    box.run("for s in admin bob mounted; do mkdir -m 1777 /srv/$s; echo of $s > /srv/$s/file; done")
    box.write(SMB_CONF, box.read(SMB_CONF) + _SHARE)
    box.run(f"nas2fa smb share {ADMIN} >> {SMB_CONF}")  # a section may come in parts


@pytest.fixture(scope="module")
def server(suite: str) -> Iterator[FileServer]:
    """A file server with the shares that its administrator has, and ADMIN, which needs a code."""
    own = Path(samba.__file__).read_bytes() + _SHARE.encode()
    with Box(layer(f"samba-share-{suite}", samba.plain_samba_layers(suite), own, _prepare)) as box:
        lan.attach(box)
        yield FileServer(box)


def helper(box: Box) -> str:
    return box.run("ls /usr/lib/*/nas2fa/nas2fa-share").stdout.strip()


def asked(box: Box, *words: str, user: str = "root") -> int:
    """The exit code of the helper when it is run by hand."""
    return box.run([helper(box), *words], user=user, check=False).returncode


@pytest.mark.parametrize("source", [NEIGHBOUR, NEIGHBOUR6])
def test_the_share_opens_to_one_person_at_one_address(server: FileServer, source: str) -> None:
    box, person = server.box, server.person()
    assert visit(box, person.name, source=source) == OK
    assert visit(box, person.name, source=source, share=ADMIN) == DENIED
    assert unlock(box, person, source).returncode == 0
    assert visit(box, person.name, source=source, share=ADMIN) == OK
    for elsewhere in {NEIGHBOUR, NEIGHBOUR6, VISITOR, VISITOR6} - {source}:
        assert visit(box, person.name, source=elsewhere, share=ADMIN) == DENIED
    assert visit(box, server.person().name, source=source, share=ADMIN) == DENIED


def test_who_has_no_second_step_is_decided_by_policy(server: FileServer) -> None:
    assert visit(server.box, server.stranger(), share=ADMIN) == OK
    with rules(server.box, 'unenrolled = "deny"\n'):
        assert visit(server.box, server.stranger(), share=ADMIN) == DENIED


def test_rules_and_exemptions_name_the_service(server: FileServer) -> None:
    box, backup = server.box, server.person()
    assert visit(box, backup.name, share=ADMIN) == DENIED
    words = f"--user {backup.name} --service nas2fa-share --from {NEIGHBOUR} --until 2030-01-01 --reason backup"
    box.run(f"nas2fa exempt add {words}")
    assert visit(box, backup.name, share=ADMIN) == OK
    assert visit(box, backup.name, source=VISITOR, share=ADMIN) == DENIED


def test_the_mapped_name_counts(server: FileServer) -> None:
    """Not the name that the client types: neither does it miss the grant of its own, nor gain another's."""
    box, person = server.box, server.person_at(NEIGHBOUR)
    other = server.person()
    box.write("/etc/samba/users.map", f"{person.name} = wonder\n{other.name} = liddell\n")
    with server.configured("username map = /etc/samba/users.map"):
        assert visit(box, "wonder", share=ADMIN) == OK
        assert visit(box, "liddell") == OK
        assert visit(box, "liddell", share=ADMIN) == DENIED


def test_a_daemon_that_hangs_refuses_within_seconds(server: FileServer) -> None:
    """And the other shares are open meanwhile."""
    box, person = server.box, server.person_at(NEIGHBOUR)
    box.run("systemctl kill --signal=STOP nas2fad")
    try:
        began = time.monotonic()
        assert visit(box, person.name, share=ADMIN) == DENIED
        assert time.monotonic() - began < 8
        assert visit(box, person.name) == OK
    finally:
        box.run("systemctl kill --signal=CONT nas2fad")
    assert visit(box, person.name, share=ADMIN) == OK


@pytest.mark.parametrize("away", ["$(ls -d /usr/lib/*/nas2fa/nas2fa-share)", f"{PAM}/nas2fa-share", PAM])
def test_what_is_missing_refuses(server: FileServer, away: str) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    box.run(f"f={away}; echo $f > /root/away; mv $f $f.away")
    try:
        assert visit(box, person.name, share=ADMIN) == DENIED
        assert visit(box, server.stranger(), share=ADMIN) == DENIED
        assert visit(box, person.name) == OK
    finally:
        box.run("f=$(cat /root/away); mv $f.away $f")
    assert visit(box, person.name, share=ADMIN) == OK


def test_whoever_is_inside_stays_until_the_share_is_closed(server: FileServer) -> None:
    """Closing cuts everybody off it; who has a grant comes back, the other does not, and keeps the other shares."""
    box, person, other = server.box, server.person_at(NEIGHBOUR), server.person_at(NEIGHBOUR)
    box.run("systemctl stop nas2fa-smb.socket")  # so that a revocation leaves the session
    with SmbConnection(box) as client, SmbConnection(box) as others:
        for each, who in ((client, person), (others, other)):
            assert each.log_in(who.name) == OK
            assert each.open_share(who.name, ADMIN) == OK
        box.run(["nas2fa", "grants", "revoke", "--user", person.name], check=False)
        assert client.read(person.name, ADMIN) == OK
        box.run(f"smbcontrol smbd close-share {ADMIN}")
        assert client.read(person.name, ADMIN) == others.read(other.name, ADMIN) == GONE
        assert client.open_share(person.name, ADMIN) == DENIED
        assert others.open_share(other.name, ADMIN) == OK
        assert others.read(other.name, ADMIN) == OK
        assert client.open_share(person.name, SHARE) == OK
    box.run("systemctl start nas2fa-smb.socket")


def test_odd_words_are_refused_with_a_word_to_the_journal(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    assert asked(box, person.name, NEIGHBOUR, ADMIN) == 0
    for words in (
        [], [person.name], [person.name, NEIGHBOUR], [person.name, NEIGHBOUR, ADMIN, "x"], ["", NEIGHBOUR, ADMIN],
        [person.name, "", ADMIN], [person.name, NEIGHBOUR, ""], ["nobody-known", NEIGHBOUR, ADMIN],
        [person.name, "nas.lan", ADMIN], [person.name, VISITOR, ADMIN], [person.name, "127.0.0.1", ADMIN],
        [person.name, lan.BOX, ADMIN], [f"{person.name}\n", NEIGHBOUR, ADMIN], ["x" * 300, NEIGHBOUR, ADMIN],
        [person.name, NEIGHBOUR + "0" * 5000, ADMIN], [person.name, NEIGHBOUR, "x" * 5000],
    ):  # fmt: skip
        before = len(box.journal("SYSLOG_IDENTIFIER=nas2fa-share"))
        assert asked(box, *words) == 1, words
        told = box.journal("SYSLOG_IDENTIFIER=nas2fa-share")[before:]
        assert ["refused" in str(record["MESSAGE"]) for record in told[-1:]] == [True], words
    assert asked(box, person.name, NEIGHBOUR, ADMIN, user=person.name) == 1


def test_it_takes_milliseconds(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    words = f"{helper(box)} {person.name} {NEIGHBOUR} {ADMIN}"
    began = time.monotonic()
    box.run(f"n=0; while [ $n -lt 100 ]; do {words} || exit 1; n=$((n + 1)); done")
    assert (time.monotonic() - began) / 100 < 0.05  # ten times what it is


def test_the_command_prints_lines_that_the_doctor_accepts(server: FileServer) -> None:
    box = server.box
    printed = box.run(f"nas2fa smb share {ADMIN.upper()}").stdout.splitlines()
    assert printed == [
        f"[{ADMIN}]", f'   root preexec = {helper(box)} "%u" "%I" "%S"', "   root preexec close = yes",
    ]  # fmt: skip
    found = json.loads(box.run("nas2fa system check --json", check=False).stdout)
    assert [finding for finding in found if finding["name"].startswith("share-")] == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "There is no share nowhere"),
        ("global", "There is no share global"),
        ("home of bob", "`force user = bob`"),
        ("mounted", "another `root preexec` already: /bin/mountpoint -q /"),
    ],
)
def test_the_command_refuses_where_the_lines_would_do_no_good(server: FileServer, name: str, said: str) -> None:
    before = server.box.read(SMB_CONF)
    done = server.box.run(["nas2fa", "smb", "share", name], check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr
    assert server.box.read(SMB_CONF) == before


def test_the_command_is_roots(server: FileServer) -> None:
    assert server.box.run(["nas2fa", "smb", "share", ADMIN], user="alice", check=False).returncode == 1


def test_another_program_runs_after_a_yes(server: FileServer) -> None:
    """By the script that the command suggests."""
    box, person = server.box, server.person_at(NEIGHBOUR)
    other = server.person()
    said = box.run("nas2fa smb share mounted", check=False).stderr.splitlines()
    script = [line.strip() for line in said if "#!/bin/sh" in line or "exec THE-OTHER" in line]
    lines = [line.replace("SCRIPT", "both") for line in said if line.startswith("   root preexec")]
    assert (len(script), len(lines)) == (2, 2)
    box.write("/usr/local/sbin/both", "\n".join(script).replace("THE-OTHER", "touch /srv/ran"), mode=0o755)
    before = box.read(SMB_CONF)
    box.write(SMB_CONF, "\n".join((before, "[mounted]", *lines, "")))
    box.run("smbcontrol smbd reload-config")
    try:
        assert visit(box, other.name, share="mounted") == DENIED
        assert box.run("test -e /srv/ran", check=False).returncode == 1
        assert visit(box, person.name, share="mounted") == OK
        assert box.run("test -e /srv/ran", check=False).returncode == 0
    finally:
        box.write(SMB_CONF, before)
        box.run("smbcontrol smbd reload-config")


def test_smbd_takes_the_meaning_from_what_stands_behind_the_line(server: FileServer) -> None:
    """So a mistake there refuses everybody, and opens nothing."""
    box, person = server.box, server.person_at(NEIGHBOUR)
    before = box.read(SMB_CONF)
    for rest in ("&& true", "|| true", "; true"):
        line = f'root preexec = {helper(box)} "%u" "%I" "%S" {rest}'
        box.write(SMB_CONF, f"{before}\n[{ADMIN}]\n{line}\n")
        box.run("smbcontrol smbd reload-config")
        assert visit(box, person.name, share=ADMIN) == DENIED
    box.write(SMB_CONF, before)
    box.run("smbcontrol smbd reload-config")
    assert visit(box, person.name, share=ADMIN) == OK
