"""Times on the command line: how long, and until when."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

import click

_UNITS: Final = {"s": 1, "m": 60, "h": 3600}


class Span(click.ParamType):
    """A length of time such as 10m, from `least` to `most` seconds."""

    name = "time"

    def __init__(self, least: int, most: int) -> None:
        self._least, self._most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Seconds."""
        match = re.fullmatch(r"(\d{1,5})([smh])", str(value))
        seconds = int(match[1]) * _UNITS[match[2]] if match else 0
        if not self._least <= seconds <= self._most:
            least, most = _short(self._least), _short(self._most)
            self.fail(f"a number with s, m or h behind it, from {least} to {most}, such as 10m", param, ctx)
        return seconds


class Day(click.DateTime):
    """A day, or a minute of it, by the clock of this box."""

    def __init__(self) -> None:
        super().__init__(["%Y-%m-%d", "%Y-%m-%d %H:%M"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The beginning of that day or minute, without a zone."""
        try:
            found: datetime = super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail('a day such as 2027-01-01, or a time such as "2027-01-01 18:00"', param, ctx)
        return found


def _short(seconds: int) -> str:
    unit, size = next((u, s) for u, s in reversed(_UNITS.items()) if seconds % s == 0)
    return f"{seconds // size}{unit}"
