"""What a person reads when something ended badly: what happened, then what to do next; and the exit code for it."""

from __future__ import annotations

from nas2fa.cli import terminal
from nas2fa.errors import Nas2faError, Reason, UnreachableError
from nas2fa.shown import shown

REFUSED, UNREACHABLE = 1, 3  # exit codes

_REPAIR = "An administrator should run: nas2fa repair"
_NEXT_CODE = "Wait until the app shows a new code, then try again."

ADVICE: dict[Reason, str] = {
    Reason.NOT_ENROLLED: "Set it up with: nas2fa setup",
    Reason.EXPIRED: "Run the command again. An invite code that is over: ask your administrator for another.",
    Reason.FORBIDDEN: "Try it with sudo.",
    Reason.REUSED: _NEXT_CODE,
    Reason.FRESH_START: _NEXT_CODE,
    Reason.OLD: "Compare the clocks of box and phone, then use the code that the app shows now.",
    Reason.LOCKED: "Wait until the lock ends, or let an administrator run: nas2fa user unlock",
    Reason.LOCKED_DURABLY: "An administrator must run: nas2fa user unlock",
    Reason.BUDGET: "Too many wrong codes today: wait, or let an administrator run: nas2fa user unlock",
    Reason.CLOCK: "The clock of the box went back: nas2fa rescue-clock sets it right; recovery codes work meanwhile.",
    Reason.CLOCK_OFF: "What is known of the clock: nas2fa clock",
    Reason.BUSY: "Too many requests are open: try again in a moment.",
    Reason.STORE_ABSENT: _REPAIR,
    Reason.STORE_FOREIGN: _REPAIR,
    Reason.RECORD_MISSING: _REPAIR,
    Reason.RECORD_UNREADABLE: _REPAIR,
    Reason.RECORD_UNSAFE: _REPAIR,
    Reason.RECORD_MISMATCH: (
        "A renamed account: nas2fa user rename. A uid used again for somebody else: nas2fa user reset."
    ),
    Reason.WRITE_FAILED: "Is the disk full, or mounted read-only?",
    Reason.STALE: "Somebody else changed this user at the same moment: try again.",
    Reason.INTERNAL: "This is a defect of nas2fa. The journal holds more: journalctl -u nas2fad",
}


def complain(error: Nas2faError | UnreachableError) -> int:
    """Say it on standard error; returns the exit code."""
    if isinstance(error, UnreachableError):
        terminal.warn(f"nas2fa: the daemon nas2fad cannot be reached at {shown(str(error), terminal.TEXT_MAX)}")
        terminal.warn("Look at: systemctl status nas2fad (a private one is started by: nas2fad --root DIR)")
        return UNREACHABLE
    terminal.warn(f"nas2fa: {shown(error.text, terminal.TEXT_MAX)} ({error.reason})")
    if error.reason in ADVICE:
        terminal.warn(ADVICE[error.reason])
    return REFUSED
