"""Every finding of the doctor is proved by planting it, and a healthy box has none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from debianbox import logins
from debianbox.layers import layer
from debianbox.machine import Box
from debianbox.switching import PLAINLY, system
from nas2fa.activation import report

FOLDERS = (
    "/etc/pam.d", "/etc/ssh", "/etc/nas2fa", "/etc/sudoers.d", "/var/lib/nas2fa", "/var/lib/nas2fa-switch",
    "/var/lib/pam", "/usr/share/pam-configs", "/usr/libexec/nas2fa",
)  # fmt: skip
FILES = ("/etc/passwd", "/etc/shadow", "/etc/group", "/etc/gshadow")
GONE = (
    "/etc/exports /etc/exports.d /etc/samba /etc/rsyncd.conf /etc/proftpd /etc/vsftpd.conf /etc/openmediavault "
    "/usr/bin/midclt /usr/sbin/smbd /usr/sbin/systemd-detect-virt /boot/grub /usr/lib/arm-linux-gnueabihf"
)  # what only plants bring

DROP_IN = "/etc/ssh/sshd_config.d/00-nas2fa.conf"
COMMON = "/etc/pam.d/common-auth"
UNITS = "/usr/lib/systemd/system"
OURS = r"/^auth\s*requisite\s*pam_nas2fa/"
GUARD = "/^account.*pam_nas2fa.so guard/"
METAL = "ln -s /bin/false /usr/sbin/systemd-detect-virt"  # found before the real one: this is no container
ENROL = "nas2fa user add {} --armed --uri 'otpauth://totp/x?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'"
EXEMPT = "nas2fa exempt add --user bob --service sshd --from 10.0.0.0/24 --reason nightly --until"
MADE_LONG_AGO = """sed -i 's/"created": *[0-9]*/"created": 1700000000/' /var/lib/nas2fa/exemptions.json"""
OVER = MADE_LONG_AGO + """; sed -i 's/"until": *[0-9]*/"until": 1700000001/' /var/lib/nas2fa/exemptions.json"""
CODE_AFTER_KEYS = """sed -i 's/"ssh_keys": "guard"/"ssh_keys": "code"/' /var/lib/nas2fa-switch/enforced/facts.json"""
STALE = "sshd-not-reloaded"  # so is each change in sshd's files
SSHD_OPTS = """sed -i 's/^SSHD_OPTS=.*/SSHD_OPTS="{}"/' /etc/default/ssh"""
RESTART = "systemctl reset-failed ssh; systemctl restart ssh"  # systemd gives up at the sixth within ten seconds
GETTY = "/etc/systemd/system/getty@tty1.service.d"
UNIT = "/etc/systemd/system/ssh.service.d"
HAND = "common-auth-by-hand"  # so is each change in the part that pam-auth-update writes


class Plant(NamedTuple):
    """What is done to a healthy box, exactly which findings that brings, and how it is undone beyond the files."""

    command: str
    names: str
    undo: str = "true"


def line(text: str, before: str = OURS, file: str = COMMON) -> str:
    """The command that puts a line before another."""
    return f"sed -i '{before}i {text}' {file}"


PLANTS = [
    # sshd
    Plant("echo Bogus yes > /etc/ssh/sshd_config.d/zz.conf", "sshd-refuses-config"),
    Plant(f"sed -i 's/UsePAM yes/UsePAM no/' {DROP_IN}", f"sshd-without-pam {STALE}"),
    Plant("systemctl stop ssh", "", "systemctl start ssh"),
    Plant(
        f"systemctl stop ssh; sed -i 's/UsePAM yes/UsePAM no/' {DROP_IN}", "sshd-without-pam", "systemctl start ssh"
    ),
    Plant(
        f"sed -i 's/KbdInteractiveAuthentication yes/KbdInteractiveAuthentication no/' {DROP_IN}",
        f"sshd-no-questions {STALE}",
    ),
    Plant(
        f"sed -i 's/PasswordAuthentication no/PasswordAuthentication yes/' {DROP_IN}", f"sshd-password-method {STALE}"
    ),
    Plant("sed -i '1i PasswordAuthentication yes' /etc/ssh/sshd_config", f"sshd-other-file-wins {STALE}"),
    Plant("echo KbdInteractiveAuthentication no > /etc/ssh/sshd_config.d/00-a.conf", f"sshd-other-file-wins {STALE}"),
    Plant("sed -i '/^Include/d' /etc/ssh/sshd_config", f"sshd-drop-in-unread {STALE}"),
    Plant(
        f"printf 'Match User {logins.ADMIN}\\nKbdInteractiveAuthentication no\\n' >> /etc/ssh/sshd_config",
        f"sshd-match-changes {STALE}",
    ),
    Plant(
        "printf 'Match Address 10.1.0.0/16\\nPasswordAuthentication yes\\n' >> /etc/ssh/sshd_config",
        f"sshd-match-changes {STALE}",
    ),
    Plant("printf 'Match LocalPort 2222\\nMaxAuthTries 3\\n' > /etc/ssh/sshd_config.d/zz.conf", STALE),
    Plant(
        "printf 'Match LocalPort 2222\\nKbdInteractiveAuthentication no\\n' > /etc/ssh/sshd_config.d/zz.conf",
        f"sshd-match-changes {STALE}",
    ),
    Plant("sed -i '/nas2fa BEGIN/,/nas2fa END/d' /etc/pam.d/sshd", "sshd-block-missing"),
    Plant("sed -i '/pam_nas2fa.so guard/d' /etc/pam.d/sshd", "sshd-keys-skip-code"),
    Plant("echo AuthenticationMethods publickey > /etc/ssh/sshd_config.d/zz.conf", f"sshd-methods-without-pam {STALE}"),
    Plant(
        f"printf 'Match User {logins.ADMIN}\\nAuthenticationMethods publickey\\n' >> /etc/ssh/sshd_config",
        f"sshd-methods-without-pam {STALE}",
    ),
    Plant(ENROL.format("root"), "root-cannot-answer few-recovery-codes never-used", "nas2fa user reset --yes root"),
    Plant(
        f"{SSHD_OPTS.format('-o UsePAM=no')}; {RESTART}",
        "sshd-other-file-wins",
        f"{SSHD_OPTS.format('')}; {RESTART}",
    ),
    Plant(
        f"{SSHD_OPTS.format('-oUsePAM=no')}; systemctl stop ssh; systemctl start ssh.socket",
        "sshd-other-file-wins",
        f"{SSHD_OPTS.format('')}; systemctl stop ssh.socket; {RESTART}",
    ),
    Plant(
        f"mkdir -p {UNIT}; cd {UNIT}; printf '[Service]\\nExecStart=\\nExecStart=/usr/sbin/sshd -D -f /etc/ssh/x\\n' > "
        f"x.conf; echo UsePAM no > /etc/ssh/x; systemctl daemon-reload; {RESTART}",
        "sshd-drop-in-unread",
        f"rm -r {UNIT}; systemctl daemon-reload; {RESTART}",
    ),
    Plant(
        # not a reload, which is over before sshd has read the file
        f"sed -i 's/UsePAM yes/UsePAM no/' {DROP_IN}; {RESTART}; sed -i 's/UsePAM no/UsePAM yes/' {DROP_IN}",
        STALE,
        "systemctl reload ssh",
    ),
    # PAM
    Plant(line("auth sufficient pam_localuser.so"), f"stack-skips-code {HAND}"),
    Plant(line("auth sufficient pam_faillock.so authsucc"), f"stack-skips-code {HAND}"),
    Plant(line("auth [success=1 default=ignore] pam_succeed_if.so user ingroup staff"), f"stack-skips-code {HAND}"),
    Plant(
        f"sed -i 's/success=[0-9]* default=ignore/success=done default=ignore/' {COMMON}", f"stack-skips-code {HAND}"
    ),
    Plant(f"sed -i 's/success=1 default=ignore/success=3 default=ignore/' {COMMON}", "stack-skips-code"),
    Plant("printf 'auth required pam_unix.so\\naccount required pam_unix.so\\n' > /etc/pam.d/web", "stack-skips-code"),
    Plant(f"sed -i '{OURS}s/requisite/optional/' {COMMON}", f"stack-ignores-code {HAND}"),
    Plant(
        f"sed -i '{OURS}s/requisite/[authinfo_unavail=ignore success=ok default=die]/' {COMMON}",
        f"stack-ignores-code {HAND}",
    ),
    Plant(line("auth sufficient pam_nas2fa.so", "/pam_unix/"), f"code-alone-is-enough {HAND}"),
    Plant(f"sed -i '/pam_deny/s/requisite/optional/' {COMMON}", "password-not-checked"),
    Plant(line("auth sufficient pam_localuser.so", "/pam_unix/"), f"password-not-checked {HAND}"),
    Plant(
        "printf 'auth optional pam_unix.so\\nauth required pam_permit.so\\nauth requisite pam_nas2fa.so\\n"
        "account required pam_unix.so\\n' > /etc/pam.d/web",
        "password-not-checked",
    ),
    Plant(
        "printf 'auth required pam_permit.so\\naccount required pam_permit.so\\n' > /etc/pam.d/kiosk",
        "service-asks-nothing",
    ),
    Plant(line("account sufficient pam_localuser.so", "/guard/", "/etc/pam.d/sshd"), "guard-skipped"),
    Plant("sed -i 's/^# *\\(auth *sufficient *pam_wheel.so trust\\)/\\1/' /etc/pam.d/su", "stack-lets-in"),
    Plant(
        "printf 'auth sufficient pam_succeed_if.so user ingroup nopasswdlogin\\n@include common-auth\\n' "
        "> /etc/pam.d/lightdm",
        "service-asks-nothing",
    ),
    Plant(f"sed -i '{GUARD}s/required/optional/' /etc/pam.d/sshd", "guard-ignored"),
    Plant(f"sed -i '{GUARD}s/required/[success=ok default=ignore]/' /etc/pam.d/sshd", "guard-ignored"),
    Plant("echo '@include nowhere' >> /etc/pam.d/cron", "stack-broken"),
    Plant("echo 'auht required pam_unix.so' >> /etc/pam.d/cron", "stack-broken"),
    Plant(f"sed -i 's/pam_nas2fa.so *$/pam_nas2fa.so\\r/' {COMMON}", "stack-broken profile-off"),
    Plant("sed -i 's/$/\\r/' /etc/pam.d/su", "stack-broken"),
    Plant(
        "printf 'auth required pam_unix.so\\naccount required pam_permit.so \\\\ \\nauth requisite pam_nas2fa.so\\n' "
        "> /etc/pam.d/web",
        "stack-skips-code",
    ),
    Plant(
        "printf 'auth required pam_unix.so\\nauth requisite pam_nas2fa.so\\naccount required pam_unix.so\\n' "
        "> /etc/pam.d/web",
        "",
    ),
    Plant("printf 'bogus optional x\\nauth required pam_unix.so\\n' > /etc/pam.d/web", "stack-broken stack-skips-code"),
    Plant(f"sed -i '{GUARD}s/guard/gaurd/' /etc/pam.d/sshd", "stack-broken sshd-keys-skip-code"),
    Plant("pam-auth-update --disable nas2fa", "profile-off stack-skips-code", "pam-auth-update --enable nas2fa"),
    Plant(f"sed -i '/^#/d' {COMMON}", "common-auth-by-hand"),
    Plant(f"sed -i '/^#/d; {OURS}d' {COMMON}", "profile-off stack-skips-code"),
    Plant("echo '@include common-auth' > /etc/pam.d/vsftpd", "one-field-not-split"),
    Plant(f"sed -i '{OURS}s,pam_nas2fa,/srv/pam_nas2fa,' {COMMON}", "module-not-ours profile-off stack-skips-code"),
    Plant(f"sed -i '{GUARD}s,pam_nas2fa,/srv/pam_nas2fa,' /etc/pam.d/sshd", "module-not-ours sshd-keys-skip-code"),
    Plant(
        f"sed -i '{GUARD}s,pam_nas2fa,'$(echo /lib/*/security)'/pam_nas2fa,' /etc/pam.d/sshd",
        "",
    ),
    Plant(f"sed -i '{GUARD}s,$, socket=/srv/x.sock,' /etc/pam.d/sshd", "socket-not-ours"),
    Plant(f"sed -i '{GUARD}s,$, socket=/run/nas2fa/login.sock,' /etc/pam.d/sshd", ""),
    Plant("passwd -d bob", "password-empty"),
    # Units, daemon, module, clock
    Plant("systemctl mask nas2fad-user.socket", "unit-masked", "systemctl unmask nas2fad-user.socket"),
    Plant("systemctl stop nas2fa-signin.socket", "unit-inactive", "systemctl start nas2fa-signin.socket"),
    Plant("systemctl stop nas2fa-smb.socket", "unit-inactive", "systemctl start nas2fa-smb.socket"),
    Plant("systemctl stop nas2fa-courier.socket", "unit-inactive", "systemctl start nas2fa-courier.socket"),
    Plant("systemctl disable nas2fad-login.socket", "unit-disabled", "systemctl enable nas2fad-login.socket"),
    Plant(
        f"systemctl stop nas2fa-check.timer; cd {UNITS}; mv nas2fa-check.timer /root; systemctl daemon-reload",
        "unit-missing",
        f"mv /root/nas2fa-check.timer {UNITS}; systemctl daemon-reload; systemctl start nas2fa-check.timer",
    ),
    Plant(
        "systemctl stop nas2fad-control.socket nas2fad",
        "daemon-unreachable unit-inactive",
        "systemctl start nas2fad-control.socket nas2fad-login.socket nas2fad-user.socket nas2fad",
    ),
    Plant(
        "echo bogus = 1 >> /etc/nas2fa/nas2fa.toml; systemctl reload nas2fad",
        "config-refused",
        "systemctl reload nas2fad",
    ),
    Plant("rm /etc/nas2fa/store-id; systemctl restart nas2fad", "store-at-fault", "systemctl restart nas2fad"),
    Plant(
        f": > /var/lib/nas2fa/users/$(id -u {logins.ADMIN}).json",
        "record-at-fault admin-not-enrolled no-admin-gets-in",
    ),
    Plant(
        "ls /usr/lib/*/security/pam_nas2fa.so > /root/where; mv $(cat /root/where) /root",
        "module-missing",
        "mv /root/pam_nas2fa.so $(cat /root/where)",
    ),
    Plant(
        "chmod g+w /usr/lib/*/security/pam_nas2fa.so", "module-not-roots", "chmod g-w /usr/lib/*/security/pam_nas2fa.so"
    ),
    Plant(
        "mkdir -p /usr/lib/arm-linux-gnueabihf/security; touch /usr/lib/arm-linux-gnueabihf/security/pam_permit.so",
        "module-other-architecture",
    ),
    Plant(METAL, "no-time-service rescue-untested"),
    Plant(f"{METAL}; rm /usr/libexec/nas2fa/rescue", "no-time-service rescue-missing"),
    Plant(
        f"{METAL}; mkdir -p /boot/grub; echo 'menuentry Debian {{ }}' > /boot/grub/grub.cfg",
        "no-time-service rescue-untested boot-loader-open",
    ),
    Plant("cp -P /var/lib/nas2fa-switch/enforced /var/lib/nas2fa-switch/pending", "trial-left-over"),
    # Our files
    Plant("chmod 755 /var/lib/nas2fa/users", "file-not-roots"),
    Plant("chown bob /etc/nas2fa/nas2fa.toml", "file-not-roots"),
    Plant("chmod 666 /run/nas2fa/login.sock", "file-not-roots", "chmod 600 /run/nas2fa/login.sock"),
    Plant("chmod 666 /run/nas2fa/smb.sock", "file-not-roots", "chmod 600 /run/nas2fa/smb.sock"),
    Plant("chmod 666 /run/nas2fa/courier.sock", "file-not-roots", "chmod 600 /run/nas2fa/courier.sock"),
    Plant("echo '/var 10.0.0.0/8(ro)' > /etc/exports", "secrets-in-a-share"),
    Plant(
        "mkdir /etc/exports.d; echo '/var/lib 10.0.0.0/8(ro)' > /etc/exports.d/x.exports; echo / > /etc/exports.d/x",
        "secrets-in-a-share",
    ),
    Plant("printf '[etc]\\n  path = /etc/\\n' > /etc/rsyncd.conf", "secrets-in-a-share"),
    Plant("touch /etc/pam.d/sshd.dpkg-dist", "conffile-waits"),
    # Other programs
    Plant("mkdir /etc/proftpd; echo 'ServerName nas' > /etc/proftpd/proftpd.conf", "proftpd-overrules-pam"),
    Plant(
        "mkdir /etc/proftpd; echo 'AuthOrder mod_auth_pam.c mod_auth_unix.c' > /etc/proftpd/proftpd.conf",
        "proftpd-overrules-pam",
    ),
    Plant(
        "mkdir /etc/proftpd; cd /etc/proftpd; echo 'AuthOrder mod_auth_pam.c* mod_auth_unix.c' > proftpd.conf; "
        "mkdir conf.d; printf '<Global>\\n  AuthPAM off\\n</Global>\\n' > conf.d/x.conf",
        "proftpd-overrules-pam",
    ),
    Plant(
        "printf 'auth required pam_nas2fa.so split\\n@include common-auth\\n' > /etc/pam.d/dovecot",
        "code-asked-each-time",
    ),
    Plant(
        'printf \'[[rule]]\\naction = "skip"\\nservice = ["su"]\\n\' >> /etc/nas2fa/nas2fa.toml', "rule-skips-too-much"
    ),
    Plant(
        'printf \'[[rule]]\\naction = "code"\\nuser = ["bop"]\\nservice = ["ssdh"]\\n\' >> /etc/nas2fa/nas2fa.toml',
        "rule-names-unknown",
    ),
    Plant(
        'printf \'[[rule]]\\naction = "code"\\nservice = ["sudo"]\\nagain_after = 60\\n\' >> /etc/nas2fa/nas2fa.toml',
        "rule-needs-address",
    ),
    Plant(
        'printf \'[[rule]]\\naction = "skip"\\nfirst = "password"\\n\' >> /etc/nas2fa/nas2fa.toml',
        "rule-skips-too-much",
    ),
    Plant(
        'printf \'[[rule]]\\naction = "skip"\\nservice = ["sshd"]\\nnetwork = ["0.0.0.0/1", "128.0.0.0/1"]\\n\' '
        ">> /etc/nas2fa/nas2fa.toml",
        "rule-skips-too-much",
    ),
    Plant("mkdir /etc/samba; touch /usr/sbin/smbd /etc/samba/smb.conf", "samba-not-covered"),
    Plant("echo 'bob ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/bob", "sudo-asks-nothing"),
    Plant("echo 'Defaults:bob !authenticate' > /etc/sudoers.d/bob", "sudo-asks-nothing"),
    Plant(
        f"mkdir -p {GETTY}; cd {GETTY}; "
        "printf '[Service]\\nExecStart=\\nExecStart=-/sbin/agetty --autologin bob %%I\\n' > x.conf",
        "console-asks-nothing",
        f"rm -r {GETTY}",
    ),
    Plant("touch /usr/bin/midclt", "box-not-fit"),
    Plant("mkdir /etc/openmediavault; touch /etc/openmediavault/config.xml", "box-is-openmediavault"),
    Plant(f"{EXEMPT} $(date -d '+3 days' +%F); {MADE_LONG_AGO}", "exemption-ends-soon"),
    Plant(f"{EXEMPT} $(date -d '+3 days' +%F); {OVER}", "exemption-ended"),
    Plant("umask 077; echo '{' > /var/lib/nas2fa/exemptions.json", "exemptions-at-fault"),
    Plant(f"{CODE_AFTER_KEYS}; {EXEMPT} $(date -d '+9 days' +%F)", "key-alone-not-open"),
    Plant(
        f"{CODE_AFTER_KEYS}; printf 'Match User bob Address 10.0.0.0/24\n' >> {DROP_IN}; "
        f"echo AuthenticationMethods publickey >> {DROP_IN}",
        f"key-alone-still-open {STALE}",
    ),
    Plant("mkdir /etc/exports", "check-failed"),
    # People
    Plant("usermod -aG sudo bob", "admin-not-enrolled"),
    Plant(
        'printf \'[[rule]]\naction = "deny"\ngroup = ["sudo"]\n\' >> /etc/nas2fa/nas2fa.toml; systemctl reload nas2fad',
        "no-admin-gets-in",
        "systemctl reload nas2fad",
    ),
    Plant(
        f"usermod -aG sudo bob; {ENROL.format('bob')}", "few-recovery-codes never-used", "nas2fa user reset --yes bob"
    ),
    Plant(f"{ENROL.format('dave')}; userdel dave", "record-without-account never-used", "nas2fa user reset --yes dave"),
    Plant(
        f"{ENROL.format('dave')}; usermod --login david dave",
        "record-of-another-name never-used",
        "nas2fa user reset --yes dave",
    ),
    Plant(
        f"{ENROL.format('dave')}; sed -i '1i dave:x:4242:4242::/:/bin/sh' /etc/passwd",
        "name-given-twice never-used",
        "nas2fa user reset --yes dave",
    ),
]


def _prepare(box: Box) -> None:
    """A box as an administrator keeps it: switched on, with recovery codes on paper, nobody logs in as root."""
    ann = logins.enable(box)
    box.run(["nas2fa", "recovery-codes"], user=ann.name, stdin=ann.phone.code() + "\n")
    box.run("passwd --lock root")


@pytest.fixture(scope="module")
def healthy(suite: str) -> Iterator[Box]:
    """One box for all plants: each is undone."""
    ground = layer(f"doctor-{suite}", logins.plain_layers(suite), Path(logins.__file__).read_bytes(), _prepare)
    with Box(ground) as box:
        box.run(f"tar -cf /root/before.tar {' '.join((*FOLDERS, *FILES))}")
        yield box


def check(box: Box) -> list[dict[str, Any]]:
    done = box.run("nas2fa system check --json", check=False)
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def names(found: list[dict[str, Any]]) -> set[str]:
    return {finding["name"] for finding in found}


def undo(box: Box, plant: Plant) -> None:
    for folder in FOLDERS:  # what is in them: nas2fad's cage holds on to the folders themselves
        box.run(["find", folder, "-mindepth", "1", "-delete"])
    box.run(f"rm -rf {GONE}; tar -xf /root/before.tar -C /; {plant.undo}")


# The kernel's word about the clock is that of the machine that runs the tests.
USUAL = {"users-not-enrolled", "clock-not-synchronised"}


def test_a_healthy_box_has_no_errors_and_no_warnings(healthy: Box) -> None:
    found = check(healthy)
    assert names(found) <= USUAL
    assert {finding["severity"] for finding in found} == {"note"}
    assert re.match(r"OK: nas2fa: 0 errors, 0 warnings$", healthy.run("nas2fa system check --quiet").stdout)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: f"{plant.names}: {plant.command}"[:70])
def test_every_finding_is_found(healthy: Box, plant: Plant) -> None:
    healthy.run(plant.command)
    try:
        assert names(check(healthy)) - USUAL == set(plant.names.split())
    finally:
        undo(healthy, plant)


def test_another_pam_service_of_sshd_is_found(healthy: Box, suite: str) -> None:
    """OpenSSH of Debian 12 does not know the keyword."""
    expected = {"bookworm": "sshd-refuses-config", "trixie": f"sshd-pam-service {STALE}"}
    for text in ("PAMServiceName ftp", "Match User nobody-that-we-know\\nPAMServiceName login"):
        healthy.run(f"printf '{text}\\n' > /etc/ssh/sshd_config.d/zz.conf")
        try:
            assert names(check(healthy)) - USUAL == set(expected[suite].split())
        finally:
            undo(healthy, Plant("", ""))


def test_what_decides_who_is_asked_is_roots(healthy: Box) -> None:
    program = "/usr/lib/python3/dist-packages/nas2fa/activation/walk.py"
    open_to_all = [COMMON, "/etc/pam.d/sshd", DROP_IN, "/usr/libexec/nas2fa/switch-back", program]
    folders = ["/etc/pam.d", "/etc/ssh/sshd_config.d", "/usr/libexec/nas2fa"]
    healthy.run(f"chmod 666 {' '.join(open_to_all)}; chmod 777 {' '.join(folders)}; chown bob /etc/ssh/sshd_config")
    found = [one for one in check(healthy) if one["name"] == "file-not-roots"]
    assert {one["where"] for one in found} == {*open_to_all, *folders, "/etc/ssh/sshd_config"}
    for one in found:
        healthy.run(one["fix"])
    assert "file-not-roots" not in names(check(healthy))
    undo(healthy, Plant("", ""))


def test_it_ends_as_a_plugin_of_nagios_does(healthy: Box) -> None:
    def quiet(user: str = "root") -> tuple[int, str]:
        done = healthy.run("nas2fa system check --quiet", user=user, check=False)
        return done.returncode, done.stdout.strip()

    assert quiet()[0] == 0
    healthy.run("usermod -aG sudo bob")
    assert quiet() == (1, "WARNING: nas2fa: 0 errors, 1 warnings: admin-not-enrolled")
    healthy.run("chmod 755 /var/lib/nas2fa/users")
    assert quiet() == (2, "CRITICAL: nas2fa: 1 errors, 1 warnings: file-not-roots, admin-not-enrolled")
    undo(healthy, Plant("", ""))
    healthy.run("mkdir /etc/exports")
    assert quiet() == (3, "UNKNOWN: nas2fa: 0 errors, 1 warnings: check-failed")
    undo(healthy, Plant("", ""))
    assert quiet("bob")[0] == 3


def test_the_daily_check_sees_the_same_from_its_cage_and_tells_it_once(healthy: Box) -> None:
    healthy.run("chmod 755 /var/lib/nas2fa/users; passwd -d bob; echo bogus > /etc/ssh/sshd_config.d/zz.conf")
    expected = {(finding["name"], finding["where"]) for finding in check(healthy)}
    for _ in range(2):
        healthy.run("systemctl start nas2fa-check.service")
    told = healthy.journal(f"MESSAGE_ID={report.FOUND}")
    assert sorted((record["NAS2FA_FINDING"], record["NAS2FA_WHERE"]) for record in told) == sorted(expected)
    assert {record["_SYSTEMD_UNIT"] for record in told} == {"nas2fa-check.service"}
    undo(healthy, Plant("", ""))
    healthy.run("systemctl start nas2fa-check.service")
    gone = {record["NAS2FA_FINDING"] for record in healthy.journal(f"MESSAGE_ID={report.GONE}")}
    assert gone == {"file-not-roots", "password-empty", "sshd-refuses-config"}
    assert healthy.run("systemctl show --property=ActiveState --value nas2fa-check.timer").stdout.strip() == "active"


def test_an_sshd_that_is_stopped_is_no_fault_for_the_daily_check(healthy: Box) -> None:
    """It cannot be asked from there; by hand it can, see the plants."""
    since = healthy.run("date '+%F %T.%6N'").stdout.strip()
    healthy.run("systemctl stop ssh; systemctl start nas2fa-check.service; systemctl start ssh")
    told = healthy.journal(f"--since={since}", f"MESSAGE_ID={report.FOUND}")
    assert {record["NAS2FA_FINDING"] for record in told} - USUAL == {"sshd-not-running"}
    healthy.run("systemctl start nas2fa-check.service")


def test_a_package_that_changes_pam_is_followed_by_a_check(healthy: Box) -> None:
    """Apt shows errors, and nothing when there are none."""

    def install(text: str, path: str = "/etc/pam.d/web") -> str:
        healthy.run(
            f"rm -rf /root/p; mkdir -p /root/p/DEBIAN /root/p$(dirname {path}); cd /root; "
            "printf 'Package: web\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@x>\\nDescription: x\\n' "
            "> p/DEBIAN/control; printf '#!/bin/sh\\npam-auth-update --package\\n' > p/DEBIAN/postinst; "
            f"chmod 755 p/DEBIAN/postinst; printf '{text}\\n' > p{path}; dpkg-deb -b p web.deb"
        )
        done = healthy.run("dpkg -i /root/web.deb")
        return done.stdout + done.stderr

    assert "CRITICAL: nas2fa: 1 errors, 0 warnings: stack-skips-code" in install("auth required pam_unix.so")
    assert "nas2fa:" not in install("@include common-auth")
    profile = r"Name: x\nDefault: yes\nPriority: 1001\nAuth-Type: Additional\nAuth:\n\tsufficient\tpam_localuser.so"
    assert "stack-skips-code" in install(profile, "/usr/share/pam-configs/web")
    healthy.run("dpkg --purge web")
    undo(healthy, Plant("", ""))


def test_people_read_what_why_and_fix_in_lines_of_their_terminal(healthy: Box) -> None:
    healthy.run("chmod 755 /var/lib/nas2fa/users; usermod -aG sudo bob")
    done = healthy.run("nas2fa system check", check=False, environment={"COLUMNS": "60"})
    undo(healthy, Plant("", ""))
    assert re.match(r"The second step is on for this box\.\n\nErrors", done.stdout)
    assert done.stdout.index("file-not-roots") < done.stdout.index("Warnings") < done.stdout.index("admin-not-enrolled")
    assert "fix   chown root:root /var/lib/nas2fa/users" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 66  # a path stays whole


def test_while_it_is_off_only_what_would_be_in_the_way_is_found(plain_box: Box) -> None:
    plain_box.run("printf 'Match LocalPort 2222\\nMaxAuthTries 3\\n' >> /etc/ssh/sshd_config")
    found = check(plain_box)
    assert {finding["severity"] for finding in found} == {"note"}
    assert "is off for this box" in plain_box.run("nas2fa system check").stdout
    for command, name in (
        ("sed -i '1i PasswordAuthentication yes' /etc/ssh/sshd_config", "sshd-other-file-wins"),
        ("printf 'Match User root\\nKbdInteractiveAuthentication no\\n' >> /etc/ssh/sshd_config", "sshd-match-changes"),
        ("systemctl mask nas2fad-login.socket", "unit-masked"),
        ("echo '@include nowhere' >> /etc/pam.d/cron", "stack-broken"),
        (f"sed -i '/pam_deny/s/requisite/optional/' {COMMON}", "password-not-checked"),
    ):
        plain_box.run(command)
        assert name in names([finding for finding in check(plain_box) if finding["severity"] == "error"])
    assert "password-not-checked" in system(plain_box, *PLAINLY, status=1)
    plain_box.run(f"sed -i '/pam_deny/s/optional/requisite/' {COMMON}")
    assert "password-not-checked" not in names(check(plain_box))


@pytest.mark.parametrize("options", [("--ssh-keys", "code"), ("--ssh-keys", "password"), ("--decoy",)], ids="-".join)
def test_every_choice_of_enable_is_healthy(plain_box: Box, options: tuple[str, ...]) -> None:
    logins.add_admin(plain_box, logins.ADMIN)
    plain_box.run(["nas2fa", "system", "enable", "--yes", "--no-way-back-check", *options])
    assert names([finding for finding in check(plain_box) if finding["severity"] == "error"]) == set()
