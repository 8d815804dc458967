"""`nas2fa exempt …`: who is asked for no code, where, at which service and until when (root)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from nas2fa.activation.edits import Keys
from nas2fa.activation.key_only import SshKeys, in_force
from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box, account, known_group, warn_of_service
from nas2fa.cli.spans import Day
from nas2fa.errors import Reason, RequestError
from nas2fa.rules import ANY_KEY
from nas2fa.shown import shown

_AGAIN = "  nas2fa system enable      then log in with a code, and: nas2fa system confirm"
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def exempt() -> None:
    """Ask no code of a backup program or the like: one account, network and service, until a day (root)."""


@exempt.command("add")
@click.option("--user", metavar="NAME", help="For this user, ...")
@click.option("--group", metavar="NAME", help="... or for the members of this group.")
@click.option("--service", required=True, metavar="NAME", help="At this PAM service, such as sshd.")
@click.option("--from", "network", required=True, metavar="NETWORK", help="From this address or network.")
@click.option(
    "--key", default="", metavar="any|SHA256:...", help="Only by an ssh key, or after this one (see nas2fa(1))."
)
@click.option("--until", required=True, type=Day(), metavar="DATE", help="Until this day.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever finds it later.")
@_json
@click.pass_obj
def add(box: Box, /, user: str | None, group: str | None, until: datetime, as_json: bool, **rest: str) -> None:
    """Make an exemption. It ends at the beginning of the day --until, or at the time given with it.

    The box's own addresses, its gateways and host names never count as being in the network.
    """
    if (user is None) == (group is None):
        raise click.UsageError("Give one of --user and --group.")
    args: dict[str, Any] = {**rest, "until": int(until.timestamp())}
    if user is not None:
        args |= account(user).args()
    if group is not None:
        if not known_group(group):
            raise RequestError(Reason.UNKNOWN_GROUP, f"no group named {shown(group)} on this box")
        args["group"] = group
    warn_of_service(box, rest["service"])
    done, _ = box.request("exempt.add", args)
    if as_json:
        tables.print_json(done)
        return
    terminal.say(f"Exemption {shown(done['id'])} is in force until {tables.moment(done['until'])}.")
    terminal.say(
        f"See how it decides: nas2fa explain --imagine user=NAME service={shown(rest['service'])} from=ADDRESS"
    )
    terminal.say(f"End it: nas2fa exempt remove {shown(done['id'])}")
    if rest["service"] == "sshd":
        _tell_of_keys(in_force(box.system), user, rest["key"])


@exempt.command("list")
@_json
@click.pass_obj
def list_exemptions(box: Box, as_json: bool) -> None:
    """List all exemptions, with those that ended in the last month."""
    _, rows = box.request("exempt.list", {})
    if as_json:
        tables.print_json(rows)
        return
    head = ("ID", "WHO", "SERVICE", "FROM", "KEY", "UNTIL", "REASON", "MADE", "BY UID")
    tables.print_table(head, [_line(row) for row in rows])


@exempt.command()
@click.argument("id_", metavar="ID")
@click.pass_obj
def remove(box: Box, id_: str) -> None:
    """End an exemption: from now on a code is asked."""
    gone, _ = box.request("exempt.remove", {"id": id_})
    terminal.say(f"Exemption {shown(gone['id'])} of {_who(gone)} is removed.")
    if gone["service"] == "sshd" and (gone["user"], gone["network"]) in in_force(box.system).let_in:
        terminal.warn(f"sshd still takes a key alone of {shown(gone['user'])} from there. To end that, too:")
        terminal.warn(_AGAIN)


def _tell_of_keys(ssh: SshKeys, user: str | None, key: str) -> None:
    """What else it takes until a key alone is enough, with the --ssh-keys that is in force."""
    if key not in ("", ANY_KEY):
        if ssh.chosen is not None:
            terminal.warn(
                "A key alone is refused all the same: sshd does not tell PAM which key stood alone. For that take "
                "--key any, and tie the key to the address in authorized_keys (from=)."
            )
    elif ssh.chosen in (Keys.CODE, Keys.PASSWORD) and user is None:
        terminal.warn("sshd takes no key alone of a group (--ssh-keys): exempt its members one by one for that.")
    elif ssh.chosen in (Keys.CODE, Keys.PASSWORD):
        terminal.warn("sshd has to know as well before a key alone is enough:")
        terminal.warn(_AGAIN)


def _line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    until = f"{tables.moment(row['until'])}{' (over)' if row['over'] else ''}"
    made = time.strftime("%Y-%m-%d", time.localtime(row["created"]))
    return (row["id"], _who(row), row["service"], row["network"], row["key"], until, row["reason"], made, row["by"])


def _who(row: Mapping[str, Any]) -> str:
    return f"user {shown(row['user'])}" if row["user"] else f"group {shown(row['group'])}"
