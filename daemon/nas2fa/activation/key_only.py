"""Who may log in to sshd by a key alone where keys need a code as well: by exemptions, and by the drop-in's blocks.

Each such exemption has to be known to sshd, too; that is written when nas2fa is switched on, and not before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from nas2fa.activation import edits, state
from nas2fa.activation.edits import KeyOnly, Keys
from nas2fa.activation.places import DROP_IN
from nas2fa.activation.system import System
from nas2fa.rules import ANY_KEY

PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")  # a name that a Match line takes as it is


@dataclass(frozen=True, slots=True)
class SshKeys:
    """What becomes of a login by a key: what was chosen, None while it is off, and whom sshd lets in by a key alone."""

    chosen: Keys | None
    let_in: frozenset[tuple[str, str]] = frozenset()  # user and network

    def alone(self, user: str, address: str) -> bool:
        """Whether such a login shows nothing but the key, so that PAM is called in the account phase alone."""
        if self.chosen is Keys.GUARD:
            return True
        try:
            place = ip_address(address)
        except ValueError:
            return False
        return any(name == user and place in ip_network(network) for name, network in self.let_in)


def in_force(system: System) -> SshKeys:
    """What holds on this box now; as if it were off where that cannot be read."""
    try:
        counts = state.pending(system) or state.enforced(system)
        chosen = Keys(counts.facts.options["ssh_keys"]) if counts else None
        blocks = edits.key_only(system.read(DROP_IN) or "") if chosen not in (None, Keys.GUARD) else ()
    except (OSError, ValueError, KeyError):
        return SshKeys(None)
    return SshKeys(chosen, pairs(blocks))


def from_exemptions(rows: Iterable[Mapping[str, Any]]) -> tuple[KeyOnly, ...]:
    """The users that exemptions, rows of the verb exempt.list, let in to sshd by a key alone.

    Not those of groups, which sshd's block does not name, nor those for one key: sshd does not tell PAM which it was.
    """
    networks: dict[str, set[str]] = {}
    for row in rows:
        of_a_user = row["user"] and PLAIN.fullmatch(row["user"])
        if of_a_user and row["service"] == "sshd" and row["key"] in ("", ANY_KEY) and not row["over"]:
            networks.setdefault(row["user"], set()).add(row["network"])
    return tuple(KeyOnly(user, tuple(sorted(places))) for user, places in sorted(networks.items()))


def pairs(users: Iterable[KeyOnly]) -> frozenset[tuple[str, str]]:
    """Each user with each network."""
    return frozenset((one.user, network) for one in users for network in one.networks)
