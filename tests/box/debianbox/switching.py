"""`nas2fa system` in a box, and whether every file is again as it was."""

from __future__ import annotations

import json

from .machine import Box

# Names, kinds, modes, owners, targets of links; contents; PAM's answer in debconf. Left out is what changes by itself:
# who is enrolled in /etc/nas2fa, and the lock of passwd(1).
_EVERYTHING = r"""
find /etc /var/lib/pam ! -path '/etc/nas2fa/*' ! -name '.pwd.lock' -printf '%p %y %m %u:%g %l\n' | sort
find /etc /var/lib/pam -type f ! -path '/etc/nas2fa/*' ! -name '.pwd.lock' -exec sha256sum {} + | sort
debconf-show libpam-runtime | sort
ls /etc/nas2fa/switch-ballast /run/nas2fa/trial /var/lib/nas2fa-switch/[pe]* 2>/dev/null
"""

PLAINLY = ("enable", "--yes", "--no-way-back-check", "--exempt", "none")


def everything(box: Box) -> list[str]:
    """Lines that are the same only where every file is the same, byte for byte."""
    return box.run(_EVERYTHING + "true").stdout.splitlines()


def changed(before: list[str], after: list[str]) -> list[str]:
    """What tells the two apart: a short text where a comparison of the whole would be a long one."""
    return sorted({f"- {line}" for line in before} ^ {f"- {line}" for line in after})


def system(box: Box, *words: str, status: int = 0) -> str:
    """`nas2fa system WORDS`, which must end with `status`; what it said."""
    done = box.run(["nas2fa", "system", *words], check=False)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def state(box: Box) -> str:
    """In a word: off, trial, on."""
    return str(json.loads(system(box, "status", "--json"))["state"])
