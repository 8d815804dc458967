"""The person at the other end: lines in, lines out, and what this terminal can draw.

All is read from standard input, so the command works in a terminal, over ssh without one, and from a script.
"""

from __future__ import annotations

import os
import shutil
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nas2fa.shown import shown

LINE_MAX = 8192  # characters that are read of one line
TEXT_MAX = 4096  # characters of one told line that are shown


def ask(prompt: str, echo: bool) -> str | None:
    """The line typed after `prompt`, without its end; None at the end of input. Ctrl-C: KeyboardInterrupt."""
    stream = sys.stdout if sys.stdout.isatty() else sys.stderr  # so that a redirected output holds no prompt
    with _echo(echo):  # first, as it throws away what was typed before: that was no answer to this
        stream.write(prompt)
        stream.flush()
        line = sys.stdin.readline(LINE_MAX)
    if not line or not (echo and sys.stdin.isatty()):
        stream.write("\n")  # Enter was not echoed
        stream.flush()
    return line.rstrip("\r\n") if line else None


def confirmed(question: str = "") -> bool:
    """True when the person typed yes, in full."""
    answer = ask(f"{question} Type yes to go on: ".lstrip(), echo=True)
    return answer is not None and answer.strip().lower() == "yes"


def say(text: str = "") -> None:
    """A line of our own to standard output, at once."""
    print(text, flush=True)


def warn(text: str) -> None:
    """A line of our own to standard error."""
    print(text, file=sys.stderr, flush=True)


def say_outside(text: str, error: bool = False) -> None:
    """Lines that came from elsewhere: each is shown with its control characters made visible."""
    for line in text.split("\n"):
        (warn if error else say)(shown(line, TEXT_MAX))


def columns() -> int:
    """Characters in one line of the terminal; 80 when there is none."""
    return shutil.get_terminal_size((80, 24)).columns


def lines() -> int:
    """Lines of the terminal; 24 when there is none."""
    return shutil.get_terminal_size((80, 24)).lines


def promises_utf8() -> bool:
    """Whether the locale that this process was started in names UTF-8.

    Python puts LC_CTYPE=C.UTF-8 into its own environment when it finds the C locale (PEP 538), so only the
    kernel's copy of the environment tells what the caller said.
    """
    try:
        environment = Path("/proc/self/environ").read_bytes().decode(errors="replace")
    except OSError:
        environment = ""  # no /proc, or a program that changed its uid
    started = dict(entry.partition("=")[::2] for entry in environment.split("\0"))
    locale = started.get("LC_ALL") or started.get("LC_CTYPE") or started.get("LANG") or ""
    return "utf8" in locale.lower().replace("-", "")


def prepare() -> None:
    """Let no byte of a terminal end the command with a UnicodeError; answers go on as they are."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    sys.stdin.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]


@contextmanager
def _echo(echo: bool) -> Iterator[None]:
    """Echo off while a secret is typed, put back whatever happens; nothing to do without a terminal."""
    if echo or not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    silent = list(before)
    silent[3] &= ~(termios.ECHO | termios.ECHONL)
    termios.tcsetattr(terminal, termios.TCSAFLUSH, silent)  # what was typed ahead was visible: it is no answer
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def host() -> str:
    """The name of this box, for a person."""
    return shown(os.uname().nodename)
