"""Who has logged in by ssh with a key and nothing else: programs mostly, which cannot answer a question."""

from __future__ import annotations

import ipaddress
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

from nas2fa.activation.system import System

DAYS = 30
YEAR = 365 * 86400  # seconds for which an exemption made here is good: then somebody looks at it again
_PREFIX = {4: 24, 6: 64}  # addresses in one such network are taken for one place

# What sshd says once a login needed nothing but the key; where more was asked for, it says "Partial publickey".
_FINGERPRINT = r"SHA256:[A-Za-z0-9+/]{43}|MD5(?::[0-9a-f]{2}){16}"  # FingerprintHash of sshd_config(5)
_ACCEPTED = re.compile(rf"Accepted publickey for (\S+) from (\S+) port \d+ ssh2: \S+ ({_FINGERPRINT})(?: |$)")


class JournalError(Exception):
    """The journal cannot be read; the text says why."""


@dataclass(frozen=True, slots=True)
class KeyLogin:
    """Logins of one user with one key from one place."""

    user: str
    key: str  # fingerprint, as ssh-keygen -l has it
    network: str  # one address, or the network that holds all of them
    times: int
    last: float  # unix time

    @property
    def exemptible(self) -> bool:
        """False for an address that tells nobody apart: nas2fad makes no exemption for it."""
        place = ipaddress.ip_network(self.network)
        return not (place.is_loopback or place.is_link_local)


def key_logins(system: System) -> list[KeyLogin]:
    """Those of the last 30 days, the most frequent first, as far as the journal reaches back. Raises JournalError."""
    found: dict[tuple[str, str, str], list[tuple[str, float]]] = {}
    for user, address, key, when in _accepted(system):
        prefix = _PREFIX[ipaddress.ip_address(address).version]
        place = str(ipaddress.ip_interface(f"{address}/{prefix}").network)
        found.setdefault((user, key, place), []).append((address, when))
    logins = []
    for (user, key, place), seen in found.items():
        addresses = {address for address, _ in seen}
        network = place if len(addresses) > 1 else addresses.pop()
        logins.append(KeyLogin(user, key, network, len(seen), max(when for _, when in seen)))
    return sorted(logins, key=lambda login: (-login.times, login.user, login.key))


def reaches_back(system: System) -> bool:
    """Whether the journal begins before those 30 days, so that nobody is missing."""
    ran = system.run(
        ["journalctl", "--quiet", "--no-pager", "--output=short-unix", "--lines=1", f"--until=@{_since()}"]
    )
    return bool(ran.out)


def _since() -> int:
    return int(time.time()) - DAYS * 86400


def _accepted(system: System) -> Iterator[tuple[str, str, str, float]]:
    """User, address, key, unix time. Only what root's programs have said: anybody may call himself sshd."""
    ran = system.run(
        [
            "journalctl", "--quiet", "--no-pager", "--output=json", "--output-fields=MESSAGE,__REALTIME_TIMESTAMP",
            f"--since=@{_since()}", "--grep=^Accepted publickey for ",
            "_UID=0", "SYSLOG_IDENTIFIER=sshd", "SYSLOG_IDENTIFIER=sshd-session",
        ]
    )  # fmt: skip
    if ran.status and (ran.status, ran.err) != (1, ""):  # 1 without a word: nothing found
        raise JournalError(ran.err.strip() or f"journalctl ended with status {ran.status}")
    for line in ran.out.splitlines():
        try:
            record = json.loads(line)
            match = _ACCEPTED.match(record["MESSAGE"])
            if match is not None:
                address = match[2].partition("%")[0]  # of a link-local one without the link
                ipaddress.ip_address(address)
                yield match[1], address, match[3], int(record["__REALTIME_TIMESTAMP"]) / 1e6
        except (ValueError, KeyError, TypeError):
            continue  # a message that is no text
