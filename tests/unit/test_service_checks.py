"""What the doctor says of programs that log in again for each connection, and that its advice can be followed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from nas2fa import config
from nas2fa.activation.checks import services
from nas2fa.activation.examination import Examination
from nas2fa.activation.findings import Finding
from nas2fa.activation.places import ENFORCED
from nas2fa.activation.system import System

RULE = '[[rule]]\naction = "code"\nservice = ["dovecot", "cups"]\nagain_after = 28800\n'
OTHER = '[[rule]]\naction = "code"\nuser = ["alice"]\n'
DEBIAN = "Listen localhost:631\nListen /run/cups/cups.sock\nBrowsing No\n"


@pytest.fixture
def box(tmp_path: Path) -> System:
    """A root where it is switched on."""
    for folder in ("etc/pam.d", "etc/nas2fa", "etc/cups", "var/lib/nas2fa-switch"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / ENFORCED.lstrip("/")).symlink_to("state.x")
    return System(str(tmp_path))


def found(box: System, service: str, rules: str = "") -> list[Finding]:
    box.path(f"/etc/pam.d/{service}").write_text("auth required pam_unix.so\nauth requisite pam_nas2fa.so\n")
    box.path(services.CONFIG).write_text(rules)
    return list(services.repeated_logins_are_trusted(Examination(box, None)))


@pytest.mark.parametrize("rules", ["", 'issuer = "NAS"\n', OTHER])
def test_the_advice_can_be_run_as_it_is_printed(box: System, rules: str) -> None:
    (finding,) = found(box, "dovecot", rules)
    command, _, rest = finding.fix.partition(" && ")
    subprocess.run(["/bin/sh", "-c", command.replace(services.CONFIG, str(box.path(services.CONFIG)))], check=True)
    rule = config.parse(box.read(services.CONFIG) or "", services.CONFIG).rule[-1]
    assert (rule.action, sorted(rule.service), rule.again_after) == ("code", ["dovecot"], 28800)
    assert rest.startswith("systemctl reload nas2fad")
    assert ("The first rule that fits decides" in rest) == (rules == OTHER)
    assert list(services.repeated_logins_are_trusted(Examination(box, None))) == []


@pytest.mark.parametrize("heard", ["Port 631\n", "Listen 192.168.1.2:631\n", "SSLListen *:443\n", "Listen 631\n"])
def test_cups_on_the_network_is_helped_by_a_rule(box: System, heard: str) -> None:
    box.path(services.CUPSD).write_text(DEBIAN + heard)
    assert "again_after" in found(box, "cups")[0].fix
    assert found(box, "cups", RULE) == []


@pytest.mark.parametrize("text", [DEBIAN, "listen 127.0.0.1:631\nListen [::1]:631\n"])
def test_cups_on_this_box_alone_is_not(box: System, text: str) -> None:
    """Its clients come from the box itself, and no rule trusts those."""
    box.path(services.CUPSD).write_text(text)
    for rules in ("", RULE):
        (finding,) = found(box, "cups", rules)
        assert finding.where == "/etc/cups/cupsd.conf:1"
        assert "again_after" not in finding.fix
        assert "cupsctl --remote-admin" in finding.fix
    assert found(box, "cups", '[[rule]]\naction = "skip"\nservice = ["cups"]\n') == []
