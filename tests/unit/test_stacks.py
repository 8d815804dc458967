"""PAM files as libpam reads them, on the texts that Debian ships."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.activation import stacks
from nas2fa.activation.system import System

COMMON_AUTH = """\
# here are the per-package modules (the "Primary" block)
auth	[success=1 default=ignore]	pam_unix.so nullok
# here's the fallback if no module succeeds
auth	requisite			pam_deny.so
auth	required			pam_permit.so
# and here are more per-package modules (the "Additional" block)
auth	requisite	pam_nas2fa.so
"""
SU = """\
auth       sufficient pam_rootok.so
# auth       required   pam_wheel.so
session       required   pam_env.so readenv=1
@include common-auth
@include common-account
"""


@pytest.fixture
def box(tmp_path: Path) -> System:
    (tmp_path / "etc/pam.d").mkdir(parents=True)
    (tmp_path / "usr/lib/pam.d").mkdir(parents=True)
    (tmp_path / "usr/lib/x/security").mkdir(parents=True)
    (tmp_path / "lib").symlink_to("usr/lib")
    write(tmp_path, "common-auth", COMMON_AUTH)
    write(tmp_path, "common-account", "account required pam_unix.so\n")
    write(tmp_path, "other", "@include common-auth\n@include common-account\n")
    return System(str(tmp_path))


def write(root: Path, name: str, text: str, folder: str = "etc/pam.d") -> None:
    (root / folder / name).write_text(text)


def modules(box: System, service: str, kind: str = "auth") -> list[str]:
    return [line.module for line in stacks.flatten(box, service, kind)]


def test_debians_include_is_flattened_with_file_and_number(box: System) -> None:
    write(Path(box.root), "su", SU)
    found = stacks.flatten(box, "su", "auth")
    assert [(line.module, line.where) for line in found] == [
        ("pam_rootok.so", "/etc/pam.d/su:1"),
        ("pam_unix.so", "/etc/pam.d/common-auth:2"),
        ("pam_deny.so", "/etc/pam.d/common-auth:4"),
        ("pam_permit.so", "/etc/pam.d/common-auth:5"),
        ("pam_nas2fa.so", "/etc/pam.d/common-auth:7"),
    ]
    assert found[1].control == "[success=1 default=ignore]"
    assert found[1].arguments == ("nullok",)
    assert [line.ours for line in found] == [False, False, False, False, True]
    assert str(found[1]) == "auth [success=1 default=ignore] pam_unix.so nullok"
    assert modules(box, "su", "account") == ["pam_unix.so"]


def test_a_service_without_lines_of_a_kind_has_those_of_other(box: System) -> None:
    write(Path(box.root), "passwd", "@include common-password\n")
    write(Path(box.root), "common-password", "password required pam_unix.so\n")
    assert modules(box, "passwd") == modules(box, "other") == modules(box, "no-such-service")


def test_a_file_in_etc_hides_the_vendors(box: System) -> None:
    write(Path(box.root), "polkit-1", "@include common-auth\n", "usr/lib/pam.d")
    assert modules(box, "polkit-1")[-1] == "pam_nas2fa.so"
    write(Path(box.root), "polkit-1", "auth required pam_unix.so\n")
    assert modules(box, "polkit-1") == ["pam_unix.so"]


def test_include_takes_one_kind_and_substack_goes_deeper(box: System) -> None:
    write(Path(box.root), "cockpit", "auth substack common-auth\nauth optional pam_x.so\naccount include both\n")
    write(Path(box.root), "both", "auth required pam_a.so\naccount required pam_b.so\n")
    found = stacks.flatten(box, "cockpit", "auth")
    assert [(line.form, line.depth) for line in found] == [("substack", 0), *[("module", 1)] * 4, ("module", 0)]
    assert modules(box, "cockpit", "account") == ["pam_b.so"]


def test_spellings_of_one_line(box: System) -> None:
    text = "  -AUTH Required \\\n  /usr/lib/x/security/pam_unix.so [a b] try=1 # why\n\n#auth required pam_no.so\n"
    write(Path(box.root), "odd", text)
    (line,) = stacks.flatten(box, "odd", "auth")
    assert (line.module, line.arguments, line.number) == ("pam_unix.so", ("a b", "try=1"), 1)


def test_what_libpam_cannot_read_is_broken(box: System) -> None:
    write(Path(box.root), "bad", "auth include nowhere\nauth required\nauht required pam_unix.so\nauth include bad\n")
    assert {line.form for line in stacks.flatten(box, "bad", "auth")} == {"broken"}


def controls(text: str, box: System) -> list[tuple[str, str, str]]:
    write(Path(box.root), "odd", text)
    return [(line.control, line.module, line.form) for line in stacks.flatten(box, "odd", "auth")]


def test_a_backslash_goes_on_with_blanks_behind_it_too(box: System) -> None:
    """What stands on the next line is no line of its own then: ours would not be called."""
    text = "account required pam_permit.so \\ \t\nauth requisite pam_nas2fa.so\nauth required pam_x.so\n"
    assert controls(text, box) == [("required", "pam_x.so", "module")]


@pytest.mark.parametrize("end", ["\\", "\\\n", "\\ \n\nauth required x.so\n", "\\\n # why\nauth required x.so\n"])
def test_a_backslash_before_nothing_makes_the_file_unreadable(box: System, end: str) -> None:
    assert controls("auth sufficient pam_permit.so\nauth required pam_deny.so " + end, box) == [("", "", "broken")]
    write(Path(box.root), "other", "auth required pam_deny.so " + end)
    assert [line.form for line in stacks.flatten(box, "su", "auth")] == ["broken"]


def test_ends_of_line_from_windows_belong_to_the_last_word(box: System) -> None:
    assert controls("auth required pam_unix.so\r\n\r\n", box) == [
        ("required", "pam_unix.so\r", "absent"),
        ("", "", "broken"),
    ]
    assert controls("auth required pam_unix.so\n@include common-auth\r\n", box) == [
        ("@include", "common-auth\r", "broken")
    ]


def test_a_word_that_is_no_kind_stands_for_auth_or_for_what_was_included(box: System) -> None:
    write(Path(box.root), "slip", "acount optional pam_x.so\n")
    write(Path(box.root), "odd", "bogus optional pam_a.so\naccount include slip\nauth include slip\n")
    for kind, modules in (("auth", ["pam_a.so", "pam_x.so"]), ("account", ["pam_x.so"])):
        found = stacks.flatten(box, "odd", kind)
        assert [(line.control, line.module, line.form) for line in found] == [
            ("optional", module, "broken") for module in modules
        ]


def test_a_part_of_the_vendors_is_not_found_by_an_include(box: System) -> None:
    write(Path(box.root), "part", "auth required pam_x.so\n", "usr/lib/pam.d")
    assert controls("auth include part\n", box) == [("include", "part", "broken")]


def test_our_module_refuses_everybody_at_an_argument_that_it_does_not_know(box: System) -> None:
    write(Path(box.root), "odd", "".join(f"account required pam_nas2fa.so {word}\n" for word in ("gaurd", "guard\r")))
    assert [line.refuses for line in stacks.flatten(box, "odd", "account")] == [True, True]
    write(Path(box.root), "odd", "account required pam_nas2fa.so guard debug socket=/run/x\n")
    assert [line.refuses for line in stacks.flatten(box, "odd", "account")] == [False]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("pam_nas2fa.so", True),
        ("/usr/lib/x/security/pam_nas2fa.so", True),
        ("/lib/x/security/pam_nas2fa.so", True),
        ("/lib/x/../x/security//pam_nas2fa.so", True),
        ("./pam_nas2fa.so", True),
        ("../security/pam_nas2fa.so", True),
        ("/tmp/pam_nas2fa.so", False),
        ("/lib/security/pam_nas2fa.so", False),  # no package puts anything there
        ("/lib/x/security/more/pam_nas2fa.so", False),
        ("/lib/x/security/../../../../tmp/pam_nas2fa.so", False),
        ("more/pam_nas2fa.so", False),
        ("../../../../tmp/pam_nas2fa.so", False),
        ("/lib/x/security/$ISA/pam_nas2fa.so", False),
        ("/lib/x/security/pam_link.so", False),
        ("pam_permit.so", False),
    ],
)
def test_a_module_is_ours_by_its_place_and_not_by_its_name(box: System, name: str, ours: bool) -> None:
    (Path(box.root) / "usr/lib/x/security/pam_link.so").symlink_to("/tmp/pam_nas2fa.so")
    write(Path(box.root), "odd", f"account requisite {name}\n")
    (line,) = stacks.flatten(box, "odd", "account")
    assert line.ours == ours
    assert line.borrowed == (not ours and name.endswith("nas2fa.so"))


def test_services_are_no_leftovers_and_no_parts(box: System) -> None:
    for name in ("sshd", "sshd.dpkg-dist", "sshd~", "sshd.ucf-old", "common-session"):
        write(Path(box.root), name, "")
    write(Path(box.root), "polkit-1", "", "usr/lib/pam.d")
    assert stacks.services(box) == ["other", "polkit-1", "sshd"]
