"""Who has logged in by a key alone: what sshd told the journal, and a journal that does not tell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import pytest
from nas2fa.activation.edits import Keys
from nas2fa.activation.logins_seen import JournalError, key_logins
from nas2fa.activation.plan import PlanError
from nas2fa.activation.system import Ran, System
from nas2fa.cli import key_logins as choosing
from nas2fa.cli.box import Box

SHA = "SHA256:" + "k" * 43
MD5 = "MD5" + ":0f" * 16
NOTHING_FOUND = Ran(1, "", "")


@dataclass(frozen=True, slots=True)
class Journal(System):
    """A box of which journalctl says this; `old`: also of what was there 30 days ago."""

    ran: Ran = NOTHING_FOUND
    old: str = "1.0 box kernel: Linux"

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        return self.ran if any("--grep" in word for word in command) else Ran(0, self.old, "")


class Nobody:
    """nas2fad, with no records and no exemptions."""

    def request(self, verb: str, args: Any) -> tuple[Any, list[Any]]:
        return {}, []


def said(*messages: str) -> Journal:
    records = [json.dumps({"MESSAGE": text, "__REALTIME_TIMESTAMP": "1700000000000000"}) for text in messages]
    return Journal(ran=Ran(0, "\n".join(records), ""))


def choose(here: Journal, exempt: str | None, keys: Keys = Keys.CODE) -> list[str]:
    return [one.network for one in choosing.choose(cast("Box", Nobody()), here, keys, exempt, ask=False)]


@pytest.mark.parametrize("key", [SHA, MD5])
def test_a_key_is_known_by_either_fingerprint(key: str) -> None:
    here = said(f"Accepted publickey for bob from 192.0.2.1 port 40000 ssh2: ED25519 {key}")
    assert [(one.user, one.network, one.key) for one in key_logins(here)] == [("bob", "192.0.2.1", key)]


def test_who_never_logged_in_by_a_key_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(Journal(), None) == []
    assert capsys.readouterr().out == ""


BROKEN = {
    "unreadable": Ran(1, "", "Failed to open files: Permission denied"),
    "too slow": Ran(124, "", "journalctl: did not end within 60 s"),
    "gone": Ran(127, "", "journalctl: not found"),
    "without a word": Ran(139, "", ""),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_journal_that_cannot_be_read_is_no_empty_one(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    here = Journal(ran=BROKEN[what])
    with pytest.raises(JournalError):
        key_logins(here)
    with pytest.raises(PlanError, match="--exempt none"):
        choose(here, None)
    assert choose(here, "none") == []
    assert "does not tell" in capsys.readouterr().err


def test_a_young_journal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose(Journal(old=""), None) == []
    assert "does not reach 30 days back" in capsys.readouterr().out


@pytest.mark.parametrize("address", ["fe80::1%eth0", "169.254.7.1", "::1"])
def test_nobody_is_exempted_from_an_address_that_tells_nobody_apart(address: str) -> None:
    """Sshd would get a block for a login that nas2fad refuses to exempt."""
    here = said(
        f"Accepted publickey for bob from {address} port 40000 ssh2: ED25519 {SHA}",
        f"Accepted publickey for eve from 2001:db8::1 port 40000 ssh2: ED25519 {SHA}",
    )
    assert len(key_logins(here)) == 2
    assert choose(here, "all") == ["2001:db8::1"]
