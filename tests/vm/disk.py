"""The disk of the machine: a Debian with our packages, made as a box's layers are, then put into an ext4 of its own."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from debianbox import logins
from debianbox.authenticator import Authenticator
from debianbox.layers import installed, layer
from debianbox.logins import PASSWORD, Person
from debianbox.machine import Box
from debianbox.roots import (
    CACHE,
    TIME_SERVICES,
    TIME_SERVICES_CACHE,
    clean_environment,
    forget_old,
    machine_recipe,
    one_builder,
    say,
)

FOLDER = CACHE / "machines"
SIZE = "3G"
"""Sparse: what is not used takes no space."""

KEPT = 2
ADMINS = {name: Authenticator(name.encode() * 4) for name in ("alice", "bobby")}
"""Administrators with a second step that they have used. Their keys are in the disk, so they are always the same."""

# What lies in a safe: an administrator's recovery codes, as the command showed them.
PAPER = "/root/recovery-codes-alice"

# Servers that each of the time services asks; Debian's own are not there.
SERVERS = ("10.99.3.1", "10.99.3.2", "10.99.3.3")
_CHRONY = "".join(f"server {address} iburst\n" for address in SERVERS)

# qemu's user network: the host is 10.0.2.2 and forwards to 10.0.2.15.
_NETWORK = "[Match]\nName=en* eth*\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\n"

# The tests' own hand inside: a root shell on the second serial line, which no login is asked for.
_SHELL = """\
[Unit]
DefaultDependencies=no
After=dev-ttyS1.device
[Service]
Environment=PS1= LC_ALL=C.UTF-8 HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin
ExecStart=/bin/sh -c "stty -echo -onlcr -icanon; echo READY; exec sh"
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS1
Restart=always
[Install]
WantedBy=sysinit.target
"""

_MAKE_EXT4 = """
mount -t overlay overlay -o "lowerdir=$LOWER" "$MERGED"
cp "$MERGED"/boot/vmlinuz-* "$TARGET/kernel"
cp "$MERGED"/boot/initrd.img-* "$TARGET/initrd"
mke2fs -q -t ext4 -d "$MERGED" "$TARGET/disk" "$SIZE"
"""


@dataclass(frozen=True)
class Image:
    """A disk that is never written to, with the kernel and initrd that boot it."""

    folder: Path

    @property
    def disk(self) -> Path:
        """ext4, no partitions."""
        return self.folder / "disk"

    @property
    def kernel(self) -> Path:
        """Vmlinuz of linux-image-cloud-amd64."""
        return self.folder / "kernel"

    @property
    def initrd(self) -> Path:
        """Its initrd, by initramfs-tools."""
        return self.folder / "initrd"


def image(suite: str) -> Image:
    """The machine's disk for `suite`, made first where it is not there (a minute, of which the kernel is the most)."""
    code = Path(__file__).read_bytes()
    lower = layer(f"machine-{suite}", installed(suite, machine_recipe(suite)), code, _prepare)
    key = hashlib.sha256(b"\0".join([code, *(str(path).encode() for path in lower)])).hexdigest()[:12]
    path = FOLDER / f"{suite}-{key}"
    with one_builder(path):
        if not path.is_dir():
            _make(path, lower)
            forget_old(FOLDER, suite, kept=KEPT)
    return Image(path)


def admin(name: str) -> Person:
    """One of ADMINS, as debianbox.logins has people."""
    return Person(name, ADMINS[name])


def _prepare(box: Box) -> None:
    """Two administrators, a network, and the tests' shell; nothing is switched on."""
    logins.allow_early_codes(box)
    box.run("systemctl start anchor.service; systemctl disable anchor.service")
    for name, phone in ADMINS.items():
        box.run(["useradd", "--create-home", "--shell", "/bin/bash", "--groups", "sudo", name])
        box.run(["chpasswd"], stdin=f"{name}:{PASSWORD}\n")
        box.run(["nas2fa", "user", "add", name, "--armed", "--uri", "-"], stdin=phone.uri(name) + "\n")
        box.run(["nas2fa", "test", name], stdin=phone.code() + "\n")
    alice = ADMINS["alice"]
    paper = box.run("nas2fa recovery-codes alice", stdin=f"{alice.code()}\nyes\n").stdout
    box.write(PAPER, paper, mode=0o600)
    _add_time_services(box)
    box.write("/etc/hostname", "machine\n")
    box.run("echo 127.0.1.1 machine >>/etc/hosts; systemd-machine-id-setup")
    box.write("/etc/systemd/network/lan.network", _NETWORK)
    box.write("/etc/systemd/system/test-shell.service", _SHELL)
    box.run("systemctl enable test-shell.service systemd-networkd.service")


def _add_time_services(box: Box) -> None:
    """All of them, none enabled, asking SERVERS. The conflict between them is that two at once would run."""
    box.run(f"dpkg --force-conflicts --install {TIME_SERVICES_CACHE}/*.deb")
    box.run(["systemctl", "disable", "--now", *TIME_SERVICES])
    box.write("/etc/systemd/timesyncd.conf.d/lan.conf", f"[Time]\nNTP={' '.join(SERVERS)}\nFallbackNTP=\n")
    box.run("sed -i '/^pool /d' /etc/chrony/chrony.conf /etc/ntpsec/ntp.conf")
    box.write("/etc/chrony/sources.d/lan.sources", _CHRONY)
    box.run("cat >>/etc/ntpsec/ntp.conf", stdin=_CHRONY)


def _make(path: Path, lower: list[Path]) -> None:
    started = time.monotonic()
    partial, merged = path.with_suffix(".partial"), path.with_suffix(".merged")
    for folder in (partial, merged):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    environment = {
        **clean_environment(), "LOWER": ":".join(map(str, lower)), "MERGED": str(merged), "TARGET": str(partial),
        "SIZE": SIZE,
    }  # fmt: skip
    subprocess.run(["unshare", "--mount", "sh", "-ec", _MAKE_EXT4], check=True, env=environment)
    os.rmdir(merged)
    partial.rename(path)
    say(f"made the disk {path.name} in {time.monotonic() - started:.0f} s")
