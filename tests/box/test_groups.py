"""Rules about groups: the box's own name service says who is in one, at each login."""

from __future__ import annotations

import pytest
from debianbox import clients, logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box

# `skip` for the group office, in which alice is not yet; the second rule's group nobody has ever made.
_RULES = """\
[[rule]]
action = "skip"
group = ["no-such-group", "office"]

[[rule]]
action = "deny"
group = ["visitors"]
"""


@pytest.fixture
def ruled(box: Box) -> Box:
    """A box with these rules, where alice and bob have set up."""
    box.run("groupadd office && groupadd visitors")
    box.write("/etc/nas2fa/nas2fa.toml", _RULES)
    box.run("systemctl reload nas2fad && nas2fad --check-config /etc/nas2fa/nas2fa.toml")
    for name in ("alice", "bob"):
        logins.enrol(box, name)
    return box


def asked(box: Box, name: str) -> bool:
    """Whether a login of `name` by ssh comes to the question for the code; if not, the password was enough."""
    child = clients.openssh(box, name)
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    if child.expect([CODE_PROMPT, rf"\n{name}\r"]) == 0:
        child.close(force=True)
        return True
    return False


def test_membership_is_what_it_is_at_each_login(ruled: Box) -> None:
    box = ruled
    assert asked(box, "alice")
    box.run("usermod -aG office alice")
    assert not asked(box, "alice")
    assert asked(box, "bob")
    box.run("gpasswd -d alice office")
    assert asked(box, "alice")


def test_the_primary_group_counts(ruled: Box) -> None:
    """It names no members in /etc/group."""
    box = ruled
    box.run("usermod -g office alice")
    assert box.run("getent group office").stdout.endswith(":\n")
    assert not asked(box, "alice")


def test_a_group_that_is_refused(ruled: Box) -> None:
    box = ruled
    box.run("usermod -aG visitors alice")
    child = clients.openssh(box, "alice")
    assert CODE_PROMPT not in clients.answer(child, (PASSWORD_PROMPT, PASSWORD))
    assert child.exitstatus == 255
    assert logins.reasons(box)[0] == "RULE"


def test_su_asks_about_whom_one_becomes(ruled: Box) -> None:
    """Bob becomes alice: it is her membership that counts, not his."""
    box = ruled
    box.run("usermod -aG office bob")
    child = box.terminal("su alice -c 'echo in-as-$(id -un)'", user="bob")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect(CODE_PROMPT)
    child.close(force=True)
    box.run("gpasswd -d bob office && usermod -aG office alice")
    child = box.terminal("su alice -c 'echo in-as-$(id -un)'", user="bob")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect("in-as-alice")
