"""Every option, its default, and a loud refusal with file and line for all else."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from nas2fa.config.rules import rules_of
from nas2fa.config.values import issuer, networks, one_of, servers, strings, whole
from nas2fa.errors import ConfigError
from nas2fa.network import Network
from nas2fa.rules import Rule


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
    clock: str = "ntp"  # ntp | kernel | trust: whose word on the clock counts
    clock_limit: int = 15  # seconds the clock may be off when something is set up
    ntp_servers: tuple[str, ...] = ()  # asked for the time; empty: those of the box's own time service
    smb_deny: str = "expired"  # expired | hidden: how a login to the shares without a grant is refused
    smb_grant_idle: int = 1800  # seconds without a session after which a grant ends
    smb_grant_max: int = 43_200  # seconds after which it ends in any case
    smb_session_max: int = 0  # seconds after which a session that a grant let in is ended; 0: never
    smb_opened_by_ssh: bool = True  # an ssh login with a code opens the shares at its address
    rule: tuple[Rule, ...] = ()  # who is asked for a code: the first that fits decides


_OPTIONS: dict[str, Callable[[Any], Any]] = {
    "issuer": issuer,
    "deny": whole(1, 100),
    "fail_interval": whole(1, 7 * 86400),
    "unlock_time": whole(1, 7 * 86400),
    "prompt_timeout": whole(5, 3600),
    "unenrolled": one_of("pass", "deny"),
    "algorithm": one_of("SHA1", "SHA256", "SHA512"),
    "digits": one_of(6, 8),
    "period": one_of(30, 60),
    "enroll_from": networks,
    "display_managers": strings,
    "console_ptys": one_of(False, True),
    "invite_hours": whole(1, 24 * 30),
    "clock": one_of("ntp", "kernel", "trust"),
    "clock_limit": whole(1, 120),
    "ntp_servers": servers,
    "smb_deny": one_of("expired", "hidden"),
    "smb_grant_idle": whole(1, 86_400),
    "smb_grant_max": whole(1, 86_400),
    "smb_session_max": whole(0, 7 * 86_400),
    "smb_opened_by_ssh": one_of(False, True),
}
assert {"rule", *_OPTIONS} == {field.name for field in fields(Config)}


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
        if key == "rule":
            values[key] = rules_of(value, text, filename)
            continue
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
