"""What the daily check tells the journal: one record for each finding that is new, and for each that is gone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from syslog import LOG_ERR, LOG_INFO, LOG_WARNING

from systemd import journal

from nas2fa.activation.findings import Finding, Severity
from nas2fa.shown import shown

FOUND = "d185a3890e3f4de3ae97fd2083b14ae5"  # MESSAGE_ID of a finding that was not there at the last check
GONE = "5ff583c075c042f69721dc40f01a7d7f"  # MESSAGE_ID of one that was there
IDENTIFIER = "nas2fa-check"
FIELD_MAX = 1000  # characters
_PRIORITIES = {Severity.ERROR: LOG_ERR, Severity.WARNING: LOG_WARNING, Severity.NOTE: LOG_INFO}


def log_changes(found: Sequence[Finding], memory: Path) -> None:
    """Tell the journal what changed since the last call with the same `memory`, a file. Raises OSError."""
    known = {(name, where) for name, where in _remembered(memory)}
    now = {(finding.name, finding.where): finding for finding in found}
    for key, finding in now.items():
        if key not in known:
            _send(
                FOUND, _PRIORITIES[finding.severity], *key, f"{finding.name}: {finding.what} {finding.why}", finding.fix
            )
    for name, where in sorted(known - now.keys()):
        _send(GONE, LOG_INFO, name, where, f"{name}: no longer found ({where})", "")
    memory.write_text(json.dumps(sorted(now)))


def _remembered(memory: Path) -> list[list[str]]:
    """The findings of the last time; none when there is no such file, or half of one."""
    try:
        return [[str(name), str(where)] for name, where in json.loads(memory.read_text())]
    except (FileNotFoundError, ValueError, TypeError):
        return []


def _send(message_id: str, priority: int, name: str, where: str, text: str, fix: str) -> None:
    fields = {"NAS2FA_FINDING": name, "NAS2FA_WHERE": where, "NAS2FA_FIX": fix}
    journal.send(
        shown(text, FIELD_MAX), MESSAGE_ID=message_id, PRIORITY=priority, SYSLOG_IDENTIFIER=IDENTIFIER,
        **{field: shown(value, FIELD_MAX) for field, value in fields.items()},
    )  # fmt: skip
