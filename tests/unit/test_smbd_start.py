"""What is read of smbd's command line, and of the files that make its configuration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from nas2fa.activation import smb_conf
from nas2fa.activation.samba import SambaError, settings
from nas2fa.activation.smbd_start import Start, started
from nas2fa.activation.system import Ran, System

SHOWN = """\
MainPID={pid}
ExecStart={{ path=/usr/sbin/smbd ; argv[]=/usr/sbin/smbd --foreground $SMBDOPTIONS {more}; ignore_errors=no ; pid=0 }}
Environment={environment}
EnvironmentFiles=/etc/default/samba (ignore_errors=yes)
EnvironmentFiles=/etc/default/more (ignore_errors=yes)
"""
USUAL = "/usr/sbin/smbd\0--foreground\0--no-process-group\0"


@dataclass(frozen=True, slots=True)
class Unit(System):
    """A box whose smbd.service has this process (0: none) and these words; testparm says what it was asked for."""

    pid: int = 0
    more: str = ""
    environment: str = ""

    def run(self, command: Sequence[str], stdin: str = "") -> Ran:
        if command[0] == "testparm":
            config = (self.read(command[-1]) or "").replace("config file", "\tconfig file")
            return Ran(0, f"[global]\n\tasked = {' '.join(command[3:])}\n{config}", "")
        assert command[-1] == "smbd.service"
        return Ran(0, SHOWN.format(pid=self.pid, more=self.more, environment=self.environment), "")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for name in ("run/systemd/system", "etc/default", "etc/samba", "proc/7", "proc/sys/kernel"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/hostname").write_text("nas.example.org\n")
    return tmp_path


OBEY = ("obey pam restrictions = no",)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ((), Start()),
        (("-s", "/x"), Start("/x")),
        (("-Fs/x",), Start("/x")),
        (("-DFs=/x",), Start("/x")),
        (("--configfile=/x",), Start("/x")),
        (("--configfile", "/x"), Start("/x")),
        (("-s", "/x", "-s", "/y"), Start("/y")),
        (("--option=obey pam restrictions = no", "-d3"), Start(options=OBEY)),
        (("--option", "obey pam restrictions = no", "-l", "/var/log/x"), Start(options=OBEY)),
        (("--option=a=b", "--option=c=d"), Start(options=("a=b", "c=d"))),
        (("-d", "3", "-p", "445", "-i"), Start()),
        (("--bogus",), Start(unknown=("bogus",))),
        (("--bogus=1", "-s", "/x"), Start("/x", unknown=("bogus=1",))),
        (("-Z",), Start(unknown=("Z",))),
        (("-F", "/x"), Start(unknown=("F=/x",))),
        (("--configfile",), Start(unknown=("configfile",))),
    ],
)
def test_the_one_that_runs(box: Path, words: tuple[str, ...], found: Start) -> None:
    (box / "proc/7/cmdline").write_text("\0".join(("/usr/sbin/smbd", "-F", *words, "")))
    assert started(Unit(str(box), 7))[0] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("SMBDOPTIONS=-s /x", Start("/x")),
        ("SMBDOPTIONS='--option=obey pam restrictions = no'", Start(options=OBEY)),
        ('SMBDOPTIONS="\'--option=obey pam restrictions = no\'"', Start(options=OBEY)),
        ("SMBDOPTIONS='\"--option=obey pam restrictions = no\" -s /x'", Start("/x", OBEY)),
        ("SMBDOPTIONS=-s \\\n/x", Start("/x")),
        ("# SMBDOPTIONS=-s /x", Start()),
        ("SMBDOPTIONS=", Start()),
        ("SMBDOPTIONS=\"-s /x", Start(unknown=('foreground="-s /x',))),  # a quote that does not end
    ],
)
@pytest.mark.parametrize("file", ["samba", "more"])
def test_the_next_start_is_told_beside_the_one_that_runs(box: Path, text: str, found: Start, file: str) -> None:
    (box / "proc/7/cmdline").write_text(USUAL)
    (box / "etc/default" / file).write_text(text)
    assert started(Unit(str(box), 7)) == list(dict.fromkeys([Start(), found]))
    assert started(Unit(str(box))) == [found]


def test_words_of_the_unit_itself(box: Path) -> None:
    assert started(Unit(str(box), more="--option=obey pam restrictions = no ")) == [Start(options=OBEY)]
    for environment in ("SMBDOPTIONS=-s\\ /x", '"SMBDOPTIONS=-s /x" A=b'):
        assert started(Unit(str(box), environment=environment)) == [Start("/x")]
    assert started(Unit(str(box), more="-s ${CONF} ", environment="CONF=/x")) == [Start("/x")]
    assert started(Unit(str(box), more="--configfile=${CONF} ", environment="CONF=/x")) == [Start("/x")]


def test_another_program_than_smbd_is_not_understood(box: Path) -> None:
    (box / "proc/7/cmdline").write_text("/bin/sh\0-c\0smbd -s /x\0")
    assert started(Unit(str(box), 7))[0].unknown == ("/bin/sh", "-c", "smbd -s /x")


def test_testparm_is_asked_about_what_smbd_reads(box: Path) -> None:
    here = Unit(str(box))
    assert settings(here, Start()).globally["asked"] == "/etc/samba/smb.conf"
    start = Start("/x", OBEY)
    assert settings(here, start).globally["asked"] == "--option=obey pam restrictions = no /x"
    with pytest.raises(SambaError, match="bogus"):
        settings(here, Start(unknown=("bogus",)))
    for one, other in (("smb.conf", "a"), ("a", "b")):
        (box / f"etc/samba/{one}").write_text(f"config file = /etc/samba/{other}\n")
    assert settings(here, Start()).file == "/etc/samba/a"  # smbd stays where it is while there is no such file
    (box / "etc/samba/b").touch()
    found = settings(here, Start())
    assert (found.file, found.globally["asked"]) == ("/etc/samba/b", "/etc/samba/b")
    (box / "etc/samba/b").write_text("config file = /etc/samba/a\n")
    with pytest.raises(SambaError, match="config file"):
        settings(here, Start())


@pytest.mark.parametrize(
    "text",
    [
        "include = /etc/%m",
        "in clude = /etc/%m",
        " IN\tCLUDE=/etc/%m  ",
        "include\f=/etc/%m",
        "incl\\\nude \\\n = \\  \n/etc/%m",
        "# why \\\ninclude = /etc/%m",
        "; why \\\ninclude = /etc/%m",
        "[global]\r\ninclude = /etc/%m\r\n",
        "config file = /etc/%I",
        "ConfigFile = /etc/%$(X)",
        "include = /etc/more",
        "include = etc/more",
        "include = /etc/nas",
        "include = /etc/%h",
        "config file = /etc/more",
        "include = /etc/chain",
    ],
)
def test_a_file_that_varies_is_seen_however_it_is_written(box: Path, text: str) -> None:
    (box / "etc/samba/smb.conf").write_text(f"[global]\n{text}\n\n[share]\npath = /srv\n")
    for name in ("more", "nas"):
        (box / "etc" / name).write_text("[share]\n  include = /etc/%U\ninclude = /etc/more\n")
    (box / "etc/chain").write_text("include = /etc/more")
    found = [one.value for one in smb_conf.settings(System(str(box)), Start()) if one.varies]
    assert found
    assert len(found) <= 2  # each file once


@pytest.mark.parametrize(
    "text", ["include = /etc/%h", "# include = /etc/%m", "x = a \\\ninclude = /etc/%m", "[include = %m]\ninclude %m"]
)
def test_what_is_the_same_for_all_does_not(box: Path, text: str) -> None:
    (box / "etc/samba/smb.conf").write_text(text)
    assert not any(one.varies for one in smb_conf.settings(System(str(box)), Start()))


def test_lines_of_another_file_and_of_the_command_line(box: Path) -> None:
    (box / "etc/x").write_text("a = b\n\nInclude = /etc/%m\n")
    found = list(smb_conf.settings(System(str(box)), Start("/etc/x", ("config file = /etc/%U",))))
    assert [one.where for one in found if one.varies] == [smb_conf.COMMAND_LINE, "/etc/x:3"]
