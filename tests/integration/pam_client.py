"""Logins through the real libpam, each in a process of its own: the driver program pamdrive."""

import codecs
import enum
import fcntl
import re
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build" / "pam"
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def as_user(uid: int = 1000) -> Sequence[str]:
    """The start of a command that runs as a user who is not root, but may read the build wherever it is.

    In a user namespace (`unshare -Ur`) there is no second uid to change to; in a chroot no namespace can be made.
    """
    _, _, mapped = Path("/proc/self/uid_map").read_text().split()
    if uid < int(mapped):
        return ("setpriv", f"--reuid={uid}", "--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
    return ("unshare", f"--map-user={uid}")


class Pam(enum.IntEnum):
    """The return codes of libpam (security/_pam_types.h) that matter here."""

    SUCCESS = 0
    SYSTEM_ERR = 4
    PERM_DENIED = 6
    AUTH_ERR = 7
    AUTHINFO_UNAVAIL = 9
    USER_UNKNOWN = 10
    MAXTRIES = 11
    ACCT_EXPIRED = 13
    CRED_ERR = 17
    CONV_ERR = 19
    IGNORE = 25


@dataclass(frozen=True)
class Outcome:
    """What the driver printed: one pair (kind, text) for each line."""

    lines: Sequence[tuple[str, str]]

    def all(self, kind: str) -> list[str]:
        """The texts of one kind: off, on, info, error, log, delay."""
        return [text for seen, text in self.lines if seen == kind]

    def codes(self, call: str) -> list[Pam]:
        """What each auth, account or setcred returned."""
        return [Pam(int(text)) for text in self.all(call)]

    @property
    def code(self) -> Pam:
        """The code of the only call."""
        (code,) = (Pam(int(text)) for kind, text in self.lines if kind in {"auth", "account", "setcred"})
        return code


@dataclass(frozen=True)
class Build:
    """A module together with the program that loads it."""

    module: Path
    driver: Path
    wrapper: Sequence[str] = ()
    environment: tuple[tuple[str, str], ...] = ()


ASAN = (("ASAN_OPTIONS", "abort_on_error=1:detect_leaks=1"), ("UBSAN_OPTIONS", "print_stacktrace=1"))
VALGRIND = ("valgrind", "-q", "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite")

PRODUCTION = Build(BUILD / "pam_nas2fa.so", BUILD / "pamdrive")
HURRIED = Build(BUILD / "hurried" / "pam_nas2fa.so", BUILD / "pamdrive")
SANITIZED = Build(BUILD / "asan" / "pam_nas2fa.so", BUILD / "asan" / "pamdrive", environment=ASAN)
VALGRINDED = Build(HURRIED.module, HURRIED.driver, wrapper=VALGRIND)
PASSWORD_MODULE = BUILD / "pam_password.so"
BUILDS: Mapping[str, Build] = {"plain": HURRIED, "asan": SANITIZED, "valgrind": VALGRINDED}


def make_programs() -> None:
    """Build the modules and the driver; at most one at a time, whatever test processes run."""
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD.parent / "pam.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", str(REPOSITORY / "pam_nas2fa"), f"BUILD={BUILD}", "test-programs"]
        subprocess.run(command, check=True, env={"PATH": SYSTEM_PATH})


@dataclass(frozen=True)
class PamStack:
    """A private directory with one PAM service in it, and the socket its lines of our module speak to."""

    directory: Path
    build: Build = HURRIED
    service: str = "sshd"

    @property
    def socket(self) -> Path:
        """Where the daemon of this stack listens."""
        return self.directory / "login.sock"

    def write(self, *lines: str) -> "PamStack":
        """Write the service; `OURS` and `PASSWORD` stand for the modules, `SOCKET` for the argument socket=."""
        text = "".join(f"{line}\n" for line in lines)
        text = text.replace("OURS", str(self.build.module)).replace("PASSWORD", str(PASSWORD_MODULE))
        (self.directory / self.service).write_text(text.replace("SOCKET", f"socket={self.socket}"))
        (self.directory / "other").write_text("auth required pam_deny.so\n")
        return self

    def command(self, user: str, *steps: str | bytes) -> list[str | bytes]:
        """The command of one login; pamdrive.c says what the steps are."""
        driver: list[str | bytes] = [str(self.build.driver), str(self.directory), self.service, user, *steps]
        return [*self.build.wrapper, *driver]

    def run(self, user: str, *steps: str | bytes, wrapper: Sequence[str] = ()) -> Outcome:
        """Run the steps. A sanitizer's or valgrind's report fails."""
        done = subprocess.run(
            [*wrapper, *self.command(user, *steps)],
            capture_output=True,
            env={"PATH": SYSTEM_PATH, **dict(self.build.environment)},
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return Outcome([_parse(line) for line in done.stdout.decode().splitlines()])


def _parse(line: str) -> tuple[str, str]:
    match = re.fullmatch(r"(\S+) (.*)", line)
    assert match is not None, line
    text, _ = codecs.escape_decode(match[2].encode())
    return match[1], text.decode(errors="replace")
