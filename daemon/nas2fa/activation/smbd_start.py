"""How smbd was started, and how it will be: what its command line says beside smb.conf."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from nas2fa.activation.system import System
from nas2fa.activation.unit_start import of_process, of_unit, show, systemd_runs

_SERVICE = "smbd.service"
_PROGRAM = "smbd"
# What smbd(8) knows: letters and words without a value, and with one. All but two say nothing of its configuration.
_PLAIN = "DFi"
_VALUED = "sdlpP"
_PLAIN_WORDS = (
    "foreground", "daemon", "interactive", "no-process-group", "debug-stdout", "leak-report", "leak-report-full",
)  # fmt: skip
_VALUED_WORDS = ("option", "configfile", "debuglevel", "log-basename", "port", "profiling-level")


@dataclass(frozen=True, slots=True)
class Start:
    """One command line. `config`: the file that is read instead of smb.conf; None: smb.conf."""

    config: str | None = None
    options: tuple[str, ...] = ()  # `name = value`, which wins over all files
    unknown: tuple[str, ...] = ()  # words of which nobody knows what they do

    def __str__(self) -> str:
        file = (f"--configfile={self.config}",) if self.config else ()
        return " ".join((*file, *(f"--option={option}" for option in self.options), *self.unknown))


def started(system: System) -> list[Start]:
    """How the smbd of Debian's unit was started, then how it will be next time if that differs. At least one."""
    if not systemd_runs(system):
        return [Start()]
    shown = show(system, _SERVICE)
    running = of_process(system, shown).split("\0")[:-1]
    return list(dict.fromkeys(_start(words) for words in (running, of_unit(system, shown)) if words)) or [Start()]


def _start(words: Sequence[str]) -> Start:
    config, options, unknown = None, [], []
    if PurePosixPath(words[0]).name != _PROGRAM:
        return Start(unknown=tuple(words))
    for name, value in _pairs(words[1:]):
        if name in ("s", "configfile") and value:
            config = value
        elif name == "option" and value:
            options.append(value)
        elif name not in ((*_VALUED, *_VALUED_WORDS) if value else (*_PLAIN, *_PLAIN_WORDS)):
            unknown.append(f"{name}={value}" if value else name)
    return Start(config, tuple(options), tuple(unknown))


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Each option, without its dashes, and its value: `-Fs FILE`, `-sFILE`, `--configfile=FILE`, `--configfile FILE`.

    What does not begin with a dash belongs to the value before it, which may hold blanks.
    """
    rest = list(words)
    while rest:
        word, more = rest.pop(0), []
        while rest and not rest[0].startswith("-"):
            more.append(rest.pop(0))
        if word.startswith("--"):
            name, _, value = word.removeprefix("--").partition("=")
        else:
            letters, value = re.findall(rf"^-?([^{_VALUED}]*[{_VALUED}]?)=?(.*)", word)[0]
            yield from ((letter, "") for letter in letters[:-1])
            name = letters[-1:]
        yield name, " ".join(filter(None, (value, *more)))
