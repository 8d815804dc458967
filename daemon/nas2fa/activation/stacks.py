"""PAM stacks as libpam reads them: the files of a service, with includes, as one flat list of lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from nas2fa.activation.system import System

FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d")  # libpam takes the first that has the file
OTHER = "other"  # the service whose lines count where a service has none of that kind
INCLUDES = 16  # files deep; libpam stops there, too
MODULE = "pam_nas2fa.so"
LEFTOVERS = re.compile(r"(~|\.(dpkg-.*|ucf-.*|bak|old|orig|pam-old|rpmnew|rpmsave|swp))$")

Form = Literal["module", "substack", "broken"]

_KINDS = ("auth", "account", "password", "session")
_TOKEN = re.compile(r"\[((?:\\.|[^\]\\])*)\]|(\S+)")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a stack. `depth`: how many substacks it stands in.

    form "substack": the head of one, which calls nothing; "broken": libpam cannot read it and fails at it.
    """

    kind: str
    control: str  # as written: required, [success=1 default=ignore]
    module: str  # the file's name without folders: pam_unix.so
    arguments: tuple[str, ...]
    file: str
    number: int
    depth: int = 0
    form: Form = "module"

    @property
    def where(self) -> str:
        """`file:line`, for a person."""
        return f"{self.file}:{self.number}"

    @property
    def ours(self) -> bool:
        """Whether it calls our module."""
        return self.form == "module" and self.module == MODULE

    def __str__(self) -> str:
        return " ".join((self.kind, self.control, self.module, *self.arguments))


def services(system: System) -> list[str]:
    """The PAM services of this box: every file of pam.d that a program could name, sorted.

    Files that only others include (Debian's common-*) and what editors and dpkg leave beside are none.
    """
    names = {name for folder in FOLDERS for name in system.names(folder) if not LEFTOVERS.search(name)}
    return sorted(name for name in names if not name.startswith(("common-", ".")))


def asks(system: System) -> bool:
    """Whether any login of this box asks for a code. OSError for a file that the caller may not read."""
    return any(line.ours for service in services(system) for line in flatten(system, service, "auth"))


def file_of(system: System, service: str) -> str | None:
    """The file in force of a service; None when it has none."""
    if service.startswith("/"):
        return service if system.path(service).is_file() else None
    return next((f"{f}/{service}" for f in FOLDERS if system.path(f"{f}/{service}").is_file()), None)


def flatten(system: System, service: str, kind: str) -> list[Line]:
    """All lines of one kind in the order in which libpam calls them, those of `other` when there are none."""
    return list(_lines(system, service, kind, 0, 0)) or list(_lines(system, OTHER, kind, 0, 0))


def read_lines(system: System, file: str) -> Iterator[tuple[int, list[str]]]:
    """Number and words of each line that is not empty, lines that end in a backslash joined to the next."""
    joined, first = "", 0
    for number, text in enumerate((system.read(file) or "").split("\n"), start=1):
        first = first or number
        body, comment, _ = text.partition("#")
        if not comment and body.endswith("\\"):
            joined += body[:-1] + " "
            continue
        words = [f"[{match[1]}]" if match[2] is None else match[2] for match in _TOKEN.finditer(joined + body)]
        if words:
            yield first, words
        joined, first = "", 0


def _lines(system: System, service: str, kind: str, depth: int, level: int) -> Iterator[Line]:
    """The lines of one file and of those that it includes. `level`: files deep."""
    file = file_of(system, service)
    if file is None:
        return
    for number, words in read_lines(system, file):
        first, rest = words[0].removeprefix("-").lower(), words[1:]
        if first == "@include":
            yield from _included(system, Line(kind, "@include", *_target(rest), file, number, depth), depth, level)
        elif first not in _KINDS:
            if kind == "auth":  # libpam takes it for the most sensitive kind, and fails there
                yield Line(kind, " ".join(words), "", (), file, number, depth, "broken")
        elif first == kind and rest[:1] and rest[0].lower() in ("include", "substack"):
            control = rest[0].lower()
            line = Line(kind, control, *_target(rest[1:]), file, number, depth)
            if control == "substack":
                yield Line(kind, control, line.module, (), file, number, depth, "substack")
            yield from _included(system, line, depth + (control == "substack"), level)
        elif first == kind:
            form: Form = "module" if len(rest) > 1 else "broken"
            control, module = (*rest, "", "")[:2]
            arguments = tuple(word[1:-1] if word.startswith("[") else word for word in rest[2:])
            yield Line(kind, control, PurePosixPath(module).name, arguments, file, number, depth, form)


def _target(words: list[str]) -> tuple[str, tuple[str, ...]]:
    return (words[0] if words else ""), ()


def _included(system: System, line: Line, depth: int, level: int) -> Iterator[Line]:
    """The lines of the file that `line` includes; a broken line where libpam cannot read that."""
    target, kind = line.module, line.kind
    if level + 1 >= INCLUDES or not target or file_of(system, target) is None:
        yield Line(kind, line.control, target, (), line.file, line.number, line.depth, "broken")
        return
    yield from _lines(system, target, kind, depth, level + 1)
