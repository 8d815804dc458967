"""What is read of sshd's command line; tests/box/test_doctor.py reads those of real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from nas2fa.activation import sshd
from nas2fa.activation.checks import sshd_files
from nas2fa.activation.examination import Examination
from nas2fa.activation.sshd_start import Start, started
from nas2fa.activation.system import Ran, System

SHOWN = """\
MainPID={pid}
ExecStart={{ path=/usr/sbin/sshd ; argv[]=/usr/sbin/sshd -D $SSHD_OPTS ; ignore_errors=no ; pid=0 }}
EnvironmentFiles=/etc/default/ssh (ignore_errors=yes)
StateChangeTimestamp=Tue 2026-11-24 15:25:12.250000 UTC
StateChangeTimestampMonotonic=0
"""


@dataclass(frozen=True, slots=True)
class Unit(System):
    """A box whose ssh.service has this process; 0: none."""

    pid: int = 0

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        assert command[:2] == ["systemctl", "show"]
        return Ran(0, SHOWN.format(pid=self.pid), "")


def box(root: Path, pid: int, **files: str) -> Unit:
    for name in ("run/systemd/system", "etc/default", "etc/ssh", f"proc/{pid}"):
        (root / name).mkdir(parents=True)
    for name, text in files.items():
        (root / name.replace("_", "/")).write_text(text)
    return Unit(str(root), pid)


@pytest.mark.parametrize(
    ("title", "words"),
    [
        ("/usr/sbin/sshd -D", ()),
        ("/usr/sbin/sshd -D -o UsePAM=no", ("-o", "UsePAM=no")),
        ("/usr/sbin/sshd -De -oUsePAM no -E /var/log/x -4", ("-o", "UsePAM no")),
        ("/usr/sbin/sshd -Df /etc/ssh/x -p 2222", ("-f", "/etc/ssh/x", "-p", "2222")),
    ],
)
def test_the_title_of_the_one_that_runs(tmp_path: Path, title: str, words: tuple[str, ...]) -> None:
    title = f"sshd: {title} [listener] 0 of 10-100 startups\0\0"
    found = started(box(tmp_path, 7, proc_7_cmdline=title, etc_default_ssh="SSHD_OPTS=-oUsePAM=yes\n"))
    assert found.words == words
    assert found.since is not None
    assert found.since >= 1795533912.25  # what the clock said; later where that would be longer than the box is up


def test_before_it_has_a_title(tmp_path: Path) -> None:
    assert started(box(tmp_path, 7, proc_7_cmdline="/usr/sbin/sshd\0-D\0-o\0UsePAM no\0")).options == ("UsePAM no",)


@pytest.mark.parametrize("text", ["-o UsePAM=no", "'-o UsePAM=no'", '"-o UsePAM=no"'])
def test_one_that_does_not_run_has_what_its_next_start_will_give_it(tmp_path: Path, text: str) -> None:
    found = started(box(tmp_path, 0, etc_default_ssh=f"# why\nSSHD_OPTS={text}\n"))
    assert (found.options, found.since) == (("UsePAM=no",), None)


def test_the_options_come_before_all_files_and_another_file_in_the_place_of_sshds_own(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("UsePAM yes\nPort 2222\n")
    start = Start(("-f", "/x", "-o", "UsePAM=no"))
    found = [(one.keyword, one.value, one.where) for one in sshd.settings(System(str(tmp_path)), start=start)]
    assert found == [("usepam", "no", sshd.COMMAND_LINE), ("usepam", "yes", "/x:1"), ("port", "2222", "/x:2")]


@dataclass(frozen=True, slots=True)
class Sshd(System):
    """A box whose sshd says nothing of its configuration, and takes or refuses it."""

    takes: bool = True

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        return Ran(0, "", "") if command[1] == "-t" and self.takes else Ran(255, "", "line 1: no lport")


def test_only_what_would_not_start_is_called_refused(tmp_path: Path) -> None:
    (tmp_path / "usr/sbin").mkdir(parents=True)
    (tmp_path / "usr/sbin/sshd").touch()
    (found,) = sshd_files.configuration_is_read(Examination(Sshd(str(tmp_path), takes=False), None))
    assert found.name == "sshd-refuses-config"
    with pytest.raises(sshd.SshdError, match="no lport"):  # of which the doctor says that it broke off
        list(sshd_files.configuration_is_read(Examination(Sshd(str(tmp_path)), None)))
