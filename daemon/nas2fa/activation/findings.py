"""What the doctor has to say: one finding for each thing that is not as it should be. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

SWITCH = "nas2fa system enable"  # in a finding's `fix` where that mends it


class Severity(StrEnum):
    """error: somebody gets in without a code, or nobody gets in. warning: will bite one day. note: good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding, in words for an administrator. `name` is a fixed word in kebab-case, for scripts and the docs."""

    name: str
    severity: Severity
    where: str  # a file with its line, a unit, a user: what to look at
    what: str  # what was found
    why: str  # why it matters
    fix: str  # what to do: a command where there is one

    @property
    def mended_by_switch(self) -> bool:
        """Whether switching on writes anew what is wrong here."""
        return SWITCH in self.fix
