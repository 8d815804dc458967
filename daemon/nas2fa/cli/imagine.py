"""`nas2fa explain --imagine user=… service=… from=…`: what policy would decide about a login that nobody makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from nas2fa.activation.key_only import in_force
from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box, account, groups_of, known_group, warn_of_service
from nas2fa.network import literal
from nas2fa.rules import FINGERPRINT
from nas2fa.shown import shown

# What may be said of the login: word -> argument of the verb `imagine`; `group` adds to what the name service says.
WORDS = {"user": "user", "service": "service", "from": "rhost", "first": "first", "key": "key", "tty": "tty"}
MEANING = {
    "code": "A code is asked.",
    "skip": "No code is asked; what else the login needs stays.",
    "deny": "The login is refused.",
    "GRANTED": "Let in: a code has opened the file shares to this user at this address.",
    "NOT_VERIFIED": "The login is refused: a key alone is not enough, and behind it none can ask for a code.",
    "NO_GRANT": "Refused: no code has opened the file shares to this user at this address.",
}


def imagine(box: Box, words: Sequence[str], as_json: bool) -> None:
    """Ask the daemon and print what it says."""
    args = _args(words)
    _warn(box, args, [word.removeprefix("group=") for word in words if word.startswith("group=")])
    if args.get("service", "sshd") == "sshd" and (args.get("first") == "key" or "key" in args):
        args["alone"] = in_force(box.system).alone(args["user"], args.get("rhost", ""))
    found, _ = box.request("imagine", args)
    if as_json:
        tables.print_json(found)
        return
    terminal.say(f"{MEANING.get(found['reason']) or MEANING.get(found['action'], '?')} ({shown(found['reason'])})")
    terminal.say(f"Because: {shown(found['why'], terminal.TEXT_MAX)}")
    terminal.say()
    for line in found["trace"]:
        terminal.say(f"  {shown(str(line), terminal.TEXT_MAX)}")


def _warn(box: Box, args: Mapping[str, Any], groups: Sequence[str]) -> None:
    """What may be mistyped: it is imagined all the same."""
    warn_of_service(box, args.get("service", ""))
    if args.get("rhost") and literal(args["rhost"]) is None:
        terminal.warn(f"{shown(args['rhost'])} is no address: a name is in no network for certain.")
    if "key" in args and not FINGERPRINT.fullmatch(args["key"]):
        terminal.warn(f"{shown(args['key'])} is no fingerprint of a key, SHA256:... (ssh-keygen -l -f FILE shows it).")
    for name in groups:
        if not known_group(name):
            terminal.warn(f"There is no group named {shown(name)} on this box.")


def _args(words: Sequence[str]) -> dict[str, Any]:
    args: dict[str, Any] = {}
    groups: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or (name != "group" and name not in WORDS):
            known = " ".join(f"{each}=…" for each in (*WORDS, "group"))
            raise click.UsageError(f"--imagine takes {known}, not {shown(word)}")
        if name == "group":
            groups.append(value)
        else:
            args[WORDS[name]] = value
    if "user" not in args:
        raise click.UsageError("--imagine needs user=NAME")
    whom = account(args["user"])
    named = [group for group in groups_of(whom.user).split(":") if group]
    return {**args, **whom.args(), "groups": ":".join([*named, *groups])}
