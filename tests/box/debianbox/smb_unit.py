"""nas2fa-smb as nas2fad, or root, asks it; and people at work on shares, for it to tell of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .machine import Box
from .samba import OK
from .smb_libraries import SmbConnection

ASK = """
import json, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
    connection.connect("/run/nas2fa/smb.sock")
    connection.send(json.dumps({"v": 1, "verb": sys.argv[1], "args": json.loads(sys.argv[2])}).encode())
    rows, end = [], None
    while packet := connection.recv(70000):
        end = json.loads(packet)
        rows += end.get("rows", [])
print(json.dumps([rows, end]))
"""
"""A program of the box: a verb and its arguments as JSON; prints the rows and the end."""


def ask(box: Box, verb: str, **args: object) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """One request to the installed unit: the rows, and the end."""
    rows, end = json.loads(box.run(["/usr/bin/python3", "-c", ASK, verb, json.dumps(args)]).stdout)
    return rows, end


def sessions(box: Box, *names: str) -> list[dict[str, Any]]:
    """The rows of these people."""
    rows, end = ask(box, "sessions")
    assert end == {"done": {"total": len(rows)}}
    uids = [uid(box, name) for name in names]
    return [row for row in rows if row["uid"] in uids]


def until_all_are_in(box: Box, *names: str) -> None:
    """Until each has a session, as Samba itself says."""
    uids = "|".join(str(uid(box, name)) for name in names)
    seen = "smbstatus --processes --numeric 2>/dev/null | awk '{print $2}' | sort -u"
    box.until(f"test $({seen} | grep -cxE '{uids}') = {len(names)}")


def uid(box: Box, name: str) -> int:
    """Of an account."""
    return int(box.run(["id", "-u", name]).stdout)


def smbd(box: Box) -> str:
    """The smbd that accepts connections; another text after a restart."""
    return box.run(["systemctl", "show", "--property=MainPID,NRestarts,ActiveState", "smbd"]).stdout


@contextmanager
def at_work(box: Box, *visits: tuple[str, str]) -> Iterator[list[SmbConnection]]:
    """A connection for each (name, address), logged in and with a share open."""
    with ExitStack() as stack:
        open_ones = []
        for name, source in visits:
            one = stack.enter_context(SmbConnection(box, source=source))
            assert (one.log_in(name), one.open_share(name), one.read(name)) == (OK, OK, OK)
            open_ones.append(one)
        yield open_ones
