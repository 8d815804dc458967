"""sshd's configuration, read as sshd reads it. tests/box/test_sshd_config.py compares with sshd itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from nas2fa.activation import sshd
from nas2fa.activation.system import System

DEBIAN = """\
# This is the sshd server system-wide configuration file.
Include /etc/ssh/sshd_config.d/*.conf

#Port 22
KbdInteractiveAuthentication no
UsePAM yes
Subsystem	sftp	/usr/lib/openssh/sftp-server
"""
OPENMEDIAVAULT = """\
Protocol 2
PermitRootLogin yes
PasswordAuthentication yes
UsePAM yes
Include /etc/ssh/sshd_config.d/*.conf
"""


@pytest.fixture
def box(tmp_path: Path) -> System:
    (tmp_path / "etc/ssh/sshd_config.d").mkdir(parents=True)
    return System(str(tmp_path))


def won(box: System, keyword: str) -> tuple[str, int] | None:
    one = sshd.winner(box, keyword)
    return (one.file, one.line) if one else None


def write(box: System, text: str, name: str = "sshd_config") -> None:
    box.path(f"/etc/ssh/{name}").write_text(text)


def test_on_debian_the_first_dropin_wins(box: System) -> None:
    write(box, DEBIAN)
    write(box, "KbdInteractiveAuthentication yes\n", "sshd_config.d/00-nas2fa.conf")
    write(box, "kbdinteractiveauthentication no\n", "sshd_config.d/50-cloud-init.conf")
    write(box, "KbdInteractiveAuthentication no\n", "sshd_config.d/.hidden.conf")
    assert won(box, "KbdInteractiveAuthentication") == ("/etc/ssh/sshd_config.d/00-nas2fa.conf", 1)
    assert won(box, "UsePAM") == ("/etc/ssh/sshd_config", 6)
    assert won(box, "MaxAuthTries") is None


def test_on_openmediavault_the_main_file_wins(box: System) -> None:
    write(box, OPENMEDIAVAULT)
    write(box, "PasswordAuthentication no\n", "sshd_config.d/00-nas2fa.conf")
    assert won(box, "passwordauthentication") == ("/etc/ssh/sshd_config", 3)


def test_a_match_block_ends_with_its_file_or_with_match_all(box: System) -> None:
    write(box, "Include sshd_config.d/*.conf\nMatch User bob\nUsePAM no\nMatch all\nPort 2222\nUsePAM yes\n")
    write(box, "Match Address 10.0.0.0/8\nPasswordAuthentication yes\n", "sshd_config.d/a.conf")
    write(box, "PasswordAuthentication no\n", "sshd_config.d/b.conf")
    found = [(s.keyword, s.value, s.match) for s in sshd.settings(box)]
    assert found == [
        ("passwordauthentication", "yes", "Address 10.0.0.0/8"),
        ("passwordauthentication", "no", None),
        ("usepam", "no", "User bob"),
        ("port", "2222", None),
        ("usepam", "yes", None),
    ]
    assert won(box, "UsePAM") == ("/etc/ssh/sshd_config", 6)
    assert won(box, "PasswordAuthentication") == ("/etc/ssh/sshd_config.d/b.conf", 1)


def test_an_include_inside_a_match_block_holds_there_only(box: System) -> None:
    write(box, "Match User bob\nInclude /etc/ssh/bob /etc/ssh/nowhere\n")
    write(box, "UsePAM no\n", "bob")
    ((setting),) = sshd.settings(box)
    assert (setting.where, setting.match) == ("/etc/ssh/bob:1", "User bob")
    assert won(box, "UsePAM") is None


def test_spellings_of_one_keyword(box: System) -> None:
    write(box, '  ChallengeResponseAuthentication = "no"\nSkeyAuthentication yes\nUsePAM\tno\nport=22\n')
    assert won(box, "KbdInteractiveAuthentication") == ("/etc/ssh/sshd_config", 1)
    assert [(s.keyword, s.value) for s in sshd.settings(box)][2:] == [("usepam", "no"), ("port", "22")]


def test_files_that_include_each_other_end(box: System) -> None:
    write(box, "Include /etc/ssh/sshd_config\nUsePAM yes\n")
    assert won(box, "UsePAM") == ("/etc/ssh/sshd_config", 2)
