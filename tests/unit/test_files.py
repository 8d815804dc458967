"""Files are believed only after a look, and replaced only as a whole."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nas2fa.errors import Reason, StoreError
from nas2fa.store import files


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    tmp_path.chmod(0o700)
    with files.directory(str(tmp_path)) as fd:
        yield fd


def reason(call: Callable[[], object]) -> Reason:
    with pytest.raises(StoreError) as error:
        call()
    return error.value.reason


def test_reads_what_was_written(folder: int, tmp_path: Path) -> None:
    files.atomic_write(folder, "a", b"one")
    files.atomic_write(folder, "a", b"two")
    assert files.read_file(folder, "a", 3) == b"two"
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert os.listdir(folder) == ["a"]


def test_absent_is_none(folder: int) -> None:
    assert files.read_file(folder, "a", 3) is None


def test_mode_is_exact_whatever_the_umask_says(folder: int, tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        files.atomic_write(folder, "a", b"x", 0o644)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o610, 0o666])
def test_open_to_others(folder: int, tmp_path: Path, mode: int) -> None:
    files.atomic_write(folder, "a", b"x")
    (tmp_path / "a").chmod(mode)
    assert reason(lambda: files.read_file(folder, "a", 9)) is Reason.RECORD_UNSAFE


def test_others_may_read_what_is_no_secret(folder: int) -> None:
    files.atomic_write(folder, "a", b"x", 0o644)
    assert files.read_file(folder, "a", 9, files.UNWRITABLE) == b"x"


def symlink(path: Path) -> None:
    (path.parent / "real").write_bytes(b"x")
    (path.parent / "real").chmod(0o600)
    path.symlink_to("real")


@pytest.mark.parametrize(
    "make", [symlink, lambda p: p.symlink_to("nowhere"), Path.mkdir, lambda p: os.mkfifo(p, 0o600)]
)
def test_not_a_regular_file(folder: int, tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A FIFO must not even hold up the reader."""
    make(tmp_path / "a")
    assert reason(lambda: files.read_file(folder, "a", 9)) is Reason.RECORD_UNSAFE


def test_owned_by_somebody_else(folder: int, tmp_path: Path) -> None:
    """As root a file is given away; else a file of root's is at hand."""
    if os.geteuid() == 0:
        files.atomic_write(folder, "a", b"x")
        os.chown(tmp_path / "a", 65534, 65534)
        assert reason(lambda: files.read_file(folder, "a", 9)) is Reason.RECORD_UNSAFE
        os.chown(tmp_path, 65534, 65534)
        assert reason(lambda: files.open_dir(str(tmp_path))) is Reason.RECORD_UNSAFE
        return
    assert reason(lambda: files.open_dir("/etc")) is Reason.RECORD_UNSAFE
    fd = os.open("/etc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        assert reason(lambda: files.read_file(fd, "passwd", 10**6, 0)) is Reason.RECORD_UNSAFE
    finally:
        os.close(fd)


def test_too_long(folder: int) -> None:
    files.atomic_write(folder, "a", b"1234")
    assert reason(lambda: files.read_file(folder, "a", 3)) is Reason.RECORD_UNSAFE


def test_folder_absent_or_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    for name in ("none", "file", "link"):
        assert reason(lambda name=name: files.open_dir(str(tmp_path / name))) is Reason.STORE_ABSENT  # type: ignore[misc]


def test_folder_that_others_can_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    assert reason(lambda: files.open_dir(str(tmp_path))) is Reason.RECORD_UNSAFE


def test_a_link_in_place_of_the_temporary_file_is_not_followed(folder: int, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"safe")
    (tmp_path / f"{files.TEMP_PREFIX}a").symlink_to("victim")
    files.atomic_write(folder, "a", b"new")
    assert (tmp_path / "victim").read_bytes() == b"safe"
    assert files.read_file(folder, "a", 9) == b"new"


def test_dropped_leaves_the_old_one(folder: int) -> None:
    files.atomic_write(folder, "a", b"old")
    files.Staged(folder, "a", b"new").drop()
    assert files.read_file(folder, "a", 9) == b"old"
    assert os.listdir(folder) == ["a"]


def test_sweep_takes_only_temporary_files(folder: int, tmp_path: Path) -> None:
    files.Staged(folder, "a", b"left behind")
    files.atomic_write(folder, "b", b"kept")
    files.sweep(folder)
    assert os.listdir(folder) == ["b"]


def test_remove(folder: int) -> None:
    files.atomic_write(folder, "a", b"x")
    assert files.remove(folder, "a")
    assert not files.remove(folder, "a")


def test_no_descriptor_is_left(folder: int, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    files.atomic_write(folder, "a", b"x", 0o644)
    before = len(os.listdir("/proc/self/fd"))
    for name in ("a", "link", "none"):
        try:
            files.read_file(folder, name, 9)
        except StoreError as error:
            assert error.reason is Reason.RECORD_UNSAFE
    assert len(os.listdir("/proc/self/fd")) == before
