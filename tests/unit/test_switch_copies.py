"""What a switch keeps of the files it changes, and that the real script puts them back with mode and times."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from nas2fa.activation import state
from nas2fa.activation.places import SCRIPT
from nas2fa.activation.plan import Change
from nas2fa.activation.state import Facts
from nas2fa.activation.system import System

REPOSITORY = Path(__file__).parents[2]
STACK = "/etc/pam.d/sshd"
FIRST = 1_500_000_000.25  # seconds: when the file was changed last, before any switch
FACTS = Facts("alice", 1_795_000_000.0, "boot", 1.0, 2.0, (0,), {})


@pytest.fixture
def box(tmp_path: Path) -> System:
    """A root with one stack in it, and the script in its place."""
    box = System(str(tmp_path))
    for folder in ("/etc/pam.d", "/etc/nas2fa", "/usr/libexec/nas2fa", "/var/lib/nas2fa-switch", "/var/lib/pam"):
        box.path(folder).mkdir(parents=True)
    box.path(SCRIPT).write_bytes((REPOSITORY / "packaging/libexec/switch-back").read_bytes())
    box.path(STACK).write_text("first")
    box.path(STACK).chmod(0o640)
    os.utime(box.path(STACK), (FIRST, FIRST))
    return box


def switch(box: System, was: bytes, new: bytes) -> None:
    state.keep(box, [Change(STACK, was, b"first", new)], ["nas2fa"], FACTS)
    box.path(STACK).write_bytes(new)


def back(box: System, how: str) -> None:
    command = ["/bin/sh", str(box.path(SCRIPT)), "--root", box.root, how]
    subprocess.run(command, check=True, env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})


def held(box: System) -> tuple[str, int, float]:
    status = box.path(STACK).stat()
    return box.path(STACK).read_text(), status.st_mode & 0o777, status.st_mtime


def test_a_trial_that_nobody_confirms(box: System) -> None:
    switch(box, b"first", b"with our lines")
    back(box, "roll-back")
    assert held(box) == ("first", 0o640, FIRST)


def test_switched_on_twice_and_off_again(box: System) -> None:
    """The file of before the first switch comes back, not one with the time of the first switch."""
    switch(box, b"first", b"with our lines")
    state.confirm(box)
    confirmed = held(box)
    switch(box, b"with our lines", b"with more of them")
    back(box, "roll-back")
    assert held(box) == confirmed
    switch(box, b"with our lines", b"with more of them")
    back(box, "disable")
    assert held(box) == ("first", 0o640, FIRST)
