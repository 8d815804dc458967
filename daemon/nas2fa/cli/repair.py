"""`nas2fa repair` and `nas2fa health`: is everything in order, and if not, what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box, recorded_account
from nas2fa.shown import shown

WARNINGS = {
    "restore": "This puts the last copy (.bak) in the place of the record; later changes are lost.",
    "adopt": "This takes the records that are in the users folder now for the true ones of this box.",
}


@click.command()
@click.argument("name", metavar="[USER]", required=False)
@click.option("--restore", is_flag=True, help="Put the last copy of the record of USER back.")
@click.option("--adopt", is_flag=True, help="Accept the users folder as it is, after a move or a restored backup.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def repair(box: Box, name: str | None, restore: bool, adopt: bool, yes: bool, as_json: bool) -> int:
    """Name what is wrong with the records, with the remedy; with an option, repair it (root)."""
    if restore and (adopt or name is None):
        raise click.UsageError("--restore needs USER, and goes without --adopt.")
    action = "restore" if restore else "adopt" if adopt else "check"
    args: dict[str, Any] = {"action": action}
    if name is not None:
        args["uid"] = recorded_account(box, name).uid
    if action in WARNINGS and not yes and not terminal.confirmed(WARNINGS[action]):
        terminal.warn("Nothing was changed.")
        return 1
    done, rows = box.request("repair", args)
    if as_json:
        tables.print_json(rows)
    else:
        _print_faults(done, rows)
    return 1 if done["faults"] > done["repaired"] else 0


def _print_faults(done: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> None:
    for row in rows:
        where = "store" if row["uid"] is None else f"uid {row['uid']}"
        terminal.say(f"{where}: {shown(row['fault'])}: {shown(row['text'], terminal.TEXT_MAX)}")
        terminal.say(f"  {shown(row['remedy'], terminal.TEXT_MAX)}")
    terminal.say(f"Faults: {done['faults']}. Repaired: {done['repaired']}.")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def health(box: Box, as_json: bool) -> int:
    """Show how nas2fad is: version, store, configuration, clock (root). Exit code 1 when all is not well."""
    found, _ = box.request("health", {})
    if as_json:
        tables.print_json(found)
    else:
        tables.print_pairs(
            [
                ("Version", found["version"]),
                ("Process", found["pid"]),
                ("Started", tables.moment(found["started"])),
                ("Store", found["store"]),
                ("Faults", found["faults"]),
                ("Exemptions", found["exemptions"]),
                ("Configuration", found["config"]),
                ("Clock synchronised", found["clock"].get("synchronised")),
                ("Open conversations", found["open"]),
            ]
        )
    return 0 if found["store"] == found["exemptions"] == found["config"] == "ok" and not found["faults"] else 1
