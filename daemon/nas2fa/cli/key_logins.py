"""Logins by a key alone, which will be refused: shown to the administrator, and exempted where wished."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_network
from typing import Any

from nas2fa.activation.edits import KeyOnly, Keys
from nas2fa.activation.key_only import PLAIN, from_exemptions
from nas2fa.activation.logins_seen import DAYS, YEAR, JournalError, KeyLogin, key_logins, reaches_back
from nas2fa.activation.plan import PlanError
from nas2fa.activation.system import System
from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box, account
from nas2fa.errors import RequestError
from nas2fa.rules import ANY_KEY
from nas2fa.shown import shown

REASON = "logged in by a key alone when 2-step verification was switched on"


def choose(box: Box, here: System, keys: Keys, exempt: str | None, *, ask: bool) -> list[KeyLogin]:
    """The logins that shall go on as they are; shows all that will be refused. Raises PlanError when nobody decides."""
    try:
        affected = _affected(box, here, keys)
    except JournalError as error:
        why = f"The journal does not tell who has logged in by a key alone, and will be refused: {error}."
        if exempt is None:
            raise PlanError(f"{why} Put that right, or go on all the same: --exempt none.") from None
        terminal.warn(why)
        affected = []
    if not reaches_back(here):
        terminal.say(
            f"The journal does not reach {DAYS} days back: earlier logins by ssh with a key alone are not known."
        )
    if not affected:
        return []
    terminal.say(f"Logins by ssh with a key alone in the last {DAYS} days, which will be refused:")
    rows = [(one.user, one.network, one.key, one.times, tables.moment(one.last)) for one in affected]
    tables.print_table(("USER", "FROM", "KEY", "TIMES", "LAST"), rows)
    choices = [one for one in affected if one.exemptible]
    if len(choices) < len(affected):
        terminal.say(
            "None can be exempted from an address of this box or of its link alone: anybody there could use it."
        )
    if exempt is not None or not choices:
        return choices if exempt == "all" else []
    if ask:
        terminal.say("A program cannot answer a question: exempt it, for a year, with a key from there.")
        return [one for one in choices if _yes(f"Exempt {shown(one.user)} from {shown(one.network)}? (y/n) ")]
    raise PlanError("Say what becomes of these: --exempt all or --exempt none.")


def _affected(box: Box, here: System, keys: Keys) -> list[KeyLogin]:
    """Without those that are exempt already, and under the guard without who has no second step."""
    armed = {row["user"] for row in box.request("user.list", {})[1] if row["armed"]}
    exempt = [row for row in box.request("exempt.list", {})[1] if not row["over"] and row["key"] in ("", ANY_KEY)]
    return [
        one for one in key_logins(here)
        if PLAIN.fullmatch(one.user) and not any(_covers(row, one) for row in exempt)
        and (keys is not Keys.GUARD or one.user in armed)
    ]  # fmt: skip


def _covers(row: Mapping[str, Any], one: KeyLogin) -> bool:
    """Whether this exemption is about these logins: all the places they come from."""
    places, network = ip_network(one.network), ip_network(row["network"])
    inside = places.network_address in network and places.broadcast_address in network
    return inside and (row["user"], row["service"]) == (one.user, "sshd")


def _yes(question: str) -> bool:
    """Asks until the answer is one: whoever is not exempted is shut out."""
    while (answer := terminal.ask(question, echo=True)) is not None:
        if (word := answer.strip().lower()) in {"y", "yes", "n", "no"}:
            return word[0] == "y"
        terminal.say("Type y or n (Ctrl-C leaves, and changes nothing).")
    raise PlanError("Say what becomes of these: --exempt all or --exempt none.")


def key_only(box: Box, chosen: Sequence[KeyLogin]) -> tuple[KeyOnly, ...]:
    """All users who may log in to sshd by key alone, those chosen now among them: sshd has to know them, too."""
    soon = [
        {"user": one.user, "service": "sshd", "network": str(ip_network(one.network)), "key": ANY_KEY, "over": False}
        for one in chosen
    ]
    return from_exemptions([*box.request("exempt.list", {})[1], *soon])


def exempt(box: Box, chosen: Sequence[KeyLogin]) -> None:
    """Make an exemption for each, by whichever key: sshd does not tell PAM which one stood alone.

    One that cannot be made is told, and will be refused at its next login.
    """
    until = int(time.time()) + YEAR
    for user, network in dict.fromkeys((one.user, one.network) for one in chosen):  # of several keys one is made
        args = {"service": "sshd", "network": network, "key": ANY_KEY, "until": until, "reason": REASON}
        try:
            done, _ = box.request("exempt.add", {**account(user).args(), **args})
        except RequestError as error:
            terminal.say_outside(f"Not exempted: {user} from {network}: {error.text}", error=True)
        else:
            terminal.say(f"Exemption {shown(done['id'])}: {shown(user)} from {shown(network)}, for a year.")
