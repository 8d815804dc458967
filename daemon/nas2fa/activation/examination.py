"""What the doctor's checks look at: the box, nas2fad's word about it, and whether the second step is switched on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nas2fa.activation import samba, smbd_start, sshd, state
from nas2fa.activation.accounts import Account, accounts
from nas2fa.activation.admins import Admin, admins
from nas2fa.activation.sshd import Setting
from nas2fa.activation.sshd_start import Start, started
from nas2fa.activation.switch import Ask
from nas2fa.activation.system import System, contained

__all__ = ["Ask", "Examination"]


@dataclass(frozen=True)
class Examination:
    """One examination. `ask` puts a request to nas2fad; None when it is away. Everything is read once."""

    system: System
    ask: Ask | None

    @cached_property
    def switch(self) -> state.State | None:
        """The switch that counts, on trial or confirmed; None: the second step is off for the box."""
        return state.pending(self.system) or state.enforced(self.system)

    @property
    def on(self) -> bool:
        """Whether the second step is switched on for the box, on trial or confirmed."""
        return self.switch is not None

    @cached_property
    def contained(self) -> bool:
        """Whether this is a container: kernel line and clock are then the host's."""
        return contained(self.system)

    @cached_property
    def health(self) -> Mapping[str, Any]:
        """What `nas2fa health` says; empty when nas2fad is away."""
        return self.ask("health", {})[0] if self.ask else {}

    @cached_property
    def clock(self) -> Mapping[str, Any]:
        """What `nas2fa clock` says, measured now; empty when nas2fad is away."""
        return self.ask("clock", {})[0] if self.ask else {}

    @cached_property
    def records(self) -> Sequence[Mapping[str, Any]]:
        """Everybody with a record, as `nas2fa user list` has them; none when nas2fad is away."""
        return self.ask("user.list", {})[1] if self.ask else ()

    @cached_property
    def enrolled(self) -> frozenset[str]:
        """The names of those whose second step is armed."""
        return frozenset(row["user"] for row in self.records if row["armed"])

    @cached_property
    def accounts(self) -> Sequence[Account]:
        """The accounts that the name service lists."""
        return list(accounts(self.system))

    @cached_property
    def admins(self) -> Sequence[Admin]:
        """The administrators of the box."""
        return admins(self.system)

    @cached_property
    def sshd(self) -> Mapping[str, list[str]]:
        """Sshd's values outside of Match blocks; empty without sshd. Raises SshdError."""
        return sshd.effective(self.system, start=self.sshd_start) if sshd.installed(self.system) else {}

    @cached_property
    def sshd_start(self) -> Start:
        """How sshd was started."""
        return started(self.system)

    @cached_property
    def sshd_settings(self) -> Sequence[Setting]:
        """The lines of sshd's configuration, in the order in which it reads them."""
        return list(sshd.settings(self.system, start=self.sshd_start))

    @cached_property
    def samba(self) -> samba.Settings:
        """Samba's values, as smbd runs now. Raises SambaError."""
        return samba.settings(self.system, self.smbd_starts[0])

    @cached_property
    def smbd_starts(self) -> Sequence[smbd_start.Start]:
        """How smbd was started, and how it will be."""
        return smbd_start.started(self.system)
