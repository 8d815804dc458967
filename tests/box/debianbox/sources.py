"""Where this machine gets Debian from, said again for another suite.

The only mirror and proxy a machine is sure to reach are the ones in its own /etc/apt, so a root for Debian 12
or 13 is fetched from there, with the suite's name replaced.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

APT = Path("/etc/apt")
DEBIAN_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# What of the host's apt configuration decides whether a mirror can be reached and believed.
_CARRIED = re.compile(r"^Acquire::(http|https|ftp|Retries|ForceIPv4|ForceIPv6|Check-Valid-Until|Check-Date)\b")
_ONE_LINE = re.compile(r"^deb\s+(?:\[(?P<options>[^]]*)\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)$")


class NoMirrorError(Exception):
    """The host's /etc/apt names no source for its own suite, so none for another suite can be told."""


@dataclass(frozen=True)
class Source:
    """One archive and suite, e.g. `bookworm-security`, and the keyring that its signature is checked with."""

    uri: str
    suite: str
    signed_by: str

    def line(self) -> str:
        """As a line of sources.list(5)."""
        return f"deb [signed-by={self.signed_by}] {self.uri} {self.suite} main"


def host_suite() -> str:
    """The code name in the host's os-release(5), e.g.

    "bookworm"; "" where there is none (testing, another system).
    """
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return ""


def sources_for(suite: str) -> list[Source]:
    """The host's own Debian sources, with `suite` in place of the host's.

    Raises NoMirrorError if the host has none.
    """
    own = host_suite()
    found = {
        Source(source.uri, source.suite.replace(own, suite), source.signed_by): None
        for source in host_sources()
        if own and re.fullmatch(rf"{own}(-updates|-security)?(/updates)?", source.suite)
    }
    if not found:
        raise NoMirrorError(f"{APT}: no source for {own or 'an unnamed suite'}; cannot fetch {suite}")
    return list(found)


def host_sources() -> Iterator[Source]:
    """Every enabled source in the host's /etc/apt, in both formats of sources.list(5)."""
    for path in [APT / "sources.list", *sorted((APT / "sources.list.d").glob("*.list"))]:
        if path.exists():
            yield from _one_line_format(path.read_text())
    for path in sorted((APT / "sources.list.d").glob("*.sources")):
        yield from _deb822_format(path.read_text())


def _one_line_format(text: str) -> Iterator[Source]:
    for line in text.splitlines():
        match = _ONE_LINE.match(line.split("#")[0].strip())
        if match and "main" in match["components"].split():
            keyring = re.search(r"signed-by=(\S+)", match["options"] or "")
            yield Source(match["uri"], match["suite"], keyring[1] if keyring else DEBIAN_KEYRING)


def _deb822_format(text: str) -> Iterator[Source]:
    without_comments = re.sub(r"(?m)^#.*\n", "", text)
    for stanza in re.split(r"\n\s*\n", without_comments):
        fields = {
            key.lower(): value.split() for key, value in re.findall(r"(?m)^([\w-]+):((?:.*)(?:\n[ \t].*)*)", stanza)
        }
        if (
            fields.get("enabled") == ["no"]
            or "deb" not in fields.get("types", [])
            or "main" not in fields.get("components", [])
        ):
            continue
        # An inline key is the host's affair; Debian's own keyring signs Debian.
        keyring = fields.get("signed-by", [DEBIAN_KEYRING])
        signed_by = keyring[0] if len(keyring) == 1 else DEBIAN_KEYRING
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield Source(uri, suite, signed_by)


def apt_options() -> list[str]:
    """The host's proxy and transport settings, as lines of apt.conf(5)."""
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [line for line in dump.splitlines() if _CARRIED.match(line) and not line.endswith('"";')]
