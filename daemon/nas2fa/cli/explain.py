"""`nas2fa explain`: why attempts ended as they did; from the daemon's memory, then from the journal."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box
from nas2fa.cli.imagine import imagine
from nas2fa.errors import Reason, RequestError
from nas2fa.shown import shown

HEAD = ("TIME", "ATTEMPT", "USER", "SERVICE", "PHASE", "SOURCE", "VERDICT", "REASON")
ATTEMPT = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)


@click.command()
@click.argument("words", nargs=-1, metavar="[ATTEMPT | WORD=VALUE ...]")
@click.option("--imagine", "imagined", is_flag=True, help="What would be decided: user=NAME service=NAME from=ADDRESS.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many of the latest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def explain(box: Box, words: tuple[str, ...], imagined: bool, limit: int, as_json: bool) -> None:
    """Show the latest attempts, or the decision about one ATTEMPT step by step (root).

    With --imagine: which rule would decide about a login, and why. Beside user=, service= and from= it takes first=key
    or first=password, key=SHA256:..., tty= and group=.
    """
    if imagined:
        imagine(box, words, as_json)
        return
    if len(words) > 1:
        raise click.UsageError("One ATTEMPT at a time; for an imagined login: --imagine")
    attempt = words[0] if words else None
    if attempt is None:
        _, rows = box.request("explain", {"limit": limit})
        if as_json:
            tables.print_json(rows)
        else:
            tables.print_table(HEAD, [_line(row) for row in rows])
        return
    if not ATTEMPT.fullmatch(attempt):
        raise click.UsageError("ATTEMPT is the id that the journal and the list of `nas2fa explain` show.")
    found = _from_daemon(box, attempt) or _from_journal(attempt)
    if as_json:
        tables.print_json(found)
    else:
        _print_trace(found)


def _line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    when = tables.moment(row["time"])
    return (
        when,
        row["attempt"],
        row["user"],
        row["service"],
        row["phase"],
        row["source"],
        row["verdict"],
        row["reason"],
    )


def _print_trace(found: Mapping[str, Any]) -> None:
    tables.print_pairs(list(zip(HEAD, _line(found), strict=True)))
    terminal.say()
    for step in found["trace"]:
        terminal.say(f"  {shown(str(step), terminal.TEXT_MAX)}")


def _from_daemon(box: Box, attempt: str) -> Mapping[str, Any] | None:
    """What the daemon remembers; None when it does not know the attempt, as after a restart."""
    try:
        return box.request("explain", {"attempt": attempt})[0]
    except RequestError as error:
        if error.reason == Reason.FORBIDDEN:
            raise
        return None


def _from_journal(attempt: str) -> Mapping[str, Any]:
    """The attempt as it was logged. Raises RequestError when the journal has none."""
    from systemd import journal  # noqa: PLC0415 (slow to load, and rarely needed)

    with journal.Reader() as reader:
        reader.add_match(NAS2FA_ATTEMPT=attempt)
        reader.add_match(_UID="0")  # the journal's own word: any user can log a field NAS2FA_ATTEMPT
        entries = [entry for entry in reader if "NAS2FA_VERDICT" in entry]
    if not entries:
        raise RequestError(Reason.BAD_REQUEST, f"neither nas2fad nor the journal knows the attempt {attempt}")
    entry = entries[-1]
    found = {key: str(entry.get(f"NAS2FA_{key.upper()}", "")) for key in ("user", "service", "phase", "source")}
    trace = str(entry.get("NAS2FA_TRACE", "")).split(" | ")  # as nas2fa.audit joins the lines
    verdict, reason = str(entry["NAS2FA_VERDICT"]), str(entry.get("NAS2FA_REASON", ""))
    when = int(entry["__REALTIME_TIMESTAMP"].timestamp())
    uid = str(entry.get("NAS2FA_UID", ""))
    return {
        **found,
        "attempt": attempt,
        "time": when,
        "uid": int(uid) if uid.isdecimal() else None,
        "verdict": verdict,
        "reason": reason,
        "trace": trace,
    }
