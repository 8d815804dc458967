"""The two sides of the comparison: the same users of the same key, with nas2fad and with pam_google_authenticator."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPO = Path(__file__).parents[2]
sys.path[:0] = [str(REPO / "daemon"), str(REPO / "tests/integration")]

import pyotp  # noqa: E402  (the line above has to come first, here and below)
from nas2fa.paths import Paths  # noqa: E402
from nas2fa.store import codec  # noqa: E402
from nas2fa.store.credentials import Credentials  # noqa: E402
from nas2fa.store.marks import Marks  # noqa: E402
from nas2fa.store.records import Authenticator, Credential, Secret  # noqa: E402
from running import KEY, Running  # noqa: E402

PAM = REPO / "build/pam"
UID_BASE = 100_000  # as in logins.c
# As packaging/bin/nas2fad starts it, but from this source.
PROGRAM = f"""
import sys
sys.path[:0] = [{str(REPO / "daemon")!r}]
sys.path.append("/usr/lib/python3/dist-packages")
from nas2fa.server.main import main
sys.exit(main())
"""


class Daemon(Running):
    """A private nas2fad, started as the installed one is."""

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.started_in()

    def started_in(self) -> float:
        """Start it; the seconds until it answered."""
        self.root.mkdir(exist_ok=True)
        began = time.monotonic()
        with self.log.open("ab") as log:
            command = ["/usr/bin/python3", "-I", "-S", "-c", PROGRAM, "--root", str(self.root)]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while not self.answers():
            time.sleep(0.0005)  # not a spin: it needs the CPU
        return time.monotonic() - began

    def memory(self) -> tuple[float, float]:
        """Resident and unique set size, MiB (proc(5), smaps_rollup)."""
        assert self.process is not None
        lines = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]
        kib = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return kib["Rss"] / 1024, (kib["Private_Clean"] + kib["Private_Dirty"]) / 1024

    def cpu(self) -> float:
        """Seconds on a CPU so far, all threads (the first field of schedstat, nanoseconds)."""
        assert self.process is not None
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text(encoding="ascii").split()[0]) for each in threads) / 1e9


def enrol_ours(daemon: Daemon, users: int) -> None:
    """While stopped: write records and marks as the store does, but with no wait for the disk at each of them."""
    daemon.age()
    paths = Paths.under(str(daemon.root))
    marks = Marks(paths)
    marks.owner = json.loads((daemon.root / "run/state/complete").read_text(encoding="ascii"))["owner"]
    key = Authenticator(Secret(base64.b32decode(KEY)))
    with without_fsync():
        folder = os.open(paths.users, os.O_RDONLY | os.O_DIRECTORY)
        for number in range(users):
            record = Credential(UID_BASE + number, f"bench{number}", (key,), enrolled=1, version=1)
            path = Path(paths.users, f"{record.uid}.json")
            path.write_bytes(codec.encode(record))
            path.chmod(0o600)
            marks.create(folder, record.uid)
        os.close(folder)
    Credentials(paths, marks).open()  # makes the list of enrolled uids from the records
    os.sync()


@contextlib.contextmanager
def without_fsync() -> Iterator[None]:
    """For thousands of files at once; the caller syncs in the end."""
    fsync = os.fsync
    os.fsync = lambda fd: None
    try:
        yield
    finally:
        os.fsync = fsync


def enrol_google(folder: Path, users: int) -> None:
    """What `google-authenticator` writes with the options that it recommends (a "y" to each of its questions)."""
    folder.mkdir(mode=0o700)
    options = "--time-based --disallow-reuse --force --rate-limit=3 --rate-time=30 --window-size=3 --no-confirm --quiet"
    made = folder / "made"
    command = ["google-authenticator", *options.split(), f"--secret={made}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    rest = made.read_text(encoding="ascii").partition("\n")[2]
    for number in range(users):
        path = folder / f"bench{number}"
        path.write_text(f"{KEY}\n{rest}", encoding="ascii")
        path.chmod(0o400)
    os.sync()


@dataclass(frozen=True)
class Side:
    """One PAM service of `confdir`, and the next of its users that has not logged in yet."""

    name: str
    confdir: Path
    line: str

    def __post_init__(self) -> None:
        self.confdir.mkdir(exist_ok=True)
        (self.confdir / "other").touch()  # libpam complains at each login when it is missing
        (self.confdir / self.name).write_text(f"auth required {self.line}\n", encoding="ascii")

    def log_in(self, first: int, count: int, processes: int = 1) -> tuple[float, list[float]]:
        """`count` users of each process log in, a moment after an untimed first login.

        Seconds from the first to the last of the timed logins, and microseconds of each.
        """
        codes = [pyotp.TOTP(KEY).at(int(time.time()), offset) for offset in (0, 1)]
        numbers = [str(number) for number in (processes, first, count)]
        command = [str(PAM / "logins"), str(self.confdir), self.name, *numbers, *codes]
        log = self.confdir / f"{self.name}.log"
        with log.open("a", encoding="utf-8") as lines:
            done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=lines, text=True)
        if done.returncode != 0:
            raise SystemExit("".join(log.read_text(encoding="utf-8").splitlines(True)[-5:]))
        wall, *took = done.stdout.splitlines()
        return int(wall.split()[1]) / 1e9, [int(each) / 1e3 for each in took]


def sides(folder: Path, daemon: Daemon) -> tuple[Side, Side]:
    """Ours and Debian's."""
    ours = f"{PAM}/pam_nas2fa.so socket={daemon.root}/run/login.sock"
    google = f"pam_google_authenticator.so user=root secret={folder}/google/${{USER}}"
    return Side("nas2fa", folder / "pam.d", ours), Side("google", folder / "pam.d", google)
