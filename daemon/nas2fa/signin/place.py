"""Where the caller sits, from what kernel and logind say of its process. Pure: text in, word out.

The word is `console`, a literal address, or `unknown`; only root could make a process look as if it sat elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from nas2fa.network import Own, place_of

CONSOLE = "console"
UNKNOWN = "unknown"

# Device numbers of Documentation/admin-guide/devices.txt of the kernel.
_TTY_MAJOR = 4  # minor 1..63 virtual terminals, 64..255 serial lines
_CONSOLE = (5, 1)
_AMBA_MAJOR, _AMBA_FIRST = 204, 64  # serial lines of ARM boards: ttyAMA0 is 204:64
_HVC_MAJOR = 229  # consoles of virtual machines
_FIRST_SERIAL = 64

# Anchored: below user@UID.service a user may name control groups as they like.
_SESSION_SCOPE = re.compile(
    r"^[0-9]+:[^:\n]*:/user\.slice/user-[0-9]+\.slice/session-([A-Za-z0-9]+)\.scope(?:/|$)", re.ASCII | re.MULTILINE
)
_NUMBER = re.compile(r"-?[0-9]+", re.ASCII)
_NO_SESSION = 2**32 - 1  # what the kernel's audit says of a process that never logged in


def tty_of(stat: str) -> str:
    """The controlling terminal in a `/proc/PID/stat`, if it is part of the machine: tty1, ttyS0, hvc0; else empty.

    Field 7 of proc(5), tty_nr: minor in bits 31..20 and 7..0, major in 19..8. The name of the program stands in front
    in parentheses and may hold anything, so the fields are counted from the last one that closes.
    """
    fields = stat.rpartition(")")[2].split()
    if len(fields) < 5 or not _NUMBER.fullmatch(fields[4]):
        return ""
    number = int(fields[4])
    major, minor = (number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)
    return _console_name(major, minor)


def _console_name(major: int, minor: int) -> str:
    if major == _TTY_MAJOR and 1 <= minor < _FIRST_SERIAL:
        return f"tty{minor}"
    if major == _TTY_MAJOR and _FIRST_SERIAL <= minor <= 255:
        return f"ttyS{minor - _FIRST_SERIAL}"
    if major == _AMBA_MAJOR and minor >= _AMBA_FIRST:
        return f"ttyAMA{minor - _AMBA_FIRST}"
    if major == _HVC_MAJOR:
        return f"hvc{minor}"
    return "console" if (major, minor) == _CONSOLE else ""


def session_of(cgroup: str, sessionid: str) -> str:
    """The id of the logind session, from `/proc/PID/cgroup`, else `/proc/PID/sessionid`; empty when there is none."""
    scope = _SESSION_SCOPE.search(cgroup)
    if scope:
        return scope[1]
    number = sessionid.strip()
    return number if number.isascii() and number.isdecimal() and int(number) != _NO_SESSION else ""


def parsed(session: str) -> dict[str, str]:
    """The fields of a file in `/run/systemd/sessions`."""
    pairs = (line.partition("=") for line in session.splitlines() if "=" in line)
    return {key: value for key, _, value in pairs}


def source_of(tty: str, session: Mapping[str, str] | None, logind: bool, own: Own) -> str:
    """The word for nas2fad.

    tty: as tty_of() says. session: fields of the caller's session, None when it has none. logind: whether this box
    keeps sessions at all; where it does, a terminal alone is not believed. own: an address of the box says nothing.
    """
    if session is None:
        return CONSOLE if tty and not logind else UNKNOWN
    if session.get("REMOTE") == "0":
        # A session without a terminal is no console, whatever its program has opened: a member of dialout opens a
        # serial line from a cron job.
        return CONSOLE if tty and session.get("TTY") == tty else UNKNOWN
    place = place_of(session.get("REMOTE_HOST", ""), own)
    known = session.get("REMOTE") == "1" and place.address is not None and not place.doubt
    return str(place.address) if known else UNKNOWN
