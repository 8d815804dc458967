"""`nas2fa authenticator …`: the phones of an account, when it has several; root names another account."""

from __future__ import annotations

import os
from typing import Any

import click

from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box, PlainRelay, account
from nas2fa.cli.own import codes_of
from nas2fa.cli.setup import prove_password, wizard
from nas2fa.shown import shown

_user = click.option("--user", "name", metavar="NAME", help="Those of somebody else (root).")


@click.group()
def authenticator() -> None:
    """Show, add and remove the authenticators of an account."""


@authenticator.command("list")
@_user
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def listing(box: Box, name: str | None, as_json: bool) -> None:
    """List the authenticators: since when they are set up, and when they were used last."""
    found, _ = box.request("status", account(name).args())
    if as_json:
        tables.print_json(found["authenticators"])
        return
    head = ("NAME", "CODES", "SINCE", "LAST USED")
    tables.print_table(head, [_line(each) for each in found["authenticators"]])


def _line(found: dict[str, Any]) -> tuple[Any, ...]:
    return (
        found["label"],
        codes_of(found),
        tables.moment(found["created"]),
        tables.moment(found["last_used"]) or "never",
    )


@authenticator.command()
@_user
@click.option("--label", default="", help="A name for it, such as the phone's.")
@click.option("--despite-clock", default="", metavar="REASON", help="Go on although the clock is off (root).")
@click.pass_obj
def add(box: Box, /, name: str | None, **wishes: Any) -> int:
    """Add one more phone beside what is set up; a code of either will do then.

    Asks the password and a code of what is set up first. Leave at any time with Ctrl-C; nothing is changed before the
    first good code of the new one.
    """
    return wizard(box, account(name), "authenticator.add", wishes)


@authenticator.command()
@click.argument("label")
@_user
@click.pass_obj
def remove(box: Box, label: str, name: str | None) -> None:
    """Remove the authenticator called LABEL. The last one stays: nas2fa disable switches the second step off.

    Asks the password and a fresh code first, of this one or another, or a recovery code.
    """
    whom = account(name)
    args = {**whom.args(), "label": label}
    terminal.say(f"This removes {shown(label)} from the authenticators of {shown(whom.user)}; Ctrl-C leaves it there.")
    if os.geteuid() != 0:
        args["token"] = prove_password(box)
    with box.connect() as client:
        done = client.request("authenticator.remove", args, PlainRelay())
    terminal.say(f"{shown(label)} is removed; left: {done['authenticators']}.")
