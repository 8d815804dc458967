"""One boot of a box: from the command line of systemd-nspawn to the death of its PID 1.

The process tree is  setpriv (dies with us) > unshare (own mounts and PIDs) > systemd-nspawn > the box's
systemd.  Killing nspawn alone would leave its box running, and a killed test run its boxes: with a PID
namespace around both, the kernel ends them all.
"""

from __future__ import annotations

import contextlib
import os
import pty
import select
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pexpect.fdpexpect import fdspawn

from .roots import clean_environment

BOOT_LIMIT = 90.0
"""Seconds for a boot; it takes about one. A loaded two-core machine is slow, not wrong."""

STOP_LIMIT = 100.0
"""Seconds for an orderly stop; systemd kills what does not end within 90."""

# cgroup.procs takes 0 for "the writer". The overlay is mounted in the private mount namespace, so it vanishes
# with the box.
_INSIDE = """
for group in $GROUPS_OF_BOX; do echo 0 > "$group/cgroup.procs"; done
if [ -z "$GROUPS_OF_BOX" ]; then  # a bare chroot
    mountpoint -q /sys || mount -t sysfs sysfs /sys
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
fi
# Debian 13's mount would hand over each option by fsconfig(2), which takes 256 bytes, and a pile of layers is longer.
LIBMOUNT_FORCE_MOUNT2=always mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$MERGED"
exec systemd-nspawn "$@"
"""


class BoxError(Exception):
    """The box did not boot or stop. The text holds what its console showed."""


@dataclass(frozen=True)
class Disk:
    """One overlay: `lower` are read-only, topmost first; `scratch` holds what the box itself writes."""

    lower: tuple[Path, ...]
    scratch: Path

    @property
    def upper(self) -> Path:
        """What the box has written."""
        return self.scratch / "upper"

    def environment(self) -> dict[str, str]:
        """The variables that `_INSIDE` mounts it by; makes the directories."""
        for name in ("upper", "work", "merged"):
            (self.scratch / name).mkdir(exist_ok=True)
        # overlayfs shows the upper directory's own mode as that of "/"
        self.upper.chmod(0o755)
        return {
            "LOWER": ":".join(map(str, self.lower)),
            "UPPER": str(self.upper),
            "WORK": str(self.scratch / "work"),
            "MERGED": str(self.scratch / "merged"),
        }


class Boot:
    """A running box.

    `leader` is the process id of its PID 1 as the host sees it; `console` its pseudo-terminal, if asked for.
    """

    def __init__(
        self, name: str, disk: Disk, groups: list[Path], binds: list[str], console: bool, words: list[str]
    ) -> None:
        """Start it and wait until its systemd says READY.

        With `console` nspawn runs on a pseudo-terminal where the box's getty answers; else the boot messages
        go to console.log. `words` go to its systemd, which in a container takes them for the kernel's.
        Raises BoxError.
        """
        self.console: fdspawn[str] | None = None
        self._log = disk.scratch / "console.log"
        with _notify_socket() as (listener, address):
            environment = {
                **clean_environment(), **disk.environment(), "NOTIFY_SOCKET": address, "TERM": "linux",
                "GROUPS_OF_BOX": " ".join(map(str, groups)), "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
            }  # fmt: skip
            command = _command(name, disk.scratch / "merged", binds, console, words)
            self._process = self._on_terminal(command, environment) if console else self._to_log(command, environment)
            self.leader = self._wait_ready(listener)

    def _on_terminal(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            command, env=environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        )
        os.close(theirs)
        self.console = fdspawn(ours, encoding="utf-8", timeout=30)
        return process

    def _to_log(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            # A session of its own: the Ctrl-C or hangup of our terminal is for us, and we then stop the box.
            return subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _wait_ready(self, listener: socket.socket) -> int:
        deadline = time.monotonic() + BOOT_LIMIT
        heard = ""
        while "READY=1" not in heard:
            if select.select([listener], [], [], 0.2)[0]:
                heard += listener.recv(4096).decode() + "\n"
            elif self._process.poll() is not None or time.monotonic() > deadline:
                shown = self.console_text()
                self.kill()
                raise BoxError(f"the box did not boot; its console:\n{shown}")
        return _leader_below(self._process.pid)

    def console_text(self) -> str:
        """The end of what the console has shown and nobody has read yet."""
        if self.console is None:
            return self._log.read_text(errors="replace")[-4000:]
        with contextlib.suppress(Exception):
            return str(self.console.read_nonblocking(65536, timeout=1))
        return ""

    def wait(self) -> int:
        """Wait until the box has stopped.

        Returns nspawn's exit status: 0 powered off, 133 wants to be started again.
        """
        deadline = time.monotonic() + STOP_LIMIT
        while time.monotonic() < deadline:
            # A pseudo-terminal that nobody reads would hold up the box's last words, and the box with them.
            if self.console is not None:
                self.console_text()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return self._process.wait(timeout=0.2 if self.console else deadline - time.monotonic())
        shown = self.console_text()
        self.kill()
        raise BoxError(f"the box did not stop; its console:\n{shown}")

    def kill(self) -> None:
        """Pull the plug: SIGKILL to every process of the box at once, through its PID namespace.

        Returns when all are gone.
        """
        # The namespace's first process ends last, after the kernel has reaped every other one in it.
        first = _pidfds(self._process.pid)
        self._process.kill()
        self._process.wait()
        for descriptor in first:
            select.select([descriptor], [], [], STOP_LIMIT)
            os.close(descriptor)
        if self.console is not None:
            self.console.close()


def _command(name: str, merged: Path, binds: list[str], console: bool, words: list[str]) -> list[str]:
    nspawn = [
        "--quiet", "--register=no", "--keep-unit", "--notify-ready=yes",
        f"--console={'interactive' if console else 'pipe'}",
        # Without a network of its own the box's sshd would take the host's port 22.
        "--private-network", "--resolv-conf=off", "--timezone=off",
        # nas2fad asks the kernel about the clock (adjtimex in read mode), which nspawn's filter leaves out.
        "--system-call-filter=adjtimex clock_adjtime",
        f"--directory={merged}", f"--machine={name}", *(f"--bind-ro={bind}" for bind in binds), "--boot", *words,
    ]  # fmt: skip
    return [
        "setpriv", "--pdeathsig", "KILL",
        "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
        "sh", "-ec", _INSIDE, "nspawn", *nspawn,
    ]  # fmt: skip


@contextlib.contextmanager
def _notify_socket() -> Iterator[tuple[socket.socket, str]]:
    """A socket for sd_notify(3) and its address."""
    with (
        tempfile.TemporaryDirectory(prefix="nas2fa-box-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener,
    ):
        address = f"{folder}/notify"
        listener.bind(address)
        yield listener, address


def _leader_below(outer: int) -> int:
    """The box's PID 1: number 1 of the second PID namespace (unshare's, then nspawn's) below ours."""
    depth = len(_numbers("self")) + 2
    for pid in _descendants(outer):
        if _numbers(str(pid))[depth - 1 :] == ["1"]:
            return pid
    raise BoxError("the box has no PID 1")


def _numbers(pid: str) -> list[str]:
    """A process's number in each PID namespace it is in, outermost first (proc_pid_status(5), NSpid)."""
    with contextlib.suppress(FileNotFoundError):
        status = Path(f"/proc/{pid}/status").read_text()
        return next(line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:"))
    return []


def _pidfds(outer: int) -> list[int]:
    """Descriptors of the direct children of `outer`, which become readable when those end."""
    found = []
    for children in Path(f"/proc/{outer}/task").glob("*/children"):
        for child in children.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                found.append(os.pidfd_open(int(child)))
    return found


def _descendants(pid: int) -> list[int]:
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            for child in children.read_text().split():
                found += [int(child), *_descendants(int(child))]
    return found
