"""What the doctor's checks look at: the box, nas2fad's word about it, and whether the second step is switched on."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from nas2fa.activation import sshd
from nas2fa.activation.admins import Admin, admins
from nas2fa.activation.system import System

SWITCH = "/var/lib/nas2fa-switch"  # what switching on keeps
DROP_IN = "/etc/ssh/sshd_config.d/00-nas2fa.conf"

Ask: TypeAlias = Callable[[str, Mapping[str, Any]], tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]]


@dataclass(frozen=True)
class Examination:
    """One examination. `ask` puts a request to nas2fad; None when it is away. Everything is read once."""

    system: System
    ask: Ask | None

    @cached_property
    def on(self) -> bool:
        """Whether the second step is switched on for the box, on trial or confirmed."""
        return any(os.path.lexists(self.system.path(f"{SWITCH}/{name}")) for name in ("pending", "enforced"))

    @cached_property
    def health(self) -> Mapping[str, Any]:
        """What `nas2fa health` says; empty when nas2fad is away."""
        return self.ask("health", {})[0] if self.ask else {}

    @cached_property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """Everybody with a record, as `nas2fa user list` has them; none when nas2fad is away."""
        return self.ask("user.list", {})[1] if self.ask else ()

    @cached_property
    def enrolled(self) -> frozenset[str]:
        """The names of those whose second step is armed."""
        return frozenset(row["user"] for row in self.records if row["armed"])

    @cached_property
    def admins(self) -> Sequence[Admin]:
        """The administrators of the box."""
        return admins(self.system)

    @cached_property
    def sshd(self) -> Mapping[str, list[str]]:
        """Sshd's values outside of Match blocks; empty without sshd. Raises SshdError."""
        return sshd.effective(self.system) if sshd.installed(self.system) else {}
