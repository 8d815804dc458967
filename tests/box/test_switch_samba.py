"""`nas2fa system enable` where Samba is: its line goes into the stack and out again, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from debianbox import clients, lan, logins, samba
from debianbox.logins import PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box
from debianbox.switching import PLAINLY, changed, everything, state, system

STACK = "/etc/pam.d/samba"
BLOCK = "# nas2fa BEGIN\naccount requisite pam_nas2fa.so\n# nas2fa END\n"


@pytest.fixture
def nas(suite: str) -> Iterator[Box]:
    """A box with Samba, not switched on."""
    with Box(samba.plain_samba_layers(suite)) as box:
        lan.attach(box)
        yield box


def account(box: Box) -> str:
    """The first line of the account kind, or the first include of it."""
    return box.run(f"grep -m1 -E '^(@include common-account|-?account)' {STACK}").stdout.strip()


def test_on_trial_and_back_byte_for_byte(nas: Box) -> None:
    """Without a restart of smbd; who has no second step gets in all the time; smb.conf stays as it is."""
    logins.enrol(nas, "alice")
    before = everything(nas)
    server = nas.run("systemctl show -P MainPID smbd").stdout
    assert samba.visit(nas, "alice") == samba.OK

    said = system(nas, *PLAINLY)
    assert "+account requisite pam_nas2fa.so" in said
    assert "nas2fa unlock smb" in said
    assert "without a restart of smbd" in said
    assert account(nas) == "account requisite pam_nas2fa.so"
    assert samba.visit(nas, "alice") == samba.NEEDS_CODE
    assert samba.visit(nas, "bob") == samba.OK
    assert samba.visit(nas, "alice", "wrong") == samba.WRONG_PASSWORD
    assert samba.SMB_CONF not in "".join(changed(before, everything(nas)))

    nas.run("systemctl start nas2fa-trial.service")  # what the timer starts when time is up
    assert state(nas) == "off"
    assert changed(before, everything(nas)) == []
    assert samba.visit(nas, "alice") == samba.OK
    assert nas.run("systemctl show -P MainPID smbd").stdout == server


@pytest.mark.parametrize("how", ["nas2fa system disable --yes", "nas2fa-off", "apt-get -y purge nas2fa"])
def test_confirmed_and_off_byte_for_byte(nas: Box, how: str) -> None:
    before = nas.run(f"sha256sum {STACK} {samba.SMB_CONF}; stat -c %a-%u-%g {STACK}").stdout
    logins.enable(nas)
    assert json.loads(system(nas, "status", "--json"))["options"]["samba"] is True
    assert BLOCK in nas.read(STACK)
    nas.run(f"export DEBIAN_FRONTEND=noninteractive; {how}")
    assert nas.run(f"sha256sum {STACK} {samba.SMB_CONF}; stat -c %a-%u-%g {STACK}").stdout == before
    child = clients.openssh(nas, "alice")
    assert "alice" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()


def test_it_comes_before_lines_of_the_administrators_own(nas: Box) -> None:
    """One that could end the stack too; they stay, and so does what is added meanwhile."""
    nas.run(f"sed -i '/common-account/i account sufficient pam_localuser.so' {STACK}")
    before = nas.read(STACK)
    logins.enable(nas)
    assert account(nas) == "account requisite pam_nas2fa.so"
    logins.enrol(nas, "alice")
    assert samba.visit(nas, "alice") == samba.NEEDS_CODE
    nas.run(f"echo '# theirs' >>{STACK}")
    system(nas, "disable", "--yes")
    assert nas.read(STACK) == before + "# theirs\n"


def obey(word: str) -> str:
    return f"sed -i 's/obey pam restrictions = yes/obey pam restrictions = {word}/' {samba.SMB_CONF}"


NOT_COVERED = [
    (obey("no"), "set `obey pam restrictions = yes`"),
    (f"sed -i '/obey pam restrictions/d' {samba.SMB_CONF}", "set `obey pam restrictions = yes`"),
    (obey("maybe"), "testparm refuses"),
    (f"sed -i 's/server role = .*/server role = dc/' {samba.SMB_CONF}", "domain controller"),
    (f"rm {STACK}", f"{STACK} does not exist"),
]
IN_THE_WAY = [
    (f"mv {STACK} {STACK}-own; ln -s samba-own {STACK}", f"{STACK} is a link"),
    (f"sed -i '/common-account/i account required pam_nas2fa.so' {STACK}", "put there by hand"),
]


def test_refused_where_samba_could_not_be_covered(nas: Box) -> None:
    """With reason and fix, and nothing changes; the administrator may leave Samba out."""
    nas.run(f"tar -cf /root/kept.tar {STACK} {samba.SMB_CONF}")
    for command, why in (*NOT_COVERED, *IN_THE_WAY):
        nas.run(command)
        before = everything(nas)
        said = system(nas, *PLAINLY, status=1)
        assert why in said
        assert ("--no-samba" in said) == ((command, why) in NOT_COVERED)
        assert changed(before, everything(nas)) == []
        nas.run(f"rm -f {STACK} {STACK}-own; tar -xf /root/kept.tar -C /")
    nas.run(obey("no"))
    logins.enable(nas, "--no-samba")
    assert "pam_nas2fa" not in nas.read(STACK)
    logins.enrol(nas, "alice")
    assert samba.visit(nas, "alice") == samba.OK


def test_it_may_be_left_out_and_taken_in_later(nas: Box) -> None:
    """Each as another switch on trial; nobody's confirmation leads back to what was confirmed."""
    logins.enable(nas, "--no-samba")
    logins.enrol(nas, "alice")
    assert "Nothing would change" in system(nas, *PLAINLY)
    assert samba.visit(nas, "alice") == samba.OK
    system(nas, *PLAINLY, "--samba")
    assert samba.visit(nas, "alice") == samba.NEEDS_CODE
    nas.run("nas2fa-off")
    assert state(nas) == "off"
    logins.enable(nas, admin="ben")
    assert samba.visit(nas, "alice") == samba.NEEDS_CODE
    assert "no longer asks" in system(nas, *PLAINLY, "--no-samba")
    assert samba.visit(nas, "alice") == samba.OK
    nas.run("systemctl start nas2fa-trial.service")
    assert state(nas) == "on"
    assert samba.visit(nas, "alice") == samba.NEEDS_CODE


def test_an_upgrade_that_replaced_the_file_is_mended_by_enable(nas: Box) -> None:
    """What dpkg leaves where the maintainer's version was chosen: found, and one command writes the line again."""
    original = nas.read(STACK)
    logins.enable(nas)
    logins.enrol(nas, "alice")
    nas.write(STACK, original)
    assert samba.visit(nas, "alice") == samba.OK
    system(nas, *PLAINLY)
    assert samba.visit(nas, "alice") == samba.NEEDS_CODE
    nas.run("nas2fa-off")
    assert nas.read(STACK) == original


def test_it_goes_back_at_once_where_the_line_would_not_be_reached(nas: Box) -> None:
    """Nobody's file should be able to do this; if one can, the switch notices itself."""
    before = everything(nas)
    nas.run("mkdir /root/site; cp -a /usr/lib/python3/dist-packages/nas2fa /root/site")
    nas.run("sed -i '/^_GRANT_LINE/s/requisite/optional/' /root/site/nas2fa/activation/edits.py")
    done = nas.run(
        ["python3", "-m", "nas2fa.cli", "system", *PLAINLY], check=False, environment={"PYTHONPATH": "/root/site"}
    )
    assert done.returncode == 1
    assert "without a yes of nas2fad" in done.stdout + done.stderr
    assert changed(before, everything(nas)) == []
