"""nas2fa-smb, in its cage, with a real smbd: whose sessions it tells, and whose it ends, on both Debians."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator

import pytest
from debianbox import lan, samba
from debianbox.lan import NEIGHBOUR, NEIGHBOUR6, VISITOR, VISITOR6
from debianbox.machine import Box
from debianbox.samba import OK, PEOPLE, client, visit, wait_for_samba
from debianbox.smb_libraries import CLOSED
from debianbox.smb_unit import ASK, ask, at_work, sessions, smbd, uid


@pytest.fixture(scope="module")
def nas(suite: str) -> Iterator[Box]:
    """A box whose shares ask for the password alone; each test has people of its own."""
    with Box(samba.plain_samba_layers(suite)) as box:
        lan.attach(box)
        wait_for_samba(box)
        yield box


_names = iter(PEOPLE)


@pytest.fixture
def two() -> tuple[str, str]:
    """Two people whom no other test has."""
    return next(_names), next(_names)


# --- told


def test_everybody_is_told_with_the_address_of_the_socket(nas: Box, two: tuple[str, str]) -> None:
    one, other = two
    before = int(nas.run("date +%s").stdout)
    with at_work(nas, (one, NEIGHBOUR), (one, VISITOR6), (other, NEIGHBOUR6), (other, VISITOR)):
        rows = sessions(nas, one, other)
        told = {(row["uid"], row["address"]) for row in rows}
        assert told == {
            (uid(nas, one), NEIGHBOUR), (uid(nas, one), VISITOR6),
            (uid(nas, other), NEIGHBOUR6), (uid(nas, other), VISITOR),
        }  # fmt: skip
        assert all(before <= row["began"] <= int(nas.run("date +%s").stdout) for row in rows)
        children = nas.run("pgrep --parent $(cat /run/samba/smbd.pid)").stdout.split()
        assert {str(row["pid"]) for row in rows} <= set(children)
        assert len({row["pid"] for row in rows}) == len({row["id"] for row in rows}) == 4
    nas.until(f"! smbstatus --processes --numeric | grep -w -e {uid(nas, one)} -e {uid(nas, other)}")
    assert sessions(nas, one, other) == []


def test_two_people_on_one_connection_share_its_process(nas: Box, two: tuple[str, str]) -> None:
    with at_work(nas, (two[0], NEIGHBOUR)) as (connection,):
        assert connection.log_in(two[1]) == OK
        rows = sessions(nas, *two)
        assert len(rows) == 2
        assert len({row["pid"] for row in rows}) == 1


def test_a_second_channel_is_told_where_samba_tells_it(nas: Box, two: tuple[str, str], suite: str) -> None:
    with at_work(nas, (two[0], NEIGHBOUR)) as (connection,):
        assert connection.join(two[0], VISITOR) == OK
        rows = sessions(nas, two[0])
        assert len({row["id"] for row in rows}) == 1
        expected = [NEIGHBOUR] if suite == "bookworm" else [NEIGHBOUR, VISITOR]
        assert [row["address"] for row in rows] == expected


def test_a_name_that_a_client_gives_itself_is_no_address(nas: Box, two: tuple[str, str]) -> None:
    """On port 139 the client says what it is called, and smbstatus shows that as its machine."""
    options = ("--port=139", f"--netbiosname={VISITOR}")
    child = nas.terminal(shlex.join(client(two[0], samba.PASSWORD, *options)))
    child.expect("smb: ")
    assert VISITOR in nas.run("smbstatus --processes").stdout
    assert [row["address"] for row in sessions(nas, two[0])] == [NEIGHBOUR]
    assert ask(nas, "end", uid=uid(nas, two[0]), address=VISITOR)[1] == {"done": {"ended": 0, "left": 0}}
    assert len(sessions(nas, two[0])) == 1
    child.close()


# --- ended


def test_one_person_is_cut_off_and_nobody_else(nas: Box, two: tuple[str, str]) -> None:
    one, other = two
    before = smbd(nas)
    with at_work(nas, (one, NEIGHBOUR), (one, VISITOR6), (other, NEIGHBOUR), (other, NEIGHBOUR6)) as (a, b, c, d):
        assert ask(nas, "end", uid=uid(nas, one))[1] == {"done": {"ended": 2, "left": 0}}
        assert [a.read(one), b.read(one)] == [CLOSED, CLOSED]
        assert [c.read(other), d.read(other)] == [OK, OK]
        assert [c.open_share(other, samba.OTHER_SHARE), d.open_share(other, samba.OTHER_SHARE)] == [OK, OK]
        assert {row["uid"] for row in sessions(nas, one, other)} == {uid(nas, other)}
    assert smbd(nas) == before
    assert visit(nas, one) == OK  # no grant is asked for here


@pytest.mark.parametrize("address", [NEIGHBOUR, NEIGHBOUR6, "FD99:0::2", f"::ffff:{NEIGHBOUR}"])
def test_one_address_of_a_person_is_cut_off(nas: Box, two: tuple[str, str], address: str) -> None:
    cut, left = (NEIGHBOUR, NEIGHBOUR6) if NEIGHBOUR in address else (NEIGHBOUR6, NEIGHBOUR)
    with at_work(nas, (two[0], cut), (two[0], left), (two[0], VISITOR), (two[1], cut)) as (a, b, c, d):
        assert ask(nas, "end", uid=uid(nas, two[0]), address=address)[1] == {"done": {"ended": 1, "left": 0}}
        assert [a.read(two[0]), b.read(two[0]), c.read(two[0]), d.read(two[1])] == [CLOSED, OK, OK, OK]


def test_who_shares_a_connection_is_cut_off_too(nas: Box, two: tuple[str, str]) -> None:
    with at_work(nas, (two[0], NEIGHBOUR)) as (connection,):
        assert (connection.log_in(two[1]), connection.open_share(two[1])) == (OK, OK)
        assert ask(nas, "end", uid=uid(nas, two[0]))[1] == {"done": {"ended": 1, "left": 0}}
        assert connection.read(two[1]) == CLOSED


def test_smbd_itself_is_never_ended(nas: Box, two: tuple[str, str]) -> None:
    """Even if a session were its own: here smbd.pid names the process of one."""
    before = smbd(nas)
    with at_work(nas, (two[0], NEIGHBOUR), (two[0], VISITOR)) as (a, b):
        (pid,) = (row["pid"] for row in sessions(nas, two[0]) if row["address"] == NEIGHBOUR)
        nas.run(f"cp /run/samba/smbd.pid /root && echo {pid} > /run/samba/smbd.pid")
        try:
            assert ask(nas, "end", uid=uid(nas, two[0]))[1] == {"done": {"ended": 1, "left": 1}}
            assert [a.read(two[0]), b.read(two[0])] == [OK, CLOSED]
            nas.run("echo smbd > /run/samba/smbd.pid")
            assert ask(nas, "end", uid=uid(nas, two[0]))[1]["error"] == "INTERNAL"
            assert a.read(two[0]) == OK
        finally:
            nas.run("cat /root/smbd.pid > /run/samba/smbd.pid")
    assert smbd(nas) == before


# --- what is not as it should be


def test_where_no_samba_is_there_are_no_sessions(bare_box: Box) -> None:
    assert ask(bare_box, "sessions") == ([], {"done": {"total": 0}})
    assert ask(bare_box, "end", uid=1000)[1] == {"done": {"ended": 0, "left": 0}}


def test_where_smbd_does_not_run_there_are_no_sessions(nas: Box) -> None:
    nas.run("systemctl stop smbd")
    assert ask(nas, "sessions") == ([], {"done": {"total": 0}})
    nas.run("rm -r /run/samba")
    assert ask(nas, "sessions") == ([], {"done": {"total": 0}})
    nas.run("systemctl start smbd")
    wait_for_samba(nas)


@pytest.mark.parametrize("line", ["lock directory = /run/other", "clustering = yes"])
def test_another_table_than_debians_is_not_taken_for_an_empty_one(nas: Box, line: str) -> None:
    conf = nas.read(samba.SMB_CONF)
    nas.write(samba.SMB_CONF, conf.replace("[global]", f"[global]\n{line}", 1))
    try:
        for _, end in (ask(nas, "sessions"), ask(nas, "end", uid=1000)):
            assert end["error"] == "INTERNAL"
            assert "smbstatus ended with status" in end["text"]
    finally:
        nas.write(samba.SMB_CONF, conf)
    assert ask(nas, "sessions")[1].keys() == {"done"}


def test_settings_in_samba_s_registry_are_not_needed(nas: Box, two: tuple[str, str]) -> None:
    conf = nas.read(samba.SMB_CONF)
    nas.write(samba.SMB_CONF, conf.replace("[global]", "[global]\ninclude = registry\nno such = option", 1))
    try:
        with at_work(nas, (two[0], NEIGHBOUR)) as (connection,):
            assert ask(nas, "end", uid=uid(nas, two[0]))[1] == {"done": {"ended": 1, "left": 0}}
            assert connection.read(two[0]) == CLOSED
    finally:
        nas.write(samba.SMB_CONF, conf)


def test_a_program_that_hangs_is_given_up_and_ends(nas: Box) -> None:
    nas.write("/root/hangs", "#!/usr/bin/python3 -IS\nimport time\ntime.sleep(1000)\n", mode=0o755)
    nas.run("mount --bind /root/hangs /usr/bin/smbstatus")
    try:
        began = time.monotonic()
        (_, end) = ask(nas, "sessions")
        assert end == {"error": "INTERNAL", "text": "what Samba does cannot be told: smbstatus takes too long"}
        assert time.monotonic() - began < 12
        nas.until("! pgrep --full '[s]mbstatus'")
    finally:
        nas.run("umount /usr/bin/smbstatus")


def test_only_root_reaches_it(nas: Box, two: tuple[str, str]) -> None:
    done = nas.run(["/usr/bin/python3", "-c", ASK, "sessions", "{}"], user=two[0], check=False)
    assert "PermissionError" in done.stderr


def test_many_requests_leave_nothing_behind(nas: Box) -> None:
    """Neither a limit of starts nor failed instances, and no lines of systemd in the journal for each."""
    lines = len(nas.journal("_SYSTEMD_UNIT=init.scope"))
    for _ in range(3):
        many = "for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do /usr/bin/python3 -c \"$0\" sessions {} & done; wait"
        assert nas.run(["sh", "-c", many, ASK]).stdout.count('"done"') == 12
    assert nas.run("systemctl is-active nas2fa-smb.socket").stdout == "active\n"
    nas.until("! systemctl list-units --all --plain --no-legend 'nas2fa-smb@*' | grep .")
    assert len(nas.journal("_SYSTEMD_UNIT=init.scope")) - lines < 10
    nas.until("test $(ls /run/samba/msg.sock | wc -l) -lt 12")
