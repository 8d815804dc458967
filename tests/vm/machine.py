"""A real machine: its own kernel under qemu, with a serial console, a network, and a plug that can be pulled.

qemu translates each instruction (TCG): that works everywhere, also inside a virtual machine, and is slow.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import socket
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from pathlib import Path

import pexpect
from debianbox.roots import clean_environment
from disk import Image
from pexpect.fdpexpect import fdspawn

BOOT_LIMIT = 300
"""Seconds until `login: `; it takes about 20 on two idle cores."""

COMMAND_LIMIT = 180
"""Seconds for one command."""


class Machine:
    """One machine with a disk of its own above `image`. A context manager: it ends, and its disk with it."""

    def __init__(self, image: Image, *, outside: Sequence[str] = (), clock: str = "") -> None:
        """Make its disk; it is not switched on yet.

        `outside` comes before qemu's command line and says which network the machine reaches (by default none);
        `clock` is what its hardware clock shows at each start, YYYY-MM-DDTHH:MM:SS (by default the time).
        """
        self._image = image
        self._outside = list(outside)
        self._clock = clock
        self._folder = tempfile.TemporaryDirectory(prefix="nas2fa-vm-")
        self._scratch = Path(self._folder.name)
        self._disk = self._scratch / "disk.qcow2"
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", "-b", image.disk, "-F", "raw", self._disk],
            check=True, env=clean_environment(),
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._lines: list[fdspawn[str]] = []
        self.port = 0

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()
        self._folder.cleanup()

    # --- the power button

    def boot(self, *words: str) -> Machine:
        """Switch it on, with `words` on the kernel command line, and wait until it asks who logs in."""
        self.port = _free_port()
        listeners = [_listener(self._scratch / name) for name in ("console", "shell")]
        self._process = subprocess.Popen(self._command(words), env=clean_environment(), stdin=subprocess.DEVNULL)
        self._lines = [_line(listener) for listener in listeners]
        self.console.expect("login: ", timeout=BOOT_LIMIT)
        self._shell.expect("READY\n", timeout=BOOT_LIMIT)
        return self

    def _command(self, words: Sequence[str]) -> list[str]:
        restrict = "off" if self._outside else "on"
        serial = [option for name in ("console", "shell") for option in ("-serial", f"unix:{self._scratch}/{name}")]
        return [
            "setpriv", "--pdeathsig", "KILL", *self._outside,
            "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "1", "-m", "1024",
            "-display", "none", "-monitor", "none", "-nodefaults", "-no-reboot", *serial,
            # What the machine syncs is in the host's file, what it does not is lost when qemu is killed.
            "-drive", f"file={self._disk},if=virtio,format=qcow2,cache=writeback",
            "-netdev", f"user,id=lan,restrict={restrict},hostfwd=tcp:127.0.0.1:{self.port}-10.0.2.15:22",
            *(["-rtc", f"base={self._clock}"] if self._clock else []),
            "-device", "virtio-net-pci,netdev=lan,romfile=",
            "-kernel", str(self._image.kernel), "-initrd", str(self._image.initrd),
            "-append", shlex.join(["root=/dev/vda", "rw", "console=ttyS0", "quiet", *words]),
        ]  # fmt: skip

    def reboot(self, *words: str) -> Machine:
        """An orderly reboot, with `words` on the kernel command line of the next boot."""
        self._shell.sendline("systemctl --no-block reboot")
        assert self._process is not None
        # The console must be read, or the machine's last words would hold it up.
        self.console.expect(pexpect.EOF, timeout=BOOT_LIMIT)
        self._process.wait(timeout=BOOT_LIMIT)
        self._hang_up()
        return self.boot(*words)

    def cut(self) -> None:
        """Pull the plug."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._hang_up()

    def _hang_up(self) -> None:
        self._process = None
        for line in self._lines:
            line.close()
        self._lines = []

    # --- its lines

    @property
    def console(self) -> fdspawn[str]:
        """The serial console, where its getty answers."""
        return self._lines[0]

    @property
    def _shell(self) -> fdspawn[str]:
        return self._lines[1]

    def run(
        self, command: str | Sequence[str], *, check: bool = True, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run `command` (text goes to sh) as root and wait for it; both its outputs are in `stdout`.

        With `check`, a status other than 0 raises AssertionError with the output in its text.
        """
        text = command if isinstance(command, str) else shlex.join(command)
        fed = b64encode(stdin.encode()).decode()
        self._shell.sendline(f"echo {fed} | base64 -d | sh -c {shlex.quote(text)} 2>&1; echo \"<<$?>>\"")
        self._shell.expect(r"<<(\d+)>>\n", timeout=COMMAND_LIMIT)
        assert isinstance(self._shell.match, re.Match)
        done = subprocess.CompletedProcess(text, int(self._shell.match[1]), str(self._shell.before), "")
        if check and done.returncode != 0:
            raise AssertionError(f"{command!r} in the machine: status {done.returncode}\n{done.stdout}")
        return done

    def beside(self, command: Sequence[str]) -> list[str]:
        """The command line of a client outside: an ssh gets the forwarded port."""
        program, *rest = command
        return [program, "-p", str(self.port), *rest]


def _listener(path: Path) -> socket.socket:
    """One end of a serial line, before qemu connects to it."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    return listener


def _line(listener: socket.socket) -> fdspawn[str]:
    """The serial line, once qemu has taken it."""
    with contextlib.closing(listener):
        listener.settimeout(BOOT_LIMIT)
        connection, _ = listener.accept()
    connection.setblocking(True)
    return fdspawn(connection.detach(), encoding="utf-8", codec_errors="replace", timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
