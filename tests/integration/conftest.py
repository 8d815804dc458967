"""Fixtures of the integration tests. They run as root, or as anybody inside `unshare -Ur`."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pam_client import make_programs
from running import Running, running


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    """A private nas2fad whose state began an hour ago. The folders above must let other users through."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder == Path(tempfile.gettempdir()):
            break
        os.chmod(folder, 0o755)
    with running(tmp_path) as private:
        yield private


@pytest.fixture(scope="session")
def pam_programs() -> None:
    """The PAM module in each build of its tests and the driver program, from the sources as they are now."""
    make_programs()


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short path: that of a socket has 107 bytes at most."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
