"""Boxes for the tests of this folder: a fresh Debian per test, on both suites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from debianbox.layers import installed
from debianbox.logins import login_layers, plain_layers
from debianbox.machine import Box
from debianbox.roots import SUITES


@pytest.fixture(params=SUITES, scope="session")
def suite(request: pytest.FixtureRequest) -> str:
    """The Debian under test, by code name."""
    return str(request.param)


@pytest.fixture
def bare_box(suite: str) -> Iterator[Box]:
    """A Debian with our packages as apt has installed them: nothing switched on, nobody enrolled."""
    with Box(installed(suite)) as box:
        yield box


@pytest.fixture
def plain_box(suite: str) -> Iterator[Box]:
    """A Debian with the users of debianbox.logins, not switched on: for `nas2fa system enable`."""
    with Box(plain_layers(suite)) as box:
        yield box


@pytest.fixture
def box(suite: str) -> Iterator[Box]:
    """A Debian whose sshd, login, su and sudo ask for the code, with the users of debianbox.logins."""
    with Box(login_layers(suite)) as box:
        yield box
