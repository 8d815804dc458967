"""One request of nas2fad over one connection: docs/protocol.md, part 4."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from nas2fa.clock.words import Network
from nas2fa.control.courier import NTP, VERBS, to_rows
from nas2fa.control.messages import Done, Message, paged
from nas2fa.control.serving import serve_one
from nas2fa.control.verbs import Verb
from nas2fa.courier import ntp
from nas2fa.courier.choice import chosen
from nas2fa.courier.files import Files
from nas2fa.courier.services import services

RESOLVER: Final = ("/etc/hosts", "/etc/nsswitch.conf", "/etc/resolv.conf")
FOLDERS: Final = MappingProxyType({"chrony": "/etc/chrony", "ntpsec": "/etc/ntpsec", "openntpd": "/etc/openntpd"})

Measure: TypeAlias = Callable[[Sequence[str]], Network]


def measured(given: Sequence[str]) -> Network:
    """What the servers say now, those given or the box's own."""
    files = Files()
    found = services(files)
    source, servers = chosen(files, found, given)
    return Network(ntp.ask(servers), found, source)


def view_is_old() -> bool:
    """Whether this process has to leave for one that is shown the files of now: the cage is made at its start.

    Folders go on to show what is in them; a single file, and a folder that came later, do not.
    """
    files = Files()
    installed = [service.name for service in services(files)]
    needed = [*RESOLVER, *(folder for name, folder in FOLDERS.items() if name in installed)]
    return not all(map(files.is_current, needed))


def serve(connection: socket.socket, measure: Measure, trusted: frozenset[int]) -> None:
    """Answer one request. A peer whose uid is none of `trusted` is left without a word."""
    serve_one(connection, VERBS, partial(_answer, measure), trusted)


def _answer(measure: Measure, verb: Verb, args: Mapping[str, Any]) -> Iterator[Message]:
    if verb is NTP:
        network = measure(args["servers"].split())
        rows = to_rows(network)
        yield from paged(rows)
        yield Done({"total": len(rows), "source": network.source})
