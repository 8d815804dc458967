"""What a value of the configuration must be. Each function gives it, or raises ValueError with what it must be."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from nas2fa.network import Network, network_of

SERVERS_MAX: Final = 8  # nas2fa-courier asks no more
_SERVER: Final = re.compile(
    r"[0-9A-Za-z][0-9A-Za-z._-]{0,252}|[0-9A-Fa-f:.]{2,45}"
)  # a host name, or an address of IPv6


def whole(low: int, high: int) -> Callable[[Any], int]:
    """A whole number of that range."""

    def convert(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:  # a bool is an int, too
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return convert


def one_of(*allowed: str | int) -> Callable[[Any], Any]:
    """One of these, of the same type."""

    def convert(value: Any) -> Any:
        for choice in allowed:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError("one of " + ", ".join(map(repr, allowed)))

    return convert


def strings(value: Any) -> tuple[str, ...]:
    """A list of printable strings."""
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def networks(value: Any) -> tuple[Network, ...]:
    """A list of networks or addresses."""
    try:
        return tuple(network_of(item) for item in strings(value))
    except ValueError as error:
        raise ValueError(f"a list of networks or addresses ({error})") from None


def servers(value: Any) -> tuple[str, ...]:
    """A list of names or addresses of servers."""
    found = strings(value)
    if len(found) > SERVERS_MAX or not all(map(_SERVER.fullmatch, found)):
        raise ValueError(f"a list of at most {SERVERS_MAX} names or addresses of servers")
    return found


def line(value: Any) -> str:
    """One printable line of at most 64 characters."""
    if not isinstance(value, str) or len(value) > 64 or not value.isprintable():
        raise ValueError("a line of at most 64 characters")
    return value


def issuer(value: Any) -> str:
    """A line without a colon."""
    # A colon parts issuer and account in a provisioning URI; some apps break on an escaped one, too.
    if not isinstance(value, str) or len(value) > 64 or ":" in value or not value.isprintable():
        raise ValueError("a line of at most 64 characters without a colon")
    return value
