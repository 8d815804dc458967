"""Checks of our files: whose they are, who else could read them, and what an upgrade left beside them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import PurePosixPath

from nas2fa.activation import samba
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.places import TOP
from nas2fa.activation.samba import SambaError

# Folder: the bits that must not be set on it, and on what is in it.
MODES = {
    "/etc/nas2fa": (0o022, 0o022),
    "/var/lib/nas2fa": (0o077, 0o077),
    "/var/lib/nas2fa/users": (0o077, 0o077),
    "/run/nas2fa": (0o022, 0),  # two of its sockets are for everybody
    "/run/nas2fa/state": (0o077, 0o077),
    TOP: (0o077, 0o022),
    # What decides who is asked, and the programs that ask
    "/etc/pam.d": (0o022, 0o022),
    "/etc/ssh": (0o022, 0o022),
    "/etc/ssh/sshd_config.d": (0o022, 0o022),
    "/usr/libexec/nas2fa": (0o022, 0o022),
}
PROGRAM = "/usr/lib/python3/dist-packages/nas2fa"
SECRET = ("/var/lib/nas2fa", "/etc/nas2fa")
LEFT = re.compile(r"\.(dpkg-new|dpkg-dist|ucf-dist)$")
_ROOTS_SOCKETS = ("/run/nas2fa/login.sock", "/run/nas2fa/smb.sock", "/run/nas2fa/courier.sock")
_EXPORTS = "/etc/exports.d"  # its files *.exports count as well
_EXPORT = re.compile(r'^\s*("[^"]+"|/\S*)')
_SHARES = {
    "/etc/rsyncd.conf": re.compile(r"^\s*path\s*=\s*(\S.*?)\s*$", re.IGNORECASE),
    "/etc/exports": _EXPORT,
    "/etc/proftpd/proftpd.conf": re.compile(r"^\s*(?:DefaultRoot|<Anonymous)\s+(/[^\s>]*)", re.IGNORECASE),
    "/etc/vsftpd.conf": re.compile(r"^(?:local_root|anon_root)=(/\S*)"),
}


def files_are_roots(look: Examination) -> Iterator[Finding]:
    """Owner and mode of every folder of ours and of what is in it."""
    for folder, (own, inner) in MODES.items():
        yield from _permission(look, folder, own)
        for name in look.system.names(folder):
            path = f"{folder}/{name}"
            if path not in MODES:
                yield from _permission(look, path, inner | (0o077 if path in _ROOTS_SOCKETS else 0))
    top = look.system.path(PROGRAM)
    for found in (top, *top.rglob("*")):
        yield from _permission(look, str(found).removeprefix(look.system.root), 0o022)


def _permission(look: Examination, path: str, forbidden: int) -> Iterator[Finding]:
    try:
        state = os.lstat(look.system.path(path))
    except FileNotFoundError:
        return
    if stat.S_ISLNK(state.st_mode) and state.st_uid == 0:
        return  # a link has no mode of its own
    if state.st_uid or (state.st_gid and state.st_mode & stat.S_IWGRP) or state.st_mode & forbidden:
        yield Finding(
            "file-not-roots",
            Severity.ERROR,
            path,
            f"{path} belongs to uid {state.st_uid} and has the mode {stat.filemode(state.st_mode)}.",
            "Others than root can read secrets there, or change who is asked for a code.",
            f"chown root:root {path} && chmod {stat.S_IMODE(state.st_mode) & ~(forbidden | 0o022):o} {path}",
        )


def files_are_in_no_share(look: Examination) -> Iterator[Finding]:
    """A share of /, /var or /etc gives the secrets away, and lets them be put back as they were."""
    for where, shared in (*_of_files(look), *_of_samba(look)):
        inside = [path for path in SECRET if PurePosixPath(path).is_relative_to(shared)]
        if inside:
            yield Finding(
                "secrets-in-a-share",
                Severity.ERROR,
                where,
                f"{shared} is shared, and {' and '.join(inside)} lie in there.",
                "Whoever reads them can make every user's codes; whoever writes them switches the second step off.",
                f"Share a folder that holds nothing of the system: change {where}.",
            )


def _of_files(look: Examination) -> Iterator[tuple[str, PurePosixPath]]:
    """Each folder that a line of these files shares, with its place."""
    more = [f"{_EXPORTS}/{name}" for name in look.system.names(_EXPORTS) if name.endswith(".exports")]
    for file, pattern in (*_SHARES.items(), *((name, _EXPORT) for name in more)):
        for number, line in enumerate((look.system.read(file) or "").splitlines(), start=1):
            if match := pattern.match(line):
                yield f"{file}:{number}", PurePosixPath(match[1].strip('"'))


def _of_samba(look: Examination) -> Iterator[tuple[str, PurePosixPath]]:
    """The same of Samba, as testparm tells it: with what smb.conf includes, by whichever of its names for a path."""
    try:
        found = look.samba if samba.installed(look.system) else None
    except SambaError:
        return  # nothing is shared then
    if found is None:
        return
    for share in found.shares:
        if path := found.of(share, "path"):
            yield f"the share {share} of Samba", PurePosixPath(path)


def upgrades_left_nothing_beside(look: Examination) -> Iterator[Finding]:
    """An upgrade that found a changed file leaves its own beside it, or the old one."""
    for folder in ("/etc/pam.d", "/etc/ssh", "/etc/ssh/sshd_config.d", "/etc/nas2fa"):
        for name in look.system.names(folder):
            if LEFT.search(name):
                yield Finding(
                    "conffile-waits",
                    Severity.NOTE,
                    f"{folder}/{name}",
                    f"An upgrade brought {folder}/{name}, and left your file as it was.",
                    "What is new in there does not hold. Taking it over as it is would take our lines out.",
                    f"Compare the two, take over what you want, and delete {folder}/{name}.",
                )


CHECKS = (files_are_roots, files_are_in_no_share, upgrades_left_nothing_beside)
