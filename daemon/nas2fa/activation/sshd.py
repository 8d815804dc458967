"""What sshd does with its configuration: the values in force as sshd itself tells them, and where they come from."""

from __future__ import annotations

import fnmatch
import glob
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from nas2fa.activation.sshd_start import Start, started
from nas2fa.activation.system import Ran, System

CONFIG = "/etc/ssh/sshd_config"
PROGRAM = "/usr/sbin/sshd"
COMMAND_LINE = "sshd's command line"  # in the place of a file
NOTHING: Mapping[str, str] = MappingProxyType({})
INCLUDES = 16  # sshd_config(5): files may include each other this deep
ALIASES = {  # older names that mean the same, in lower case
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
}


# sshd says nothing of its configuration without a folder that its unit makes, and takes away at each stop: for this one
# program it is made in a view of the files that nobody else has.
_WHILE_STOPPED = (
    "unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o mode=755 tmpfs /run && mkdir /run/sshd && exec "$@"', "sh",
)  # fmt: skip
# A login that no Match block fits: a criterion that has no word here fits nothing. But without this one word, sshd says
# nothing at all where there is a `Match LocalPort`.
_NOBODYS = "lport=1"
_STOPPED = "Missing privilege separation directory"


class SshdError(Exception):
    """sshd refuses its configuration, or cannot run; the text is sshd's own."""


class StoppedError(SshdError):
    """sshd does not run, and so its configuration cannot be asked of it from here."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the configuration. `match`: the criteria of the Match block that it stands in, None outside."""

    keyword: str  # in lower case, the newer name
    value: str
    file: str
    line: int
    match: str | None = None

    @property
    def where(self) -> str:
        """`file:line`, for a person."""
        return f"{self.file}:{self.line}" if self.line else self.file


def installed(system: System) -> bool:
    """Whether this box has an OpenSSH server."""
    return system.path(PROGRAM).exists()


def effective(
    system: System,
    user: str | None = None,
    address: str | None = None,
    options: Mapping[str, str] = NOTHING,
    start: Start | None = None,
    port: str = "22",
) -> Mapping[str, list[str]]:
    """The values in force, all those of one keyword in a list; for one login when `user` or `address` is given.

    Keywords are in lower case. Match blocks count only for a login. `options` win over all files, as if they stood
    first, but not over Match blocks. `port`: of this box, to which the login comes.
    `start`: as started() has it, asked anew when it is None. Raises SshdError, StoppedError.
    """
    start = start or started(system)
    command = ["sshd", "-T", *start.words, *(f"-o{keyword}={value}" for keyword, value in options.items()), "-C"]
    if user is None and address is None:
        command.append(_NOBODYS)
    else:
        place = address or "192.0.2.1"  # TEST-NET-1: an address from elsewhere, where a Match block asks for one
        command.append(f"user={user or 'nobody'},host={place},addr={place},laddr=127.0.0.1,lport={port},rdomain=")
    ran = _run(system, command)
    if ran.status != 0:
        raise SshdError(ran.err.strip() or f"sshd -T ended with status {ran.status}")
    values: dict[str, list[str]] = {}
    for line in ran.out.splitlines():
        keyword, _, value = line.partition(" ")
        values.setdefault(keyword.lower(), []).append(value)
    return values


def refused(system: System, start: Start) -> str | None:
    """What sshd has against its configuration, at which it would not start; None: nothing. Raises StoppedError."""
    ran = _run(system, ["sshd", "-t", *start.words])
    return None if ran.status == 0 else ran.err.strip() or f"sshd -t ended with status {ran.status}"


def _run(system: System, command: Sequence[str]) -> Ran:
    ran = system.run(command)
    if ran.status != 0 and _STOPPED in ran.err:
        ran = system.run([*_WHILE_STOPPED, *command])
        if ran.err.startswith(("unshare:", "mount:")):  # the cage of the daily check
            raise StoppedError("sshd does not run")
    return ran


def winner(
    system: System, keyword: str, planned: Mapping[str, str] = NOTHING, start: Start | None = None
) -> Setting | None:
    """The line whose value of `keyword` is the one in force outside of Match blocks; None: sshd's default.

    sshd takes the first value it reads, included files in their place. `planned`, `start`: as in settings().
    """
    name = _name(keyword)
    found = settings(system, planned, start)
    return next((one for one in found if one.keyword == name and one.match is None), None)


def settings(system: System, planned: Mapping[str, str] = NOTHING, start: Start | None = None) -> Iterator[Setting]:
    """All lines of the configuration in the order in which sshd reads them, with those of included files.

    The options of its command line come first, as line 0. `planned`: files that are not there yet, with their text.
    `start`: as started() has it, asked anew when it is None.
    """
    start = start or started(system)
    for option in start.options:
        yield Setting(*_split(option), COMMAND_LINE, 0)
    yield from _read(system, planned, start.config or CONFIG, None, 0)


def _read(system: System, planned: Mapping[str, str], file: str, outer: str | None, level: int) -> Iterator[Setting]:
    """The lines of one file. A Match block ends with its file, and holds for what it includes."""
    match = outer
    for number, text in enumerate((planned.get(file) or system.read(file) or "").splitlines(), start=1):
        keyword, value = _split(text)
        if not keyword:
            continue
        if keyword == "match":
            match = outer if value.lower() == "all" else _both(outer, value)
        elif keyword == "include":
            if level < INCLUDES:
                for name in _files(system, planned, value):
                    yield from _read(system, planned, name, match, level + 1)
        else:
            yield Setting(keyword, value, file, number, match)


def _split(text: str) -> tuple[str, str]:
    """Keyword and value of a line: `Keyword value`, `Keyword=value`; both empty for a comment."""
    text = text.strip()
    if not text or text.startswith("#"):
        return "", ""
    end = next((at for at, char in enumerate(text) if char in " \t="), len(text))
    return _name(text[:end].strip('"')), text[end:].lstrip(" \t").removeprefix("=").strip()


def _name(keyword: str) -> str:
    return ALIASES.get(keyword.lower(), keyword.lower())


def _both(outer: str | None, value: str) -> str:
    return value if outer is None else f"{outer}, {value}"


def _files(system: System, planned: Mapping[str, str], patterns: str) -> list[str]:
    """The files that an Include line names, in sshd's order: pattern by pattern, each sorted bytewise."""
    try:
        words = shlex.split(patterns, comments=True)
    except ValueError:
        words = patterns.split()
    found: list[str] = []
    for word in words:
        pattern = word if word.startswith("/") else f"/etc/ssh/{word}"
        names = {name.removeprefix(system.root) for name in glob.glob(system.root + pattern)}
        found += sorted(names | set(fnmatch.filter(planned, pattern)), key=os.fsencode)
    return found
