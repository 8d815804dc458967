"""The command in a real box: set up over ssh by the user, the caged nas2fa-signin, what the journal remembers."""

from __future__ import annotations

import json

import pexpect
import pytest
from debianbox import lan, logins
from debianbox.clients import ADDRESS, openssh
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box

SETUP = "LC_ALL=C.UTF-8 nas2fa setup"


def wizard(
    machine: Box | lan.Neighbour, user: str, *options: str, command: str = SETUP, host: str = ADDRESS
) -> pexpect.spawn[str]:
    """The wizard over ssh, up to the wizard's own password prompt answered."""
    child = openssh(machine, user, *options, command=command, host=host)
    child.expect(PASSWORD_PROMPT)  # sshd's
    child.sendline(PASSWORD)
    child.expect("First your password")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    return child


def armed(box: Box, user: str) -> bool:
    return bool(json.loads(box.run(["nas2fa", "status", user, "--json"]).stdout)["armed"])


@pytest.mark.parametrize("terminal", ["-tt", "-T"])
def test_a_user_sets_it_up_over_ssh_with_an_invite_code(box: Box, terminal: str) -> None:
    invite = json.loads(box.run("nas2fa user invite alice --json").stdout)["invite"]
    alice = logins.set_up(wizard(box, "alice", terminal, command=f"{SETUP} --invite {invite}"), "alice")
    assert armed(box, "alice")
    entered, _ = logins.ssh(box, alice, alice.recovery_codes[0])
    assert entered


def test_from_elsewhere_the_password_is_not_enough(box: Box) -> None:
    child = wizard(box, "alice", "-tt")
    child.expect("Invite code .*: ")
    child.sendline("")
    child.expect_exact("Nothing was changed.")
    assert not armed(box, "alice")


def test_a_listed_source_is_read_from_the_session(box: Box) -> None:
    lan.attach(box)
    box.write("/etc/nas2fa/nas2fa.toml", 'enroll_from = ["10.99.0.0/16"]\n')
    box.run("systemctl reload nas2fad")
    logins.set_up(wizard(lan.Neighbour(box), "alice", "-tt", host=lan.BOX), "alice")
    assert armed(box, "alice")
    for source in (lan.BOX, "127.0.0.1"):  # who is on the box comes from there, wherever they came from before
        wizard(box, "bob", "-tt", "-o", f"BindAddress={source}", host=lan.BOX).expect("Invite code .*: ")


def test_a_wrong_password_proves_nothing_and_is_logged_nowhere(box: Box) -> None:
    child = box.terminal(SETUP, user="bob")
    child.expect(PASSWORD_PROMPT)
    child.sendline("wr0ng-passw0rd")
    child.expect_exact("was the password right?")
    child.expect_exact("Nothing was changed.")
    assert "wr0ng-passw0rd" not in json.dumps(box.journal())


@pytest.mark.parametrize(
    ("change", "told"),
    [("chage -E 0 bob", "account"), ("chage -d 0 bob", "change it first")],
    ids=["expired account", "expired password"],
)
def test_an_account_that_may_not_log_in_proves_nothing(box: Box, change: str, told: str) -> None:
    box.run(change)
    child = box.terminal(SETUP, user="bob")
    child.expect(PASSWORD_PROMPT)
    child.sendline(PASSWORD)
    child.expect(f"{told}.*REFUSED")
    child.expect_exact("Nothing was changed.")


def test_disable_needs_a_fresh_code(box: Box) -> None:
    alice = logins.enrol(box, "alice")
    for code, told in ((alice.phone.wrong(), "Nothing was changed"), (alice.phone.code(), "is off")):
        child = box.terminal("nas2fa disable", user="alice")
        child.expect(CODE_PROMPT)
        child.sendline(code)
        child.expect_exact(told)
    assert not armed(box, "alice")


def test_explain_reads_the_journal_of_before_a_restart(box: Box) -> None:
    alice = logins.enrol(box, "alice")
    wrong = alice.phone.wrong()
    logins.ssh(box, alice, wrong)
    attempt = json.loads(box.run("nas2fa explain --json").stdout)[0]["attempt"]
    before = json.loads(box.run(["nas2fa", "explain", attempt, "--json"]).stdout)
    box.run("systemctl restart nas2fad")
    assert json.loads(box.run("nas2fa explain --json").stdout) == []
    after = json.loads(box.run(["nas2fa", "explain", attempt, "--json"]).stdout)
    assert after["trace"] == before["trace"]
    assert [after[key] for key in ("user", "uid", "verdict", "reason")] == ["alice", before["uid"], "deny", "WRONG"]
    assert wrong not in json.dumps(after)


def test_what_others_log_is_not_believed(box: Box) -> None:
    forged = "MESSAGE=x\nNAS2FA_ATTEMPT=deadbeef\nNAS2FA_VERDICT=allow\nNAS2FA_REASON=OK\n"
    box.run(["logger", "--journald"], user="bob", stdin=forged)
    assert box.journal("NAS2FA_ATTEMPT=deadbeef")
    assert box.run("nas2fa explain deadbeef", check=False).returncode == 1


def test_the_daemon_down_is_exit_code_3(box: Box) -> None:
    box.run("systemctl stop nas2fad.service nas2fad-control.socket nas2fad-login.socket nas2fad-user.socket")
    done = box.run("nas2fa status", check=False)
    assert (done.returncode, "systemctl status nas2fad" in done.stderr) == (3, True)


def test_a_lost_phone_is_replaced_where_nobody_gets_in_without_one(plain_box: Box) -> None:
    """As the page for who is locked out says, on a box that is switched on and refuses who has no second step."""
    box = plain_box
    logins.enable(box)
    box.write("/etc/nas2fa/nas2fa.toml", 'unenrolled = "deny"\n')
    box.run("systemctl reload nas2fad")
    lost = logins.set_up(box.terminal(f"{SETUP} --user alice"), "alice")
    first, second, third = lost.recovery_codes[:3]
    child = openssh(box, "alice", "-tt", command="nas2fa disable; LC_ALL=C.UTF-8 nas2fa setup --replace")
    type_all(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, first))
    child.expect_exact("nas2fa setup --replace (REFUSED)")
    type_all(child, (PASSWORD_PROMPT, PASSWORD), (CODE_PROMPT, second), ("not typed yet.*" + CODE_PROMPT, third))
    found = logins.set_up(child, "alice")
    assert logins.ssh(box, found, found.phone.code())[0]
    assert not logins.ssh(box, lost, lost.phone.code())[0]


def type_all(child: pexpect.spawn[str], *answers: tuple[str, str]) -> None:
    for prompt, typed in answers:
        child.expect(prompt)
        child.sendline(typed)
