"""`nas2fa status`, `test`, `disable`, `recovery-codes`: about the caller's own account; root names another."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import click

from nas2fa.cli import tables, terminal
from nas2fa.cli.advice import ADVICE
from nas2fa.cli.box import Box, PlainRelay, account, groups_of
from nas2fa.cli.recovery import RecoveryRelay
from nas2fa.shown import shown
from nas2fa.texts import FEW_CODES, ahead_or_behind

LETS_IN = frozenset({"allow", "pass", "ignore"})  # verdicts after which a login goes on


@click.command()
@click.argument("user", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def status(box: Box, user: str | None, as_json: bool) -> None:
    """Show whether and how an account is protected: your own, or USER (root)."""
    found, _ = box.request("status", account(user).args())
    if as_json:
        tables.print_json(found)
    else:
        tables.print_pairs(status_lines(found))


def status_lines(found: Mapping[str, Any]) -> list[tuple[str, object]]:
    """The status of one user: names and values."""
    return [
        ("User", f"{found['user']} (uid {found['uid']})"),
        ("2-step verification", _state(found)),
        *(line for authenticator in found["authenticators"] for line in _authenticator(authenticator)),
        ("Recovery codes left", _recovery_left(found)),
        ("Last accepted code", tables.moment(found["last_ok"]) or "never"),
        ("Locked", tables.locked(found["locked"])),
    ]


def _state(found: Mapping[str, Any]) -> str:
    if found.get("fault"):
        return "cannot be told; no login gets in until this is repaired"
    if found["armed"]:
        return "on"
    how = f"nas2fa setup --user {shown(found['user'])}" if os.geteuid() == 0 else "nas2fa setup"
    return f"imported, waits for its first code ({how})" if found["pending"] else f"off ({how})"


def _recovery_left(found: Mapping[str, Any]) -> str:
    left = found["recovery_left"]
    return f"{left} (a new set: nas2fa recovery-codes)" if found["armed"] and left <= FEW_CODES else str(left)


def _authenticator(authenticator: Mapping[str, Any]) -> list[tuple[str, object]]:
    label = f"{authenticator['label']}: " if authenticator["label"] else ""
    since = tables.moment(authenticator["created"]) or "unknown"
    used = tables.moment(authenticator["last_used"]) or "never"
    clock = [("Clock of that phone", _clock(authenticator))] if authenticator["counter"] is None else []
    return [("Authenticator", f"{label}{codes_of(authenticator)}, since {since}, last used {used}"), *clock]


def codes_of(authenticator: Mapping[str, Any]) -> str:
    """What kind of codes it shows."""
    by = f"every {authenticator['period']} s" if authenticator["counter"] is None else "by a counter"
    return f"{authenticator['digits']} digits {by}, {authenticator['algorithm']}"


def _clock(authenticator: Mapping[str, Any]) -> str:
    offset, shift = authenticator["offset"], authenticator["shift"]
    if offset is None:
        known = "not known yet"
    else:
        known = f"about {ahead_or_behind(offset)} this box" if offset else "that of this box"
    return f"{known}; its codes are looked for {shift:+d} s from now" if shift else known


@click.command()
@click.argument("user", required=False)
@click.option("--service", default="sshd", show_default=True, help="The PAM service to decide for.")
@click.option("--from", "rhost", default="", metavar="ADDRESS", help="The address to decide for (root).")
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.pass_obj
def test(box: Box, user: str | None, service: str, rhost: str, as_json: bool) -> int:
    """Try a code: the real decision for a login, without logging in. Your own account, or USER (root).

    A right code is used up by it, and a wrong one counts, as in a login.
    """
    if not as_json:
        terminal.say("This is the real decision: a right code is used up by it, a wrong one is counted.")
    whom = account(user)
    groups = groups_of(whom.user) if os.geteuid() == 0 else ""
    args = {**whom.args(), "service": service, "rhost": rhost, "groups": groups}
    decision, _ = box.request("test", args)
    lets_in = decision["verdict"] in LETS_IN
    if as_json:
        tables.print_json(decision)
        return 0 if lets_in else 1
    terminal.say(
        f"Verdict: {shown(decision['verdict'])} ({shown(decision['reason'])}), attempt {shown(decision['attempt'])}"
    )
    terminal.say(_meaning(decision))
    return 0 if lets_in else 1


def _meaning(decision: Mapping[str, Any]) -> str:
    if decision["verdict"] == "allow":
        return "The login would go on. That code is used up: wait for the next one, or take another recovery code."
    if decision["verdict"] in LETS_IN:
        return "No code is asked; the login would go on with what else it needs."
    return ADVICE.get(decision["reason"], "The login would be refused.")


@click.command()
@click.argument("user", required=False)
@click.pass_obj
def disable(box: Box, user: str | None) -> None:
    """Switch 2-step verification off, with a fresh code. Your own account, or USER (root).

    For a new phone: nas2fa setup --replace. Without a code, as for a lost phone, root uses: nas2fa user reset USER.
    """
    whom = account(user)
    terminal.say(f"This switches 2-step verification off for {shown(whom.user)}; Ctrl-C leaves it on.")
    box.request("disable", whom.args())
    terminal.say("2-step verification is off. To set it up again: nas2fa setup")


@click.command()
@click.argument("user", required=False)
@click.pass_obj
def recovery_codes(box: Box, user: str | None) -> None:
    """Replace the ten recovery codes, with a fresh code. Your own account, or USER (root)."""
    whom = account(user)
    terminal.say(f"This makes new recovery codes for {shown(whom.user)}; the old ones will no longer work.")
    relay = RecoveryRelay(PlainRelay())
    try:
        with box.connect() as client:
            client.request("recovery-codes", whom.args(), relay)
    except KeyboardInterrupt:
        if not relay.shown:
            raise
    terminal.say("The recovery codes above are in force.")
