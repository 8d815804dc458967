"""Open sessions on the shares: who loses the grant loses them, at once and alone; as long as one is open, it stays."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest
from debianbox.lan import NEIGHBOUR, NEIGHBOUR6, VISITOR
from debianbox.machine import Box
from debianbox.rules import rules
from debianbox.samba import NEEDS_CODE, OK, FileServer, unlock, visit
from debianbox.smb_libraries import CLOSED, SmbConnection


def at_work(stack: ExitStack, box: Box, name: str, source: str = NEIGHBOUR) -> SmbConnection:
    """A connection of somebody who has logged in and reads, for as long as `stack`."""
    line = stack.enter_context(SmbConnection(box, source=source))
    assert (line.log_in(name), line.open_share(name), line.read(name)) == (OK, OK, OK)
    return line


def open_sessions(box: Box, name: str) -> dict[str, int]:
    """How many there are for each address with a grant, as root's list has it."""
    rows = json.loads(box.run(["nas2fa", "grants", "list", "--user", name, "--json"]).stdout)
    return {row["address"]: row["sessions"] for row in rows}


def cut_off(box: Box, name: str) -> None:
    """Wait until Samba knows of no session of this user: nas2fad has them ended after its own word."""
    box.until(f"nas2fa health >/dev/null; ! smbstatus --processes | grep --word-regexp {name}")


def test_a_revocation_ends_the_sessions_of_that_user_alone(server: FileServer) -> None:
    box, person, other = server.box, server.person_at(NEIGHBOUR, VISITOR), server.person_at(NEIGHBOUR)
    with ExitStack() as stack:
        lines = [at_work(stack, box, person.name) for _ in range(3)]
        elsewhere = at_work(stack, box, person.name, VISITOR)
        others = at_work(stack, box, other.name)
        assert open_sessions(box, person.name) == {NEIGHBOUR: 3, VISITOR: 1}
        said = box.run(["nas2fa", "grants", "revoke", "--from", NEIGHBOUR], user=person.name).stdout
        assert "Open sessions ended: 3." in said
        assert [line.read(person.name) for line in lines] == [CLOSED] * 3
        assert elsewhere.read(person.name) == OK
        assert others.read(other.name) == OK
        assert visit(box, person.name) == NEEDS_CODE
        assert visit(box, person.name, source=VISITOR) == OK
        said = box.run(["nas2fa", "grants", "revoke", "--user", person.name]).stdout
        assert "Open sessions ended: 1." in said
        assert elsewhere.read(person.name) == CLOSED
        assert others.read(other.name) == OK
        assert visit(box, other.name) == OK


@pytest.mark.parametrize("how", ["a lock", "a reset"])
def test_what_ends_the_grant_ends_the_sessions(server: FileServer, how: str) -> None:
    box, person, other = server.box, server.person_at(NEIGHBOUR), server.person_at(NEIGHBOUR)
    with ExitStack() as stack, rules(box, "deny = 1\n"):
        line, others = at_work(stack, box, person.name), at_work(stack, box, other.name)
        uid = box.run(["id", "-u", person.name]).stdout.strip()
        if how == "a lock":
            assert unlock(box, person, VISITOR, code=person.phone.wrong()).returncode != 0
        else:
            box.run(["nas2fa", "user", "reset", person.name, "--yes"])
        cut_off(box, person.name)
        assert line.read(person.name) == CLOSED
        assert others.read(other.name) == OK
    told = f"journalctl --quiet NAS2FA_EVENT=SESSIONS_ENDED NAS2FA_UID={uid}"
    box.until(f"{told} | grep 'from {NEIGHBOUR} .*1 sessions ended'")


def test_a_reset_ends_the_sessions_of_a_grant_that_is_over(server: FileServer) -> None:
    box, person = server.box, server.person_at(NEIGHBOUR)
    with ExitStack() as stack:
        line = at_work(stack, box, person.name)
        with rules(box, "smb_grant_max = 1\n"):
            imagined = f"nas2fa explain --imagine user={person.name} service=samba from={NEIGHBOUR}"
            box.until(f"{imagined} | grep -q NO_GRANT")
            assert line.read(person.name) == OK
            assert "over" in box.run(["nas2fa", "grants", "list", "--user", person.name]).stdout
            box.run(["nas2fa", "user", "reset", person.name, "--yes"])
            cut_off(box, person.name)
        assert line.read(person.name) == CLOSED


def test_an_open_session_keeps_the_grant(server: FileServer) -> None:
    """Here, 15 seconds without one would end it."""
    box, person = server.box, server.person()
    row = f"nas2fa grants list --user {person.name} --json"
    seconds = f"$({row} | sed -n 's/.*\"idle_seconds\": \\([0-9]*\\).*/\\1/p')"
    with rules(box, "smb_grant_idle = 15\n"), ExitStack() as stack:
        assert unlock(box, person).returncode == 0
        line = at_work(stack, box, person.name)
        box.until(f"test {seconds} -le 12")
        box.until(f"test {seconds} -gt 12")
        assert line.read(person.name) == OK


def test_sessions_may_be_ended_after_a_time(server: FileServer) -> None:
    """`smb_session_max`, for those whom a grant has let in; the client comes back by itself while that stands."""
    box, person, unenrolled = server.box, server.person(), server.stranger()
    with rules(box, "smb_grant_idle = 9\nsmb_session_max = 1\n"), ExitStack() as stack:
        assert unlock(box, person, NEIGHBOUR6).returncode == 0
        line, others = at_work(stack, box, person.name, NEIGHBOUR6), at_work(stack, box, unenrolled)
        cut_off(box, person.name)
        assert line.read(person.name) == CLOSED
        assert visit(box, person.name, source=NEIGHBOUR6) == OK
        assert others.read(unenrolled) == OK
