"""`nas2fa system`: one command switches the whole box on, on trial; another keeps it; a third takes it back."""

from __future__ import annotations

import re

from debianbox import clients, logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box
from debianbox.switching import changed, everything, state, system


def test_on_trial_confirmed_and_off_again(plain_box: Box) -> None:
    box = plain_box
    ann, ben = logins.add_admin(box, "ann"), logins.add_admin(box, "ben")
    people = everything(box)
    for person in (ann, ben):  # the second step has to have been used
        box.run(["nas2fa", "test", person.name], stdin=person.phone.code() + "\n")

    said = system(box, "enable", "--yes")
    assert re.search(r"\+auth +requisite +pam_nas2fa.so", said)
    assert "+KbdInteractiveAuthentication yes" in said
    assert state(box) == "trial"

    assert "no administrator has logged in" in system(box, "confirm", status=1)
    child = clients.openssh(box, "ann")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect("on trial .* switches itself off in .*" + CODE_PROMPT)
    clients.answer(child, ("", ann.phone.code()))
    assert child.exitstatus == 0
    assert "Confirmed" in system(box, "confirm")
    assert state(box) == "on"
    box.reboot()
    assert state(box) == "on"
    assert logins.ssh(box, ben, ben.phone.code())[0]
    assert not logins.ssh(box, ben, ben.phone.wrong())[0]

    system(box, "disable", "--yes")
    assert state(box) == "off"
    assert changed(people, everything(box)) == []
    child = clients.openssh(box, "ann")
    assert "ann" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()
