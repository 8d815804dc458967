"""Where everything lives: the box's own places, or all of it under one folder for a private instance (`--root DIR`)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Paths:
    """Three folders, absolute, as plain strings: they are joined at each login, where pathlib costs too much."""

    etc: str  # config, store id, list of enrolled uids
    run: str  # sockets and the state; a tmpfs, so it ends with the boot
    lib: str  # credentials and marks: what must outlive a power cut

    @classmethod
    def system(cls) -> Paths:
        """The places of an installed daemon."""
        return cls("/etc/nas2fa", "/run/nas2fa", "/var/lib/nas2fa")

    @classmethod
    def under(cls, root: str) -> Paths:
        """The places of a private instance: `root`/etc, `root`/run and `root`/lib."""
        return cls(f"{root}/etc", f"{root}/run", f"{root}/lib")

    @property
    def config(self) -> str:
        """The admin's configuration file."""
        return f"{self.etc}/nas2fa.toml"

    @property
    def store_id_etc(self) -> str:
        """One half of the pair of ids which says that /etc and the users folder belong together."""
        return f"{self.etc}/store-id"

    @property
    def enrolled(self) -> str:
        """The list of enrolled uids, kept away from the records so that both are not lost at once."""
        return f"{self.etc}/enrolled"

    @property
    def users(self) -> str:
        """The folder of records: <uid>.json, <uid>.json.bak, <uid>.marks and the other half of the id pair."""
        return f"{self.lib}/users"

    @property
    def owner(self) -> str:
        """The disk's note of the machine and boot that used it last."""
        return f"{self.lib}/owner"

    @property
    def last_good_config(self) -> str:
        """Copy of the last configuration that was read without a fault."""
        return f"{self.lib}/last-good.toml"

    @property
    def exemptions(self) -> str:
        """The exemptions that root has made."""
        return f"{self.lib}/exemptions.json"

    @property
    def state(self) -> str:
        """The folder of the state that is written at each login."""
        return f"{self.run}/state"

    @property
    def trial(self) -> str:
        """There while the second step waits to be confirmed: {"until": CLOCK_BOOTTIME seconds, "uids": […]}."""
        return f"{self.run}/trial"

    def socket(self, name: str) -> str:
        """The socket of that name: login, user, control, signin, smb or courier."""
        return f"{self.run}/{name}.sock"
