"""Time servers on a box's network (after lan.attach), for it to ask: right, wrong, silent, or behind a black hole."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from . import sntp
from .lan import NEIGHBOUR, Neighbour
from .machine import Box

ADDRESSES = ("10.99.3.1", "10.99.3.2", "10.99.3.3", "10.99.3.4")
"""Addresses of the neighbour that are used for nothing else; those of debianbox.lan do as well."""
BLACK_HOLE = "203.0.113.1"
"""An address behind the neighbour, which forwards nothing: see `black_hole`."""


@contextmanager
def serving(box: Box, words: Mapping[str, str | float]) -> Iterator[None]:
    """A server at each of these addresses, which is as many seconds ahead as told, or as its word says (sntp.py)."""
    for address in words:
        if address in ADDRESSES:
            box.run(f"ip -n lan addr replace {address}/16 dev lan1")
    program = ["/usr/bin/python3", "-I", str(Path(sntp.__file__).resolve())]
    told = [f"{address}={word}" for address, word in words.items()]
    with subprocess.Popen(Neighbour(box).beside([*program, *told]), stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise AssertionError(f"the time servers {told} did not start")
            yield
        finally:
            process.terminate()


def black_hole(box: Box) -> str:
    """An address whose packets vanish, as behind a firewall that drops them: nothing says that they did."""
    box.run(f"ip netns exec lan sysctl -qw net.ipv4.ip_forward=0; ip route replace 203.0.113.0/24 via {NEIGHBOUR}")
    return BLACK_HOLE
