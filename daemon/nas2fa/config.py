"""The configuration: every option, its default, and a loud refusal with file and line for all else."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, TypeAlias

from nas2fa.errors import ConfigError, StoreError
from nas2fa.paths import Paths
from nas2fa.store import files

CONFIG_MAX = 256 * 1024  # bytes
Network: TypeAlias = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Config:
    """Every option with its default. etc/nas2fa.toml says the same to the admin; a test holds the two together."""

    issuer: str = ""  # shown in the phone's app; empty: the host name
    deny: int = 5  # wrong codes from one source that lock it, as in faillock
    fail_interval: int = 900  # seconds in which they must fall
    unlock_time: int = 600  # seconds until the lock ends
    prompt_timeout: int = 120  # seconds a person may think
    unenrolled: str = "pass"  # pass | deny: who has no second step yet
    algorithm: str = "SHA1"  # of new authenticators, with the next two
    digits: int = 6
    period: int = 30  # seconds
    enroll_from: tuple[Network, ...] = ()  # from here a user may enrol with the password alone
    display_managers: tuple[str, ...] = ("gdm-password", "gdm", "lightdm", "sddm", "xdm")
    console_ptys: bool = False
    invite_hours: int = 72  # hours an invite code is valid


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def convert(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:  # a bool is an int, too
            raise ValueError(f"a whole number from {low} to {high}")
        return value

    return convert


def _one_of(*allowed: str | int) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        for choice in allowed:
            if type(value) is type(choice) and value == choice:
                return choice
        raise ValueError("one of " + ", ".join(map(repr, allowed)))

    return convert


def _strings(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
        raise ValueError("a list of strings")
    return tuple(value)


def _networks(value: Any) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(item) for item in _strings(value))
    except ValueError as error:
        raise ValueError(f"a list of networks or addresses ({error})") from None


def _issuer(value: Any) -> str:
    # A colon parts issuer and account in a provisioning URI; some apps break on an escaped one, too.
    if not isinstance(value, str) or len(value) > 64 or ":" in value or not value.isprintable():
        raise ValueError("a line of at most 64 characters without a colon")
    return value


_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "issuer": _issuer,
    "deny": _whole(1, 100),
    "fail_interval": _whole(1, 7 * 86400),
    "unlock_time": _whole(1, 7 * 86400),
    "prompt_timeout": _whole(5, 3600),
    "unenrolled": _one_of("pass", "deny"),
    "algorithm": _one_of("SHA1", "SHA256", "SHA512"),
    "digits": _one_of(6, 8),
    "period": _one_of(30, 60),
    "enroll_from": _networks,
    "display_managers": _strings,
    "console_ptys": _one_of(False, True),
    "invite_hours": _whole(1, 24 * 30),
}
assert set(_OPTIONS) == {field.name for field in fields(Config)}


def parse(text: str, filename: str) -> Config:
    """The configuration that `text` (TOML 1.0) says. ConfigError `file:line: …` for all that is no option's value."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        line = at.group(1) if at else str(text.count("\n") + 1)
        raise ConfigError(f"{filename}:{line}: {error}") from None
    except RecursionError:
        raise ConfigError(f"{filename}:1: nested too deeply") from None
    return Config(**_converted(found, text, filename))


def _converted(found: Mapping[str, Any], text: str, filename: str) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in found.items():
        where = f"{filename}:{_line_of(key, text)}"
        if key not in _OPTIONS:
            kind = "table" if isinstance(value, dict) else "option"
            raise ConfigError(f"{where}: unknown {kind} {key!r}")
        try:
            values[key] = _OPTIONS[key](value)
        except ValueError as error:
            raise ConfigError(f"{where}: {key} must be {error}") from None
    return values


def _line_of(key: str, text: str) -> int:
    """The line that sets `key`, from 1: tomllib does not tell. Bare, quoted, dotted, or a table's head."""
    names = "|".join(re.escape(form) for form in (key, f'"{key}"', f"'{key}'"))
    pattern = re.compile(rf"\s*(?:\[\[?\s*)?(?:{names})\s*[=.\]]")
    for number, line in enumerate(text.split("\n"), 1):
        if pattern.match(line):
            return number
    return 1


def load(paths: Paths) -> tuple[Config, str | None]:
    """The configuration to run with, and what is wrong with the file (None when nothing is).

    A bad file runs the last good one, or the defaults when there is none: what was in force stays in force, and the
    caller makes the fault loud. No file at all means the defaults, and is no fault.
    """
    try:
        text = _read(paths.config)
        if text is None:
            return Config(), None
        config = parse(text, paths.config)
    except ConfigError as error:
        return _last_good(paths), str(error)
    _keep(paths, text)
    return config, None


def _read(path: str) -> str | None:
    """A symbolic link is fine here (configuration tools make them); a file that others can write is not."""
    try:
        with open(path, "rb") as file:
            found = os.fstat(file.fileno())
            if found.st_uid not in (0, os.geteuid()) or stat.S_IMODE(found.st_mode) & files.UNWRITABLE:
                raise ConfigError(f"{path}:1: must belong to root and be writable by nobody else")
            content = file.read(CONFIG_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}:1: {error.strerror}") from None
    if len(content) > CONFIG_MAX:
        raise ConfigError(f"{path}:1: more than {CONFIG_MAX} bytes")
    return _decoded(content, path)


def _decoded(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from None


def _last_good(paths: Paths) -> Config:
    folder, name = os.path.split(paths.last_good_config)
    try:
        with files.directory(folder) as fd:
            content = files.read_file(fd, name, CONFIG_MAX)
        return parse(_decoded(content or b"", name), name)
    except (StoreError, ConfigError):
        return Config()


def _keep(paths: Paths, text: str) -> None:
    """Best effort: a full disk or a read-only one must not refuse a good configuration."""
    folder, name = os.path.split(paths.last_good_config)
    content = text.encode("utf-8")
    try:
        with files.directory(folder) as fd:
            if files.read_file(fd, name, CONFIG_MAX) != content:
                files.atomic_write(fd, name, content)
    except StoreError:
        return
