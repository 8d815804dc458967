"""Which time servers the configuration of each time service names. Pure: the files come as an object.

Read as the service itself reads it, but only for names: what cannot be understood is left out, never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from posixpath import dirname, join
from types import MappingProxyType
from typing import Final, Protocol, TypeAlias

from nas2fa.control.courier import NAME_MAX

POOL: Final = 3  # addresses that are asked of a name that stands for many servers
# What Debian compiles into systemd-timesyncd, for when nothing is configured.
DEBIAN_FALLBACK: Final = tuple(f"{number}.debian.pool.ntp.org" for number in range(4))
_SYSTEMD: Final = ("/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd")
_REFERENCE_CLOCK: Final = "127.127."  # ntp.conf's addresses for receivers, which are no servers


class Files(Protocol):
    """The files of a box; what is not there is empty."""

    def text(self, path: str) -> str:
        """Of a file."""

    def names(self, folder: str) -> list[str]:
        """Of what is in a folder, in order."""


@dataclass(frozen=True, slots=True)
class Server:
    """A name or address, and how many of its addresses may be asked."""

    name: str
    most: int = 1


Reader: TypeAlias = Callable[[Files], Iterator[Server]]


def named(names: Iterable[str], most: int = 1) -> Iterator[Server]:
    """Those of the names that can be names of servers."""
    for name in names:
        if name.isprintable() and 0 < len(name) <= NAME_MAX and not name.startswith(_REFERENCE_CLOCK):
            yield Server(name, most)


# --- systemd-timesyncd: timesyncd.conf(5)


def timesyncd(files: Files) -> Iterator[Server]:
    """NTP=, then those that systemd-networkd got for its links; FallbackNTP= when there are none."""
    system: list[str] = []
    fallback = list(DEBIAN_FALLBACK)
    fallback_set = False
    for key, value in _settings(_timesyncd_texts(files), "[time]"):
        if key == "ntp":
            system = [*system, *value] if value else []
        elif key == "fallbackntp":
            fallback = [*(fallback if fallback_set else ()), *value] if value else []
            fallback_set = True
    links = [name for line in files.text("/run/systemd/netif/state").splitlines() for name in _after(line, "NTP=")]
    return named(system + links or fallback)


def _after(line: str, key: str) -> list[str]:
    return line.removeprefix(key).split() if line.startswith(key) else []


def _timesyncd_texts(files: Files) -> Iterator[str]:
    """The first timesyncd.conf, then the drop-ins by name; of those with one name, the one of the first folder."""
    yield next(filter(None, (files.text(f"{folder}/timesyncd.conf") for folder in _SYSTEMD)), "")
    yield from map(files.text, _in_folders(files, [f"{folder}/timesyncd.conf.d" for folder in _SYSTEMD], ".conf"))


def _settings(texts: Iterable[str], section: str) -> Iterator[tuple[str, list[str]]]:
    """The assignments in one section: the key in small letters, the words of the value. systemd.syntax(7)."""
    for text in texts:
        within = ""
        for line in map(str.strip, text.replace("\\\n", " ").splitlines()):
            if line.startswith("["):
                within = line.lower()
            elif within == section and "=" in line and line[0] not in "#;":
                key, _, value = line.partition("=")
                yield key.strip().lower(), value.split()


# --- those with one statement a line


def chrony(files: Files) -> Iterator[Server]:
    """chrony.conf(5), with what it includes; DHCP's servers come by its sourcedir."""
    return _chrony(files, "/etc/chrony/chrony.conf", set())


def _chrony(files: Files, path: str, seen: set[str]) -> Iterator[Server]:
    for word, rest in _statements(files, path, seen, "!;#%", trailing=False):
        match word:
            case "server" | "peer":
                yield from named(rest[:1])
            case "pool":
                yield from named(rest[:1], POOL)
            case "include" | "confdir" | "sourcedir":
                for more in _included_by_chrony(files, word, rest):
                    yield from _chrony(files, more, seen)


def _included_by_chrony(files: Files, word: str, rest: list[str]) -> Iterator[str]:
    if word != "include":
        yield from _in_folders(files, rest, ".conf" if word == "confdir" else ".sources")
    elif rest:
        folder = dirname(rest[0])
        paths = (join(folder, name) for name in files.names(folder))
        yield from (path for path in paths if fnmatchcase(path, rest[0]))


def ntpsec(files: Files) -> Iterator[Server]:
    """ntp.conf(5) of ntpsec, or what Debian's hook for DHCP made of it."""
    from_dhcp = "/run/ntpsec/ntp.conf.dhcp"
    return _ntp(files, from_dhcp if files.text(from_dhcp) else "/etc/ntpsec/ntp.conf", set())


def ntp(files: Files) -> Iterator[Server]:
    """/etc/ntp.conf of the classic ntpd."""
    return _ntp(files, "/etc/ntp.conf", set())


def _ntp(files: Files, path: str, seen: set[str]) -> Iterator[Server]:
    for word, rest in _statements(files, path, seen, "#"):
        names = [name for name in rest if not name.startswith("-")][:1]  # -4 and -6 stand before the name
        match word:
            case "server" | "peer":
                yield from named(names)
            case "pool":
                yield from named(names, POOL)
            case "includefile" if names:
                more = join(dirname(path), names[0])
                folder = [f"{more}/{name}" for name in files.names(more) if name.endswith(".conf")]
                for file in folder or [more]:
                    yield from _ntp(files, file, seen)


def openntpd(files: Files) -> Iterator[Server]:
    """ntpd.conf(5) of OpenNTPD: `servers` are all addresses of a name."""
    for word, rest in _statements(files, "/etc/openntpd/ntpd.conf", set(), "#"):
        if word in ("server", "servers"):
            yield from named((name.strip('"') for name in rest[:1]), POOL if word == "servers" else 1)


def _statements(
    files: Files, path: str, seen: set[str], comment: str, *, trailing: bool = True
) -> Iterator[tuple[str, list[str]]]:
    """The first word of each line, in small letters, and the others. A file is read once, whoever includes it.

    comment   characters that begin one; `trailing`: also behind a statement
    """
    if path in seen:
        return
    seen.add(path)
    for line in map(str.strip, files.text(path).splitlines()):
        words = (line.partition(comment)[0] if trailing else line).split()
        if words and line[0] not in comment:
            yield words[0].lower(), words[1:]


def _in_folders(files: Files, folders: Iterable[str], suffix: str) -> list[str]:
    """The files with that suffix, ordered by name; of those with one name, the one of the first folder."""
    places: dict[str, str] = {}
    for folder in folders:
        for name in files.names(folder):
            if name.endswith(suffix):
                places.setdefault(name, f"{folder}/{name}")
    return [path for _, path in sorted(places.items())]


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {"chrony": chrony, "ntpsec": ntpsec, "ntp": ntp, "openntpd": openntpd, "systemd-timesyncd": timesyncd}
)
