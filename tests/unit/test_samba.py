"""What testparm says of Samba's configuration, and whether a login passes its stack without nas2fad's yes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from nas2fa.activation.samba import SambaError, asks_pam, is_domain_controller, no_cover, open_way, settings
from nas2fa.activation.system import Ran, System

TESTPARM = """\
# Global parameters
[global]
\tabort shutdown script =\x20
\tobey pam restrictions = Yes
\tserver role = standalone server
\tfruit:time machine = yes
\tforce user =\x20
\troot preexec close = No


[homes]
\tbrowseable = No

[Admin Data]
\tpath = /srv/a=b
\troot preexec = /x "%u" "%I" "%S"
\troot preexec close = Yes
"""


@dataclass(frozen=True, slots=True)
class Told(System):
    """A box whose testparm says this."""

    out: str = TESTPARM
    err: str = ""
    status: int = 0

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        assert command[0] in ("testparm", "systemctl")
        return Ran(self.status, self.out if command[0] == "testparm" else "", self.err)


def test_values_are_read_as_testparm_resolves_them() -> None:
    found = settings(Told())
    assert asks_pam(found)
    assert not is_domain_controller(found)
    assert list(found.shares) == ["homes", "Admin Data"]
    share = found.share("admin data")
    assert share == "Admin Data"
    assert found.of(share, "path") == "/srv/a=b"
    assert found.of(share, "root preexec") == '/x "%u" "%I" "%S"'
    assert found.of(share, "root preexec close") == "Yes"
    assert found.of("homes", "root preexec close") == "No"
    assert found.of("homes", "force user") == ""
    assert found.share("global") is None


def test_a_status_that_is_not_0_is_no_refusal() -> None:
    """So does testparm end where a folder is not there yet that smbd makes."""
    assert asks_pam(settings(Told(status=1, err="ERROR: state directory /x does not exist")))


@pytest.mark.parametrize(
    ("out", "err", "said"),
    [
        ("", "set_variable_helper(maybe): value is not boolean!", "not boolean"),
        ("", "testparm: did not end within 60 s", "did not end"),
        ("[global]\n\tobey pam restrictions = Yes\nsomething new\n", "", "something new"),
        ("\tobey pam restrictions = Yes\n[global]\n", "", "not understood"),
        ("[homes]\n", "", "status 1"),
    ],
)
def test_what_is_not_understood_is_no_yes(out: str, err: str, said: str) -> None:
    with pytest.raises(SambaError, match=said):
        settings(Told(out=out, err=err, status=1))


def stack(folder: Path, text: str | None, other: str = "account required pam_permit.so\n") -> Told:
    pam = folder / "etc/pam.d"
    pam.mkdir(parents=True)
    (pam / "common-account").write_text("account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
                                        "account requisite pam_deny.so\naccount required pam_permit.so\n")  # fmt: skip
    (pam / "other").write_text(other)
    if text is not None:
        (pam / "samba").write_text(text)
    return Told(str(folder))


REST = "@include common-account\n"


@pytest.mark.parametrize(
    ("text", "is_open"),
    [
        (f"account requisite pam_nas2fa.so\n{REST}", False),
        (f"account required pam_nas2fa.so\n{REST}", False),
        ("account requisite pam_nas2fa.so\n", False),
        (f"-account requisite pam_nas2fa.so\n{REST}", False),
        (f"account [success=ok default=die] pam_nas2fa.so\n{REST}", False),
        (REST, True),
        (f"account optional pam_nas2fa.so\n{REST}", True),
        (f"account sufficient pam_nas2fa.so\n{REST}", True),
        (f"account [success=ok system_err=ignore default=die] pam_nas2fa.so\n{REST}", True),
        (f"account sufficient pam_localuser.so\naccount requisite pam_nas2fa.so\n{REST}", True),
        (f"account [success=1 default=ignore] pam_access.so\naccount requisite pam_nas2fa.so\n{REST}", True),
        (f"{REST}account requisite pam_nas2fa.so\n", True),
        (f"account requisite pam_nas2fa.so guard\n{REST}", True),
        (None, True),
        ("session required pam_limits.so\n", True),
    ],
)
def test_a_stack_is_open_where_anything_but_a_yes_lets_in(tmp_path: Path, text: str | None, is_open: bool) -> None:
    assert (open_way(stack(tmp_path, text)) is not None) == is_open


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("restrictions = Yes", "restrictions = No", "obey pam restrictions = yes"),
        ("standalone server", "active directory domain controller", "domain controller"),
        ("[global]", "[globe]", "testparm"),
    ],
)
def test_where_a_line_in_the_stack_would_cover_nothing(tmp_path: Path, old: str, new: str, said: str) -> None:
    box = stack(tmp_path, REST)
    assert no_cover(box) is None
    assert said in str(no_cover(Told(box.root, TESTPARM.replace(old, new))))
    (tmp_path / "etc/pam.d/samba").unlink()
    assert "/etc/pam.d/samba does not exist" in str(no_cover(box))
