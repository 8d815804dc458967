"""Whose servers are asked: ours when we have some, else those that keep this box's clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from nas2fa.clock.words import TimeService
from nas2fa.courier.servers import READERS, Files, Server, named

NAMES_MAX: Final = 8  # servers that are asked at most
OURS: Final = "nas2fa.toml"


def chosen(files: Files, services: Iterable[TimeService], given: Sequence[str]) -> tuple[str, list[Server]]:
    """Whose they are, and the servers; "" and none when no configuration names any.

    Those of the service that runs; where none does, of the one that is enabled; else of the one whose configuration
    is there. Not of all three: what a removed package left behind says nothing of this box.
    """
    if given:
        return OURS, _first(named(given))
    services = list(services)
    names = (
        [service.name for service in services if service.running]
        or [service.name for service in services if service.enabled]
        or [name for name in READERS if name != "systemd-timesyncd"]
        + [service.name for service in services if service.name == "systemd-timesyncd"]
    )
    for name in names:
        if servers := _first(READERS[name](files)):
            return name, servers
    return "", []


def _first(servers: Iterable[Server]) -> list[Server]:
    return list(islice({server.name: server for server in servers}.values(), NAMES_MAX))
