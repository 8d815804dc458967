"""A length of time on the command line."""

from __future__ import annotations

import re
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


def _short(seconds: int) -> str:
    unit, size = next((u, s) for u, s in reversed(_UNITS.items()) if seconds % s == 0)
    return f"{seconds // size}{unit}"
