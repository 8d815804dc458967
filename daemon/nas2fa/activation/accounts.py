"""The accounts of the box, as its name service tells them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from nas2fa.activation.system import System

LOGIN_UID = 1000  # people's accounts begin here: UID_MIN of login.defs(5)
NOBODY_UID = 65534


@dataclass(frozen=True, slots=True)
class Account:
    """One line of passwd(5)."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str

    @property
    def of_a_person(self) -> bool:
        """Whether its number is one of those that people have."""
        return LOGIN_UID <= self.uid < NOBODY_UID


def accounts(system: System, *keys: str) -> Iterator[Account]:
    """Those with these names or uids; all that are listed, without any. A directory need not list its people."""
    for line in system.run(["getent", "passwd", *keys]).out.splitlines():
        fields = line.split(":")
        if len(fields) == 7 and fields[2].isdecimal() and fields[3].isdecimal():
            yield Account(fields[0], int(fields[2]), int(fields[3]), fields[5], fields[6])
