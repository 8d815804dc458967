"""PAM stacks as libpam reads them: the files of a service, with includes, as one flat list of lines."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from nas2fa.activation.system import System
from nas2fa.paths import Paths
from nas2fa.rules import canonical

FOLDERS = ("/etc/pam.d", "/usr/lib/pam.d")  # libpam takes the first that has the file
PRIVATE = "/usr/lib/nas2fa/pam.d"  # stacks that our own programs name to libpam (pam_start_confdir(3))
OTHER = "other"  # the service whose lines count where a service has none of that kind
INCLUDES = 16  # files deep; libpam stops there, too
MODULE = "pam_nas2fa.so"
MODULES = "usr/lib/*/security"  # where libpam looks for a module, one folder for each architecture
DAEMON = f"socket={Paths.system().socket('login')}"  # where our module looks for nas2fad by itself, called by root
LEFTOVERS = re.compile(r"(~|\.(dpkg-.*|ucf-.*|bak|old|orig|pam-old|rpmnew|rpmsave|swp))$")

Form = Literal["module", "substack", "broken", "absent"]

_KINDS = ("auth", "account", "password", "session")
_ARGUMENTS = ("debug", "guard", "split", "decoy", "pubkey")  # what our module knows, beside socket=/PATH
_BLANK = " \t"  # nothing else parts words: the CR of a file from Windows belongs to the last one
_WORD = re.compile(r"[ \t\n]*(?:\[((?:\\\]|[^\]])*)\]?|([^ \t\n]+))")
_CONTROL_CHARACTER = re.compile(r"[\0-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a stack. `depth`: how many substacks it stands in.

    form "substack": the head of one, which calls nothing; "broken": libpam cannot read it and fails at it; "absent":
    no file has a name like the module's, with a line end of Windows in it.
    """

    kind: str
    control: str  # as written: required, [success=1 default=ignore]
    module: str  # the file's name: pam_unix.so; with its folder only where that is none of libpam's
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

    @property
    def borrowed(self) -> bool:
        """Whether it calls another file that only has the name of our module."""
        return not self.ours and self.module.rpartition("/")[2] == MODULE

    @property
    def refuses(self) -> bool:
        """Whether our module refuses everybody at this line: it does not know one of the arguments."""
        return self.ours and any(word not in _ARGUMENTS and not word.startswith("socket=/") for word in self.arguments)

    def __str__(self) -> str:
        return " ".join((self.kind, self.control, self.module, *self.arguments))


class _UnreadableError(Exception):
    """libpam gives up the file at this line."""

    def __init__(self, line: Line) -> None:
        super().__init__(line.where)
        self.line = line


def services(system: System) -> list[str]:
    """The PAM services of this box: every file of pam.d that a program could name, sorted.

    Files that only others include (Debian's common-*) and what editors and dpkg leave beside are none.
    """
    names = {name for folder in FOLDERS for name in system.names(folder) if not LEFTOVERS.search(name)}
    return sorted(name for name in names if not name.startswith(("common-", ".")))


def nameable(system: System) -> frozenset[str]:
    """What rules and exemptions can be about, as they name it: the services of this box, and those of our programs."""
    return frozenset(canonical(name) for name in (*services(system), *system.names(PRIVATE)))


def asks(system: System) -> bool:
    """Whether any login of this box asks for a code. OSError for a file that the caller may not read."""
    return any(line.ours for service in services(system) for line in flatten(system, service, "auth"))


def file_of(system: System, service: str) -> str | None:
    """The file in force of a service; None when it has none."""
    if service.startswith("/"):
        return service if system.path(service).is_file() else None
    return next((f"{f}/{service}" for f in FOLDERS if system.path(f"{f}/{service}").is_file()), None)


def flatten(system: System, service: str, kind: str) -> list[Line]:
    """All lines of one kind in the order in which libpam calls them, those of `other` when there are none.

    One broken line where libpam gives up the file of the service, or that of `other`: it refuses everybody then.
    """
    try:
        own, other = (
            list(_lines(system, file, kind, chosen=False, depth=0, level=0)) if file else []
            for file in (file_of(system, service), file_of(system, OTHER))
        )
    except _UnreadableError as error:
        return [error.line]
    return own or other


def plain(word: str) -> str:
    """A word of a line without the brackets that may be around it."""
    return word[1:-1] if word.startswith("[") else word


def _read_lines(system: System, file: str, kind: str, depth: int) -> Iterator[tuple[int, list[str]]]:
    """Number and words of each line that is not empty, lines that end in a backslash joined to the next.

    Raises _UnreadableError where nothing follows such a line, or a line that is empty or a comment: versions of libpam
    differ in what they make of that.
    """
    joined, first = "", 0
    for number, text in enumerate((system.read(file) or "").split("\n"), start=1):
        first = first or number
        body, comment, _ = text.partition("#")
        empty = not body.strip(_BLANK)
        if joined and empty:
            break
        if not comment and body.rstrip(_BLANK).endswith("\\"):
            joined += body.rstrip(_BLANK)[:-1] + " "
            continue
        if not empty:
            yield first, _words(joined + body + ("" if comment else "\n"))
        joined, first = "", 0
    if joined:
        raise _UnreadableError(Line(kind, "", "", (), file, first, depth, "broken"))


def _words(text: str) -> list[str]:
    """The words of a line: [...] is one, whatever is in it; a backslash keeps `]` from ending it."""
    found = _WORD.finditer(text)
    return [match[2] if match[1] is None else "[" + match[1].replace("\\]", "]") + "]" for match in found]


def _lines(system: System, file: str, kind: str, *, chosen: bool, depth: int, level: int) -> Iterator[Line]:
    """The lines of one file and of those that it includes. `level`: files deep.

    `chosen`: whether the file was included for this kind alone. A word that is no kind stands for that one, else for
    auth, and libpam fails there. Raises _UnreadableError.
    """
    for number, words in _read_lines(system, file, kind, depth):
        first, control, module = (*words, "", "", "")[:3]
        word = plain(first).removeprefix("-").lower()
        arguments = tuple(map(plain, words[3:]))
        if word == "@include":
            line = Line(kind, "@include", plain(control), (), file, number, depth)
            yield from _included(system, line, chosen=chosen, depth=depth, level=level)
        elif word == kind or (word not in _KINDS and (chosen or kind == "auth")):
            known = word == kind and len(words) > 2
            form: Form = "broken" if not known else "absent" if _CONTROL_CHARACTER.search(module) else "module"
            line = Line(kind, control, _named(system, plain(module)), arguments, file, number, depth, form)
            if plain(control).lower() in ("include", "substack"):
                line = replace(line, control=plain(control).lower(), module=plain(module), arguments=())
                yield from _included(system, line, chosen=True, depth=depth, level=level)
            elif len(words) > 2 and re.fullmatch(r"(.*/)?\??(\.[^.]*)?", line.module):  # a name of nothing
                raise _UnreadableError(replace(line, form="broken"))
            else:
                yield line


def _named(system: System, text: str) -> str:
    """A module's name, as it is where libpam looks by itself; with its folder elsewhere.

    A file is what its package says it is by its place, not by its name. libpam takes an absolute name as it stands,
    and any other, also one with folders in it, below its own folder.
    """
    own = sorted(system.path("/").glob(MODULES)) if "/" in text else []
    if not own:
        return text
    folder, name = os.path.split(os.path.realpath(system.path(text) if text.startswith("/") else own[0] / text))
    return name if folder in map(os.path.realpath, own) else text


def _included(system: System, line: Line, *, chosen: bool, depth: int, level: int) -> Iterator[Line]:
    """The lines of the file that `line` includes; a broken line where libpam cannot read that."""
    if line.control == "substack":
        yield replace(line, form="substack")
        depth += 1
    target = line.module if line.module.startswith("/") else f"{FOLDERS[0]}/{line.module}"  # Debian's libpam
    fault = None
    if level + 1 >= INCLUDES or not line.module or not system.path(target).is_file():
        fault = replace(line, form="broken")
    else:
        try:
            yield from _lines(system, target, line.kind, chosen=chosen, depth=depth, level=level + 1)
        except _UnreadableError as error:
            fault = error.line
    if fault and not chosen:
        raise _UnreadableError(fault)
    if fault:  # what libpam does with it is left to chance at @include: the control is never set
        control = "optional" if line.control == "@include" else line.control
        yield replace(fault, control=control, depth=line.depth, form="broken")
