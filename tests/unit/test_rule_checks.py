"""What the doctor says of rules: the recipes of docs/smb.md are no fault, and our own services are known."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.activation import stacks
from nas2fa.activation.checks import rules
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Severity
from nas2fa.activation.places import CONFIG
from nas2fa.activation.system import System

SKIP = '[[rule]]\naction = "skip"\nservice = ["samba"]\n'
ADMINS = '[[rule]]\naction = "code"\nservice = ["samba"]\ngroup = ["sudo"]\n'
BOTH = '[[rule]]\naction = "skip"\nservice = ["samba", "sshd"]\n'


@pytest.fixture
def box(tmp_path: Path) -> System:
    for folder in ("etc/pam.d", "etc/nas2fa", "usr/lib/nas2fa/pam.d"):
        (tmp_path / folder).mkdir(parents=True)
    return System(str(tmp_path))


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        (SKIP, Severity.WARNING),
        (ADMINS + SKIP, Severity.NOTE),
        (SKIP + ADMINS, Severity.WARNING),
        (ADMINS + BOTH, Severity.WARNING),
    ],
)
def test_a_code_for_administrators_only_is_no_fault(box: System, text: str, severity: Severity) -> None:
    box.path(CONFIG).write_text(text)
    (finding,) = rules.rules_skip_narrowly(Examination(box, None))
    assert (finding.name, finding.severity) == ("rule-skips-too-much", severity)


def test_the_service_of_a_single_share_is_known(box: System) -> None:
    box.path("/etc/pam.d/sshd").touch()
    assert stacks.nameable(box) == {"sshd"}
    box.path("/usr/lib/nas2fa/pam.d/nas2fa-share").touch()
    assert stacks.nameable(box) == {"sshd", "nas2fa-share"}
