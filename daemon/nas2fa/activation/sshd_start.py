"""How sshd was started: what its command line says beside its files, and when it last read those."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from nas2fa.activation.system import System
from nas2fa.activation.unit_start import COMMAND, Shown, of_process, of_unit, show, systemd_runs

_SERVICE = "ssh.service"  # ssh.socket, where it listens instead, starts the same at the first connection
_SHOWN = (*COMMAND, "StateChangeTimestamp", "StateChangeTimestampMonotonic")
_VALUED = "CEbcfghkopu"  # the letters of sshd(8) that take a value
_KEPT = "cfhop"  # of these, those that change what `sshd -T` says
_TITLE = re.compile(r"sshd: (.*) \[listener\]")  # what sshd makes of its command line, words parted by one blank


@dataclass(frozen=True, slots=True)
class Start:
    """`words`: the options that count, each letter followed by its value. `since`: unix time of start or last reload.

    Without a running service, `words` are those of its next start, and `since` is None.
    """

    words: tuple[str, ...] = ()
    since: float | None = None

    @property
    def config(self) -> str | None:
        """The file that is read instead of sshd's own; None: sshd's own."""
        return next(self._values("-f"), None)

    @property
    def options(self) -> tuple[str, ...]:
        """Lines of configuration that win over all files, as `Keyword=value` or `Keyword value`."""
        return tuple(self._values("-o"))

    def _values(self, letter: str) -> Iterator[str]:
        pairs = zip(self.words[::2], self.words[1::2], strict=True)
        return (value for name, value in pairs if name == letter)


def started(system: System) -> Start:
    """How the sshd of Debian's unit was started, or will be. A Start() of nothing where systemd does not run."""
    if not systemd_runs(system):
        return Start()
    shown = show(system, _SERVICE, _SHOWN)
    title = of_process(system, shown).rstrip("\0")
    if title:
        match = _TITLE.match(title)
        return Start(_counting(match[1].split(" ") if match else title.split("\0")), _since(shown))
    return Start(_counting(of_unit(system, shown)))


def _since(shown: Shown) -> float | None:
    """The later of what the clock said then, and of what is so long ago by the clock of now: it may have been set."""
    try:
        told = datetime.strptime(shown["StateChangeTimestamp"][0], "%a %Y-%m-%d %H:%M:%S.%f UTC").replace(tzinfo=UTC)
        ago = time.monotonic() - int(shown["StateChangeTimestampMonotonic"][0]) / 1e6
    except (KeyError, ValueError):
        return None
    return max(told.timestamp(), time.time() - ago)


def _counting(words: Sequence[str]) -> tuple[str, ...]:
    """The options that count out of a command line, `-ofoo=bar` and `-De -o foo bar` as well as `-o foo=bar`."""
    found: list[str] = []
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        at = next((at for at, letter in enumerate(word) if letter in _VALUED), None) if word.startswith("-") else None
        if at is None:
            continue
        value = [word[at + 1 :]] if word[at + 1 :] else rest[:1]
        rest = rest if word[at + 1 :] else rest[1:]
        while rest and not rest[0].startswith("-"):
            value.append(rest.pop(0))  # blanks in the value: the title of the process does not tell them apart
        if word[at] in _KEPT:
            found += [f"-{word[at]}", " ".join(value)]
    return tuple(found)
