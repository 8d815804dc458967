"""What several unit tests need: folders of a private instance, and a user in them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from accounts import ALICE
from hypothesis import HealthCheck, settings
from nas2fa.paths import Paths
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import Marks
from nas2fa.store.records import Credential

os.umask(0o022)  # a user's own may be 0002, and the store refuses what a group can write

# A machine that is busy with other stages is slow, and a new one makes its table of characters first: no fault of ours.
settings.register_profile("nas2fa", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("nas2fa")


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """Three folders of a private instance, as `open` would make them."""
    paths = Paths.under(str(tmp_path))
    for folder in (paths.etc, paths.run, paths.lib, paths.users):
        os.mkdir(folder, 0o700)
    return paths


@pytest.fixture
def marks(paths: Paths) -> Marks:
    return Marks(paths)


@pytest.fixture
def credentials(paths: Paths, marks: Marks) -> Credentials:
    store = Credentials(paths, marks)
    store.open()
    return store


@pytest.fixture
def alice(credentials: Credentials) -> Credential:
    """Enrolled, version 1."""
    return credentials.save(ALICE)
