"""`nas2fa user …`: what an administrator does about the users of the box. `user add` is in add.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from nas2fa.activation.admins import admins
from nas2fa.cli import tables, terminal
from nas2fa.cli.add import add
from nas2fa.cli.advice import ADVICE
from nas2fa.cli.box import Account, Box, account, recorded_account
from nas2fa.cli.own import status_lines
from nas2fa.shown import shown

_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def user() -> None:
    """Manage the users of this box (root)."""


user.add_command(add)


@user.command("list")
@_json
@click.pass_obj
def list_users(box: Box, as_json: bool) -> None:
    """List everybody with a record: armed, pending, locked, at fault."""
    _, rows = box.request("user.list", {})
    if as_json:
        tables.print_json(rows)
        return
    head = ("USER", "UID", "2-STEP", "RECOVERY", "LOCKED", "LAST CODE", "FAULT")
    tables.print_table(head, [_line(row) for row in rows])


def _line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    state = "?" if row["fault"] else "on" if row["armed"] else "pending" if row["pending"] else "off"
    lock = row["locked"]
    locked = tables.locked(lock) if isinstance(lock, Mapping) else lock or "no"
    return (
        row["user"],
        row["uid"],
        state,
        row["recovery_left"],
        locked,
        tables.moment(row["last_ok"]),
        row["fault"],
    )


@user.command()
@click.argument("name")
@_json
@click.pass_obj
def show(box: Box, name: str, as_json: bool) -> None:
    """Show all about one user: authenticators, locks and tallies by source, what is wrong with the record."""
    found, _ = box.request("user.show", recorded_account(box, name).args())
    if as_json:
        tables.print_json(found)
        return
    fault = found["fault"]
    if fault:
        terminal.say(f"Fault: {shown(fault['reason'])}: {shown(fault['text'], terminal.TEXT_MAX)}")
        terminal.say(ADVICE.get(fault["reason"], "Run: nas2fa repair"))
    more = [("Wrong in a row", found["wrong_in_row"]), ("Invited until", tables.moment(found["invite_until"]))]
    tables.print_pairs([*status_lines(found), *more])
    _print_tallies(found)


def _print_tallies(found: Mapping[str, Any]) -> None:
    if found["tallies"]:
        terminal.say()
        rows = [_tally(tally) for tally in found["tallies"]]
        tables.print_table(("SOURCE", "FAILURES", "REFUSED WHILE LOCKED", "LOCKED FOR"), rows)
    if found["trusts"]:
        terminal.say()
        trusts = [(t["address"], t["services"].replace(",", " "), tables.span(t["seconds"])) for t in found["trusts"]]
        tables.print_table(("TRUSTED ADDRESS", "SERVICES", "NO CODE FOR"), trusts)
    if found["budget"]:
        terminal.say()
        budget = [(purse["purse"], purse["used"], purse["limit"]) for purse in found["budget"]]
        tables.print_table(("GUESSES OF THE DAY", "USED", "LIMIT"), budget)


def _tally(tally: Mapping[str, Any]) -> tuple[Any, ...]:
    seconds = tally["locked_seconds"]
    return (tally["source"], tally["failures"], tally["refused"], tables.span(seconds) if seconds else None)


@user.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def reset(box: Box, name: str, yes: bool) -> int:
    """Remove a user's second step, with recovery codes and invitation: for the one who lost the phone."""
    whom = recorded_account(box, name)
    terminal.warn(f"This removes the second step of {shown(whom.user)} (uid {whom.uid}): {_without_it(box, whom)}")
    if not yes and not terminal.confirmed():
        terminal.warn("Nothing was changed.")
        return 1
    done, _ = box.request("user.reset", whom.args())
    terminal.say(
        f"2-step verification of {shown(whom.user)} is removed." if done["had"] else "There was nothing to remove."
    )
    return 0


def _without_it(box: Box, whom: Account) -> str:
    """What holds for a user without a second step."""
    if box.request("health", {})[0]["unenrolled"] == "pass":
        return "the password alone will do."
    again = f"they get in nowhere until it is set up again, as root: nas2fa setup --user {shown(whom.user)}"
    armed = {row["uid"] for row in box.request("user.list", {})[1] if row["armed"]} - {whom.uid}
    people = admins(box.system)
    if whom.uid in {admin.uid for admin in people} and not armed & {admin.uid for admin in people}:
        again += "\nNO OTHER ADMINISTRATOR HAS ONE: do that in this very shell, before you leave it."
    return again


@user.command()
@click.argument("name")
@click.pass_obj
def unlock(box: Box, name: str) -> None:
    """End the locks of a user, also the durable one, and let today's guesses begin anew."""
    whom = recorded_account(box, name)
    done, _ = box.request("user.unlock", whom.args())
    terminal.say(f"{shown(whom.user)} is unlocked." if done["was_locked"] else f"{shown(whom.user)} was not locked.")


@user.command("forget-devices")
@click.argument("name")
@click.pass_obj
def forget_devices(box: Box, name: str) -> None:
    """End the trust in a user's devices (again_after of nas2fa.toml): each is asked for a code again."""
    whom = recorded_account(box, name)
    done, _ = box.request("user.forget", whom.args())
    terminal.say(f"Trusted devices of {shown(whom.user)} forgotten: {done['forgotten']}.")


@user.command()
@click.argument("name")
@click.pass_obj
def rename(box: Box, name: str) -> None:
    """Let the record follow an account that was renamed to NAME. The uid must be the same."""
    whom = account(name)
    done, _ = box.request("user.rename", whom.args())
    terminal.say(f"The record of uid {whom.uid}, {shown(done['was'])} until now, belongs to {shown(whom.user)}.")


@user.command()
@click.argument("name")
@click.option("--hours", type=click.IntRange(1, 720), help="How long it is good; default: invite_hours of nas2fa.toml.")
@_json
@click.pass_obj
def invite(box: Box, name: str, hours: int | None, as_json: bool) -> None:
    """Make an invite code, with which a user may run `nas2fa setup` from anywhere. An earlier one is void."""
    whom = account(name)
    done, _ = box.request("user.invite", {**whom.args(), **({} if hours is None else {"hours": hours})})
    if as_json:
        tables.print_json(done)
        return
    terminal.say(f"Invite code for {shown(whom.user)}: {shown(done['invite'])}")
    terminal.say(f"Good once, until {tables.moment(done['until'])}. It is used with: nas2fa setup --invite CODE")
