"""What switching on writes into files, and who administers the box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest
from nas2fa.activation.admins import Admin, admins
from nas2fa.activation.edits import (
    KeyOnly,
    Keys,
    drop_in,
    has_own_lines,
    in_force,
    key_only,
    one_field_stack,
    samba_stack,
    sshd_stack,
)
from nas2fa.activation.key_only import from_exemptions, pairs
from nas2fa.activation.system import Ran, System

SSHD = """\
# PAM configuration for the Secure Shell service
@include common-auth

# Disallow non-root logins when /etc/nologin exists.
account    required     pam_nologin.so
# account  required     pam_access.so
@include common-account
@include common-session
"""


def lines(text: str, kind: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith((kind, f"@include common-{kind}"))]


def unmarked(text: str) -> str:
    kept, inside = [], False
    for line in text.splitlines(keepends=True):
        inside |= line == "# nas2fa BEGIN\n"
        if not inside:
            kept.append(line)
        inside &= line != "# nas2fa END\n"
    return "".join(kept)


@pytest.mark.parametrize("keys", Keys)
def test_the_guard_comes_before_whatever_could_end_the_account_stack(keys: Keys) -> None:
    new = sshd_stack(SSHD, keys)
    assert lines(new, "account")[0] == "account required pam_nas2fa.so guard"
    assert unmarked(new) == SSHD


def test_samba_is_asked_before_whatever_could_end_the_account_stack() -> None:
    samba = "@include common-auth\naccount sufficient pam_localuser.so\n@include common-account\n"
    assert lines(samba_stack(samba), "account")[0] == "account requisite pam_nas2fa.so"
    assert unmarked(samba_stack(samba)) == samba


def test_a_key_is_followed_by_the_code_alone_where_that_was_chosen() -> None:
    assert "pubkey" in lines(sshd_stack(SSHD, Keys.CODE), "auth")[0]
    assert "pubkey" not in sshd_stack(SSHD, Keys.PASSWORD) + sshd_stack(SSHD, Keys.GUARD)


def test_a_stack_without_a_line_to_go_before_gets_ours_at_its_end() -> None:
    new = sshd_stack("session required pam_limits.so", Keys.GUARD)
    assert new.startswith("session required pam_limits.so\n# nas2fa BEGIN\naccount required")


def test_a_recipe_goes_before_the_password() -> None:
    vsftpd = "auth required pam_listfile.so\n@include common-auth\n"
    new = one_field_stack(vsftpd, "# nas2fa BEGIN\n# why\nauth a.so split\n# nas2fa END\n")
    assert lines(new, "auth") == ["auth required pam_listfile.so", "auth a.so split", "@include common-auth"]
    assert new.count("# nas2fa BEGIN\n# why\nauth a.so") == new.count("BEGIN") == 1
    assert lines(one_field_stack("auth b.so\n", "auth a.so split\n"), "auth") == ["auth a.so split", "auth b.so"]


def test_the_drop_in_says_what_is_then_looked_for() -> None:
    for keys in Keys:
        said = {line.split()[0].lower(): line.split()[1:] for line in drop_in(keys).splitlines() if line[0] != "#"}
        assert {key: list(value) for key, value in in_force(keys).items()} == said


def test_exemptions_are_blocks_that_end_before_the_rest_of_the_configuration() -> None:
    text = drop_in(Keys.CODE, [KeyOnly("backup", ("10.0.0.0/24", "fd00::/64"))])
    assert "Match User backup Address 10.0.0.0/24,fd00::/64\n    AuthenticationMethods publickey " in text
    assert text.endswith("\nMatch all\n")
    assert "Match" not in drop_in(Keys.GUARD, [KeyOnly("backup", ("10.0.0.0/24",))])


def test_a_comment_is_no_line_of_ours() -> None:
    assert not has_own_lines("# auth requisite pam_nas2fa.so\n@include common-auth\n")
    assert has_own_lines("@include common-auth\nauth requisite pam_nas2fa.so\n")


PASSWD = {
    "root": "root:x:0:0::/root:/bin/bash",
    "toor": "toor:x:0:0::/root:/bin/sh",
    "ann": "ann:x:1000:27::/home/ann:/bin/sh",
    "ben": "ben:x:1001:100::/home/ben:/bin/sh",
    "dora": "dora:x:70001:70000::/home/dora:/bin/sh",
    "eve": "eve:x:1002:100::/home/eve:/bin/sh",
}


@dataclass(frozen=True, slots=True)
class Named(System):
    """A box whose directory lists nobody, but knows dora when asked for her."""

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        match command:
            case ["getent", "group", *_]:
                return Ran(2, "sudo:x:27:ben,dora,gone\nwheel:x:99:\n", "")
            case ["getent", "passwd"]:
                return Ran(0, "\n".join(line for name, line in PASSWD.items() if name != "dora") + "\n", "")
            case ["getent", "passwd", name]:
                return Ran(0, PASSWD.get(name, "") + "\n", "")
        raise AssertionError(command)


def test_admins_are_root_and_the_members_of_the_groups_that_become_root() -> None:
    assert admins(Named()) == [
        Admin(0, "root"), Admin(0, "toor"), Admin(1000, "ann"), Admin(1001, "ben"), Admin(70001, "dora"),
    ]  # fmt: skip


def row(**more: object) -> dict[str, object]:
    return {"user": "backup", "service": "sshd", "network": "10.0.0.0/24", "key": "any", "over": False, **more}


def test_the_drop_in_tells_whom_it_exempts() -> None:
    exempt = from_exemptions([row(), row(network="fd00::/64"), row(user="git", key="")])
    assert key_only(drop_in(Keys.CODE, exempt)) == exempt
    assert pairs(exempt) == {("backup", "10.0.0.0/24"), ("backup", "fd00::/64"), ("git", "10.0.0.0/24")}


@pytest.mark.parametrize(
    "more", [{"over": True}, {"user": "", "group": "staff"}, {"service": "su"}, {"user": "a b"}, {"key": "SHA256:x"}]
)
def test_what_opens_no_door_for_a_key_alone(more: dict[str, object]) -> None:
    assert from_exemptions([row(**more)]) == ()
