"""A box: a Debian of its own that boots in half a second and is thrown away."""

from __future__ import annotations

import atexit
import fcntl
import itertools
import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pexpect
from pexpect.fdpexpect import fdspawn

from . import cgroups
from .nspawn import Boot, BoxError, Disk
from .roots import CACHE, one_builder

COMMAND_LIMIT = 120.0
"""Seconds for one command in the box, so that a hung login fails its test instead of the run."""

EVENT_LIMIT = 20.0
"""Seconds that `Box.until` waits."""
PAUSE = 0.1
"""Seconds between two of its tries, which would keep a core from the others."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_serial = itertools.count(1)


class Box:
    """A booted Debian above the read-only directories `lower` (topmost first).

    Use it as a context manager; whatever happens to this process, the box ends with it.
    """

    def __init__(
        self,
        lower: Sequence[Path],
        *,
        binds: Sequence[str] = (),
        keep: Path | None = None,
        console: bool = False,
        words: Sequence[str] = (),
    ) -> None:
        """Make the box, not booted yet.

        `binds` are nspawn's `--bind-ro` values. With `keep` the box's own changes are left in that directory at
        the end (that is how a layer is made); otherwise they are deleted. With `console`, getty answers on
        `self.console`. `words` stand for words of the kernel command line; each boot takes `self.words` anew.
        """
        require_nspawn()
        self.name = f"box{os.getpid()}x{next(_serial)}"
        self._binds = list(binds)
        self._console = console
        self.words = list(words)
        self._scratch = _scratch_folder(self.name)
        self._disk = Disk(tuple(lower), keep or self._scratch)
        self._groups: list[Path] = []
        self._boot: Boot | None = None

    def __enter__(self) -> Box:
        atexit.register(self.stop)
        return self.boot()

    def __exit__(self, *_: object) -> None:
        self.stop()
        atexit.unregister(self.stop)

    def boot(self) -> Box:
        """Start it and wait until it is up."""
        self._groups = cgroups.create(self.name)
        self._boot = Boot(self.name, self._disk, self._groups, self._binds, self._console, self.words)
        return self

    @property
    def running(self) -> Boot:
        """The current boot. Raises BoxError between boots."""
        if self._boot is None:
            raise BoxError("the box is not running")
        return self._boot

    @property
    def console(self) -> fdspawn[str]:
        """The box's console, for a box made with `console=True`."""
        console = self.running.console
        if console is None:
            raise BoxError("the box was made without a console")
        return console

    # --- inside

    def enter(
        self, command: Sequence[str], user: str = "root", environment: Mapping[str, str] | None = None
    ) -> list[str]:
        """The host's command line that runs `command` in the box, without PAM, as `user`."""
        variables = {
            "PATH": _PATH,
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm",
            "HOME": "/root" if user == "root" else f"/home/{user}",
        }
        become = [] if user == "root" else ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"]
        return [
            # The clock is the host's: the box has no right to set it, but who enters has the host's rights.
            "setpriv", "--bounding-set=-sys_time",
            "nsenter", "-t", str(self.running.leader), "-m", "-u", "-i", "-n", "-p", "-C",
            "--root", "--wdns=/",
            "env", "-i", *(f"{name}={value}" for name, value in {**variables, **(environment or {})}.items()),
            *become, *command,
        ]  # fmt: skip

    def run(
        self, command: str | Sequence[str], *, user: str = "root", check: bool = True, stdin: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:  # fmt: skip
        """Run `command` (text goes to sh) in the box and wait for it.

        With `check`, a status other than 0 raises AssertionError with both outputs in its text.
        """
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        done = subprocess.run(
            self.enter(words, user, environment),
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{command!r} in the box: status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def until(self, command: str) -> None:
        """Run `command` again and again until it succeeds: how to wait for something that sends no word of its own.

        Raises AssertionError when it has not after EVENT_LIMIT seconds.
        """
        deadline = time.monotonic() + EVENT_LIMIT
        while self.run(command, check=False).returncode != 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"{command!r} in the box: still not so after {EVENT_LIMIT:.0f} s")
            time.sleep(PAUSE)

    def terminal(self, command: str, *, user: str = "root") -> pexpect.spawn[str]:
        """`command` on a pseudo-terminal of the box, for pexpect.

        script(1) makes it, so that PAM_TTY is /dev/pts/N.
        """
        words = self.enter(["script", "-qec", command, "/dev/null"], user)
        return pexpect.spawn(words[0], words[1:], encoding="utf-8", timeout=30, dimensions=(50, 120))

    def beside(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a program of the host in the box's network: a client from outside."""
        return ["nsenter", "-t", str(self.running.leader), "-n", *command]

    def write(self, path: str, text: str, *, mode: int = 0o644) -> None:
        """Put a file of root's into the box."""
        self.run(
            [
                "sh",
                "-c",
                f'umask 077; mkdir -p -m 755 "$(dirname "$0")"; cat > "$0"; chmod {mode:o} "$0"',
                path,
            ],
            stdin=text,
        )

    def read(self, path: str) -> str:
        """A file of the box."""
        return self.run(["cat", path]).stdout

    def copy_in(self, source: Path, names: Sequence[str], folder: str) -> None:
        """Copy files of the host, named relative to `source`, into a directory of the box, as root's."""
        packed = subprocess.run(
            ["tar", "-C", source, "--owner=0", "--group=0", "-cf", "-", "--files-from=-"],
            input="\n".join(names).encode(), capture_output=True, check=True,
        )  # fmt: skip
        self.run(["mkdir", "-p", folder])
        subprocess.run(self.enter(["tar", "-C", folder, "-xf", "-"]), input=packed.stdout, check=True)

    def copy_out(self, folder: str, target: Path) -> None:
        """Copy what is in a directory of the box to the host's `target`, which is made if it is not there."""
        target.mkdir(parents=True, exist_ok=True)
        packed = subprocess.run(
            self.enter(["tar", "-C", folder, "-cf", "-", "."]), capture_output=True, check=True
        ).stdout
        subprocess.run(["tar", "-C", target, "--no-same-owner", "-xf", "-"], input=packed, check=True)

    def journal(self, *matches: str) -> list[dict[str, Any]]:
        """The journal's records with these FIELD=value matches, oldest first, all fields of each."""
        self.run(["journalctl", "--sync", "--quiet"])
        done = self.run(["journalctl", "--quiet", "--no-pager", "--output=json", "--all", *matches])
        return [json.loads(line) for line in done.stdout.splitlines()]

    # --- the power button

    def power_off(self) -> None:
        """An orderly stop."""
        # systemctl's own connection may be cut by the stop it asks for.
        self.run(["systemctl", "--no-block", "poweroff"], check=False)
        self._stopped(self.running.wait(), expected=0)

    def reboot(self) -> None:
        """An orderly stop, then another boot of the same disk."""
        self.run(["systemctl", "--no-block", "reboot"], check=False)
        self._stopped(self.running.wait(), expected=133)
        self.boot()

    def power_cut(self) -> None:
        """End every process at once, with no warning, then another boot of the same disk.

        What was written but not synced is still there (the host's page cache lives on): this proves the state
        machine, not fsync.
        """
        self.running.kill()
        self._boot = None
        self.boot()

    def _stopped(self, status: int, *, expected: int) -> None:
        self._boot = None
        if status != expected:
            raise BoxError(f"systemd-nspawn ended with status {status}, not {expected}")

    def stop(self) -> None:
        """Throw the box away."""
        if self._boot is not None:
            self._boot.kill()
            self._boot = None
        cgroups.remove(self._groups)
        shutil.rmtree(self._scratch, ignore_errors=True)


def require_nspawn() -> None:
    """Raise BoxError, saying what is missing, where boxes cannot run. Never a reason to skip a test."""
    if os.geteuid() != 0:
        raise BoxError("the box tests need root: they boot a Debian under systemd-nspawn")
    missing = [
        program for program in ("systemd-nspawn", "mmdebstrap", "unshare", "nsenter") if shutil.which(program) is None
    ]
    if missing:
        raise BoxError(f"{', '.join(missing)}: not found; apt-get install systemd-container mmdebstrap util-linux")


def _scratch_folder(name: str) -> Path:
    """An empty directory for a box's changes, held by a lock that ends with this process."""
    parent = _scratch_parent()
    with one_builder(parent):
        parent.mkdir(exist_ok=True)
        _sweep(parent)
        folder = parent / name
        folder.mkdir()
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    _held.append(descriptor)
    return folder


_held: list[int] = []


def _scratch_parent() -> Path:
    """On the disk; in memory where the disk is an overlay itself (a container), which cannot bear another."""
    CACHE.mkdir(parents=True, exist_ok=True)
    kind = subprocess.run(["stat", "-f", "-c", "%T", CACHE], capture_output=True, text=True, check=True).stdout.strip()
    return Path("/dev/shm/nas2fa-box") if kind == "overlayfs" else CACHE / "run"


def _sweep(parent: Path) -> None:
    """Remove what the boxes of a killed run left: nobody holds the lock of those."""
    for folder in parent.iterdir():
        try:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:  # its box has just ended by itself
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        finally:
            os.close(descriptor)
        cgroups.remove(cgroups.named(folder.name))
        shutil.rmtree(folder, ignore_errors=True)
