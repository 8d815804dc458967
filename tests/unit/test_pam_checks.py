"""Whether the doctor sees that a stack lets in who has proved nothing, or no more than a code."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.activation.checks import pam
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding, Severity
from nas2fa.activation.places import ENFORCED
from nas2fa.activation.system import System
from test_stacks import COMMON_AUTH, write

OURS = "auth\trequisite\tpam_nas2fa.so\n"
OFF = COMMON_AUTH.replace(OURS, "")
OPEN = ("auth	requisite			pam_deny.so", "auth optional pam_deny.so")  # what lets in with any password
SOFT = ("auth	[success=1", "auth sufficient pam_localuser.so\nauth	[success=1")
KERBEROS = ("auth	[success=1", "auth [success=2 default=ignore] pam_krb5.so\nauth	[success=1")


def found(root: Path, common: str, *, on: bool, **services: str) -> list[Finding]:
    (root / "etc/pam.d").mkdir(parents=True)
    write(root, "common-auth", common)
    for name, text in {"su": "auth sufficient pam_rootok.so\n@include common-auth\n", **services}.items():
        write(root, name, text)
    if on:
        link = root / ENFORCED.lstrip("/")
        link.parent.mkdir(parents=True)
        link.symlink_to("state.x")
    return list(pam.every_service_asks(Examination(System(str(root)), None)))


@pytest.mark.parametrize("common", [OFF, OFF.replace(*KERBEROS)])
@pytest.mark.parametrize("on", [False, True])
def test_debians_own_lines_are_no_fault(tmp_path: Path, common: str, on: bool) -> None:
    assert found(tmp_path, common + OURS if on else common, on=on) == []


@pytest.mark.parametrize(("change", "where"), [(OPEN, "common-auth:4: auth optional pam_deny.so"), (SOFT, ":2: auth")])
@pytest.mark.parametrize("on", [False, True])
def test_a_common_auth_that_takes_any_password(tmp_path: Path, change: tuple[str, str], where: str, on: bool) -> None:
    """Told before it is switched on, by the line at fault, and with no advice to switch on."""
    (finding,) = found(tmp_path, (COMMON_AUTH if on else OFF).replace(*change), on=on)
    assert (finding.name, finding.severity) == ("password-not-checked", Severity.ERROR)
    assert where in finding.where
    assert not finding.mended_by_switch


def test_a_line_of_ours_that_is_enough_is_what_switching_on_mends(tmp_path: Path) -> None:
    common = COMMON_AUTH.replace("auth	[success=1", "auth sufficient pam_nas2fa.so\nauth	[success=1")
    (finding,) = found(tmp_path, common, on=True)
    assert (finding.name, finding.mended_by_switch) == ("code-alone-is-enough", True)


def test_while_it_is_off_a_service_made_so_is_no_fault(tmp_path: Path) -> None:
    assert found(tmp_path, OFF, on=False, kiosk="auth required pam_permit.so\n") == []
    assert [
        one.name for one in found(tmp_path / "on", COMMON_AUTH, on=True, kiosk="auth required pam_permit.so\n")
    ] == ["service-asks-nothing"]


WHEEL = "auth sufficient pam_wheel.so trust\n"
TRUSTED = "auth sufficient pam_rhosts.so\n"
LOCAL = "auth [success=1 default=ignore] pam_localuser.so\n"
GREETER = "auth sufficient pam_succeed_if.so user ingroup nopasswdlogin\n"
ASKS = "@include common-auth\n"


@pytest.mark.parametrize(
    ("service", "text", "name"),
    [
        ("su", WHEEL + ASKS, "stack-lets-in"),
        ("web", TRUSTED + ASKS, "stack-lets-in"),
        ("web", LOCAL + "auth required pam_unix.so\nauth required pam_permit.so\n", "stack-lets-in"),
        ("sudo", "auth required pam_permit.so\n", "stack-lets-in"),
        ("kiosk", "auth required pam_permit.so\n", "service-asks-nothing"),
        ("lightdm", GREETER + ASKS, "service-asks-nothing"),
    ],
)
def test_a_way_on_which_nothing_is_asked_is_a_hole_where_something_should_be(
    tmp_path: Path, service: str, text: str, name: str
) -> None:
    one, *more = found(tmp_path, COMMON_AUTH, on=True, **{service: text})
    assert one.name == name
    assert one.severity is (Severity.NOTE if name == "service-asks-nothing" else Severity.ERROR)
    assert {other.name for other in more} <= {"stack-skips-code"}  # pam_unix.so without our line


@pytest.mark.parametrize(
    ("password", "name"),
    [
        ("auth required pam_unix.so\n", None),
        ("auth requisite pam_sss.so forward_pass\n", None),
        ("auth [success=ok new_authtok_reqd=ok ignore=ignore default=die] pam_krb5.so\n", None),
        ("auth required pam_sss.so ignore_unknown_user\n", "code-alone-is-enough"),
        ("auth required pam_other.so\n", "code-alone-is-enough"),
        ("auth optional pam_unix.so\n", "code-alone-is-enough"),
    ],
)
def test_a_password_that_has_to_be_right_before_our_line(tmp_path: Path, password: str, name: str | None) -> None:
    """As the doctor itself advises for a service that does not take in common-auth."""
    names = [one.name for one in found(tmp_path, COMMON_AUTH, on=True, web=password + "auth requisite pam_nas2fa.so\n")]
    assert names == [name] * (name is not None)
