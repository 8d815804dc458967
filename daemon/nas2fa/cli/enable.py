"""`nas2fa system enable`: look first, show every line that will change, then switch on, on trial (root)."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click

from nas2fa.activation import doctor, edits, preflight, samba, state, switch
from nas2fa.activation.admins import Admin, admins
from nas2fa.activation.checks import clock
from nas2fa.activation.edits import Keys
from nas2fa.activation.findings import Severity
from nas2fa.activation.places import SAMBA_STACK
from nas2fa.activation.plan import Change, Options, PlanError, make
from nas2fa.activation.switch import HalfBackError, SwitchError
from nas2fa.activation.system import System
from nas2fa.cli import key_logins, tables, terminal
from nas2fa.cli.advice import REFUSED
from nas2fa.cli.box import Box, require_root
from nas2fa.cli.spans import Span
from nas2fa.shown import shown

SHORTEST, LONGEST = 10, 24 * 3600  # seconds of a trial
_SMB = """
SMB: Samba refuses who has a second step until a code has opened it for the address that they come from: with
`nas2fa unlock smb`, or by a login by ssh from there. Windows then says that the account has expired. Who has no second
step gets in as before, unless `unenrolled` refuses them. This holds from the next login on, without a restart of smbd;
who is connected stays so. Backups and scanners need an exemption, or a rule: nas2fa exempt add --help"""
_NO_SMB = "\nSMB: Samba no longer asks for anything but the password."


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was given on the command line beside the options of the switch."""

    confirm_within: int
    dry_run: bool
    yes: bool
    exempt: str | None
    despite_findings: bool
    despite_clock: str
    no_way_back_check: bool


@click.command()
@click.option(
    "--confirm-within", type=Span(SHORTEST, LONGEST), default="10m", show_default=True, help="How long the trial lasts."
)
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
@click.option("--ssh-keys", type=click.Choice([str(keys) for keys in Keys]),
              help="What becomes of ssh logins with a key; guard, if it is not on yet.")  # fmt: skip
@click.option("--decoy/--no-decoy", default=None, help="Ask for a code after a wrong password as well.")
@click.option("--exempt", type=click.Choice(["all", "none"]), help="Logins by key alone: do not ask about each.")
@click.option("--samba/--no-samba", default=None, help="Cover Samba where it is installed, or leave it as it is.")
@click.option("--despite-findings", is_flag=True, help="Go on although `nas2fa system check` finds errors.")
@click.option("--despite-clock", default="", metavar="REASON", help="Go on although the clock is off; audited.")
@click.option("--no-way-back-check", is_flag=True, help="Go on even if no administrator could get in afterwards.")
@click.pass_obj
def enable(box: Box, /, ssh_keys: str | None, decoy: bool | None, samba: bool | None, **wishes: Any) -> int:
    """Switch it on, on trial: it undoes itself unless you log in with a code and confirm.

    Where it is on already: what is not said about keys, decoy and Samba stays as it is.
    """
    require_root()
    here, said = System(), {"ssh_keys": ssh_keys, "decoy": decoy, "samba": samba}
    try:
        return _enable(box, here, _options(said, _confirmed(here)), Wishes(**wishes))
    except PlanError as error:
        terminal.say_outside(f"{error}\nNothing was changed.", error=True)
    except (SwitchError, OSError) as error:
        terminal.say_outside(f"Not switched on, and all files are as they were: {error}", error=True)
    except HalfBackError as error:
        terminal.say_outside(f"Not switched on, and not all files are as they were: {error}", error=True)
    return REFUSED


def _confirmed(here: System) -> Mapping[str, Any]:
    """The options of the switch that is confirmed; none when it is off. Raises PlanError when they cannot be read."""
    before = state.enforced(here)
    try:
        return before.facts.options if before else {}
    except (OSError, ValueError) as error:
        raise PlanError(f"What is switched on now cannot be told: {error}. Begin anew: nas2fa system disable") from None


def _options(said: Mapping[str, Any], before: Mapping[str, Any]) -> Options:
    """What was said on the command line, for all else what was chosen before; tells what that is."""
    kept = {name: before[name] for name, value in said.items() if value is None and name in before}
    if kept:
        words = [f"--ssh-keys {value}" if name == "ssh_keys" else _flag(name, value) for name, value in kept.items()]
        terminal.say(f"As it is now, since nothing else was said: {' '.join(words)}")
    wished = {name: value for name, value in {**said, **kept}.items() if value is not None}
    return Options(Keys(wished.pop("ssh_keys", Keys.GUARD)), **wished)


def _flag(name: str, value: bool) -> str:
    return f"--{name}" if value else f"--no-{name}"


def _enable(box: Box, here: System, options: Options, wishes: Wishes) -> int:
    _refuse(preflight.no_box_for_it(here))
    if not wishes.dry_run:
        switch.undo_left_over(here)
    _refuse(preflight.busy(here))
    people = admins(here)
    missing = _missing(box, here, people, options, wishes)
    if not wishes.dry_run:
        _refuse(missing)
    exempt = wishes.exempt or ("none" if wishes.dry_run else None)
    chosen = key_logins.choose(box, here, options.keys, exempt, ask=not wishes.yes)
    options = replace(options, key_only=key_logins.key_only(box, chosen))
    plan = make(here, options)
    differing = [change for change in plan.changes if change.was != change.new]  # the others only have a way back
    for change in differing:
        _show(change)
    _tell_samba(here, differing)
    if wishes.dry_run:
        _refuse(missing and f"Without --dry-run this would be refused:\n{missing}")
    if not differing:
        _refuse(None if wishes.despite_findings else _errors(box, here, mended=True))
        terminal.say("Nothing would change: it is on as wished.")
        return 0
    if wishes.dry_run:
        terminal.say("Nothing was changed (--dry-run).")
        return 0
    if not wishes.yes and not terminal.confirmed(f"This changes {len(differing)} files, on trial."):
        terminal.warn("Nothing was changed.")
        return REFUSED
    if wishes.despite_clock:
        preflight.overrule_clock(box.request, wishes.despite_clock)
    key_logins.exempt(box, chosen)
    told = switch.facts(options, people, wishes.confirm_within, way_back_checked=not wishes.no_way_back_check)
    confirmed = state.enforced(here)
    changed = confirmed.drift(here) if confirmed else []
    switch.switch(here, plan, options, told)
    before = "in force until now" if changed else "confirmed before"
    undone = f"goes back to what was {before}" if plan.enforced else "switches itself off"
    terminal.say(f"2-step verification is on trial, and {undone} in {tables.span(wishes.confirm_within)}.")
    if changed:
        terminal.say(
            f"With that, what somebody had changed there comes back: {shown(', '.join(changed))}. So confirm it."
        )
    terminal.say("Leave this shell open. From another terminal, log in with password and code; then keep it with:")
    terminal.say("  nas2fa system confirm")
    return 0


def _missing(box: Box, here: System, people: Sequence[Admin], options: Options, wishes: Wishes) -> str | None:
    """What has to be put right before; None: nothing."""
    errors = None if wishes.despite_findings else _errors(box, here, mended=False)
    off, doubt = preflight.clock_off(here, box.request)
    if doubt:
        terminal.say_outside(doubt, error=True)
    lockout = None if wishes.no_way_back_check else preflight.no_way_back(here, people, options.keys, box.request)
    return "\n".join(filter(None, (None if wishes.despite_clock else off, errors, lockout))) or None


def _errors(box: Box, here: System, *, mended: bool) -> str | None:
    """What the doctor finds already that would shut somebody out or let somebody in, and where it cannot tell.

    `mended`: also what a switch would mend.
    """
    checks = [check for check in doctor.CHECKS if check not in clock.CHECKS]  # that has its gate: preflight.clock_off
    found = [one for one in doctor.examine(here, box.request, checks) if mended or not one.mended_by_switch]
    errors = [one for one in found if one.severity is Severity.ERROR or one.name == doctor.BROKE_OFF]
    if not errors:
        return None
    lines = [f"{one.name}: {one.what}\n  {one.why}\n  {one.fix}" for one in errors]
    return "\n".join(["This has to be put right first, or be overruled by --despite-findings.", *lines])


def _refuse(reason: str | None) -> None:
    if reason is not None:
        raise PlanError(reason)


def _show(change: Change) -> None:
    """One file's difference, as diff -u has it."""
    old, new = (_lines(content) for content in (change.was, change.new))
    names = ("/dev/null" if change.was is None else change.path, "/dev/null" if change.new is None else change.path)
    for line in difflib.unified_diff(old, new, *names, lineterm=""):
        terminal.say(shown(line.expandtabs(), terminal.TEXT_MAX))


def _tell_samba(here: System, differing: Sequence[Change]) -> None:
    """What changes for people on the network's shares."""
    stack = next((change for change in differing if change.path == SAMBA_STACK), None)
    if stack is None or not samba.installed(here):
        return
    terminal.say(_SMB if edits.has_own_lines(os.fsdecode(stack.new or b"")) else _NO_SMB)


def _lines(content: bytes | None) -> Sequence[str]:
    return (content or b"").decode("utf-8", "surrogateescape").splitlines()
