"""The lines of smb.conf for a share that asks for a grant of its own, and what would make them count for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.activation import step_up
from nas2fa.activation.samba import Settings
from nas2fa.activation.system import System

SHARE = "/usr/lib/x/nas2fa/nas2fa-share"
BOX = System()
GLOBALLY = {"root preexec": "", "root preexec close": "No", "force user": "", "path": "", "printable": "No"}


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
    assert step_up.ways_in(BOX, found, "admin") == (["other"] if reached else [])
    assert step_up.ways_in(BOX, Settings(GLOBALLY, {"admin": {"path": path}}), "admin") == []  # before it asks
    for harmless in ({"printable": "Yes"}, {"available": "No"}, {"root preexec": f"{SHARE} ..."}):
        found = Settings(GLOBALLY, {"admin": asking, "other": {"path": path, **harmless}})
        assert step_up.ways_in(BOX, found, "admin") == []


def test_a_link_to_the_folder_leads_there_too(tmp_path: Path) -> None:
    (tmp_path / "admin").mkdir()
    (tmp_path / "alias").symlink_to("admin")
    asking = {"path": "/admin", "root preexec": f"{SHARE} ..."}
    found = Settings(GLOBALLY, {"admin": asking, "other": {"path": "/alias"}})
    assert step_up.ways_in(System(str(tmp_path)), found, "admin") == ["other"]


def test_the_helper_is_found_where_its_architecture_has_it(tmp_path: Path) -> None:
    assert step_up.helper(System(str(tmp_path))) is None
    program = tmp_path / "usr/lib/aarch64-linux-gnu/nas2fa/nas2fa-share"
    program.parent.mkdir(parents=True)
    program.touch()
    assert step_up.helper(System(str(tmp_path))) == "/usr/lib/aarch64-linux-gnu/nas2fa/nas2fa-share"
