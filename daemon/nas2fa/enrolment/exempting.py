"""Making an exemption: what it must say at least, and what it must not. The record is store/records.py, Exemption."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final

from nas2fa.errors import Reason, RequestError
from nas2fa.login.policy import SIGN_IN
from nas2fa.login.sharing import SERVICES
from nas2fa.network import PREFIX_MIN, Network, Own, network_of
from nas2fa.rules import ANY_KEY, FINGERPRINT, LOCAL, canonical
from nas2fa.store.records import Exemption, Instant

DAYS_MAX: Final = 5 * 366  # an exemption is looked at again
OVER_KEPT: Final = 30 * 86400  # seconds for which one that is over is still listed


def new(args: Mapping[str, Any], own: Own, by: int, now: Instant) -> Exemption:
    """The exemption that root asks for. RequestError(BAD_REQUEST) for one that is wider than it may be."""
    if bool(args["user"]) == bool(args["group"]):
        raise _refused("An exemption is for one user or for one group.")
    if ":" in args["group"]:
        raise _refused("That is no name of a group.")
    if args["key"] not in ("", ANY_KEY) and not FINGERPRINT.fullmatch(args["key"]):
        raise _refused(
            f"A key is named by its fingerprint, SHA256:… (ssh-keygen -l -f FILE shows it); {ANY_KEY}: whichever."
        )
    if args["uid"] == 0 and not args["key"]:
        raise _refused("For root an exemption must name a key (--key): the password alone would open everything.")
    service = canonical(args["service"])
    if service == SIGN_IN:
        raise _refused(f"The service {SIGN_IN} is how accounts are changed; no exemption is about that.")
    if service in LOCAL:
        raise _refused(
            f"{service} tells PAM no address, so an exemption, which is for a network, never fits there. "
            'A rule can: [[rule]] action = "skip" in /etc/nas2fa/nas2fa.toml, see nas2fa.toml(5).'
        )
    if service in SERVICES and args["key"]:
        raise _refused(f"{service} sees no ssh key, so an exemption with one never fits there. Leave --key out.")
    if not args["reason"].strip():
        raise _refused("An exemption has a reason, for whoever finds it later.")
    return Exemption(
        id=secrets.token_hex(4),
        service=service,
        network=_network(args["network"], own),
        created=int(now.wall),
        until=_until(args["until"], now),
        user=args["user"],
        group=args["group"],
        key=args["key"],
        reason=args["reason"].strip(),
        by=by,
    )


def kept(exemptions: Sequence[Exemption], wall: float) -> tuple[Exemption, ...]:
    """Without those that have been over for long."""
    return tuple(e for e in exemptions if e.until + OVER_KEPT > wall)


def _network(text: str, own: Own) -> Network:
    try:
        network = network_of(text)
    except ValueError:
        raise _refused("--from takes an address or a network such as 192.168.1.0/24 (no bits set behind it).") from None
    if network.prefixlen < PREFIX_MIN[network.version]:
        wide = PREFIX_MIN[network.version]
        raise _refused(f"{network} is next to everywhere; the widest that an exemption may name is a /{wide}.")
    if network.is_loopback or network.is_link_local or network.is_multicast:
        raise _refused(f"{network} tells nobody apart: whoever is on this box or on its wire can come from there.")
    if any(network.network_address in o and network.broadcast_address in o for o in own.networks):
        raise _refused(f"{network} is this box itself or its gateway: whoever is on the box could use it.")
    return network


def _until(until: int, now: Instant) -> int:
    if until <= now.wall:
        raise _refused("That time is over already.")
    if until > now.wall + DAYS_MAX * 86400:
        raise _refused("An exemption ends within five years: someone should look at it again.")
    return until


def _refused(text: str) -> RequestError:
    return RequestError(Reason.BAD_REQUEST, text)
