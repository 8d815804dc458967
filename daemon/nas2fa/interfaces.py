"""Reads which addresses are the box's own, from where the kernel tells: the tables of the network of PID 1."""

from __future__ import annotations

from typing import Final

from nas2fa.network import TABLES, Own, own_of

# A caged process has a network of its own; the unit of nas2fad binds the tables of the box to the first place.
PLACES: Final = ("/run/net", "/proc/1/net")
TABLE_MAX: Final = 4 * 1024 * 1024  # bytes


def own_addresses(places: tuple[str, ...] = PLACES) -> Own:
    """The own addresses and gateways of this moment, of those IP versions whose tables can be read. Never raises."""
    return own_of({name: _table(name, places) for names in TABLES.values() for name in names})


def _table(name: str, places: tuple[str, ...]) -> str | None:
    """A table from the first place that has it; None when no place has, or it is too long to be taken whole."""
    for place in places:
        try:
            with open(f"{place}/{name}", encoding="ascii", errors="replace") as file:
                text = file.read(TABLE_MAX)
        except OSError:
            continue
        return text if len(text) < TABLE_MAX else None
    return None
