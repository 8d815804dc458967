"""`nas2fa clock`: what the box knows of its clock, and what to do about it. The wizard shows some of it, too."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from nas2fa.activation.system import HOSTS_CLOCK, System, contained
from nas2fa.cli import tables, terminal
from nas2fa.cli.box import Box
from nas2fa.control import codec
from nas2fa.errors import ProtocolError
from nas2fa.shown import shown

EXIT = {"trusted": 0, "drifting": 1, "behind": 1}
UNKNOWN = 4  # 2 and 3 are those of every command
KERNEL_SAYS = {
    True: "The kernel calls this clock synchronised.",
    False: "The kernel does NOT call this clock synchronised: compare carefully.",
    None: "The kernel does not say whether this clock is synchronised: compare carefully.",
}
_KERNEL = {
    True: "calls the clock synchronised",
    False: "does not call the clock synchronised",
    None: "does not say whether the clock is synchronised",
}
_HOST = "kept by the host of this container"
_WIDTH = 19  # of the names on the left


@click.command()
@click.option("--no-measure", is_flag=True, help="Send no packet: tell what was found last.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_obj
def clock(box: Box, no_measure: bool, as_json: bool) -> int:
    """Show whether the clock of this box can be trusted, and what to do if not.

    Exit code: 0 it can, 1 it is off or behind, 4 that is not known.
    """
    found, _ = box.request("clock", {"measure": not no_measure})
    if as_json:
        tables.print_json(found)
    else:
        in_container = contained(System())
        _print(found, in_container)
        print_remedy(found, in_container)
    return EXIT.get(found["state"], UNKNOWN)


def print_date(found: Mapping[str, Any], in_container: bool) -> None:
    """Date, time, zone and who keeps them right. Raises ProtocolError when that is not what docs/protocol.md says."""
    try:
        now = datetime.fromisoformat(codec.text(found, "iso"))
    except ValueError:
        raise ProtocolError("a time that is not ISO 8601") from None
    offset = codec.integer(found, "utc_offset", -86_400, 86_400)
    hours, minutes = divmod(abs(offset) // 60, 60)
    zone = f"{shown(codec.text(found, 'zone'))} (UTC{'-' if offset < 0 else '+'}{hours:02}:{minutes:02})"
    _pair("Date of this box:", f"{now:%A, %d %B %Y}")
    _pair("Time of this box:", f"{now:%H:%M:%S}")
    _pair("Time zone:", zone)
    if in_container:
        _pair("Automatic time:", _HOST)
    elif isinstance(services := found.get("services"), list):
        _pair("Automatic time:", _automatic(services))


def synchronised(found: Mapping[str, Any]) -> str:
    """The kernel's word in a sentence."""
    word = found.get("synchronised")
    return KERNEL_SAYS[word if isinstance(word, bool) else None]


def _automatic(services: list[Mapping[str, Any]]) -> str:
    """Which service sets the clock, and whether it does."""
    for service in services:
        if service.get("running"):
            later = "" if service.get("enabled") else ", but not after the next start of the box"
            return f"on, by {shown(str(service.get('name')))}{later}"
    named = ", ".join(shown(str(service.get("name"))) for service in services)
    return f"off ({named} does not run)" if named else "off (no time service is installed)"


def _print(found: Mapping[str, Any], in_container: bool) -> None:
    print_date(found, in_container)
    error = found["estimated_error"]
    guess = f", to {error:.3f} s by its own guess" if found["synchronised"] and error is not None else ""
    _pair("Kernel:", _KERNEL.get(found["synchronised"], _KERNEL[None]) + guess)
    if found["whose"] != "ntp":
        _pair("Time servers:", f'not asked (clock = "{found["whose"]}" in nas2fa.toml)')
    elif found["measured_ago"] is None:
        _pair("Time servers:", "not asked yet")
    elif found["services"] is None:
        _pair("Time servers:", "nas2fa-courier, which asks them, does not answer")
    else:
        _print_servers(found)
    if phones := found.get("phones"):
        _pair("Phones:", f"{phones['known']} known, {phones['off']} of them off{_of_box(phones)}")
    terminal.say()
    for line in (found["head"], *found["lines"]):
        terminal.say(shown(line, terminal.TEXT_MAX))
    if found["refusal"]:
        terminal.say(shown(f"{found['refusal']} Nothing can be set up until it is right.", terminal.TEXT_MAX))


def _print_servers(found: Mapping[str, Any]) -> None:
    source = f"of {shown(found['source'])}" if found["source"] else "none is configured"
    ago = found["measured_ago"]
    _pair("Time servers:", source + (f", asked {tables.span(ago)} ago" if ago else ""))
    rows = [
        (
            server["server"],
            server["address"],
            server["fault"] or f"{server['offset']:+.3f} s",
            None if server["fault"] else f"{server['delay']:.3f} s",
            server["stratum"] or None,
            server["standing"],
        )
        for server in found["servers"]
    ]
    if rows:
        tables.print_table(("  SERVER", "ADDRESS", "OFFSET", "DELAY", "STRATUM", "IT IS"), [_indented(r) for r in rows])


def _indented(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return (f"  {row[0]}", *row[1:])


def _of_box(phones: Mapping[str, Any]) -> str:
    if phones["suspect"] is not None:
        return f"; refused codes of several users are right for a time {_apart(phones['suspect'], 'ahead', 'behind')}"
    if phones["seconds"] is not None:
        return f"; the box is about {_apart(phones['seconds'], 'behind', 'ahead of')} them"
    return ""


def _apart(seconds: int, positive: str, negative: str) -> str:
    return f"{abs(seconds)} s {positive if seconds > 0 else negative}"


def print_remedy(found: Mapping[str, Any], in_container: bool) -> None:
    """The commands that put the clock right, or that the host has to do it."""
    if in_container and found["state"] != "trusted":
        terminal.say(f"\n{HOSTS_CLOCK}")
    elif found["remedy"] and not in_container:
        terminal.say("\nWhat to do, as root:")
        for command in found["remedy"]:
            terminal.say(f"  {shown(command, terminal.TEXT_MAX)}")


def _pair(name: str, text: str) -> None:
    terminal.say(f"{name.ljust(_WIDTH)}{text}")
