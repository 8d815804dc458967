"""Confirming a switch, and what another one at the same time may not lose by it. All of it in a box: tests/box."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from nas2fa.activation import state, switch
from nas2fa.activation.places import LOCK, PENDING, TOP
from nas2fa.activation.plan import Change
from nas2fa.activation.state import Facts, State
from nas2fa.activation.switch import SwitchError
from nas2fa.activation.system import Ran, System


def put_on_trial(root: Path, boot_id: str) -> None:
    """The box below `root` has a switch on trial that a login has proved."""
    folder = Path(f"{root}{TOP}/state.test")
    folder.mkdir(parents=True)
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    (folder / "facts.json").write_text(json.dumps(asdict(Facts("root", 0.0, boot_id, now - 1, now + 600, (), {}))))
    Path(f"{root}{PENDING}").symlink_to(folder.name)


@dataclass(frozen=True, slots=True)
class Jealous(System):
    """Another switch begins at each program that runs, if the lock lets it."""

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        with self.path(LOCK).open("ab") as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return Ran(0, "", "")


def test_a_confirmation_takes_no_way_back_of_another_switch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timer, unit and note have the same names for all: they go before another switch can begin."""
    monkeypatch.setattr(switch, "_log", lambda *_: None)
    put_on_trial(tmp_path, state.boot_id())
    here = Jealous(str(tmp_path))
    row = {"uid": 1, "boot": time.clock_gettime(time.CLOCK_BOOTTIME)}
    switch.confirm(here, lambda verb, args: ({}, [row]))
    assert state.pending(here) is None
    assert state.enforced(here) is not None


def test_what_an_earlier_boot_left_on_trial(tmp_path: Path) -> None:
    here = System(str(tmp_path))
    assert state.left_over(here) is None
    put_on_trial(tmp_path, state.boot_id())
    assert state.left_over(here) is None
    facts = Path(f"{tmp_path}{TOP}/state.test/facts.json")
    facts.write_text(facts.read_text().replace(state.boot_id(), "another"))
    assert state.left_over(here) is not None
    facts.unlink()
    assert state.left_over(here) is not None


def test_ctrl_z_does_not_stop_who_holds_the_lock(tmp_path: Path) -> None:
    child = os.fork()
    if child == 0:
        with state.locked(System(str(tmp_path))):
            os.kill(os.getpid(), signal.SIGTSTP)
        os._exit(0)
    _, status = os.waitpid(child, os.WUNTRACED)
    if os.WIFSTOPPED(status):
        os.kill(child, signal.SIGKILL)
    assert os.WIFEXITED(status)
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


def test_who_hung_until_the_way_back_was_gone_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "stack"
    file.write_bytes(b"was")
    with pytest.raises(SwitchError):
        switch._write(System(str(tmp_path)), [Change("/stack", b"was", b"was", b"new")], State(tmp_path / "undone"))
    assert file.read_bytes() == b"was"
    assert list(tmp_path.iterdir()) == [file]


@dataclass(frozen=True, slots=True)
class Debconf(System):
    """A box whose debconf is locked for the first question, and then no longer; what is set is a file of that name."""

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        if stdin.startswith("GET"):
            return Ran(1, "", "debconf: DbDriver \"config\": config.dat is locked")
        self.path("/set").write_text(stdin)
        return Ran(0, "0 value set", "")


def test_other_profiles_are_not_forgotten_when_apt_is_at_work(tmp_path: Path) -> None:
    """`pam-auth-update --force` would leave pam_unix.so out."""
    switch._answer(Debconf(str(tmp_path)), ("nas2fa",))
    assert not (tmp_path / "set").exists()
