"""Files that are trusted only after a look at them, and replaced only as a whole.

Everything goes through the descriptor of a directory: a name inside is opened with O_NOFOLLOW, then the *descriptor* is
checked, so nobody can swap the file between check and read. Each failure is a StoreError with its Reason.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator

from nas2fa.errors import Reason, StoreError

PRIVATE = 0o077  # mode bits that a secret file must not have
UNWRITABLE = 0o022  # mode bits that a file without secrets must not have
TEMP_PREFIX = ".new-"  # left behind by a power cut, removed at the next start

_DIR = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
# O_NONBLOCK: a FIFO laid in place of a record must not hold up every login.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_UNSAFE = {errno.ELOOP, errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENXIO}


def open_dir(path: str) -> int:
    """A descriptor of the directory `path`, ours and not writable by others. STORE_ABSENT or RECORD_UNSAFE."""
    try:
        fd = os.open(path, _DIR)
    except OSError as error:
        gone = error.errno in (errno.ENOENT, errno.ENOTDIR)  # ENOTDIR is also what a symbolic link gives here
        reason = Reason.STORE_ABSENT if gone else Reason.RECORD_UNREADABLE
        raise StoreError(reason, f"{path}: {error.strerror}") from None
    found = os.fstat(fd)
    if found.st_uid != os.geteuid() or found.st_mode & UNWRITABLE:
        os.close(fd)
        what = f"{path}: owned by uid {found.st_uid}, mode {found.st_mode & 0o7777:04o}"
        raise StoreError(Reason.RECORD_UNSAFE, what)
    return fd


@contextlib.contextmanager
def directory(path: str) -> Iterator[int]:
    """`open_dir` for the length of a block. Not kept open for longer: it would hold the file system mounted."""
    fd = open_dir(path)
    try:
        yield fd
    finally:
        os.close(fd)


def read_file(dir_fd: int, name: str, limit: int, forbidden: int = PRIVATE) -> bytes | None:
    """The whole of a file that may be trusted; None when there is none.

    RECORD_UNSAFE: not a regular file of ours, mode bits in `forbidden`, longer than `limit` bytes.
    RECORD_UNREADABLE: the disk would not give it, or not all of it.
    """
    try:
        fd = _open_quietly(dir_fd, name, _READ)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _read_error(name, error) from None
    try:
        size = check(fd, name, limit, forbidden)
        content = os.read(fd, size + 1)
    except OSError as error:
        raise _read_error(name, error) from None
    finally:
        os.close(fd)
    if len(content) != size:
        raise StoreError(Reason.RECORD_UNREADABLE, f"{name}: {len(content)} of {size} bytes read")
    return content


def check(fd: int, name: str, limit: int, forbidden: int = PRIVATE) -> int:
    """The size of an open file, in bytes, after the look that `read_file` describes."""
    found = os.fstat(fd)
    mode = found.st_mode
    if not stat.S_ISREG(mode):
        raise StoreError(Reason.RECORD_UNSAFE, f"{name}: not a regular file")
    if found.st_uid != os.geteuid():
        raise StoreError(Reason.RECORD_UNSAFE, f"{name}: owned by uid {found.st_uid}")
    if mode & forbidden:
        raise StoreError(Reason.RECORD_UNSAFE, f"{name}: mode {mode & 0o7777:04o} is too open")
    if found.st_size > limit:
        raise StoreError(Reason.RECORD_UNSAFE, f"{name}: {found.st_size} bytes, more than {limit}")
    return found.st_size


class Staged:
    """A new content that is on disk under a temporary name; `commit` puts it in place, `drop` takes it away.

    Two files that belong together are both staged before either is committed: a full disk then stops both.
    """

    __slots__ = ("_dir_fd", "_name", "_temp")

    def __init__(self, dir_fd: int, name: str, content: bytes, mode: int = 0o600) -> None:
        self._dir_fd, self._name, self._temp = dir_fd, name, f"{TEMP_PREFIX}{name}"
        try:
            self._write(content, mode)
        except OSError as error:
            self.drop()
            raise _write_error(name, error) from None

    def _write(self, content: bytes, mode: int) -> None:
        self.drop()  # what a killed daemon left under this name
        fd = os.open(self._temp, _NEW, mode, dir_fd=self._dir_fd)
        try:
            os.fchmod(fd, mode)  # whatever the umask says
            write_all(fd, content)
            os.fsync(fd)
        finally:
            os.close(fd)

    def commit(self) -> None:
        """Rename into place, then fsync the directory: after that it outlives a power cut."""
        try:
            os.rename(self._temp, self._name, src_dir_fd=self._dir_fd, dst_dir_fd=self._dir_fd)
            os.fsync(self._dir_fd)
        except OSError as error:
            self.drop()
            raise _write_error(self._name, error) from None

    def drop(self) -> None:
        """Leave no temporary file. Never raises."""
        with contextlib.suppress(OSError):
            os.unlink(self._temp, dir_fd=self._dir_fd)


def atomic_write(dir_fd: int, name: str, content: bytes, mode: int = 0o600) -> None:
    """Replace a file as a whole, on disk when this returns. WRITE_FAILED leaves the old one untouched."""
    Staged(dir_fd, name, content, mode).commit()


def remove(dir_fd: int, name: str) -> bool:
    """Delete a file for good; False when there was none. WRITE_FAILED when it stays."""
    try:
        os.unlink(name, dir_fd=dir_fd)
        os.fsync(dir_fd)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise _write_error(name, error) from None
    return True


def sweep(dir_fd: int) -> None:
    """Remove the temporary files that a killed daemon left. Never raises."""
    with contextlib.suppress(OSError):
        for name in os.listdir(dir_fd):
            if name.startswith(TEMP_PREFIX):
                os.unlink(name, dir_fd=dir_fd)


def write_all(fd: int, content: bytes) -> None:
    """write(2) until all is written: a nearly full disk takes a part and says ENOSPC only at the next call."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _open_quietly(dir_fd: int, name: str, flags: int) -> int:
    try:
        return os.open(name, flags | os.O_NOATIME, dir_fd=dir_fd)
    except PermissionError:  # O_NOATIME is for the owner alone; let the look at the file say what is wrong
        return os.open(name, flags, dir_fd=dir_fd)


def _read_error(name: str, error: OSError) -> StoreError:
    reason = Reason.RECORD_UNSAFE if error.errno in _UNSAFE else Reason.RECORD_UNREADABLE
    return StoreError(reason, f"{name}: {error.strerror}")


def _write_error(name: str, error: OSError) -> StoreError:
    return StoreError(Reason.WRITE_FAILED, f"{name}: {error.strerror}")
