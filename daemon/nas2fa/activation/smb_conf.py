"""The lines of Samba's configuration, with those of the files that they name. What they mean, testparm tells."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nas2fa.activation.smbd_start import Start
from nas2fa.activation.system import System

CONFIG = "/etc/samba/smb.conf"
COMMAND_LINE = "smbd's command line"  # in the place of a file
FILES_MAX = 100  # in all; smbd itself has no limit
_INCLUDES = ("include", "configfile")
_SPACE = re.compile(r"\s", re.ASCII)
_VARIES = re.compile(r"%[^h]")
_HOST = "/proc/sys/kernel/hostname"


@dataclass(frozen=True, slots=True)
class Setting:
    """One line `name = value`. `name`: in lower case without blanks, which count for nothing in it."""

    name: str
    value: str
    file: str
    line: int = 0

    @property
    def where(self) -> str:
        """`file:line`, for a person."""
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def names_a_file(self) -> bool:
        """Whether it takes in another file, beside or in the place of this one."""
        return self.name in _INCLUDES

    @property
    def varies(self) -> bool:
        """Whether which file that is depends on who comes: the box's own name (%h) is the same for everybody."""
        return self.names_a_file and _VARIES.search(self.value) is not None


def settings(system: System, start: Start) -> Iterator[Setting]:
    """Every line of each file once, in no order that counts. Files that vary are not looked into."""
    found = [_setting(option, COMMAND_LINE) for option in start.options]
    yield from found
    files = [start.config or CONFIG, *_named(system, found)]
    seen: set[str] = set()
    while files and len(seen) < FILES_MAX:
        file = files.pop()
        if file not in seen:
            found = [_setting(text, file, line) for line, text in _lines(_read(system, file))]
            yield from found
            files += _named(system, found)
        seen.add(file)


def _setting(text: str, file: str, line: int = 0) -> Setting:
    name, _, value = text.partition("=")
    return Setting(_SPACE.sub("", name).lower(), value.strip(), file, line)


def _named(system: System, found: Iterable[Setting]) -> list[str]:
    """The files that these lines take in."""
    host = _read(system, _HOST).strip().partition(".")[0]
    files = [one.value.replace("%h", host) for one in found if one.names_a_file and one.value and not one.varies]
    return [f"/{file.lstrip('/')}" for file in files]  # smbd stands in /


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line with a value; a backslash at its end goes on with the next one, but for comments."""
    joined, first = "", 0
    for number, each in enumerate(text.split("\n"), start=1):
        if not joined and each.lstrip().startswith(("#", ";")):
            continue
        first = first or number
        joined += each.strip()
        if joined.endswith("\\"):
            joined = joined[:-1] + " "
            continue
        if "=" in joined:
            yield first, joined
        joined, first = "", 0
    if "=" in joined:
        yield first, joined


def _read(system: System, file: str) -> str:
    try:
        return system.read(file) or ""
    except OSError:  # nor can smbd
        return ""
