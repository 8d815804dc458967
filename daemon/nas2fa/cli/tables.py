"""What a command prints: a table or lines for a person, JSON for a program."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from nas2fa.cli.terminal import say
from nas2fa.shown import shown

CELL_MAX = 64  # characters of one cell


def print_json(value: object) -> None:
    """JSON in ASCII: no control character of a user's text reaches the terminal."""
    say(json.dumps(value, indent=2, ensure_ascii=True))


def print_table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Columns as wide as their widest cell."""
    table = [[cell(value) for value in row] for row in (head, *rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    for row in table:
        say("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


def print_pairs(pairs: Sequence[tuple[str, object]]) -> None:
    """One `name  value` a line."""
    width = max(len(name) for name, _ in pairs)
    for name, value in pairs:
        say(f"{name.ljust(width)}  {cell(value, 200)}")


def cell(value: object, limit: int = CELL_MAX) -> str:
    """One value as a person reads it: nothing is a dash, true is yes."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return shown(str(value), limit)


def moment(seconds: int | float | None) -> str | None:
    """A unix time as date and time of this box; None when there is none."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds)) if seconds else None


def span(seconds: int | float) -> str:
    """A length of time in the two largest units: 3 min 20 s."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole % 60} s" if minutes else f"{whole} s"


def locked(lock: Mapping[str, Any] | None) -> str:
    """The lock of a status or a list, in words."""
    if not lock:
        return "no"
    seconds = lock.get("seconds")
    length = f"for {span(seconds)}" if isinstance(seconds, int | float) else "until an administrator unlocks it"
    return f"{lock.get('reason', 'yes')} from {lock.get('source') or 'everywhere'} {length}"
