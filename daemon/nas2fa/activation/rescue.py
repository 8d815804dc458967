"""The rescue by the kernel word: is it there, was it walked once, and who could type the word."""

from __future__ import annotations

import re

from nas2fa.activation.system import System

SCRIPT = "/usr/libexec/nas2fa/rescue"
UNIT = "nas2fa-rescue.service"
MARK = "/var/lib/nas2fa-switch/rescue-tested"

_UNIT_FOLDERS = ("/usr/lib/systemd/system", "/lib/systemd/system")
_MASKS = ("/etc/systemd/system.control", "/etc/systemd/system")
_GRUB = ("/boot/grub/grub.cfg", "/boot/grub2/grub.cfg")
_GRUB_CUSTOM = "custom.cfg"
_SYSTEMD_BOOT = ("/boot", "/efi", "/boot/efi")


def in_place(system: System) -> bool:
    """Whether a boot with the word would run the rescue: program and unit are there, and the unit is not masked.

    In a container there is no kernel command line of its own: see docs/nas.md.
    """
    wanted = any(
        system.read(f"{folder}/{UNIT}") and system.read(f"{folder}/sysinit.target.wants/{UNIT}")
        for folder in _UNIT_FOLDERS
    )
    masked = any(UNIT in system.names(folder) for folder in _MASKS)
    return bool(system.read(SCRIPT)) and wanted and not masked


def tested(system: System) -> str | None:
    """The day (ISO 8601) on which somebody became root by the rescue on this very machine; None if nobody did.

    The rescue itself writes the mark. One that came from another machine, with a backup, proves nothing here.
    """
    words = dict(line.partition("=")[::2] for line in (system.read(MARK) or "").splitlines())
    machine = (system.read("/etc/machine-id") or "").strip()
    return words.get("date") or None if machine and words.get("machine") == machine else None


def boot_loader_guarded(system: System) -> bool | None:
    """Whether the boot loader asks for a password before its lines can be edited; None when no known one is there.

    Of several boot loaders each must: nobody can tell here which one the firmware starts. OSError when a file of
    theirs cannot be read.
    """
    words = [*_of_grub(system), *_of_systemd_boot(system)]
    return all(words) if words else None


def _of_grub(system: System) -> list[bool]:
    """One word for each grub.cfg: once `superusers` is set (info grub, Security), only they may edit an entry."""
    found = []
    for path in _GRUB:
        text = system.read(path)
        if text is not None:
            custom = system.read(path.rpartition("/")[0] + "/" + _GRUB_CUSTOM) or ""
            found.append(bool(re.search(r"(?m)^\s*(?:set\s+)?superusers=", f"{text}\n{custom}")))
    return found


def _of_systemd_boot(system: System) -> list[bool]:
    """One word for each loader.conf(5): its `editor` is on unless it says no."""
    found = []
    for folder in _SYSTEMD_BOOT:
        text = system.read(f"{folder}/loader/loader.conf")
        if text is not None:
            said = re.findall(r"(?m)^\s*editor\s+(\S+)", text)
            found.append(bool(said) and said[-1].lower() in ("no", "n", "false", "f", "off", "0"))
    return found
