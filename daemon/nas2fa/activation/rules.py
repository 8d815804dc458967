"""The rules of nas2fa.toml, as the file has them now."""

from __future__ import annotations

from nas2fa import config
from nas2fa.activation.places import CONFIG
from nas2fa.activation.system import System
from nas2fa.errors import ConfigError
from nas2fa.rules import Rule


def rules(system: System) -> tuple[Rule, ...]:
    """Them all, in their order; none when the file is refused (the doctor's daemon_is_well() tells that)."""
    try:
        return config.parse(system.read(CONFIG) or "", CONFIG).rule
    except ConfigError:
        return ()
