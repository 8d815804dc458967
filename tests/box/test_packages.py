"""The Debian packages by apt: installed, upgraded during a login, removed, purged; and in a chroot without systemd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest
from debianbox import logins
from debianbox.clients import openssh
from debianbox.machine import Box
from debianbox.packages import NEWER, debs, lint, newer_debs
from debianbox.roots import box_recipe, root

APT = "DEBIAN_FRONTEND=noninteractive apt-get --yes --no-install-recommends "
UNITS = "nas2fad.service nas2fad-login.socket nas2fad-user.socket nas2fad-control.socket nas2fa-signin.socket"
UNITS += " nas2fa-smb.socket nas2fa-courier.socket"

# What a running system and dpkg's own books change; the last is an empty directory of the root that systemd's helper of
# any package tidies away.
_MOVING = (
    "/var/log", "/var/cache", "/var/lib/dpkg", "/var/lib/apt", "/var/lib/systemd", "/tmp", "/var/tmp", "/debs",
    "/etc/systemd/system/timers.target.wants",
)  # fmt: skip
_PRUNED = " -o ".join(f"-path {path}" for path in _MOVING)
_INVENTORY = (
    rf"find / -xdev \( {_PRUNED} \) -prune -o \( -type f -printf '%p %m %s ' -exec sha256sum '{{}}' ';' \) "
    r"-o -printf '%p %m %l\n' | sort; ls -A /run /var/lib/systemd/deb-systemd-helper-enabled"
)


@pytest.fixture
def clean_box(suite: str) -> Iterator[Box]:
    """A Debian that never heard of us, with the packages at /debs, and alice."""
    with Box([root(box_recipe(suite))], binds=[f"{debs(suite)[0].parent}:/debs"]) as box:
        box.run("useradd --create-home alice")
        box.run("chpasswd", stdin=f"alice:{logins.PASSWORD}\n")
        yield box


def install(box: Box, folder: str = "/debs") -> None:
    """Both packages by apt."""
    box.run(f"{APT} install {folder}/*.deb")


def inventory(box: Box) -> set[str]:
    """One line for each file: path, mode, content."""
    return set(box.run(_INVENTORY).stdout.splitlines())


def states(box: Box) -> set[str]:
    """What systemd says of our units, in a word."""
    return set(box.run(f"systemctl is-active {UNITS}", check=False).stdout.split())


def test_lintian_has_nothing_to_say(suite: str) -> None:
    assert lint(suite) == ""


def test_installing_switches_nothing_on(clean_box: Box) -> None:
    """The daemon and its sockets are up; of what was in /etc nothing has changed, and a login asks what it asked."""
    before = inventory(clean_box)
    install(clean_box)
    assert states(clean_box) == {"active"}
    assert box_listens(clean_box)
    gone = {line for line in before - inventory(clean_box) if line.startswith("/etc/")}
    assert {line for line in gone if not line.startswith("/etc/systemd/system")} == set()
    added = {line.split()[0] for line in inventory(clean_box) - before if line.startswith("/etc/")}
    assert {path for path in added if "nas2fa" not in path and not path.startswith("/etc/systemd/system")} == set()
    for service in ("sshd", "login"):
        clean_box.run(f"pamtester {service} alice authenticate acct_mgmt", stdin=f"{logins.PASSWORD}\n")


def box_listens(box: Box) -> bool:
    """Modes of the sockets, as docs/protocol.md has them."""
    shown = box.run("cd /run/nas2fa && stat --format='%n %a %U' *.sock").stdout.splitlines()
    return shown == [
        "control.sock 666 root", "courier.sock 600 root", "login.sock 600 root", "signin.sock 666 root",
        "smb.sock 600 root", "user.sock 666 root",
    ]  # fmt: skip


def test_purging_leaves_nothing(clean_box: Box) -> None:
    """Users' secrets included; what is there afterwards is what was there before, file by file."""
    before = inventory(clean_box)
    install(clean_box)
    logins.enrol(clean_box, "alice")
    clean_box.run(f"{APT} purge nas2fa libpam-nas2fa")
    assert inventory(clean_box) ^ before == set()
    assert clean_box.run("systemctl list-units --all --no-legend 'nas2fa*'").stdout == ""
    assert clean_box.run("ps -e -o args=").stdout.count("nas2fa") == 0


def test_users_outlive_a_removal(clean_box: Box) -> None:
    """Installed again, nobody has to set up anything anew; in between no socket is left that nobody answers."""
    install(clean_box)
    logins.enrol(clean_box, "alice")
    clean_box.run(f"{APT} remove nas2fa")
    assert states(clean_box) == {"inactive"}
    clean_box.run("test ! -e /run/nas2fa && test -e /etc/nas2fa/store-id")
    install(clean_box)
    assert states(clean_box) == {"active"}
    assert "alice" in clean_box.run("nas2fa user list").stdout


@pytest.mark.parametrize("package", ["libpam-nas2fa", "nas2fa"])
def test_a_removal_that_would_shut_everybody_out_is_refused(box: Box, package: str) -> None:
    done = box.run(f"{APT} remove {package}", check=False)
    assert done.returncode != 0
    assert "/etc/pam.d/sshd" in done.stdout + done.stderr
    assert states(box) == {"active"}
    assert logins.ssh(box, (alice := logins.enrol(box, "alice")), alice.phone.code())[0]


# Connects all the time and counts what is refused, until its input ends.
_KNOCKER = """
import select, socket, sys
refused = connected = 0
while not select.select([sys.stdin], [], [], 0.005)[0]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        try:
            connection.connect("/run/nas2fa/login.sock")
            connected += 1
        except OSError:
            refused += 1
print(refused, connected > 50)
"""


def test_an_upgrade_while_people_log_in(suite: str, tmp_path: Path) -> None:
    """No connection is ever refused; a conversation that was open ends without letting in, and the next one is good."""
    folder = newer_debs(suite, tmp_path)
    with Box(logins.login_layers(suite), binds=[f"{folder}:/newer"]) as box:
        alice, bob = logins.enrol(box, "alice"), logins.enrol(box, "bob")
        sockets = box.run("stat --format=%i /run/nas2fa/*.sock").stdout
        waiting = openssh(box, "alice")
        waiting.expect("assword: ")
        waiting.sendline(alice.password)
        waiting.expect("code: ")
        knocker = pexpect.spawn(*split(box.enter(["/usr/bin/python3", "-c", _KNOCKER])), encoding="utf-8", timeout=60)
        install(box, "/newer")
        knocker.sendline("")
        knocker.expect(r"\d+ (True|False)")
        assert knocker.match.group() == "0 True"
        waiting.sendline(alice.phone.code())
        waiting.expect(["denied", "closed", "assword: "])
        assert NEWER in box.run("dpkg-query --show nas2fa libpam-nas2fa").stdout
        assert box.run("stat --format=%i /run/nas2fa/*.sock").stdout == sockets
        assert logins.ssh(box, bob, bob.phone.code())[0]


def split(words: list[str]) -> tuple[str, list[str]]:
    """A command line as pexpect takes it."""
    return words[0], words[1:]


def test_a_chroot_without_systemd(clean_box: Box) -> None:
    """An image builder's install works, nas2fad binds its sockets itself there, and purging it works as well."""
    # Without the mounts below it this is a Debian with an empty /run.
    clean_box.run("mount --bind / /mnt && mount --bind /debs /mnt/debs && mount -t proc proc /mnt/proc")
    clean_box.run(f"chroot /mnt sh -c '{APT} install /debs/*.deb'")
    clean_box.run("chroot /mnt sh -c 'nas2fad </dev/null >/dev/null 2>&1 & echo $! >/run/daemon.pid'")
    shown = clean_box.run("chroot /mnt sh -c 'for i in $(seq 100); do nas2fa health && exit; done; exit 1'").stdout
    assert re.search(r"Store +ok", shown)
    clean_box.run("kill $(cat /mnt/run/daemon.pid)")
    clean_box.run(f"chroot /mnt sh -c '{APT} purge nas2fa libpam-nas2fa'")
    clean_box.run("test ! -e /mnt/etc/nas2fa && test ! -e /mnt/var/lib/nas2fa && test ! -e /mnt/run/nas2fa")
