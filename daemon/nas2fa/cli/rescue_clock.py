"""`nas2fa rescue-clock`: the time of a box that has lost its own, found by two codes and set when agreed."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import click

from nas2fa.activation.admins import admins
from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Account, Box, PlainRelay, recorded_account
from nas2fa.control.messages import Rows
from nas2fa.errors import Reason, RequestError
from nas2fa.shown import shown
from nas2fa.steps import Ask, Show, Tell

FINE: Final = 60.0  # seconds: so near, every code is accepted, and two codes tell it no better


@click.command("rescue-clock")
@click.option("--user", metavar="ADMIN", help="Whose codes tell the time; default: the one administrator who has any.")
@click.pass_obj
def rescue_clock(box: Box, user: str | None) -> int:
    """Find the time by two codes in a row of an administrator's app, and set the clock of this box (root).

    For a box whose clock is far off, so that no code is right any more. Log in with a recovery code, or at the console.
    """
    whom = recorded_account(box, user) if user else _administrator(box)
    terminal.say(f"The box takes it for {_moment(time.time())}.")
    relay = ClockRelay(box)
    with box.connect() as client:
        done = client.request("rescue-clock", whom.args(), relay)
    return 0 if done["set"] or relay.right else 1


def _administrator(box: Box) -> Account:
    """The only administrator who has a second step. RequestError when there is none, or a choice."""
    armed = {row["uid"]: row["user"] for row in box.request("user.list", {})[1] if row["armed"]}
    found = [Account(admin.uid, armed[admin.uid]) for admin in admins(box.system) if admin.uid in armed]
    if len(found) == 1:
        return found[0]
    names = ", ".join(shown(each.user) for each in found) or ", ".join(shown(name) for name in armed.values())
    text = f"Whose app is at hand? Name one with --user: {names}" if names else "nobody has a second step"
    raise RequestError(Reason.UNKNOWN_USER, text)


@dataclass(slots=True)
class ClockRelay:
    """A plain relay that shows what is found, sets the clock when told to, and says what came of it."""

    box: Box
    plain: PlainRelay = field(default_factory=PlainRelay)
    found: Mapping[str, Any] = field(default_factory=dict)
    searching: bool = False
    right: bool = False  # the clock needs no setting

    def ask(self, question: Ask) -> str | None:
        """As plain, but for the last one: whether the clock is to be set is asked, and done, here."""
        if question.name != "set":
            return self.plain.ask(question)
        return "set" if self._decide() else ""

    def tell(self, line: Tell) -> None:
        """As plain."""
        self.plain.tell(line)

    def show(self, thing: Show) -> None:
        """The search, and what it found."""
        if thing.kind == "clock_search":
            self._progress(time.strftime("%Y-%m-%d", time.localtime(thing.value["begin"])))
        elif thing.kind == "clock_found":
            self._progress("found\n")
            self.found = thing.value

    def rows(self, page: Rows) -> None:
        """As plain."""
        self.plain.rows(page)

    def _progress(self, where: str) -> None:
        """Where the search is; on a terminal one line that changes."""
        if not self.searching:
            self.searching = True
            terminal.say("Looking for the time. On a slow box this may take minutes.")
        if sys.stdout.isatty():
            sys.stdout.write(f"\r  {where.ljust(10)}")
            sys.stdout.flush()

    def _decide(self) -> bool:
        """Whether the clock was set."""
        off = self.found["box"] - self.found["found"]
        self.right = abs(off) <= FINE
        terminal.say(
            f"The codes are right for  {_moment(self.found['found'])}, give or take {self.found['doubt']:.0f} s."
        )
        terminal.say(f"The box takes it for     {_moment(self.found['box'])}.")
        if self.right:
            terminal.say("The clock of this box is right, as far as two codes can tell. Nothing was changed.")
            return False
        terminal.say(f"The box is {'ahead' if off > 0 else 'behind'} by {_length(abs(off))}.")
        if self.box.root:
            terminal.warn("This is a private instance: the clock of the box is left alone.")
            return False
        if not terminal.confirmed("Set the clock of this box to the time of the codes?"):
            terminal.warn("The clock was not set.")
            return False
        return self._set()

    def _set(self) -> bool:
        found = self.found
        try:
            passed = time.clock_gettime(time.CLOCK_BOOTTIME) - found["boot"]
            time.clock_settime(time.CLOCK_REALTIME, found["found"] + passed)
        except OSError as error:
            terminal.warn(f"The clock cannot be set from here ({error.strerror}). A container has that of its host:")
            terminal.warn("set it there. Elsewhere: date --set, as root.")
            return False
        terminal.say(f"The clock is set: {_moment(time.time())}.")
        if self.box.system.run(["hwclock", "--systohc"]).status:
            terminal.say("The hardware clock could not be set: after the next start the time may be wrong again.")
        if found["refused_until"]:
            terminal.say("Codes of a later time were accepted from this user, so their app is refused until")
            terminal.say(f"{_moment(found['refused_until'])}. Their recovery codes work: nas2fa setup --replace")
        terminal.say("Log in with a code that the app shows from now on. To keep the time right: nas2fa clock")
        return True


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(seconds))


def _length(seconds: float) -> str:
    days = int(seconds // 86_400)
    return f"{days} days" if days > 2 else tables.span(seconds)
