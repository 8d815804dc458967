"""`nas2fa system check`: what the doctor finds, as a table, as JSON, or as one line for monitoring."""

from __future__ import annotations

import os
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from nas2fa.activation import doctor, report
from nas2fa.activation.examination import Ask, Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.system import System
from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box
from nas2fa.errors import Nas2faError, UnreachableError
from nas2fa.shown import shown

OK, WARNING, CRITICAL, UNKNOWN = range(4)  # the exit codes of Nagios' plugins
_CODES = {Severity.ERROR: CRITICAL, Severity.WARNING: WARNING, Severity.NOTE: OK}
_HEADS = {
    Severity.ERROR: "Errors: somebody gets in without a code, or cannot get in",
    Severity.WARNING: "Warnings: these will bite one day",
    Severity.NOTE: "Notes",
}
STATE = "/var/lib/nas2fa-check"  # StateDirectory= of nas2fa-check.service
_WIDTH_MAX = 110  # longer lines are hard to read


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--quiet", is_flag=True, help="Print one line, and end with the exit code of a Nagios plugin.")
@click.option("--log", is_flag=True, help="Tell the journal what is new since the last time (the daily timer).")
@click.pass_obj
def check(box: Box, as_json: bool, quiet: bool, log: bool) -> int:
    """Look for what lets somebody in without a code, or shuts somebody out; each with its remedy (root).

    Exit code: 0 nothing but notes, 1 warnings, 2 errors, 3 it could not be checked.
    """
    if os.geteuid() != 0:
        (terminal.say if quiet else terminal.warn)("UNKNOWN: only root can look at all of this; try it with sudo")
        return UNKNOWN
    ask = connected(box)
    found = doctor.examine(System(), ask)
    if as_json:
        tables.print_json([asdict(finding) for finding in found])
    elif log:
        report.log_changes(found, Path(os.environ.get("STATE_DIRECTORY", STATE)) / "known.json")
    elif quiet:
        terminal.say(one_line(found))
    else:
        _print(found, Examination(System(), ask).on)
    return exit_code(found)


def connected(box: Box) -> Ask | None:
    """How to ask nas2fad; None when it does not answer."""
    try:
        box.request("health", {})
    except (UnreachableError, Nas2faError):
        return None
    return box.request


def exit_code(found: Sequence[Finding]) -> int:
    """The worst finding's; when there is no error but some check broke off, unknown."""
    worst = max((_CODES[finding.severity] for finding in found), default=OK)
    broke = any(finding.name == doctor.BROKE_OFF for finding in found)
    return UNKNOWN if broke and worst != CRITICAL else worst


def one_line(found: Sequence[Finding]) -> str:
    """The state, the count and the names, for a monitoring program."""
    word = ("OK", "WARNING", "CRITICAL", "UNKNOWN")[exit_code(found)]
    counts = Counter(finding.severity for finding in found)
    names = ", ".join(dict.fromkeys(finding.name for finding in found if finding.severity is not Severity.NOTE))
    count = f"{counts[Severity.ERROR]} errors, {counts[Severity.WARNING]} warnings"
    return f"{word}: nas2fa: {count}{': ' if names else ''}{names}"


def _print(found: Sequence[Finding], on: bool) -> None:
    terminal.say(f"The second step is {'on' if on else 'off'} for this box.")
    for severity, head in _HEADS.items():
        those = [finding for finding in found if finding.severity is severity]
        if those:
            terminal.say(f"\n{head}")
        for finding in those:
            terminal.say(f"\n  {finding.name}  ({shown(finding.where, terminal.TEXT_MAX)})")
            for label, text in (("what", finding.what), ("why", finding.why), ("fix", finding.fix)):
                terminal.say(_wrapped(label, shown(text, terminal.TEXT_MAX)))
    if not any(finding.severity is not Severity.NOTE for finding in found):
        terminal.say("\nNo errors and no warnings." if found else "\nNothing found.")


def _wrapped(label: str, text: str) -> str:
    """One part of a finding, in lines as wide as the terminal; commands and paths stay whole."""
    return textwrap.fill(
        text, min(terminal.columns(), _WIDTH_MAX), initial_indent=f"    {label.ljust(4)}  ", subsequent_indent=" " * 10,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
