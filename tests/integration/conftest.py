"""Fixtures of the integration tests. They run as root, or as anybody inside `unshare -Ur`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import Running, running


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Running]:
    """A private nas2fad whose state began an hour ago. The folders above must let other users through."""
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        os.chmod(folder, 0o755)
    with running(tmp_path) as private:
        yield private
