"""`nas2fa system enable`, `confirm`: what is kept, asked and told. The switch itself is in tests/box/test_switch.py."""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from nas2fa.activation import preflight, state, switch
from nas2fa.activation.admins import Admin
from nas2fa.activation.edits import Keys
from nas2fa.activation.plan import Options, PlanError
from nas2fa.activation.state import Facts
from nas2fa.activation.switch import SwitchError
from nas2fa.activation.system import Ran, System
from nas2fa.cli import enable, key_logins

UNSAID = {"ssh_keys": None, "decoy": None, "samba": None}


def test_what_is_not_said_stays_as_it_was_confirmed_and_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    before = {"ssh_keys": "code", "decoy": True, "samba": False, "way_back_checked": True}
    assert enable._options(UNSAID, before) == Options(Keys.CODE, decoy=True, samba=False)
    assert "--ssh-keys code --decoy --no-samba" in capsys.readouterr().out
    said = {"ssh_keys": "guard", "decoy": False, "samba": True}
    assert enable._options(said, before) == Options(Keys.GUARD, decoy=False, samba=True)
    assert capsys.readouterr().out == ""


def test_defaults_hold_where_it_was_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert enable._options(UNSAID, {}) == Options()
    assert capsys.readouterr().out == ""


def test_what_is_confirmed_but_cannot_be_read_is_not_guessed(tmp_path: Path) -> None:
    (tmp_path / "var/lib/nas2fa-switch/state.x").mkdir(parents=True)
    (tmp_path / "var/lib/nas2fa-switch/enforced").symlink_to("state.x")
    with pytest.raises(PlanError):
        enable._confirmed(System(str(tmp_path)))


@pytest.mark.parametrize(("typed", "yes"), [("q\n\ny\n", True), ("YES\n", True), ("maybe\nn\n", False)])
def test_only_yes_or_no_decide_about_an_exemption(monkeypatch: pytest.MonkeyPatch, typed: str, yes: bool) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
    assert key_logins._yes("Exempt alice? (y/n) ") is yes


def test_an_end_of_input_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("what\n"))
    with pytest.raises(PlanError):
        key_logins._yes("Exempt alice? (y/n) ")


@dataclass(frozen=True, slots=True)
class Fake(System):
    """A box that is a container or none."""

    contained: bool = False

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        assert command == ["systemd-detect-virt", "--quiet", "--container"]
        return Ran(0 if self.contained else 1, "", "")


@pytest.mark.parametrize("contained", [True, False])
def test_a_refused_confirmation_tells_how_the_console_of_a_container_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contained: bool
) -> None:
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    told = Facts("root", time.time(), state.boot_id(), now - 1, now + 600, (0,), {})
    monkeypatch.setattr(state, "pending", lambda _: type("Pending", (), {"facts": told}))
    with pytest.raises(SwitchError) as refused:
        switch.confirm(Fake(str(tmp_path), contained), lambda verb, args: ({}, []))
    assert ("console_ptys" in str(refused.value)) == contained


def test_nobody_is_sent_to_set_up_an_account_whose_password_is_locked(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/shadow").write_text("root:*:1:::::::\nann:$y$x:1:::::::\n")
    lack = [
        preflight._lack(System(str(tmp_path)), Admin(uid, name), None, Keys.GUARD)
        for uid, name in ((0, "root"), (1, "ann"))
    ]
    assert "nas2fa setup" not in str(lack[0])
    assert "nas2fa setup --user ann" in str(lack[1])
