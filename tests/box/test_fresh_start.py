"""The replay rule of a state that begins anew, with nothing moved: the one test here that has to wait for the clock."""

from __future__ import annotations

from debianbox import logins
from debianbox.machine import Box


def test_codes_of_before_the_start_count_as_used(box: Box) -> None:
    """A box that lost its state cannot know what was used, so it waits until only fresh codes are left."""
    alice = logins.enrol(box, "alice")
    box.run("systemctl stop nas2fad && rm /run/nas2fa/state/* && systemctl start nas2fad")
    assert not logins.ssh(box, alice, alice.phone.code())[0]
    assert logins.reasons(box)[0] == "FRESH_START"
    # Two steps on, one window beyond the step in which the state began: the first code nobody can have used.
    alice.phone.wait(2)
    assert logins.ssh(box, alice, alice.phone.code())[0]


def test_who_was_set_up_since_the_start_need_not_wait(box: Box) -> None:
    """Nobody can have used a code of a key that was made after the state began."""
    box.run("systemctl stop nas2fad && rm /run/nas2fa/state/* && systemctl start nas2fad")
    carol = logins.set_up(box.terminal("nas2fa setup --user carol"), "carol")
    assert logins.ssh(box, carol, carol.phone.code())[0]
