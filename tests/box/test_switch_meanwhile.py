"""Somebody else is at work, or something hangs, while a switch is asked for, on trial or undone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from debianbox import logins
from debianbox.machine import Box
from debianbox.switching import PLAINLY, changed, everything, state, system


def edit(box: Box) -> None:
    box.run("sed -i '1i auth required pam_faillock.so preauth' /etc/pam.d/sshd")


def confirm_another(box: Box) -> None:
    logins.enable(box, admin="ann")


def switch_off(box: Box) -> None:
    system(box, "disable", "--yes")


MEANWHILE: dict[str, tuple[bool, Callable[[Box], None]]] = {  # whether it is on before
    "edited": (False, edit),
    "edited while on": (True, edit),
    "another is confirmed": (False, confirm_another),
    "switched off": (True, switch_off),
}


@pytest.mark.parametrize("what", MEANWHILE)
def test_what_was_shown_before_the_prompt_is_not_written_onto_another_world(suite: str, what: str) -> None:
    on, do = MEANWHILE[what]
    with Box(logins.switched_layers(suite) if on else logins.plain_layers(suite)) as box:
        child = box.terminal("nas2fa system enable --no-way-back-check --exempt none --decoy")
        child.expect(r"on trial\.")
        do(box)
        before = everything(box), state(box)
        child.sendline("yes")
        child.expect("changed meanwhile: /")
        child.wait()
        assert changed(before[0], everything(box)) == []
        assert state(box) == before[1]


def test_off_names_what_goes_on_asking(plain_box: Box) -> None:
    """Lines that no switch has a way back for: nobody shall take the box for open."""
    plain_box.run("echo 'auth requisite pam_nas2fa.so' >>/etc/pam.d/su")
    for command in ("nas2fa-off", "nas2fa system disable --yes", "rm -r /var/lib/nas2fa-switch; nas2fa-off"):
        done = plain_box.run(command, check=False)
        assert done.returncode != 0
        assert "/etc/pam.d/su" in done.stdout + done.stderr
    plain_box.run("sed -i '/pam_nas2fa/d' /etc/pam.d/su && nas2fa-off")


def test_a_start_of_the_box_that_did_not_undo_it(plain_box: Box) -> None:
    """Somebody took its unit away. The next switch does not go on from what was never confirmed."""
    before = everything(plain_box)
    system(plain_box, *PLAINLY)
    plain_box.run("rm /etc/systemd/system/sysinit.target.wants/nas2fa-switch-back.service")
    plain_box.power_cut()
    assert "trial-left-over" in system(plain_box, "check", "--quiet", status=2)
    assert "trial is over" in system(plain_box, "confirm", status=1)
    assert "outlived" not in system(plain_box, *PLAINLY)
    assert state(plain_box) == "trial"
    plain_box.power_cut()
    assert changed(before, everything(plain_box)) == []


# In the place of flock(1): does not wait where that has an end anyway.
_IMPATIENT_FLOCK = """#!/bin/sh
case $* in *-w*) set -- -n 9 ;; esac
exec /root/flock "$@"
"""


def test_a_command_that_hangs_does_not_bar_the_way_back(plain_box: Box) -> None:
    before = everything(plain_box)
    system(plain_box, *PLAINLY)
    lock = "/var/lib/nas2fa-switch/lock"
    plain_box.run(f"cp /usr/bin/flock /root/; /root/flock {lock} sleep 600 >/dev/null 2>&1 </dev/null &")
    plain_box.until(f"! /root/flock -n {lock} true")
    plain_box.write("/root/impatient", _IMPATIENT_FLOCK, mode=0o755)
    plain_box.run("mount --bind /root/impatient /usr/bin/flock")
    assert "waiting for another command" in plain_box.run("nas2fa-off").stderr
    assert changed(before, everything(plain_box)) == []
