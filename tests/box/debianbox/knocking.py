"""One login attempt at one door, by the real client: what it was asked, and whether it got in."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import pexpect

from .logins import CODE_PROMPT
from .machine import Box

PASSWORD_PROMPT = r"[Pp]assword(?: for \w+)?: "
EOF_KEY, INTERRUPT_KEY = "\x04", "\x03"

T = TypeVar("T")


@dataclass
class Visit:
    """How an attempt went. `asked`: "password" and "code", in the order in which they were asked."""

    entered: bool = False
    asked: list[str] = field(default_factory=list)
    shown: str = ""


def knock(
    child: pexpect.spawn[str], inside: str, password: str, code: str, *, refused: str = r"(?!)", leave: bool = True
) -> Visit:
    """Answer what `child` asks until it shows `inside` or `refused`, ends, or asks the same again.

    `code` may be a key such as EOF_KEY, which is sent as it is. With `leave`, it is closed in the end.
    """
    visit = Visit()
    answers = {"password": password, "code": code}
    while True:
        got = child.expect([inside, CODE_PROMPT, PASSWORD_PROMPT, refused, pexpect.EOF])
        visit.shown += str(child.before) + ("" if got == 4 else str(child.after))
        question = ("", "code", "password", "", "")[got]
        visit.entered = got == 0
        if not question or question in visit.asked:
            if leave:
                child.close(force=True)
            return visit
        visit.asked.append(question)
        answer = answers[question]
        child.send(answer) if answer in (EOF_KEY, INTERRUPT_KEY) else child.sendline(answer)


def at_once(*visits: Callable[[], T]) -> list[T]:
    """Several attempts at the same time: a refusal takes two seconds, and they are spent together."""
    with ThreadPoolExecutor(max_workers=len(visits)) as threads:
        return [running.result() for running in [threads.submit(visit) for visit in visits]]


def records(box: Box, name: str) -> list[tuple[str, ...]]:
    """What the journal has of the logins of `name`, oldest first: event, reason, service, source."""
    uid = box.run(["id", "-u", name]).stdout.strip()
    fields = ("NAS2FA_EVENT", "NAS2FA_REASON", "NAS2FA_SERVICE", "NAS2FA_SOURCE")
    found = box.journal(f"NAS2FA_UID={uid}", "SYSLOG_IDENTIFIER=nas2fad")
    return [tuple(str(record.get(key, "")) for key in fields) for record in found if "NAS2FA_SERVICE" in record]
