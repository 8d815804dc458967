"""`nas2fa system confirm`, `disable`, `status`: a switch of the whole box, once it is made (root)."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import click

from nas2fa.activation import state, switch
from nas2fa.activation.places import SAMBA_STACK
from nas2fa.activation.switch import SwitchError
from nas2fa.activation.system import System
from nas2fa.cli import tables, terminal
from nas2fa.cli.advice import REFUSED
from nas2fa.cli.box import Box, require_root
from nas2fa.shown import shown


@click.command()
@click.pass_obj
def confirm(box: Box) -> int:
    """Keep what is on trial, after an administrator has logged in with a code."""
    require_root()
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
    require_root()
    here = System()
    if state.pending(here) is None and state.enforced(here) is None:
        ran = switch.go_back(here, "disable")  # which names what asks all the same
        terminal.say_outside(ran.err.strip() or "It is off.")
        return 0 if ran.status == 0 else REFUSED
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
    require_root()
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
    left = 0.0 if state.left_over(here) else max(0.0, told.until - time.clock_gettime(time.CLOCK_BOOTTIME))
    return {
        "state": "trial" if on_trial else "on",
        "seconds_left": math.ceil(left) if on_trial else None,
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
        then = "as it was before" if found["before"] == "on" else "off"
        on = f"on trial, in {tables.span(found['seconds_left'])} {then}; keep it: nas2fa system confirm"
    lines: list[tuple[str, object]] = [
        ("2-step verification", on),
        ("Since", f"{tables.moment(found['since'])} by {found['by']}"),
        ("ssh keys", found["options"].get("ssh_keys")),
        ("Decoy", found["options"].get("decoy")),
        ("Samba", SAMBA_STACK in found["files"]),
    ]
    lines += [("Changed since", shown(path)) for path in found["drift"]]
    return lines
