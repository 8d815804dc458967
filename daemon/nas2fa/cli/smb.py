"""`nas2fa smb share`: the lines of smb.conf for a share that asks for a grant of its own (root)."""

from __future__ import annotations

import click

from nas2fa.activation import samba, step_up
from nas2fa.activation.accounts import accounts
from nas2fa.activation.samba import RELOAD, SambaError, Settings
from nas2fa.activation.smb_conf import CONFIG
from nas2fa.activation.step_up import CLOSE, FORCED, PREEXEC
from nas2fa.activation.system import System
from nas2fa.cli import terminal
from nas2fa.cli.advice import REFUSED
from nas2fa.cli.box import require_root
from nas2fa.shown import shown


@click.group()
def smb() -> None:
    """Single file shares (SMB) that need a code, where the others need none (root)."""


@smb.command()
@click.argument("name")
def share(name: str) -> int:
    """Print the lines that make the share NAME need a code. Changes nothing: you put them into smb.conf."""
    require_root()
    here = System()
    program = step_up.helper(here)
    try:
        found = samba.settings(here)
        reason = _no_program() if program is None else _obstacle(found, name, program)
    except SambaError as error:
        reason = str(error)
    if reason is not None or program is None:
        terminal.say_outside(f"{reason}\nSo there are no lines for {CONFIG}.", error=True)
        return REFUSED
    section = found.share(name) or name
    terminal.say(f"[{shown(section)}]")
    terminal.say(f"   {PREEXEC} = {step_up.command(program)}")
    terminal.say(f"   {CLOSE} = yes")
    terminal.warn(f"\nThese two lines belong into the section [{shown(section)}] of {CONFIG}, then: {RELOAD}")
    terminal.warn(f"Who is connected to the share stays so, until: smbcontrol smbd close-share {shown(section)}")
    if found.of(section, "guest ok").lower() == "yes":
        terminal.warn(
            "It lets guests in (guest ok = yes). The guest account has no second step, so that without a password "
            'everybody gets in as long as `unenrolled` is "pass": take `guest ok` out of the section.'
        )
    for other in step_up.ways_in(here, found, section, list(accounts(here))):
        terminal.warn(f"What is in it is also in the share {shown(other)}, which does not ask: nas2fa system check")
    return 0


def _no_program() -> str:
    return f"{step_up.PROGRAM} is not installed: apt-get install --reinstall libpam-nas2fa"


def _obstacle(found: Settings, name: str, program: str) -> str | None:
    """Why the lines would do no good in that share, and what to do; None when nothing is in the way."""
    share = found.share(name)
    if share is None:
        shares = ", ".join(found.shares) or "none"
        return f"There is no share {name} in {CONFIG}. There are: {shares}"
    if found.of(share, FORCED):
        return (
            f"The share {share} has `{FORCED} = {found.of(share, FORCED)}`: {step_up.PROGRAM} would be asked about "
            "that user, whoever comes. Take it out first; `force group` and `create mask` often do as well."
        )
    other = found.of(share, PREEXEC)
    if other and not step_up.asks(found, share):
        return (
            f"The share {share} has another `{PREEXEC}` already: {other}\n"
            "There can be one only, and smbd lets no `&&` count in it. Let both run from a script that is root's:\n"
            f'   #!/bin/sh\n   {program} "$1" "$2" "$3" && exec THE-OTHER\n'
            f"and name that with the same three words:\n   {PREEXEC} = {step_up.command('/usr/local/sbin/SCRIPT')}\n"
            f"   {CLOSE} = yes"
        )
    return None
