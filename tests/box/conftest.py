"""Boxes for the tests of this folder: a fresh Debian per test, on both suites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from debianbox import lan
from debianbox.layers import installed
from debianbox.logins import login_layers, plain_layers
from debianbox.machine import Box
from debianbox.neighbours import Street, door_layers
from debianbox.roots import SUITES
from debianbox.samba import FileServer, samba_layers

pytest.register_assert_rewrite("door_checks")


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


@pytest.fixture(scope="session")
def street(suite: str) -> Iterator[Street]:
    """A Debian whose every login asks for the code, shared by the tests of doors."""
    with Box(door_layers(suite)) as box:
        yield Street(box)


@pytest.fixture(scope="session")
def closed_street(suite: str) -> Iterator[Street]:
    """As `street`, with nas2fad masked and its sockets gone."""
    with Box(door_layers(suite)) as box:
        box.run("systemctl mask --now --quiet nas2fad.service 'nas2fad-*.socket' nas2fa-signin.socket")
        yield Street(box)


@pytest.fixture(scope="module")
def server(suite: str) -> Iterator[FileServer]:
    """A Debian with a file server that asks nas2fad, and two machines beside it, shared by the tests of a file."""
    with Box(samba_layers(suite)) as box:
        lan.attach(box)
        yield FileServer(box)
