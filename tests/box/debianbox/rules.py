"""nas2fa.toml of a box: put in force, and for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .machine import Box

CONFIG = "/etc/nas2fa/nas2fa.toml"


def set_rules(box: Box, text: str) -> None:
    """Put options and rules in force; what is wrong with them fails here."""
    box.write(CONFIG, text)
    box.run(["nas2fad", "--check-config", CONFIG])
    box.run("systemctl reload nas2fad")
    box.until(f"cmp {CONFIG} /var/lib/nas2fa/last-good.toml")


@contextmanager
def rules(box: Box, text: str) -> Iterator[None]:
    """The same for the time of a `with`; then those of before, in a box that other tests go on with."""
    before = box.read(CONFIG)
    set_rules(box, text)
    try:
        yield
    finally:
        set_rules(box, before)
