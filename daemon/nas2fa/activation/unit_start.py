"""How systemd starts a program: its word about a unit, and the command line that comes of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from nas2fa.activation.system import System

Shown = Mapping[str, Sequence[str]]

COMMAND = ("MainPID", "ExecStart", "Environment", "EnvironmentFiles")  # the properties that the functions below read
_COMMAND = re.compile(r"argv\[\]=(.*?) ; ")
_WORD = re.compile(r"\$(\w+)|\$\{(\w+)\}")  # $NAME alone is split at blanks
_INSIDE = re.compile(r"\$\{(\w+)\}")


def systemd_runs(system: System) -> bool:
    """Whether systemd is there to be asked."""
    return system.path("/run/systemd/system").is_dir()


def show(system: System, unit: str, properties: Sequence[str] = COMMAND) -> Shown:
    """The properties of the unit; some come more than once."""
    ran = system.run(["systemctl", "show", "--timestamp=us+utc", f"--property={','.join(properties)}", unit])
    found: dict[str, list[str]] = {}
    for line in ran.out.splitlines():
        name, _, value = line.partition("=")
        found.setdefault(name, []).append(value)
    return found


def of_process(system: System, shown: Shown) -> str:
    """The command line of the main process, a NUL behind each word; "" when none runs."""
    pid = shown.get("MainPID", ["0"])[0]
    return _read(system, f"/proc/{pid}/cmdline") if pid != "0" else ""


def of_unit(system: System, shown: Shown) -> list[str]:
    """The command line of the next start. systemd does not tell blanks inside of a word from those between words."""
    variables = dict(_assigned(" ".join(shown.get("Environment", ()))))
    for file in shown.get("EnvironmentFiles", ()):
        text = _read(system, file.partition(" (")[0]).replace("\\\n", "") if file else ""
        for line in text.splitlines():
            name, _, value = line.partition("=")
            variables[name.strip()] = " ".join(_split(value))
    words: list[str] = []
    match = _COMMAND.search(" ".join(shown.get("ExecStart", ())))
    for word in match[1].split() if match else ():
        named = _WORD.fullmatch(word)
        name = named[1] or named[2] if named else ""
        words += _split(variables.get(name, "")) if named else [_INSIDE.sub(lambda m: variables.get(m[1], ""), word)]
    return words


def _assigned(text: str) -> list[tuple[str, str]]:
    return [(name, value) for name, _, value in (word.partition("=") for word in _split(text))]


def _split(text: str) -> list[str]:
    """The words as a shell has them; as blanks part them where a quote is missing."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _read(system: System, path: str) -> str:
    try:
        return system.read(path) or ""
    except OSError:  # it has ended meanwhile
        return ""
