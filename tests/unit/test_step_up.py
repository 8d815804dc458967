"""The lines of smb.conf for a share that asks for a grant of its own, and what would make them count for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.activation import step_up
from nas2fa.activation.accounts import Account
from nas2fa.activation.samba import Settings
from nas2fa.activation.system import System

SHARE = "/usr/lib/x/nas2fa/nas2fa-share"
BOX = System()
PEOPLE = [
    Account("root", 0, 0, "/root", "/bin/bash"),
    Account("www-data", 33, 33, "/var/www", "/usr/sbin/nologin"),
    Account("ann", 1000, 1000, "/home/ann", "/bin/bash"),
    Account("nobody", 65534, 65534, "/", "/usr/sbin/nologin"),
]
GLOBALLY = {"valid users": ""}
GLOBALLY |= {"root preexec": "", "root preexec close": "No", "force user": "", "path": "", "printable": "No"}


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (f'{SHARE} "%u" "%I" "%S"', True),
        (f"{SHARE} '%u' '%I' '%S'", True),
        (f'{SHARE} "%u" "%I" "%S" && true', False),  # smbd makes these its words, and there are too many then
        (f"{SHARE} %u %I %S", False),  # a name may hold a blank
        (f'{SHARE} "%U" "%I" "%S"', False),
        (f'{SHARE} "%u" "%m" "%S"', False),
        (f'{SHARE} "%u" "%I"', False),
        (f'{SHARE} "%u" "%I" "%S" || true', False),
        (f'{SHARE} "%u" "%I" "%S"; true', False),
        (f'logger x; {SHARE} "%u" "%I" "%S"', False),
        (f'! {SHARE} "%u" "%I" "%S"', False),
        ('nas2fa-share "%u" "%I" "%S"', False),
    ],
)
def test_a_line_is_good_as_it_is_printed_only(text: str, good: bool) -> None:
    assert (step_up.program_of(text) == SHARE) == good
    assert step_up.program_of(step_up.command(SHARE)) == SHARE


@pytest.mark.parametrize(
    ("path", "reached"),
    [
        ("/srv/admin", True),
        ("/srv", True),
        ("/", True),
        ("/srv/admin/deep", True),
        ("//srv/admin", True),
        ("/srv/other/../admin", True),
        ("/srv/adm", False),
        ("/x", False),
    ],
)
def test_another_share_leads_to_the_same_folder(path: str, reached: bool) -> None:
    asking = {"path": "/srv/admin", "root preexec": f"{SHARE} ..."}
    found = Settings(GLOBALLY, {"admin": asking, "other": {"path": path}})
    assert step_up.ways_in(BOX, found, "admin", PEOPLE) == (["other"] if reached else [])
    assert step_up.ways_in(BOX, Settings(GLOBALLY, {"admin": {"path": path}}), "admin", PEOPLE) == []  # before it asks
    for harmless in ({"printable": "Yes"}, {"available": "No"}, {"root preexec": f"{SHARE} ..."}):
        found = Settings(GLOBALLY, {"admin": asking, "other": {"path": path, **harmless}})
        assert step_up.ways_in(BOX, found, "admin", PEOPLE) == []


VALID = {"valid users": "%S"}


@pytest.mark.parametrize(
    ("folder", "other", "values", "reached"),
    [
        ("/home/ann/safe", "homes", VALID, True),
        ("/home", "homes", VALID, True),
        ("/root/safe", "homes", VALID, True),
        ("/home/bob/safe", "homes", VALID, False),
        ("/var/www/safe", "homes", VALID, False),  # nobody logs in as www-data
        ("/var/www/safe", "Homes", {}, True),  # but who can log in as somebody can open that home
        ("/srv/safe", "homes", {}, True),
        ("/srv/ann/safe", "homes", {"path": "/srv/%S", **VALID}, True),
        ("/srv/safe", "homes", {"path": "/srv/%S", **VALID}, False),
        ("/srv/safe", "other", {"path": "/srv/%S", **VALID}, False),
        ("/srv/other/safe", "other", {"path": "/srv/%S", **VALID}, True),
        ("/srv/ann", "other", {"path": "/srv/%U/files"}, True),
        ("/srv/ann", "other", {"path": "/srv/%u"}, True),
        ("/srv/bob", "other", {"path": "/srv/%u"}, False),
        ("/home/ann/x", "other", {"path": "%H/x"}, True),
        ("/home/ann/y", "other", {"path": "%H/x"}, False),
        ("/srv/safe", "other", {"path": "/srv/%m"}, True),  # a client may be called safe
        ("/srv/safe", "other", {"path": "/srv/of-%m/x"}, True),
        ("/opt/safe", "other", {"path": "/srv/%m"}, False),
        ("/srv/%U", "other", {"path": "/srv"}, True),
    ],
)
def test_a_share_that_is_another_folder_for_each_leads_there(
    folder: str, other: str, values: dict[str, str], reached: bool
) -> None:
    asking = {"path": folder, "root preexec": f"{SHARE} ..."}
    found = Settings(GLOBALLY, {"admin": asking, other: values})
    assert step_up.ways_in(BOX, found, "admin", PEOPLE) == ([other] if reached else [])


def test_names_that_smbd_makes_one_of() -> None:
    assert step_up.alike(["a_b", "a&b", "a b", "a.b", "pc$", "pc_", "a_b"]) == [["a&b", "a_b"]]
    assert step_up.alike(["x$y", "x;y", "x%y"]) == [["x$y", "x%y", "x;y"]]


def test_a_link_to_the_folder_leads_there_too(tmp_path: Path) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "alias").symlink_to("admin")
    asking = {"path": "/admin", "root preexec": f"{SHARE} ..."}
    found = Settings(GLOBALLY, {"admin": asking, "other": {"path": "/alias"}})
    assert step_up.ways_in(System(str(tmp_path)), found, "admin", PEOPLE) == ["other"]


def test_the_helper_is_found_where_its_architecture_has_it(tmp_path: Path) -> None:
    assert step_up.helper(System(str(tmp_path))) is None
    program = tmp_path / "usr/lib/aarch64-linux-gnu/nas2fa/nas2fa-share"
    program.parent.mkdir(parents=True)
    program.touch()
    assert step_up.helper(System(str(tmp_path))) == "/usr/lib/aarch64-linux-gnu/nas2fa/nas2fa-share"
