"""Which files a switch will change, and into what. Made on copies: nothing of the box is touched."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from nas2fa.activation import edits, samba
from nas2fa.activation.edits import KeyOnly, Keys
from nas2fa.activation.places import DROP_IN, ENFORCED, RECIPES, SAMBA_STACK, SCRIPT, SSHD_STACK, TOP
from nas2fa.activation.system import Ran, System

PROFILE, DECOY = "nas2fa", "nas2fa-decoy"  # of pam-auth-update
ONE_FIELD = ("vsftpd", "proftpd", "cups", "dovecot")  # services that ask once, for password and code together
FOLDERS = ("/etc/pam.d", "/var/lib/pam", "/usr/share/pam-configs", "/etc/ssh/sshd_config.d")

_DEBCONF = """\
Config: answers
Templates: templates

Name: answers
Driver: File
Filename: {folder}/answers.dat

Name: templates
Driver: File
Filename: {folder}/templates.dat
"""


class PlanError(Exception):
    """The switch cannot be planned; the text says what is in the way, and what to do."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the administrator chose."""

    keys: Keys = Keys.GUARD
    decoy: bool = False
    key_only: tuple[KeyOnly, ...] = ()
    samba: bool = True  # where its file server is installed

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles of pam-auth-update that will be on."""
        return (PROFILE, DECOY) if self.decoy else (PROFILE,)


@dataclass(frozen=True, slots=True)
class Change:
    """One file: what it holds, what it held before the first switch, what it will hold. None: there is no file."""

    path: str
    was: bytes | None
    first: bytes | None
    new: bytes | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would change, in the order to write it: PAM's common files last, so that nothing is half asked."""

    changes: tuple[Change, ...]
    enforced: str | None  # the folder of the switch that was confirmed when this was planned

    def outdated(self, system: System) -> list[str]:
        """What is no longer as it was when this was planned: paths."""
        now = _held(system)
        found = [change.path for change in self.changes if change.was != now.get(change.path)]
        return [*found, *([ENFORCED] if self.enforced != _enforced(system) else [])]


def make(system: System, options: Options) -> Plan:
    """Plan a switch. Raises PlanError; OSError when the disk has no room for the copies."""
    with _copied(system) as copy:
        was, enforced = _held(copy), _enforced(copy)  # of the same moment as what comes out of it
        if enforced is not None:
            _ran(copy, system.run([*copy.private, SCRIPT, "--root", copy.root, "disable"]))
        first = _held(copy)
        _edit(copy, system, options)
        new = _held(copy)
    paths = sorted(was.keys() | first.keys() | new.keys(), key=lambda path: (_rank(path), path))
    changes = [Change(path, was.get(path), first.get(path), new.get(path)) for path in paths]
    return Plan(tuple(change for change in changes if not change.was == change.first == change.new), enforced)


def _enforced(system: System) -> str | None:
    link = system.path(ENFORCED)
    return str(link.readlink()) if link.is_symlink() else None


def edited_by_hand(system: System) -> bool:
    """Whether pam-auth-update finds its files in /etc/pam.d changed by hand, and so leaves them alone."""
    with _copied(system) as copy:
        ran = system.run([*copy.private, "pam-auth-update", "--package", "--root", copy.root])
    return "Local modifications" in ran.err


def _rank(path: str) -> int:
    return 2 if path.startswith("/etc/pam.d/common-") else 1 if path.startswith("/var/lib/pam/") else 0


@dataclass(frozen=True, slots=True)
class _Copy(System):
    """Copies of the files, and programs that keep their answers beside them instead of in the box's debconf."""

    @property
    def private(self) -> tuple[str, ...]:
        return ("env", f"DEBCONF_SYSTEMRC={self.root}/debconf.conf")


@contextmanager
def _copied(system: System) -> Iterator[_Copy]:
    with tempfile.TemporaryDirectory(prefix="nas2fa-plan-") as root:
        copy = _Copy(root)
        for folder in FOLDERS:
            if system.path(folder).is_dir():
                shutil.copytree(system.path(folder), copy.path(folder), symlinks=True)
        if system.path(ENFORCED).is_symlink():
            shutil.copytree(system.path(TOP), copy.path(TOP), symlinks=True)
        copy.path("/debconf.conf").write_text(_DEBCONF.format(folder=root))
        yield copy


def _held(system: System) -> Mapping[str, bytes]:
    """Every file that a switch may change. Links are left out: they name files of somebody else's."""
    found = {}
    for folder in ("/etc/pam.d", "/var/lib/pam"):
        for name in system.names(folder):
            path = system.path(f"{folder}/{name}")
            if path.is_file() and not path.is_symlink():
                found[f"{folder}/{name}"] = path.read_bytes()
    if system.path(DROP_IN).is_file():
        found[DROP_IN] = system.path(DROP_IN).read_bytes()
    return found


def _edit(copy: _Copy, system: System, options: Options) -> None:
    for name in copy.names("/etc/pam.d"):
        _refuse_own_lines(copy, name)
    _ran(copy, system.run([*copy.private, "pam-auth-update", "--root", copy.root, "--enable", *options.profiles]))
    if not edits.has_own_lines(copy.read("/etc/pam.d/common-auth") or ""):
        raise PlanError(
            "/etc/pam.d/common-auth was changed by hand, so pam-auth-update leaves it alone and no code would be asked "
            "for. Look at what was changed there; `pam-auth-update --force` writes the file anew without it."
        )
    if system.path("/usr/sbin/sshd").exists():
        _edit_sshd(copy, options)
    if options.samba and samba.installed(system):
        _edit_samba(copy, system)
    for service in ONE_FIELD:
        recipe, stack = system.read(f"{RECIPES}/{service}"), copy.read(f"/etc/pam.d/{service}")
        if recipe is not None and stack is not None:
            _write(copy, f"/etc/pam.d/{service}", edits.one_field_stack(stack, recipe))


def _edit_sshd(copy: _Copy, options: Options) -> None:
    stack = copy.read(SSHD_STACK)
    if stack is None:
        raise PlanError(f"{SSHD_STACK} does not exist, but sshd does: apt-get install --reinstall openssh-server")
    if not copy.path(DROP_IN).parent.is_dir():
        raise PlanError(
            "sshd is older than its folder /etc/ssh/sshd_config.d, where the settings for two questions belong."
        )
    _write(copy, SSHD_STACK, edits.sshd_stack(stack, options.keys))
    _write(copy, DROP_IN, edits.drop_in(options.keys, options.key_only))


def _edit_samba(copy: _Copy, system: System) -> None:
    if reason := samba.no_cover(system):
        raise PlanError(f"{reason}\nOr leave Samba as it is, its shares without a code: --no-samba")
    _write(copy, SAMBA_STACK, edits.samba_stack(copy.read(SAMBA_STACK) or ""))


def _refuse_own_lines(copy: _Copy, name: str) -> None:
    """Lines put in by hand, which nobody would take out again: the code would be asked for twice."""
    if name.endswith((".bak", ".orig", ".old", "~")) or ".dpkg-" in name or name == "nas2fa":
        return
    if edits.has_own_lines(copy.read(f"/etc/pam.d/{name}") or ""):
        raise PlanError(
            f"/etc/pam.d/{name} has lines with pam_nas2fa.so that were put there by hand; take them out first: "
            f"sed -i '/pam_nas2fa\\.so/d' /etc/pam.d/{name}"
        )


def _write(copy: _Copy, path: str, text: str) -> None:
    target = copy.path(path)
    if target.is_symlink():
        raise PlanError(f"{path} is a link to {target.readlink()}; put a file of its own there.")
    target.write_bytes(text.encode("utf-8", "surrogateescape"))


def _ran(copy: _Copy, ran: Ran) -> None:
    if ran.status != 0:
        raise PlanError(f"The files could not be tried out on copies: {ran.err.strip().replace(copy.root, '')}")
