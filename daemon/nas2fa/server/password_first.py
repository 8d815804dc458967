"""Whether the code is asked on this box only behind a right password, as its PAM files tell.

Where it is not (a decoy line; a line of ours before the one that checks the password) nothing at the code prompt may
tell what a user has. Read when somebody asks for the menu, which is rarely.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Final

FOLDERS: Final = ("/etc/pam.d", "/usr/lib/pam.d")
FILE_MAX: Final = 65_536  # bytes
FILES_MAX: Final = 500
OURS: Final = "pam_nas2fa.so"
EARLY: Final = frozenset({"split", "pubkey"})  # asks nothing, or only behind a key
PASSWORDS: Final = ("pam_unix.so", "pam_sss.so", "pam_winbind.so", "pam_ldap.so", "pam_krb5.so")
NO_AUTH: Final = ("account", "password", "session")  # how the names of Debian's included files end, but for common-auth


def password_first(folders: Sequence[str] = FOLDERS) -> bool:
    """False also when that cannot be told, and where no file calls our module. Never raises."""
    try:
        told = [_is_first(text) for folder in folders for text in _files(folder)]
    except (OSError, OverflowError):
        return False
    return True in told and False not in told


def _files(folder: str) -> Iterator[str]:
    """The content of every file. OSError; OverflowError for more than is to be read."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            if not entry.is_file():
                continue
            with open(entry.path, encoding="utf-8", errors="replace") as file:
                text = file.read(FILE_MAX)
            if len(text) == FILE_MAX or number > FILES_MAX:
                raise OverflowError
            yield text


def _is_first(text: str) -> bool | None:
    """None for a file that never asks for a code."""
    first, proved = None, False
    for line in text.replace("\\\n", " ").splitlines():
        words = line.partition("#")[0].split()
        if len(words) == 2 and words[0] == "@include":
            proved |= not words[1].endswith(NO_AUTH)
        if len(words) < 3 or words[0].lstrip("-").lower() != "auth":
            continue
        if not any(word.endswith(OURS) for word in words):
            proved |= words[1] in ("include", "substack") or any(word.endswith(PASSWORDS) for word in words)
        elif "decoy" in words or not (proved or EARLY & set(words)):
            return False
        else:
            first = True
    return first
