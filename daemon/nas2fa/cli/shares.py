"""`nas2fa unlock`, `attempts` and `grants`: the file shares, which a code opens that is given here."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from nas2fa.cli import tables, terminal
from nas2fa.cli.advice import REFUSED
from nas2fa.cli.box import Account, Box, account, recorded_account
from nas2fa.cli.spans import Span
from nas2fa.errors import Reason, RequestError
from nas2fa.network import literal
from nas2fa.shown import shown

_user = click.option("--user", "name", metavar="NAME", help="Of this user (root); otherwise your own.")
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def unlock() -> None:
    """Open what cannot ask for a code itself, by a code given here."""


@unlock.command("smb")
@click.option(
    "--from",
    "address",
    metavar="ADDRESS",
    help="For the computer at this address; default: the one that your ssh comes from.",
)
@click.option("--for", "seconds", type=Span(60, 86_400), metavar="TIME", help="For so long at most, such as 8h.")
@_user
@click.pass_obj
def unlock_smb(box: Box, address: str | None, seconds: int | None, name: str | None) -> None:
    """Open the file shares (SMB) to you at one address, with a fresh code.

    Then log in to the shares there as ever. It ends when no share was in use for a while, and at the latest after a
    day's work; nas2fa.toml says how long (smb_grant_idle, smb_grant_max).
    """
    address = address or _own_address()
    if address is None:
        raise RequestError(
            Reason.BAD_REQUEST,
            "say for which computer: --from ADDRESS. Whoever was refused a moment ago: nas2fa attempts",
        )
    _open(box, account(name), address, seconds or 0)


def _open(box: Box, whom: Account, address: str, seconds: int) -> None:
    done, _ = box.request("smb.unlock", {**whom.args(), "address": address, "seconds": seconds})
    if done["seconds"] < seconds:
        terminal.say("nas2fa.toml allows no longer time (smb_grant_max).")
    terminal.say(
        f"Open for {tables.span(done['seconds'])}, or until no share was in use for "
        f"{tables.span(done['idle_seconds'])}. Connect again now."
    )


def _own_address() -> str | None:
    """Where the ssh connection that this runs in comes from (ssh(1), SSH_CONNECTION); None when it is none."""
    return os.environ.get("SSH_CONNECTION", "").partition(" ")[0] or None


@click.group(invoke_without_command=True)
@_json
@click.pass_context
def attempts(context: click.Context, as_json: bool) -> None:
    """Show logins to the file shares that were refused although the password was right."""
    if context.invoked_subcommand is None:
        _print(_waiting(context.obj, account(None)), as_json)


@attempts.command()
@click.argument("address", required=False)
@click.pass_obj
def approve(box: Box, address: str | None) -> int:
    """Open the file shares to the computer that was refused just now, with a fresh code.

    Without ADDRESS each is asked about. Say yes to your own computers only: whoever it is knows your password.
    """
    me = account(None)
    if address is not None and literal(address) is None:
        raise RequestError(Reason.BAD_REQUEST, f"{shown(address)} is no address; nas2fa attempts shows them")
    rows = [row for row in _waiting(box, me) if row["uid"] == me.uid and address in (None, row["address"])]
    if not rows:
        where = f" from {shown(address)}" if address else ""
        raise RequestError(Reason.BAD_REQUEST, f"nobody was refused with your password in the last minutes{where}")
    opened = 0
    for row in rows:
        if row["doubt"]:
            terminal.warn(f"{_line(row)[0]}: cannot be opened, as this is {shown(row['doubt'])}.")
        elif _is_mine(row):
            _open(box, me, row["address"], 0)
            opened += 1
    if not opened:
        terminal.say("Nothing was opened. If that was not you, somebody knows your password: change it.")
    return 0 if opened else REFUSED


def _is_mine(row: Mapping[str, Any]) -> bool:
    times = "once" if row["count"] == 1 else f"{row['count']} times"
    question = (
        f"{shown(row['address'])} gave your password {tables.span(row['seconds_ago'])} ago, "
        f"{times}. Is that your computer, and shall the shares be opened to it? [y/N] "
    )
    answer = terminal.ask(question, echo=True)
    return answer is not None and answer.strip().lower() in ("y", "yes")


def _waiting(box: Box, me: Account) -> Sequence[Mapping[str, Any]]:
    """Root sees everybody's."""
    return box.request("smb.attempts", {} if me.uid == 0 else {"uid": me.uid})[1]


def _print(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    if as_json:
        tables.print_json(list(rows))
    elif rows:
        tables.print_table(("ADDRESS", "USER", "LAST", "TIMES", "REMARK"), [_line(row) for row in rows])
        how = "nas2fa attempts approve"
        if os.geteuid() == 0:
            how += " as that user, or with a code of theirs: nas2fa unlock smb --user NAME --from ADDRESS"
        terminal.say(f"\nOpen one with a code: {how}. Whose computer it was not should change the password.")
    else:
        terminal.say("Nobody was refused with a right password in the last ten minutes.")


def _line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (row["address"], row["user"], f"{tables.span(row['seconds_ago'])} ago", row["count"], row["doubt"])


@click.group()
def grants() -> None:
    """Show and end the leave to open file shares."""


@grants.command("list")
@_user
@_json
@click.pass_obj
def list_grants(box: Box, name: str | None, as_json: bool) -> None:
    """Show who may open the file shares from where, and how many sessions are open."""
    everybody = name is None and os.geteuid() == 0
    _, rows = box.request("smb.grants", {} if everybody else {"uid": _whom(box, name).uid})
    if as_json:
        tables.print_json(rows)
        return
    head = ("USER", "ADDRESS", "ENDS IN", "IDLE IN", "SESSIONS")
    lines = [(r["user"], r["address"], *_ends(r), r["sessions"]) for r in rows]
    tables.print_table(head, lines)


def _ends(row: Mapping[str, Any]) -> tuple[str, str]:
    if not row["seconds"]:
        return "over", "over"
    return tables.span(row["seconds"]), tables.span(row["idle_seconds"])


@grants.command()
@_user
@click.option("--from", "address", default="", metavar="ADDRESS", help="Only that of this address; default: all.")
@click.pass_obj
def revoke(box: Box, name: str | None, address: str) -> int:
    """End the leave to open file shares, and the sessions that are open.

    Root names the user, or an address, or both: with an address alone, everybody is cut off there.
    """
    if name is None and os.geteuid() == 0:
        return _revoke_at(box, address)
    return _revoke(box, _whom(box, name), address)


def _revoke_at(box: Box, address: str) -> int:
    if not address:
        raise click.UsageError("Whose? --user NAME, or everybody's of one computer: --from ADDRESS")
    wanted = literal(address)
    found = {(r["uid"], r["user"]) for r in box.request("smb.grants", {})[1] if literal(r["address"]) == wanted}
    if wanted is None or not found:
        raise RequestError(Reason.BAD_REQUEST, f"nobody has a grant for {shown(address)}: nas2fa grants list")
    return max(_revoke(box, Account(*one), address) for one in sorted(found))


def _revoke(box: Box, whom: Account, address: str) -> int:
    done, _ = box.request("smb.revoke", {**whom.args(), "address": address})
    terminal.say(f"Grants of {shown(whom.user)} revoked: {done['revoked']}.")
    if done["ended"] is None:
        terminal.warn("Sessions may still be open: smbstatus shows them, and journalctl -u nas2fad why they go on.")
        return REFUSED
    terminal.say(f"Open sessions ended: {done['ended']}.")
    return 0


def _whom(box: Box, name: str | None) -> Account:
    return account(None) if name is None else recorded_account(box, name)
