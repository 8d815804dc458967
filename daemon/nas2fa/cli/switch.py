"""`nas2fa system enable`, `confirm`, `disable`, `status`: the second step for the whole box (root)."""

from __future__ import annotations

import difflib
import os
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click

from nas2fa.activation import preflight, state, switch
from nas2fa.activation.admins import admins
from nas2fa.activation.edits import Keys
from nas2fa.activation.plan import Change, Options, PlanError, make
from nas2fa.activation.switch import SwitchError
from nas2fa.activation.system import System
from nas2fa.cli import tables, terminal
from nas2fa.cli.advice import REFUSED
from nas2fa.cli.box import Box
from nas2fa.errors import Reason, RequestError
from nas2fa.shown import shown

_UNITS = {"s": 1, "m": 60, "h": 3600}
SHORTEST, LONGEST = 10, 24 * 3600  # seconds of a trial


class RefusedError(Exception):
    """What stands in the way, in words for a person."""


class Span(click.ParamType):
    """A length of time such as 10m."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        match = re.fullmatch(r"(\d{1,5})([smh])", str(value))
        seconds = int(match[1]) * _UNITS[match[2]] if match else 0
        if not SHORTEST <= seconds <= LONGEST:
            self.fail("a number with s, m or h behind it, from 10s to 24h, such as 10m", param, ctx)
        return seconds


def _root() -> None:
    if os.geteuid() != 0:
        raise RequestError(Reason.FORBIDDEN, "this is for root")


@click.command()
@click.option("--confirm-within", type=Span(), default="10m", show_default=True, help="How long the trial lasts.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--ssh-keys", type=click.Choice([str(keys) for keys in Keys]), default="guard", show_default=True,
              help="What becomes of ssh logins with a key.")  # fmt: skip
@click.option("--decoy", is_flag=True, help="Ask for a code after a wrong password as well.")
@click.option("--no-way-back-check", is_flag=True, help="Switch on even if no administrator could get in afterwards.")
@click.pass_obj
def enable(
    box: Box, confirm_within: int, dry_run: bool, yes: bool, ssh_keys: str, decoy: bool, no_way_back_check: bool
) -> int:
    """Switch it on, on trial: it undoes itself unless you log in with a code and confirm."""
    _root()
    here = System()
    options = Options(Keys(ssh_keys), decoy)
    try:
        _refuse(preflight.no_box_for_it(here) or preflight.busy(here))
        changes = make(here, options)
        for change in changes:
            _show(change)
        if not changes:
            terminal.say("Nothing would change: it is on as wished.")
            return 0
        people = admins(here)
        if not no_way_back_check:
            _refuse(preflight.no_way_back(here, people, options.keys, box.request))
        if dry_run:
            terminal.say("Nothing was changed (--dry-run).")
            return 0
        if not yes and not terminal.confirmed(f"This changes {len(changes)} files, on trial."):
            terminal.warn("Nothing was changed.")
            return REFUSED
        switch.switch(here, changes, options, switch.facts(options, people, confirm_within))
    except (RefusedError, PlanError) as error:
        terminal.say_outside(f"{error}\nNothing was changed.", error=True)
        return REFUSED
    except (SwitchError, OSError) as error:
        terminal.say_outside(f"Not switched on, and all files are as they were: {error}", error=True)
        return REFUSED
    terminal.say(f"2-step verification is on trial, and switches itself off in {tables.span(confirm_within)}.")
    terminal.say("Leave this shell open. From another terminal, log in with password and code; then keep it with:")
    terminal.say("  nas2fa system confirm")
    return 0


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise RefusedError(reason)


def _show(change: Change) -> None:
    """One file's difference, as diff -u has it."""
    old, new = (_lines(content) for content in (change.was, change.new))
    names = ("/dev/null" if change.was is None else change.path, "/dev/null" if change.new is None else change.path)
    for line in difflib.unified_diff(old, new, *names, lineterm=""):
        terminal.say_outside(line.expandtabs())


def _lines(content: bytes | None) -> Sequence[str]:
    return (content or b"").decode("utf-8", "surrogateescape").splitlines()


@click.command()
@click.pass_obj
def confirm(box: Box) -> int:
    """Keep what is on trial, after an administrator has logged in with a code."""
    _root()
    try:
        switch.confirm(System(), box.request)
    except SwitchError as error:
        terminal.say_outside(f"Not confirmed: {error}", error=True)
        return REFUSED
    terminal.say("Confirmed: 2-step verification stays on for this box.")
    terminal.say("To switch it off again: nas2fa system disable, or without daemon and Python: nas2fa-off")
    return 0


@click.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def disable(yes: bool) -> int:
    """Switch it off: every file becomes what it was before."""
    _root()
    here = System()
    if state.pending(here) is None and state.enforced(here) is None:
        terminal.say("It is off.")
        return 0
    if not yes and not terminal.confirmed("From then on the password alone is enough, or a key, for everybody."):
        terminal.warn("Nothing was changed.")
        return REFUSED
    ran = switch.go_back(here, "disable")
    terminal.say_outside(ran.err.strip())
    return 0 if ran.status == 0 else REFUSED


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(as_json: bool) -> None:
    """Show whether it is on, since when, by whom, and which files were changed since."""
    _root()
    here = System()
    found = _status(here)
    if as_json:
        tables.print_json(found)
    else:
        tables.print_pairs(list(_status_lines(found)))


def _status(here: System) -> Mapping[str, Any]:
    on_trial, on = state.pending(here), state.enforced(here)
    counts = on_trial or on
    if counts is None:
        return {"state": "off"}
    told = counts.facts
    left = max(0.0, told.until - time.clock_gettime(time.CLOCK_BOOTTIME))
    return {
        "state": "trial" if on_trial else "on",
        "seconds_left": round(left) if on_trial else None,
        "before": "on" if on else "off",
        "since": told.since,
        "by": told.by,
        "options": dict(told.options),
        "files": [path for _, path, _ in counts.files],
        "drift": counts.drift(here),
    }


def _status_lines(found: Mapping[str, Any]) -> list[tuple[str, object]]:
    if found["state"] == "off":
        return [("2-step verification", "off (nas2fa system enable)")]
    on = "on"
    if found["state"] == "trial":
        on = f"on trial, {tables.span(found['seconds_left'])} left; keep it: nas2fa system confirm"
    lines: list[tuple[str, object]] = [
        ("2-step verification", on),
        ("Since", f"{tables.moment(found['since'])} by {found['by']}"),
        ("ssh keys", found["options"].get("ssh_keys")),
        ("Decoy", found["options"].get("decoy")),
    ]
    lines += [("Changed since", shown(path)) for path in found["drift"]]
    return lines
