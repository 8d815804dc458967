"""Words of the policy: one rule of nas2fa.toml, whom it is about and what is done with them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nas2fa.network import Network

# Services that are another one begun differently: a rule for one is a rule for both.
SAME: Final = {"sudo-i": "sudo", "su-l": "su"}

# Services of the box itself, which never tell PAM of an address. (login(1) may: behind telnetd.)
LOCAL: Final = frozenset({"atd", "chfn", "chsh", "cron", "passwd", "polkit-1", "runuser", "su", "sudo"})

FINGERPRINT: Final = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)  # of an ssh key, as ssh-keygen -l has it
ANY_KEY: Final = "any"  # of an exemption: whichever ssh key, but a key


def canonical(service: str) -> str:
    """The name by which rules know a PAM service; libpam itself makes the name lower case (pam_start(3))."""
    lower = service.lower()
    return SAME.get(lower, lower)


@dataclass(frozen=True, slots=True)
class Rule:
    """An empty condition holds for everybody; of a list, one entry must fit. The first rule that fits decides."""

    action: str  # code | skip | deny
    name: str = ""  # for `nas2fa explain`
    service: frozenset[str] = frozenset()  # canonical names
    user: frozenset[str] = frozenset()
    group: frozenset[str] = frozenset()
    network: tuple[Network, ...] = ()
    first: str = ""  # password | key: what was proved before
    origin: str = ""  # local | remote; `from` in the file
    again_after: int = 0  # seconds in which an address with a good code is not asked again; 0: each time
    opens_smb: bool | None = None  # whether an ssh login with a code opens the file shares; None: as the option says
    number: int = 0  # its place in the file, from 1; 0 is the default when none fits

    def __str__(self) -> str:
        if not self.number:
            return "no rule fits"
        return f"rule {self.number} ({self.name})" if self.name else f"rule {self.number}"


DEFAULT: Final = Rule("code")
