"""The table of every door of a box: what test_doors_*.py knock at, and what docs/doors.md shows.

`render` makes the tables of the page; tests/unit/test_doors_page.py holds page and table together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from debianbox.neighbours import CALLER

HERE = "127.0.0.1"  # where the clients of the tests come from

SSH = "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o NumberOfPasswordPrompts=1"
_WHO = "echo in-as-$(id -un)"
_FILE = "/etc/debian_version"
_CAME = "test -s /home/{user}/debian_version && echo in-as-{user}"
_HOST_KEY = "$(ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub | cut -d' ' -f2)"


@dataclass(frozen=True)
class Door:
    """A way in by a program. {user} stands for whose account is opened, in every field.

    service, source: as the journal has them. command: what the tests run, "" when it takes more than a command line.
    by: who runs it. inside: what shows that the door is open. opening: a prompt before the password, and its answer.
    """

    name: str
    service: str
    source: str
    command: str = ""
    by: str = "root"
    inside: str = "in-as-{user}"
    opening: tuple[str, str] | None = None
    remark: str = ""


PASSWORD_AND_CODE = (
    Door("ssh", "sshd", HERE, f"ssh {SSH} {{user}}@{HERE} '{_WHO}'"),
    Door("scp", "sshd", HERE, f"scp {SSH} {_FILE} {{user}}@{HERE}: && {_CAME}"),
    Door("scp -O", "sshd", HERE, f"scp -O {SSH} {_FILE} {{user}}@{HERE}: && {_CAME}"),
    Door("sftp", "sshd", HERE, f"sftp {SSH} {{user}}@{HERE}", inside="sftp> "),
    Door("rsync over ssh", "sshd", HERE, f"rsync -e 'ssh {SSH}' {_FILE} {{user}}@{HERE}: && {_CAME}"),
    Door(
        "plink (PuTTY)", "sshd", HERE, f"plink -no-antispoof -hostkey {_HOST_KEY} {{user}}@{HERE} '{_WHO}'",
        remark="not with `-batch` or `-pw`: it cannot ask then",
    ),
    Door(
        "dbclient (Dropbear)", "sshd", HERE, f"dbclient -y -y {{user}}@{HERE} '{_WHO}'",
        remark="asks again without end after a refusal",
    ),
    Door("paramiko", "sshd", HERE, remark="`auth_interactive`; `connect(password=…)` is refused"),
    Door("asyncssh", "sshd", HERE, remark="`kbdint_challenge_received`; `password=…` is refused"),
    Door("login on the console", "login", "console", opening=("login: ", "{user}")),
    Door("su", "su", f"local:{CALLER}", f"su {{user}} -c '{_WHO}'", by=CALLER, remark="the code of whom one becomes"),
    Door("su -", "su-l", f"local:{CALLER}", f"su - {{user}} -c '{_WHO}'", by=CALLER, remark="in rules: `su`"),
    Door(
        "sudo", "sudo", "local:{user}", f"sudo -k sh -c '{_WHO}'", by="{user}", inside="in-as-root",
        remark="then nothing for as long as sudo remembers (`timestamp_timeout`)",
    ),
    Door(
        "sudo -i", "sudo-i", "local:{user}", "sudo -k; sudo -i sh -c 'echo in-as-$USER'", by="{user}",
        inside="in-as-root", remark="in rules: `sudo`",
    ),
    Door("sudo -S", "sudo", "local:{user}", by="{user}", remark="two lines on its input: password, code"),
    Door(
        "chsh", "chsh", "local:-",
        "chsh -s /bin/sh && grep -q ^{user}:.*:/bin/sh /etc/passwd && echo in-as-{user}", by="{user}",
    ),
    Door(
        "chfn", "chfn", "local:-",
        "chfn -h 123 && grep -q ^{user}:.*123 /etc/passwd && echo in-as-{user}", by="{user}",
    ),
    Door(
        "polkit: pkexec, systemctl …", "polkit-1", "local:{user}", f"ask-polkit sh -c '{_WHO}'", by="{user}",
        inside="in-as-root", remark="by pkttyagent and graphical agents",
    ),
    Door(
        "vlock", "vlock", "local:-", "vlock -c && echo in-as-{user}", by="{user}",
        opening=(r"\[ENTER\]", ""), remark="no file of its own in pam.d: `other`",
    ),
    Door(
        "a screen locker without privileges", "own-program", "own", "pamtester own-program {user} authenticate",
        by="{user}", inside="successfully authenticated", remark="asks nas2fad by /run/nas2fa/user.sock",
    ),
    Door("Cockpit", "cockpit", HERE, remark="the code on a page of its own"),
)  # fmt: skip

ONE_FIELD = (
    Door("vsftpd", "vsftpd", HERE, remark="user names in /etc/ftpusers stay out"),
    Door("ProFTPD", "proftpd", HERE, remark="with `AuthOrder mod_auth_pam.c* mod_auth_unix.c` and `UseReverseDNS off`"),
    Door("CUPS (its web pages)", "cups", "named", remark="from this box itself, else the address; see `again_after`"),
    Door("Dovecot (IMAP, POP3)", "dovecot", HERE, remark="see `again_after`"),
)


@dataclass(frozen=True)
class Key:
    """What becomes of an ssh login with a key: `choice` is that of `nas2fa system enable --ssh-keys`."""

    choice: str
    asked: tuple[str, ...]
    entered: bool
    logged: tuple[str, str]
    not_enrolled: str


KEYS = (
    Key("guard", (), False, ("DENIED", "NOT_VERIFIED"), "in with the key alone"),
    Key("code", ("code",), True, ("ALLOWED", "OK"), "key and password"),
    Key("password", ("password", "code"), True, ("ALLOWED", "OK"), "key and password"),
)


@dataclass(frozen=True)
class Unasked:
    """What runs without a code, with nas2fad or without. command: {user} as above; it must leave the file {proof}."""

    name: str
    command: str
    why: str
    terminal: tuple[tuple[str, str], ...] | None = None


_LEAVE = "id -un > {proof}"
_AS = "runuser -u {user} -- "
NOT_ASKED = (
    Unasked(
        "cron",
        f"echo '@reboot {{user}} {_LEAVE}' > /etc/cron.d/proof; rm -f /run/crond.reboot; systemctl restart cron",
        "it runs no auth phase",
    ),
    Unasked("at", f"echo '{_LEAVE}' | {_AS} at now 2>&1; systemctl start atd", "it runs no auth phase"),
    Unasked(
        "systemd --user, with linger too",
        "id=$(id -u {user}); systemctl start user@$id; "
        f"{_AS} env XDG_RUNTIME_DIR=/run/user/$id systemd-run --quiet --user sh -c '{_LEAVE}'",
        "it runs no auth phase",
    ),
    Unasked(
        "passwd",
        f"passwd && {_LEAVE}",
        "it has a stack of its own, which changes passwords",
        (("Current password: ", "{password}"), ("New password: ", "{new}"), ("Retype new password: ", "{new}")),
    ),
    Unasked("chpasswd by root", f"echo {{user}}:another-8-Word | chpasswd && {_AS} sh -c '{_LEAVE}'", "as passwd"),
    Unasked("su by root", f"su - {{user}} -c '{_LEAVE}'", "pam_rootok answers before the password is asked"),
    Unasked("runuser", f"{_AS} sh -c '{_LEAVE}'", "it is for root alone"),
    Unasked("login -f (autologin of a getty)", "", "it is for root alone"),
    Unasked(
        "sudo with NOPASSWD",
        f"echo '{{user}} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/zz-{{user}}; {_AS} sudo sh -c '{_LEAVE}'",
        "it asks for no password, so for no code either",
    ),
)


def render(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tables() -> dict[str, str]:
    """Every table of docs/doors.md, by the name that its mark has there."""
    doors = ("door", "`SERVICE`", "`SOURCE`", "remark")

    def rows(group: Sequence[Door]) -> list[tuple[str, ...]]:
        return [(d.name, f"`{d.service}`", _source(d.source), d.remark) for d in group]

    def row(key: Key) -> tuple[str, ...]:
        logged = f"`{key.logged[0].lower()} …{'' if key.entered else ' ' + key.logged[1]}`"
        return f"`{key.choice}`", " and ".join(key.asked) or "nothing", "refused", logged, key.not_enrolled

    return {
        "password-and-code": render(doors, rows(PASSWORD_AND_CODE)),
        "one-field": render(doors, rows(ONE_FIELD)),
        "keys": render(
            ("`--ssh-keys`", "asked after the key", "key alone", "logged", "who has not set it up"),
            [row(key) for key in KEYS],
        ),
        "not-asked": render(("program", "why"), [(u.name, u.why) for u in NOT_ASKED]),
    }


def _source(source: str) -> str:
    return {HERE: "the address"}.get(source, f"`{source}`").replace("{user}", "NAME").replace(CALLER, "CALLER")
