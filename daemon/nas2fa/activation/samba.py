"""What Samba does with its configuration: the values in force as testparm tells them, and whether its logins are asked.

smbd checks passwords itself and then calls PAM's account phase, once for each login, as the service samba. It reads
the stack anew each time, so what is written there counts at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from nas2fa.activation import outcomes, stacks
from nas2fa.activation.outcomes import GRANTED, REFUSED
from nas2fa.activation.places import SAMBA_STACK
from nas2fa.activation.smb_conf import CONFIG
from nas2fa.activation.smbd_start import Start, started
from nas2fa.activation.system import System
from nas2fa.activation.walk import Way, ways

PROGRAM = "/usr/sbin/smbd"
RELOAD = "smbcontrol smbd reload-config"
PUT_BACK = "apt-get install --reinstall -o Dpkg::Options::=--force-confmiss samba-common"
CHAIN_MAX = 8  # files that name another in their place, one after the other
_SECTION = re.compile(r"\[(.+)\]")
_VALUE = re.compile(r"\t([^=]+?) ?= ?(.*)")


class SambaError(Exception):
    """What smbd does cannot be told: testparm refuses the configuration, or cannot run, or …; the text says what."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Every value in force, under the name that testparm gives it: synonyms and spellings are resolved."""

    globally: Mapping[str, str]
    shares: Mapping[str, Mapping[str, str]]  # what differs from `globally`; names as smb.conf has them
    file: str = CONFIG

    def share(self, name: str) -> str | None:
        """The share that smbd takes `name` for: it does not mind upper and lower case. None: there is none."""
        return next((each for each in self.shares if each.lower() == name.lower()), None)

    def of(self, share: str, name: str) -> str:
        """One value of a share; "" when it is empty."""
        return self.shares[share].get(name, self.globally.get(name, ""))


def installed(system: System) -> bool:
    """Whether this box has Samba's file server."""
    return system.path(PROGRAM).exists()


def settings(system: System, start: Start | None = None) -> Settings:
    """What smbd would read now, `start`ed so; as it runs, when that is None. Raises SambaError."""
    start = start or started(system)[0]
    if start.unknown:
        raise SambaError(f"smbd is started with what is not understood: {' '.join(start.unknown)}")
    file = start.config or CONFIG
    for _ in range(CHAIN_MAX):
        found = _told(system, start, file)
        other = found.globally.get("config file", "")  # which testparm shows, but smbd goes on to
        if not system.path(f"/{other}").is_file() or "%" in other or other == file:
            return found
        file = other
    raise SambaError(f"{CHAIN_MAX} files that name another one each (config file), the last of them {file}")


def _told(system: System, start: Start, file: str) -> Settings:
    """What testparm says of one file and those that it includes. Raises SambaError."""
    options = [f"--option={option}" for option in start.options]
    ran = system.run(["testparm", "--suppress-prompt", "--verbose", *options, file])
    sections: dict[str, dict[str, str]] = {}
    values: dict[str, str] = {}
    for line in ran.out.splitlines():
        section, value = _SECTION.fullmatch(line), _VALUE.fullmatch(line)
        if section:
            values = sections.setdefault(section[1], {})
        elif value and sections:
            values[value[1].strip().lower()] = value[2].strip()
        elif line.strip() and not line.startswith("#"):
            raise SambaError(f"testparm said what is not understood: {line}")
    if "global" not in sections:  # its status is no measure: 1 also for a folder that is not there yet
        said = ran.err.strip() or f"it ended with status {ran.status}"
        raise SambaError(f"testparm refuses Samba's configuration: {said}")
    return Settings(sections.pop("global"), sections, file)


def asks_pam(found: Settings) -> bool:
    """Whether smbd calls PAM's account phase at all, as far as one value says it."""
    return found.globally.get("obey pam restrictions", "").lower() == "yes"


def is_domain_controller(found: Settings) -> bool:
    """Whether it is an Active Directory domain controller, which lets people in without PAM's account phase."""
    return found.globally.get("server role", "").lower() == "active directory domain controller"


def no_cover(system: System) -> str | None:
    """Why a line in PAM's stack would not cover Samba on this box, and what to do; None: it would."""
    if stacks.file_of(system, "samba") != SAMBA_STACK:
        return f"{SAMBA_STACK} does not exist, but smbd does: {PUT_BACK}"
    return next(filter(None, (_no_question(system, start) for start in started(system))), None)


def _no_question(system: System, start: Start) -> str | None:
    """Why smbd asks PAM nothing when it is started so, and what to do; None: it asks."""
    try:
        found = settings(system, start)
    except SambaError as error:
        return f"Nobody can tell whether Samba asks PAM: {error}"
    if is_domain_controller(found):
        return "Samba is an Active Directory domain controller here, and as such does not ask PAM who may log in."
    if not asks_pam(found):
        return (
            "Samba does not ask PAM who may log in (obey pam restrictions = no): set `obey pam restrictions = yes` in "
            f"the section [global] of {found.file}, then: {RELOAD}"
            + (f". And see how smbd is started (systemctl cat smbd): {start}" if start.options else "")
        )
    return None


def open_way(system: System) -> Way | None:
    """A way through Samba's account stack to success on which nas2fad has not said yes; None: there is none."""
    for way in ways(stacks.flatten(system, "samba", "account"), outcomes.of_account):
        if way.result in outcomes.ADMITS and (REFUSED in way.notes or GRANTED not in way.notes):
            return way
    return None
