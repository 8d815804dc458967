"""Which nas2fad is meant, and whom a command is about."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nas2fa.activation import stacks
from nas2fa.activation.system import System
from nas2fa.cli import terminal
from nas2fa.control.client import STEP_PATIENCE, Client
from nas2fa.control.messages import Rows
from nas2fa.errors import Reason, RequestError
from nas2fa.paths import Paths
from nas2fa.rules import canonical
from nas2fa.shown import shown
from nas2fa.steps import Ask, Show, Tell

QUESTION_MAX = 511  # bytes of a question in the login conversation; the control socket relays the same ones


@dataclass(frozen=True, slots=True)
class Box:
    """The nas2fad of this machine, or the private one under `root`."""

    root: str | None = None

    @property
    def system(self) -> System:
        """The files of this machine, or those below `root`."""
        return System(self.root or "")

    def connect(self, socket: str = "control", patience: float = STEP_PATIENCE) -> Client:
        """Connect to one of its sockets. Raises UnreachableError."""
        paths = Paths.under(str(Path(self.root).resolve())) if self.root else Paths.system()
        # Somebody may run a private instance without being root; nobody else's is trusted.
        listeners = frozenset({0, os.geteuid()}) if self.root else frozenset({0})
        return Client(paths.socket(socket), listeners, patience)

    def request(self, verb: str, args: Mapping[str, Any]) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]]:
        """One request on a connection of its own: what is done, and the rows that came before."""
        relay = PlainRelay()
        with self.connect() as client:
            return client.request(verb, args, relay), relay.collected


@dataclass(slots=True)
class PlainRelay:
    """Questions and lines as they are; rows are collected, things to draw are left to other relays."""

    collected: list[Mapping[str, Any]] = field(default_factory=list)

    def ask(self, question: Ask) -> str | None:
        """Ask on the terminal."""
        return terminal.ask(shown(question.text, QUESTION_MAX), question.echo)

    def tell(self, line: Tell) -> None:
        """Print; errors to standard error."""
        terminal.say_outside(line.text, line.error)

    def show(self, thing: Show) -> None:
        """Nothing that this relay could draw."""

    def rows(self, page: Rows) -> None:
        """Keep for the table."""
        self.collected.extend(page.rows)


@dataclass(frozen=True, slots=True)
class Account:
    """One account as the name service has it: the daemon never asks."""

    uid: int
    user: str

    def args(self) -> dict[str, Any]:
        """The arguments that every verb about a user takes."""
        return {"uid": self.uid, "user": self.user}


def require_root() -> None:
    """For what this process does itself. Raises RequestError(FORBIDDEN)."""
    if os.geteuid() != 0:
        raise RequestError(Reason.FORBIDDEN, "this is for root")


def account(name: str | None) -> Account:
    """The account of that name, or of the caller. Raises RequestError(UNKNOWN_USER)."""
    try:
        entry = pwd.getpwuid(os.geteuid()) if name is None else pwd.getpwnam(name)
    except (KeyError, ValueError):  # ValueError: a NUL, which only a file of names can hold
        who = f"no user named {shown(name)}" if name is not None else f"uid {os.geteuid()} has no name"
        raise RequestError(Reason.UNKNOWN_USER, f"{who} on this box") from None
    return Account(entry.pw_uid, entry.pw_name)


def groups_of(name: str) -> str:
    """The names of the groups that a user is in, as the control protocol takes them: joined by ":"."""
    with suppress(KeyError):
        entry = pwd.getpwnam(name)
        gids = os.getgrouplist(entry.pw_name, entry.pw_gid)
        named = [_group(gid) for gid in gids]
        return ":".join(sorted({group for group in named if group and ":" not in group}))
    return ""


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return ""  # a gid without a name cannot be meant by a rule


def known_group(name: str) -> bool:
    """Whether the name service has a group of that name."""
    try:
        grp.getgrnam(name)
    except (KeyError, ValueError):  # ValueError: a NUL
        return False
    return True


def warn_of_service(box: Box, name: str) -> None:
    """Say so when this box has no PAM service of that name: it may be mistyped, or not installed yet."""
    known = stacks.nameable(box.system)
    if name and known and canonical(name) not in known:
        terminal.warn(f"There is no PAM service named {shown(name)} on this box (/etc/pam.d).")


def recorded_account(box: Box, name: str) -> Account:
    """As account(), but also one that is gone from the box and stands in nas2fa's records; by name or uid."""
    try:
        return account(name)
    except RequestError:
        rows = box.request("user.list", {})[1]
        for row in rows:
            if name in (row.get("user"), str(row.get("uid"))):
                return Account(row["uid"], row["user"])
        raise
