"""What policy may know of a login: from the hello of a root peer, and from what the module told on being asked."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from nas2fa.login.protocol import Hello
from nas2fa.network import Own, Place, place_of
from nas2fa.rules import canonical

PUBLICKEY: Final = "publickey "  # how sshd begins a line of SSH_AUTH_INFO_0 that names a key


@dataclass(frozen=True, slots=True)
class Facts:
    """root: False for a peer of which nothing is believed but its uid. keys: fingerprints, as ssh-keygen(1) -l says."""

    service: str
    user: str
    uid: int
    place: Place
    first: str = "password"
    keys: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()  # those of the groups asked about that the user is in
    root: bool = True


def facts_of(hello: Hello, peer_is_root: bool, own: Own, groups: frozenset[str] = frozenset()) -> Facts:
    """The facts of a hello with a uid.

    A guard line that sees no auth phase passed stands behind a key alone: sshd names no key to the account phase.
    """
    assert hello.uid is not None
    key = hello.first.startswith(PUBLICKEY) or (hello.phase == "guard" and not hello.verified)
    return Facts(
        canonical(hello.service),
        hello.user,
        hello.uid,
        place_of(hello.rhost, own),
        "key" if key else "password",
        fingerprints(hello.first),
        groups,
        peer_is_root,
    )


def fingerprints(first: str) -> frozenset[str]:
    """SHA256:… of each key in SSH_AUTH_INFO_0, a line `publickey TYPE BASE64` for each. Cut short, it is another."""
    found = set()
    for line in first.split("\n"):
        words = line.split(" ")
        if words[0] != PUBLICKEY.strip() or len(words) < 3:
            continue
        try:
            blob = base64.b64decode(words[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        found.add("SHA256:" + base64.b64encode(sha256(blob).digest()).decode("ascii").rstrip("="))
    return frozenset(found)
