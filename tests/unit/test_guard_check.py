"""Whether the doctor sees that sshd's account stack lets in by a key alone, beside our guard."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.activation.checks import pam
from nas2fa.activation.examination import Examination
from nas2fa.activation.places import ENFORCED
from nas2fa.activation.system import System

GUARD = "account required pam_nas2fa.so guard\n"
DEBIAN = "account required pam_nologin.so\n@include common-account\n"
COMMON = """\
account [success=1 default=ignore] pam_unix.so
account requisite pam_deny.so
account required pam_permit.so
"""


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GUARD + DEBIAN, None),
        (GUARD.replace("required", "requisite") + DEBIAN, None),
        (DEBIAN + GUARD, None),
        ("account [success=ok ignore=ignore default=die] pam_nas2fa.so guard\n" + DEBIAN, None),
        (GUARD.replace("required", "optional") + DEBIAN, "guard-ignored"),
        (GUARD.replace("required", "sufficient") + DEBIAN, "guard-ignored"),
        (GUARD.replace("required", "[success=ok default=ignore]") + DEBIAN, "guard-ignored"),
        (GUARD.replace("required", "[authinfo_unavail=ignore success=ok default=die]") + DEBIAN, "guard-ignored"),
        (GUARD + "account [default=reset] pam_permit.so\n" + DEBIAN, "guard-ignored"),
        ("account sufficient pam_localuser.so\n" + GUARD + DEBIAN, "guard-skipped"),
    ],
)
def test_the_refusal_of_the_guard_has_to_end_the_stack(tmp_path: Path, text: str, name: str | None) -> None:
    folder = tmp_path / "etc/pam.d"
    folder.mkdir(parents=True)
    (folder / "sshd").write_text(text)
    (folder / "common-account").write_text(COMMON)
    link = tmp_path / ENFORCED.lstrip("/")
    link.parent.mkdir(parents=True)
    link.symlink_to("state.x")
    found = list(pam.the_guard_decides(Examination(System(str(tmp_path)), None)))
    assert [finding.name for finding in found] == [name] * (name is not None)
