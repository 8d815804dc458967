"""Rescue by the kernel word: the console opens to the password alone, the other doors are shut, for one boot."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from debianbox import logins
from debianbox.logins import CODE_PROMPT, PASSWORD, PASSWORD_PROMPT, switched_layers
from debianbox.machine import Box

WORD = "nas2fa.rescue"
WRONG = "not the password"
MARK = "/var/lib/nas2fa-switch/rescue-tested"
SHELL = r"[$#] (?:\x1b\[\S*)?$"
SUDO_PROMPT = "password for alice: "

# As pam-auth-update writes it of the profile with its decoy: the count of success=2 is what the rescue must keep.
COMMON_AUTH = """\
auth [success=2 default=ignore] pam_unix.so nullok
auth [default=ignore] pam_nas2fa.so decoy
auth requisite pam_deny.so
auth required pam_permit.so
auth requisite pam_nas2fa.so
"""


@pytest.fixture
def console_box(suite: str) -> Iterator[Box]:
    """Switched on by the command with its decoy, alice set up, and a console. The rescue is one reboot away."""
    with Box(switched_layers(suite, "--decoy"), console=True) as box:
        box.run("echo 127.0.1.1 $(hostname) >>/etc/hosts")
        logins.enrol(box, "alice")
        yield box


def reboot(box: Box, *words: str) -> None:
    """An orderly reboot with these words on the kernel command line."""
    box.words = list(words)
    box.reboot()


def log_in(box: Box, user: str, password: str, then: str) -> str:
    """Type a user's name and password at the console; all that was shown, up to `then`."""
    console, shown = box.console, ""
    for prompt, reply in (("login: ", user), (PASSWORD_PROMPT, password)):
        console.expect(prompt)
        shown += str(console.before)
        console.sendline(reply)
    console.expect(then)
    return shown + str(console.before)


def typed(box: Box, command: str, *exchanges: tuple[str, str]) -> str:
    """Type a command at the console's shell, answer its prompts; what it showed after them, up to the next prompt."""
    console = box.console
    console.sendline(command)
    for prompt, reply in exchanges:
        console.expect(prompt)
        console.sendline(reply)
    console.expect(SHELL)
    return str(console.before)


def sshd_is_up(box: Box) -> bool:
    """Whether anything listens where ssh comes in, by network or by sshd's own units."""
    units = "ssh.service ssh.socket sshd-vsock.socket nas2fa-portal.service smbd.service"
    active = box.run(f"systemctl is-active {units}", check=False).stdout.split()
    return "active" in active or ":22 " in box.run("ss -Hltn").stdout


def is_marked(box: Box) -> bool:
    return box.run(["test", "-e", MARK], check=False).returncode == 0


def test_for_one_boot_the_console_takes_the_password_alone(console_box: Box) -> None:
    box = console_box
    reboot(box, WORD)
    shown = log_in(box, "alice", WRONG, "Login incorrect")
    assert "RESCUE" in shown
    assert "code" not in shown
    assert "nas2fa-off" in log_in(box, "alice", PASSWORD, SHELL)
    assert not sshd_is_up(box)

    assert "root" not in box.run("sudo -S id -un", user="alice", stdin=f"{WRONG}\n", check=False).stdout
    assert not is_marked(box)
    assert "root" in typed(box, "sudo id -un", (SUDO_PROMPT, PASSWORD))
    assert re.search(r"^way=sudo by alice$", box.read(MARK), re.MULTILINE)
    assert box.journal("SYSLOG_IDENTIFIER=nas2fa-rescue", "PRIORITY=1")

    reboot(box)
    assert sshd_is_up(box)
    assert "RESCUE" not in log_in(box, "alice", PASSWORD, CODE_PROMPT)


def test_nothing_from_outside_comes_up_when_asked_to(box: Box) -> None:
    reboot(box, WORD)
    box.run("systemctl daemon-reload; systemctl start ssh; systemctl restart ssh")
    assert not sshd_is_up(box)


def test_without_the_word_it_does_nothing(box: Box) -> None:
    box.reboot()
    assert "inactive" in box.run("systemctl is-active nas2fa-rescue.service", check=False).stdout
    assert "pam.d" not in box.read("/proc/mounts")
    assert sshd_is_up(box)


def test_root_comes_in_by_login_and_su(console_box: Box) -> None:
    box = console_box
    reboot(box, WORD)
    log_in(box, "bob", PASSWORD, SHELL)
    assert "in-as-root" not in typed(box, "su - -c 'echo in-as-$(id -un)'", (PASSWORD_PROMPT, WRONG))
    assert "in-as-alice" not in typed(box, "su alice -c 'echo in-as-$(id -un)'", (PASSWORD_PROMPT, WRONG))
    assert "in-as-alice" in typed(box, "su alice -c 'echo in-as-$(id -un)'", (PASSWORD_PROMPT, PASSWORD))
    assert not is_marked(box)
    assert "in-as-root" in typed(box, "su - -c 'echo in-as-$(id -un)'", (PASSWORD_PROMPT, PASSWORD))
    assert "way=su-l by bob\n" in box.read(MARK)
    box.run(["rm", MARK])
    box.console.sendline("exit")
    log_in(box, "root", PASSWORD, SHELL)
    assert "way=login by root\n" in box.read(MARK)


def test_root_that_becomes_root_proves_nothing(box: Box) -> None:
    reboot(box, WORD)
    box.run("su - -c true; sudo true; su - alice -c true")
    assert not is_marked(box)


# What may be broken when a box is to be rescued, made so before the rescue runs.
WRECK = """\
[Unit]
DefaultDependencies=no
Before=nas2fa-rescue.service
After=systemd-remount-fs.service
[Service]
Type=oneshot
ExecStart=mount -t tmpfs -o ro tmpfs /var/lib
ExecStart=mount --bind /etc /etc
ExecStart=mount -o remount,bind,ro /etc
[Install]
WantedBy=sysinit.target
"""


def test_with_all_else_broken(console_box: Box) -> None:
    """No daemon, no Python, an /etc that takes no writes, a /var/lib that was not mounted."""
    box = console_box
    box.write("/etc/systemd/system/wreck.service", WRECK)
    box.run("systemctl enable wreck.service; systemctl mask nas2fad.service; rm /usr/bin/python3*")
    reboot(box, WORD)
    assert box.run("touch /etc/x", check=False).returncode != 0
    log_in(box, "alice", PASSWORD, SHELL)
    assert "root" in typed(box, "sudo id -un", (SUDO_PROMPT, PASSWORD))
    assert not is_marked(box)
    assert not sshd_is_up(box)


def let_in(box: Box, service: str, password: str, user: str = "alice") -> bool:
    """Whether a PAM service is content with this password and no more."""
    words = ["timeout", "20", "pamtester", service, user, "authenticate", "acct_mgmt"]
    return box.run(words, stdin=f"{password}\n", check=False).returncode == 0


OURS = "auth requisite pam_nas2fa.so\n"
PLAIN = "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\nauth required pam_permit.so\n"
FORMS = {
    "plain": PLAIN + OURS,
    "profile-with-decoy": COMMON_AUTH,
    "other-jumps-over-it": "auth [success=3 default=ignore] pam_debug.so auth=auth_err\n" + COMMON_AUTH,
    "before-the-password": OURS + PLAIN,
    "by-its-path": PLAIN + "auth [success=ok default=die] /usr/lib/x86_64-linux-gnu/security/pam_nas2fa.so debug\n",
    "continued": PLAIN + "auth \\\n  requisite \\\n\tpam_nas2fa.so \\\n debug\n",
    "continued-above": "auth [success=1 \\  \n default=ignore] pam_unix.so\n" + PLAIN.partition("\n")[2] + OURS,
    "loud": PLAIN + "AUTH\tREQUISITE\tpam_nas2fa.so\n",
    "after-a-comment": PLAIN + "# ends with a backslash \\\n" + OURS,
    "by-include": "@include ours-first\n" + PLAIN + "auth include ours\nauth substack ours-too\n",
    "may-be-missing": PLAIN + "-auth required pam_nas2fa.so\n",
}


def test_every_form_of_our_line(box: Box) -> None:
    """The right password alone is enough, the wrong one never, and sshd's own stack still asks for the code."""
    logins.enrol(box, "alice")
    included = {"ours": OURS, "ours-first": OURS, "ours-too": OURS + "auth optional pam_permit.so\n"}
    account = "account required pam_unix.so\n"
    for name, text in included.items():
        box.write(f"/etc/pam.d/{name}", text)
    for form, text in FORMS.items():
        box.write("/etc/pam.d/login", text + account)
        assert not let_in(box, "login", PASSWORD), form
        box.run("/usr/libexec/nas2fa/rescue start")
        assert let_in(box, "login", PASSWORD), form
        assert not let_in(box, "login", WRONG), form
        assert not let_in(box, "sshd", PASSWORD), form
        box.run("umount /etc/pam.d/* /etc/issue 2>/dev/null; rm -r /run/nas2fa-rescue", check=False)


@pytest.mark.parametrize(
    "stack",
    [
        OURS + "auth required pam_permit.so\n",
        "auth sufficient pam_rootok.so\nauth required pam_nas2fa.so\nauth optional pam_cap.so\n",
        "auth include ours\nauth required pam_permit.so\n",
        "auth required pam_succeed_if.so quiet user ingroup sudo\nauth required pam_nas2fa.so\n",
        "auth optional pam_unix.so\n" + OURS + "auth required pam_permit.so\n",
        PLAIN + "auth [success=ok] [default=die] pam_nas2fa.so\n",
    ],
)
def test_a_stack_that_would_ask_for_nothing_is_left_alone(box: Box, stack: str) -> None:
    """Where the code stands in place of the password, its line stays; so does a line that nobody understands."""
    box.write("/etc/pam.d/ours", OURS)
    box.write("/etc/pam.d/sudo", stack)
    done = box.run("/usr/libexec/nas2fa/rescue start")
    assert "sudo is left as it is" in done.stdout
    assert "/etc/pam.d/sudo " not in box.read("/proc/mounts")
    assert "/etc/pam.d/login " in box.read("/proc/mounts")
