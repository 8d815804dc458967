"""`nas2fa user add`: take over provisioning URIs, one or many. A URI holds a secret: none is printed again."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, TextIO

import click

from nas2fa.cli import tables, terminal
from nas2fa.cli.advice import ADVICE
from nas2fa.cli.box import Box, account
from nas2fa.errors import Nas2faError, Reason, RequestError
from nas2fa.shown import shown

PROGRESS_INTERVAL = 0.5  # seconds between two lines of progress
LINE_MAX = 4096  # characters of one line of the list
URI_PROMPT = "Provisioning URI (not shown while you type; a command line, every user can see): "


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line of the list that was not taken, and why. `user` is what the line names."""

    line: int
    user: str
    reason: str
    text: str


@click.command()
@click.argument("name", required=False)
@click.option(
    "--uri",
    metavar="URI",
    help="otpauth://totp/… or otpauth://hotp/…; - asks for it. On the command line, `ps` shows it to every user.",
)
@click.option(
    "--from-file",
    "file",
    type=click.File(errors="replace"),
    metavar="FILE",
    help="Lines `NAME URI`; - for standard input.",
)
@click.option("--armed", is_flag=True, help="Ask for its codes from now on, without a first code by the user.")
@click.option("--replace", is_flag=True, help="Take the place of an authenticator that is there.")
@click.option("--beside", is_flag=True, help="Add it to those that are there.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.pass_obj
def add(
    box: Box,
    name: str | None,
    uri: str | None,
    file: TextIO | None,
    armed: bool,
    replace: bool,
    beside: bool,
    as_json: bool,
) -> int:
    """Import authenticators that exist already: one for NAME, or many from a list.

    Without NAME and --from-file the list comes from standard input: lines `NAME URI`, # begins a comment.
    """
    flags = {"armed": armed, "replace": replace, **({"beside": True} if beside else {})}
    if name is None:
        if uri is not None:
            raise click.UsageError("--uri needs NAME.")
        return _add_many(box, file or sys.stdin, flags, as_json)
    if file is not None:
        raise click.UsageError("NAME and --from-file exclude each other.")
    return _add_one(box, name, uri, flags, as_json)


def _add_one(box: Box, name: str, uri: str | None, flags: dict[str, bool], as_json: bool) -> int:
    whom = account(name)
    if uri is None or uri == "-":
        uri = terminal.ask(URI_PROMPT if sys.stdin.isatty() else "", echo=False) or ""
    done, _ = box.request("user.add", {**whom.args(), "uri": uri.strip(), **flags})
    if as_json:
        tables.print_json(done)
    elif done["armed"]:
        terminal.say(f"Logins of {shown(whom.user)} need a code from now on.")
    else:
        how = "nas2fa authenticator add" if flags.get("beside") else "nas2fa setup"
        terminal.say(f"Imported for {shown(whom.user)}; in force after the first code: {how}")
    return 0


def _add_many(box: Box, stream: TextIO, flags: dict[str, bool], as_json: bool) -> int:
    """One request a line, each on its own connection as the list may come slowly. Refused lines do not stop it."""
    progress = _Progress()
    refused: list[RefusedLine] = []
    left = False
    try:
        for number, line in _lines(stream):
            progress.at(number)
            refusal = _add_line(box, number, line, flags)
            progress.count(refusal is None)
            if refusal:
                refused.append(refusal)
    except KeyboardInterrupt:
        left = True
    finally:  # also when the daemon is lost: what was added stays added
        progress.end()
        _report(progress.added, refused, as_json)
    return 1 if refused or left else 0


def _lines(stream: TextIO) -> Iterator[tuple[int, str]]:
    """Numbers and lines, without comments and empty ones. A line over LINE_MAX comes cut, and is refused later."""
    number = 0
    while line := stream.readline(LINE_MAX):
        number += 1
        while not line.endswith("\n") and (rest := stream.readline(LINE_MAX)):
            line = "?" * LINE_MAX + rest[-1:]
        if line.strip() and not line.lstrip().startswith("#"):
            yield number, line


def _add_line(box: Box, number: int, line: str, flags: dict[str, bool]) -> RefusedLine | None:
    """Add one; returns the refusal. Only what stands before the first blank is ever repeated, and no URI."""
    name, uri = [*line.split(maxsplit=1), ""][:2]
    try:
        if not uri or "://" in name:
            raise RequestError(Reason.BAD_REQUEST, "the line is not `NAME URI`")
        args: dict[str, Any] = {**account(name).args(), "uri": uri.strip(), **flags}
        box.request("user.add", args)
    except Nas2faError as error:
        return RefusedLine(number, "" if "://" in name else name, error.reason, error.text)
    return None


def _report(added: int, refused: list[RefusedLine], as_json: bool) -> None:
    if as_json:
        tables.print_json({"added": added, "refused": [asdict(line) for line in refused]})
        return
    terminal.say(f"Added: {added}. Refused: {len(refused)}.")
    for line in refused:
        terminal.say(f"line {line.line}: {shown(line.user)}: {shown(line.text, terminal.TEXT_MAX)} ({line.reason})")
    for reason in sorted({line.reason for line in refused} & ADVICE.keys()):
        terminal.say(f"{reason}: {ADVICE[Reason(reason)]}")


class _Progress:
    """How far the list is, on standard error: in place on a terminal, else a line now and then."""

    def __init__(self) -> None:
        self.added = 0
        self._refused = 0
        self._line = 0
        self._next = time.monotonic() + PROGRESS_INTERVAL

    def at(self, line: int) -> None:
        """The line that is being worked on."""
        self._line = line
        if time.monotonic() >= self._next:
            self._print()
            self._next = time.monotonic() + PROGRESS_INTERVAL

    def count(self, added: bool) -> None:
        """The line was added, or refused."""
        self.added += added
        self._refused += not added

    def end(self) -> None:
        """Nothing more comes."""
        self._print()
        if sys.stderr.isatty():
            sys.stderr.write("\n")

    def _print(self) -> None:
        text = f"line {self._line}: {self.added} added, {self._refused} refused"
        sys.stderr.write(f"\r{text}" if sys.stderr.isatty() else f"{text}\n")
        sys.stderr.flush()
