"""The daily check tells the journal each finding once, and once that it is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from nas2fa.activation import report
from nas2fa.activation.findings import Finding, Severity

ONE = Finding("one", Severity.ERROR, "/etc/one:3", "One\nline.", "It matters.", "Mend it.")
TWO = Finding("two", Severity.NOTE, "alice", "Two.", "So.", "Do.")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would go to the journal; tests/box/test_doctor.py sees it there."""
    records: list[dict[str, Any]] = []
    monkeypatch.setattr(report.journal, "send", lambda text, **fields: records.append({"MESSAGE": text, **fields}))
    return records


def test_each_finding_is_told_once_and_once_that_it_is_gone(tmp_path: Path, sent: list[dict[str, Any]]) -> None:
    memory = tmp_path / "known.json"
    report.log_changes([ONE], memory)
    report.log_changes([ONE, TWO], memory)
    report.log_changes([TWO], memory)
    assert [(r["MESSAGE_ID"], r["NAS2FA_FINDING"], r["PRIORITY"]) for r in sent] == [
        (report.FOUND, "one", 3),
        (report.FOUND, "two", 6),
        (report.GONE, "one", 6),
    ]
    assert sent[0]["NAS2FA_WHERE"] == "/etc/one:3"
    assert "\n" not in sent[0]["MESSAGE"]


@pytest.mark.parametrize("broken", ["", "[[", '{"a": 1}', "[1]", "null"])
def test_a_broken_memory_is_none(tmp_path: Path, sent: list[dict[str, Any]], broken: str) -> None:
    memory = tmp_path / "known.json"
    memory.write_text(broken)
    report.log_changes([ONE], memory)
    report.log_changes([ONE], memory)
    assert len(sent) == 1
