"""The running Samba, by its own two programs and its folder in /run."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from nas2fa.control.smb import PID_MAX, Session
from nas2fa.errors import ProtocolError, Reason, RequestError
from nas2fa.shown import shown
from nas2fa.smb import programs
from nas2fa.smb.status import OUTPUT_MAX, Status, parse

ALL_SECONDS: Final = 8.0  # of one request
_PID = re.compile(r"[0-9]{1,7}", re.ASCII)
# In a network without anything a program finds no interface, and would leave; none of those used here needs one.
_OPTION: Final = "--option=interfaces=127.0.0.1/8"


@dataclass(frozen=True, slots=True)
class Places:
    """Where Debian's Samba has its programs and its folder."""

    programs: Path = Path("/usr/bin")
    run: Path = Path("/run/samba")


@dataclass(frozen=True, slots=True)
class Running:
    """The Samba of this box, for one request. `deadline` is of time.monotonic(); then every call is a RequestError."""

    places: Places = field(default_factory=Places)
    deadline: float = field(default_factory=lambda: time.monotonic() + ALL_SECONDS)

    def status(self) -> Status:
        """The sessions; none where Samba is not installed or smbd has not run since the boot."""
        installed = (self.places.programs / "smbstatus").exists()
        ran = any((self.places.run / name).exists() for name in ("smbd.pid", "smbXsrv_session_global.tdb"))
        if not installed or not ran:
            return Status()
        done = self._run("smbstatus", "--json", "--processes", "--numeric")
        if done.code != 0:
            complaint = done.complaint.strip().rpartition(b"\n")[2]
            raise _cannot(f"smbstatus ended with status {done.code}: {shown(complaint)}")
        try:
            told = parse(done.output)
        except ProtocolError as error:
            raise _cannot(f"smbstatus answered with {error.text}") from None
        return replace(told, sessions=tuple(map(self._dated, told.sessions)))

    def parent(self) -> int | None:
        """The pid in smbd.pid, None when there is no such file."""
        try:
            text = (self.places.run / "smbd.pid").read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            text = ""
        if not _PID.fullmatch(text) or not 1 <= int(text) <= PID_MAX:
            raise _cannot("smbd.pid cannot be read, so it is not known which process is smbd itself")
        return int(text)

    def shut(self, pid: int) -> None:
        """A process that is gone already makes smbcontrol fail: the next look says what came of it."""
        self._run("smbcontrol", str(pid), "shutdown")

    def now(self) -> float:
        """Of the monotonic clock."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """Sleep."""
        time.sleep(seconds)

    def _dated(self, session: Session) -> Session:
        """Where Samba does not say when a session began: when its process did, which is not after it."""
        if session.began:
            return session
        try:
            began = (self.places.run / "msg.lock" / str(session.pid)).stat().st_mtime
        except OSError:
            return session  # it has ended meanwhile
        return replace(session, began=int(began))

    def _run(self, program: str, *arguments: str) -> programs.Finished:
        command = [str(self.places.programs / program), _OPTION, *arguments]
        try:
            return programs.run(command, max(0.0, self.deadline - time.monotonic()), OUTPUT_MAX)
        except programs.UnusableError as error:
            raise _cannot(f"{program} {error}") from None


def _cannot(text: str) -> RequestError:
    return RequestError(Reason.INTERNAL, f"what Samba does cannot be told: {text}")
