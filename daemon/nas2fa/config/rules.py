"""The tables [[rule]], in their order. A mistake in one is refused with the line it stands in."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from nas2fa.config.values import line, networks, one_of, strings, whole
from nas2fa.errors import ConfigError
from nas2fa.network import Network
from nas2fa.rules import Rule, canonical

RULES_MAX: Final = 100
GROUPS_MAX: Final = 200  # names of groups in all rules: each may be asked of a name service during a login
AGAIN_MAX: Final = 7 * 86400  # seconds
SIGN_IN: Final = "nas2fa"  # whose code opens the set-up: no rule is about it


def _some(value: Any) -> frozenset[str]:
    found = strings(value)
    if not found or not all(found):
        raise ValueError("a list of names, at least one; leave it out for all of them")
    return frozenset(found)


def _services(value: Any) -> frozenset[str]:
    found = frozenset(canonical(name) for name in _some(value))
    if SIGN_IN in found:
        raise ValueError(f"without {SIGN_IN!r}: no rule is about changes of an account")
    return found


def _groups(value: Any) -> frozenset[str]:
    found = _some(value)
    if any(":" in name or len(name.encode()) > 250 for name in found):
        raise ValueError("a list of names of groups")
    return found


def _places(value: Any) -> tuple[Network, ...]:
    found = networks(value)
    if not found:
        raise ValueError("a list of networks, at least one; leave it out for all of them")
    for network in found:
        if network.is_loopback or network.is_link_local:
            raise ValueError(
                f"without {network}, from which nobody can be told apart; for this box itself: from = 'local'"
            )
    return found


_KEYS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {  # key of the file: field of Rule, conversion
    "action": ("action", one_of("code", "skip", "deny")),
    "name": ("name", line),
    "service": ("service", _services),
    "user": ("user", _some),
    "group": ("group", _groups),
    "network": ("network", _places),
    "first": ("first", one_of("password", "key")),
    "from": ("origin", one_of("local", "remote")),
    "again_after": ("again_after", whole(0, AGAIN_MAX)),
    "opens_smb": ("opens_smb", one_of(False, True)),
}


def rules_of(value: Any, text: str, filename: str) -> tuple[Rule, ...]:
    """The rules of a whole file `text`, whose key `rule` has this value. ConfigError `file:line: …`."""
    if not isinstance(value, list) or not all(isinstance(table, dict) for table in value):
        raise ConfigError(f"{filename}:{_line_of('rule', text, 0)}: rules are written as tables: [[rule]]")
    rules = tuple(_rule(table, number, text, filename) for number, table in enumerate(value, 1))
    where = f"{filename}:{_line_of('', text, len(rules))}"
    if len(rules) > RULES_MAX:
        raise ConfigError(f"{where}: more than {RULES_MAX} rules")
    if len(frozenset[str]().union(*(rule.group for rule in rules))) > GROUPS_MAX:
        raise ConfigError(f"{where}: more than {GROUPS_MAX} groups in all rules")
    return rules


def _rule(table: Mapping[str, Any], number: int, text: str, filename: str) -> Rule:
    values: dict[str, Any] = {}
    for key, value in table.items():
        where = f"{filename}:{_line_of(key, text, number)}: rule {number}"
        if key not in _KEYS:
            raise ConfigError(
                f"{where}: unknown key {key!r} (options of the whole file stand above the first [[rule]])"
            )
        field, convert = _KEYS[key]
        try:
            values[field] = convert(value)
        except ValueError as error:
            raise ConfigError(f"{where}: {key} must be {error}") from None
    where = f"{filename}:{_line_of('', text, number)}: rule {number}"
    if "action" not in values:
        raise ConfigError(f"{where} has no action: 'code', 'skip' or 'deny'")
    rule = Rule(number=number, **values)
    for key in ("again_after", "opens_smb"):
        if getattr(rule, key) and rule.action != "code":
            raise ConfigError(f"{where}: {key} is for action = 'code'")
    if rule.network and rule.origin == "local":
        raise ConfigError(f"{where} fits nobody: who is local comes from no network")
    return rule


def _line_of(key: str, text: str, number: int) -> int:
    """The line of `key` in the rule of that number, from 1: tomllib does not tell. The rule's head without a key."""
    head = re.compile(r"\s*(?:\[\[\s*rule\s*\]\]|\[\s*rule\s*\]|rule\s*=)")
    names = "|".join(re.escape(form) for form in (key, f'"{key}"', f"'{key}'"))
    wanted = re.compile(rf"\s*(?:\[\[?\s*rule\s*\.\s*)?(?:{names})\s*[=.\]]")
    heads, last = 0, 1
    for at, row in enumerate(text.split("\n"), 1):
        if head.match(row):
            heads += 1
            last = at if heads <= max(1, number) else last
        elif key and heads == number and wanted.match(row):
            return at
    return last
