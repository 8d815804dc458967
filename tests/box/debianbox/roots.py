"""Debian roots made by mmdebstrap, kept under a name that is the hash of their recipe."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .sources import apt_options, sources_for

CACHE = Path("/var/cache/nas2fa-box")
SUITES = ("bookworm", "trixie")

# What our packages depend on, so that installing them in the box needs no network; then the programs that log
# in.
_BOX_PACKAGES = (
    "systemd-sysv", "dbus", "libpam-systemd", "libpam-modules", "libpam-runtime", "login", "passwd",
    "sudo", "openssh-server", "openssh-client", "python3-minimal", "python3", "python3-pyotp",
    "python3-systemd", "python3-click", "python3-segno", "python3-pamela", "python3-ntplib", "python3-pampy",
    "python3-six", "iproute2", "procps", "util-linux", "adduser", "tzdata", "pamtester", "cron", "polkitd",
    "pkexec", "strace",
)  # fmt: skip

# What else lets people in, and the clients that knock: for the table of every door (doors.py). ProFTPD conflicts with
# vsftpd, so its packages only lie in PROFTPD. fail2ban is there for its reader of journals, and does not run.
_DOOR_PACKAGES = (
    "at", "cockpit-bridge", "cockpit-ws", "cups-client", "cups-daemon", "dovecot-imapd", "dropbear-bin", "fail2ban",
    "putty-tools", "rsync", "vlock", "vsftpd",
)  # fmt: skip
PROFTPD = "/var/cache/proftpd"
_DOORS_HOOK = (
    f'mkdir -p "$1{PROFTPD}/partial" && APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -qq --yes --no-install-recommends '
    f'--download-only -o Dir::Cache::archives="$1{PROFTPD}" install proftpd-core && '
    'rm "$1/etc/systemd/system/multi-user.target.wants/fail2ban.service"'
)

# The file server, and its own client. A domain's programs are not needed.
_SAMBA_PACKAGES = ("samba", "samba-common-bin", "smbclient")
# nmbd, which looks names up, holds up the boot of a machine that has no network.
_SAMBA_HOOK = 'rm -f "$1/etc/systemd/system/multi-user.target.wants/nmbd.service"'

# What makes a domain controller, and what makes a member of its domain, which is one machine with another smb.conf.
_DOMAIN_PACKAGES = ("samba-ad-dc", "samba-ad-provision", "winbind", "libnss-winbind", "libpam-winbind", "krb5-user")
# Their services hold up a boot without network, too; debianbox.domain starts what it needs.
_DOMAIN_HOOK = (
    'cd "$1/etc/systemd/system/multi-user.target.wants" && '
    "rm -f nmbd.service smbd.service winbind.service samba-ad-dc.service"
)

# Each keeps the clock right and conflicts with the others, so that apt installs one at a time.
TIME_SERVICES = ("systemd-timesyncd", "chrony", "ntpsec")
TIME_SERVICES_CACHE = "/var/cache/time-services"
_TIME_SERVICES_HOOK = (
    f'mkdir -p "$1{TIME_SERVICES_CACHE}/partial" && for name in {" ".join(TIME_SERVICES)}; do '
    'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -qq --yes --no-install-recommends --download-only '
    f'-o Dir::Cache::archives="$1{TIME_SERVICES_CACHE}" install $name || exit; done'
)

# The build dependencies of packaging/debian/control, and lintian of the same suite.
_BUILD_PACKAGES = (
    "build-essential", "debhelper", "dh-python", "dh-sequence-python3", "pybuild-plugin-pyproject",
    "python3-all", "python3-setuptools", "libpam0g-dev", "bash-completion", "fakeroot", "lintian",
    "pkgconf", "systemd-sysv", "python3-pyotp", "python3-systemd", "python3-click", "python3-segno",
    "python3-pamela",
)  # fmt: skip


@dataclass(frozen=True)
class Recipe:
    """All that decides what is in a root; a change of any of it makes another root."""

    suite: str
    variant: str
    packages: tuple[str, ...]
    hook: str = ""
    format: int = 2

    @property
    def path(self) -> Path:
        """Where the finished root lies."""
        ingredients = {name: value for name, value in asdict(self).items() if value}
        digest = hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()
        return CACHE / "roots" / f"{self.suite}-{self.variant}-{digest[:12]}"


def box_recipe(suite: str) -> Recipe:
    """A small Debian that boots, with everything a login test calls."""
    return Recipe(suite, "minbase", _BOX_PACKAGES)


def doors_recipe(suite: str) -> Recipe:
    """As box_recipe, with every service and client that the table of doors calls, and fail2ban."""
    return Recipe(suite, "minbase", (*_BOX_PACKAGES, *_DOOR_PACKAGES), _DOORS_HOOK)


def samba_recipe(suite: str) -> Recipe:
    """As box_recipe, with a file server."""
    return Recipe(suite, "minbase", (*_BOX_PACKAGES, *_SAMBA_PACKAGES), _SAMBA_HOOK)


def domain_recipe(suite: str) -> Recipe:
    """As samba_recipe, with what makes a domain controller and what makes a member of a domain."""
    return Recipe(suite, "minbase", (*_BOX_PACKAGES, *_SAMBA_PACKAGES, *_DOMAIN_PACKAGES), _DOMAIN_HOOK)


def time_recipe(suite: str) -> Recipe:
    """As box_recipe; the packages of TIME_SERVICES lie in it."""
    return Recipe(suite, "minbase", _BOX_PACKAGES, _TIME_SERVICES_HOOK)


def machine_recipe(suite: str) -> Recipe:
    """As box_recipe, with a kernel of its own, for the machine of tests/vm; the packages of TIME_SERVICES lie in it."""
    packages = (*_BOX_PACKAGES, "linux-image-cloud-amd64", "initramfs-tools", "zstd")
    return Recipe(suite, "minbase", packages, _TIME_SERVICES_HOOK)


def build_recipe(suite: str) -> Recipe:
    """A Debian that builds our packages and runs lintian over them."""
    return Recipe(suite, "buildd", _BUILD_PACKAGES)


def root(recipe: Recipe) -> Path:
    """The root of `recipe`, built first if it is not there (about half a minute, with network).

    Raises subprocess.CalledProcessError if mmdebstrap fails; its output has been shown by then.
    """
    with one_builder(recipe.path):
        if not recipe.path.is_dir():
            _build(recipe)
    return recipe.path


@contextmanager
def one_builder(path: Path) -> Iterator[None]:
    """One builder of `path` at a time; the kernel drops the lock of a builder that died."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forget_old(folder: Path, name: str, *, kept: int) -> None:
    """Delete all but the `kept` newest directories that are called `name`, a dash and a hash."""
    made = [path for path in folder.glob(f"{name}-*") if path.is_dir() and not path.suffix]
    for path in sorted(made, key=lambda path: path.stat().st_mtime)[:-kept]:
        shutil.rmtree(path, ignore_errors=True)


def _build(recipe: Recipe) -> None:
    partial = recipe.path.with_suffix(".partial")
    shutil.rmtree(partial, ignore_errors=True)
    started = time.monotonic()
    say(f"building a {recipe.suite} root ({recipe.variant}, {len(recipe.packages)} packages named) ...")
    result = subprocess.run(
        _mmdebstrap(recipe, partial), check=False, capture_output=True, text=True, env=clean_environment()
    )
    if result.returncode != 0:
        say(result.stdout + result.stderr)
        shutil.rmtree(partial, ignore_errors=True)
        result.check_returncode()
    partial.rename(recipe.path)
    say(f"built the {recipe.suite} root in {time.monotonic() - started:.0f} s: {recipe.path}")


def _mmdebstrap(recipe: Recipe, target: Path) -> list[str]:
    options = [f"--aptopt={line}" for line in apt_options()]
    hooks = (
        *([recipe.hook] if recipe.hook else []),
        # mmdebstrap copies the host's name, and then `systemd-nspawn -M` has no effect.
        'rm -f "$1/etc/hostname" "$1/etc/resolv.conf"',
        # Debian's installer writes these; without them "localhost" is nobody.
        r'printf "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost\n" > "$1/etc/hosts"',
        # A box has no network: it must neither know the host's mirror nor wait for it.
        'rm -rf "$1/etc/apt/sources.list" "$1/etc/apt/sources.list.d" "$1/etc/apt/apt.conf.d/99mmdebstrap"',
        'mkdir -p "$1/etc/apt/sources.list.d"',
        # The archive's own daily jobs would be the only thing moving in an idle box.
        'rm -f "$1"/etc/systemd/system/timers.target.wants/*',
    )
    return [
        "mmdebstrap", "--mode=root", "--format=directory", f"--variant={recipe.variant}",
        f"--include={','.join(recipe.packages)}",
        *options, *(f"--customize-hook={hook}" for hook in hooks),
        recipe.suite, str(target), *(source.line() for source in sources_for(recipe.suite)),
    ]  # fmt: skip


def clean_environment() -> dict[str, str]:
    """The caller's environment (it may hold a proxy), with Debian's own programs first."""
    return {**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


def say(line: str) -> None:
    """A line of progress, on the terminal even while pytest captures."""
    print(line, file=sys.__stderr__, flush=True)
