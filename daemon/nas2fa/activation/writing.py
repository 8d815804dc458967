"""Files that are there whole or not at all, also after a power cut: written beside, synced, renamed."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

STAGED = ".nas2fa-new"  # behind the name of the file that it will replace; sshd and PAM read neither


def sync(path: Path) -> None:
    """Have a file or folder on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write(path: Path, content: bytes, mode: int = 0o600, like: Path | None = None) -> None:
    """Make a new file and have it on the disk; with mode, owner, times and attributes of `like`, if given. OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "wb") as file:
        file.write(content)
        file.flush()  # later it would change the times
        os.fchmod(descriptor, mode)
        if like is not None:
            take_after(path, like)
        os.fsync(descriptor)


def take_after(path: Path, like: Path) -> None:
    """Give `path` the owner, mode, times and extended attributes (SELinux labels, ACLs) of `like`. Raises OSError."""
    status = like.stat()
    os.chown(path, status.st_uid, status.st_gid)
    shutil.copystat(like, path)


def stage(path: Path, content: bytes) -> Path:
    """Write what will replace `path` beside it; returns that file. OSError, and then nothing is left."""
    staged = path.with_name(path.name + STAGED)
    staged.unlink(missing_ok=True)
    try:
        write(staged, content, 0o644, path if path.exists() else None)
        os.utime(staged)  # changed now, not when the old one was
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    return staged


def replace(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put a file of ours in place, on the disk when this returns. Raises OSError."""
    staged = stage(path, content)
    with contextlib.suppress(FileNotFoundError):
        staged.chmod(mode)
    os.rename(staged, path)
    sync(path.parent)
