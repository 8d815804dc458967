"""Where a try comes from: the key of its tally, and the purse that pays for its guesses.

The real console has a tally and a purse of its own, so nobody remote can lock it; a peer that is not root has its own
too, so it can move no other.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from nas2fa.login.protocol import Hello
from nas2fa.network import literal

CONSOLE_TTY = re.compile(r"(/dev/)?(tty[0-9]+|ttyS[0-9]+|ttyAMA[0-9]+|hvc[0-9]+|console)", re.ASCII)
PTY = re.compile(r"(/dev/)?pts/[0-9]+", re.ASCII)  # a container's console; elsewhere a web terminal that runs login
LOCAL_DISPLAY = re.compile(r":[0-9]+(\.[0-9]+)?", re.ASCII)
RUSER_MAX = 64  # characters of a caller's name that go into a tally's key
V6_PREFIX = 64  # one customer's network: addresses inside it are not told apart


@dataclass(frozen=True, slots=True)
class Source:
    """key: console | local:<caller> | an address | named | own. purse: console | remote | own."""

    key: str
    purse: str


CONSOLE = Source("console", "console")
OWN = Source("own", "own")
NAMED = Source("named", "remote")


@dataclass(frozen=True, slots=True)
class Console:
    """What else counts as the console of this box: graphical logins by PAM service, and pseudo-terminals of login."""

    display_managers: tuple[str, ...] = ()
    ptys: bool = False


def source_of(hello: Hello, peer_is_root: bool, console: Console) -> Source:
    """The source of a try. Of a peer not root nothing is believed: service, tty and rhost are its inventions."""
    if not peer_is_root:
        return OWN
    if hello.rhost:
        return _remote(hello.rhost)
    if hello.service == "login" and (CONSOLE_TTY.fullmatch(hello.tty) or (console.ptys and PTY.fullmatch(hello.tty))):
        return CONSOLE
    if hello.service in console.display_managers and (
        CONSOLE_TTY.fullmatch(hello.tty) or LOCAL_DISPLAY.fullmatch(hello.tty)
    ):
        return CONSOLE
    return Source(f"local:{hello.ruser[:RUSER_MAX] or '-'}", "remote")


def _remote(rhost: str) -> Source:
    address = literal(rhost)
    if address is None:
        return NAMED  # a name is what somebody's DNS says: one bucket, never trusted
    if isinstance(address, ipaddress.IPv6Address):
        network = ipaddress.IPv6Network((int(address), V6_PREFIX), strict=False)
        return Source(str(network), "remote")
    return Source(str(address), "remote")
