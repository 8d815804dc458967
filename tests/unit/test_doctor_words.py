"""Every finding has its line in docs/doctor.md, and is proved by a plant of tests/box/test_doctor*.py."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from nas2fa.activation import report

REPOSITORY = Path(__file__).parents[2]
CODE = REPOSITORY / "daemon" / "nas2fa" / "activation"
PAGE = (REPOSITORY / "docs" / "doctor.md").read_text()
PLANTS = sorted((REPOSITORY / "tests" / "box").glob("test_doctor*.py"))

# Words of sshd's in the checks that have the form of a name.
FOREIGN = {"keyboard-interactive", "gssapi-with-mic", "prohibit-password", "without-password"}
FOREIGN |= {"su-l", "sudo-i", "systemd-timesyncd", "systemd-detect-virt", "is-active", "is-system-running", "not-found"}


def strings(path: Path) -> set[str]:
    found = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
    return {text for text in found if isinstance(text, str)}


def names() -> set[str]:
    files = [*(CODE / "checks").glob("*.py"), CODE / "doctor.py"]
    return {text for path in files for text in strings(path) if re.fullmatch(r"[a-z]+(-[a-z]+)+", text)} - FOREIGN


def test_the_page_has_every_finding_and_no_other() -> None:
    cells = re.findall(r"^\| (`[^|]+`) \| (?:error|warning|note)", PAGE, re.MULTILINE)
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(cells))) == sorted(names())


def test_every_finding_is_planted() -> None:
    planted = set(re.findall(r"[a-z]+(?:-[a-z]+)+", " ".join(set().union(*map(strings, PLANTS)))))
    assert names() - planted == set()


def test_the_page_has_the_message_ids() -> None:
    assert report.FOUND in PAGE
    assert report.GONE in PAGE
