"""Somebody else changes a file, or apt does, while a switch is on: only our lines leave."""

from __future__ import annotations

import pytest
from debianbox import clients, logins
from debianbox.logins import PASSWORD, PASSWORD_PROMPT
from debianbox.machine import Box
from debianbox.switching import PLAINLY, changed, everything, state, system

# A package of somebody else's whose profile goes into PAM's common files.
_PROFILE_DEB = """
mkdir -p /tmp/theirs/DEBIAN /tmp/theirs/usr/share/pam-configs
cd /tmp/theirs
cat >DEBIAN/control <<'END'
Package: theirs
Version: 1
Architecture: all
Maintainer: somebody <else@example.org>
Description: a profile of pam-auth-update
END
cat >usr/share/pam-configs/theirs <<'END'
Name: Theirs
Default: yes
Priority: 300
Auth-Type: Primary
Auth:
	[success=end default=ignore]	pam_succeed_if.so quiet uid eq 4242
Account-Type: Additional
Account:
	optional	pam_permit.so
END
printf '#!/bin/sh\\npam-auth-update --package\\n' >DEBIAN/postinst
printf '#!/bin/sh\\npam-auth-update --package --remove theirs\\n' >DEBIAN/prerm
chmod 755 DEBIAN/p*
dpkg-deb --build /tmp/theirs /root/theirs.deb
"""

# openssh-server as it is installed, as a newer version of itself.
_NEWER_SSHD = """
mkdir -p /tmp/sshd/DEBIAN
dpkg-query -L openssh-server | grep -vx /. | tar --no-recursion -cf - -T - 2>/dev/null | tar -C /tmp/sshd -xf -
{before}
cd /tmp/sshd
dpkg-query -s openssh-server |
    sed '/^Status:/d; /^Conffiles:/,/^[^ ]/{{/^Conffiles:/d; /^ /d}}; s/^Version: .*/&+newer/' >DEBIAN/control
dpkg-query --showformat '${{Conffiles}}\\n' --show openssh-server | awk '{{print $1}}' | grep / >DEBIAN/conffiles
for name in preinst postinst prerm postrm; do cp /var/lib/dpkg/info/openssh-server.$name DEBIAN/$name 2>/dev/null; done
dpkg-deb --build /tmp/sshd /root/sshd.deb
"""


def time_out(box: Box) -> None:
    """What the timer starts when time is up."""
    box.run("systemctl start nas2fa-trial.service")
    assert state(box) == "off"


def ours(box: Box) -> list[str]:
    """Lines of ours in what decides a login."""
    files = "/etc/pam.d /etc/ssh /var/lib/pam/auth /var/lib/pam/account"
    return box.run(f"grep -r nas2fa {files} --exclude=nas2fa --exclude='*.dpkg-*'", check=False).stdout.splitlines()


EDITS = {
    "common": ("/etc/pam.d/common-auth", "$ a # theirs"),
    "stack": ("/etc/pam.d/sshd", "$ a session optional pam_permit.so"),
    "block": ("/etc/pam.d/sshd", "/^# nas2fa END/d"),
    "drop-in": ("/etc/ssh/sshd_config.d/00-nas2fa.conf", "$ a ClientAliveInterval 30"),
    "config": ("/etc/ssh/sshd_config", "$ a ClientAliveInterval 30"),
}


@pytest.mark.parametrize("name", EDITS)
def test_a_foreign_edit(plain_box: Box, name: str) -> None:
    """It is there afterwards, and nothing else: as if it had been made without us."""
    path, sed = EDITS[name]
    before = plain_box.run(f"cat {path}", check=False).stdout
    system(plain_box, *PLAINLY)
    plain_box.run(["sed", "-i", sed, path])
    time_out(plain_box)
    assert ours(plain_box) == []
    added = sed.removeprefix("$ a ") + "\n" if sed.startswith("$ a ") else ""
    assert plain_box.run(f"cat {path}", check=False).stdout == before + added
    plain_box.run("sshd -t && pam-auth-update --package")
    assert ours(plain_box) == []


def test_common_auth_restructured_by_hand(plain_box: Box) -> None:
    """pam-auth-update leaves it alone then. What is jumped over must not change the count."""
    system(plain_box, *PLAINLY, "--decoy")
    plain_box.run("sed -i '/pam_permit.so/i auth required pam_faildelay.so delay=1' /etc/pam.d/common-auth")
    jumping = "auth\t[success=1 default=ignore]\tpam_localuser.so"
    plain_box.run(["sed", "-i", f"/requisite.*pam_nas2fa.so/i {jumping}", "/etc/pam.d/common-auth"])
    plain_box.run("sed -i '/requisite.*pam_nas2fa.so/a auth optional pam_warn.so' /etc/pam.d/common-auth")
    time_out(plain_box)
    assert ours(plain_box) == []
    stack = [line.split() for line in plain_box.read("/etc/pam.d/common-auth").splitlines() if line.startswith("auth")]
    assert [line[-1] for line in stack if "nullok" not in line] == [
        "pam_permit.so", "pam_deny.so", "delay=1", "pam_permit.so", "pam_localuser.so", "pam_permit.so",
        "pam_warn.so",
    ]  # fmt: skip
    for service in ("login", "sshd"):
        plain_box.run(f"pamtester {service} alice authenticate", stdin=f"{logins.PASSWORD}\n")
        assert plain_box.run(f"pamtester {service} alice authenticate", stdin="wrong\n", check=False).returncode


def test_a_profile_is_installed_meanwhile(plain_box: Box) -> None:
    """Its lines stay, in the place and with the jumps that they would have without us."""
    plain_box.run(_PROFILE_DEB)
    plain_box.run("apt-get -y install /root/theirs.deb")
    alone = everything(plain_box)
    plain_box.run("apt-get -y purge theirs")

    system(plain_box, *PLAINLY, "--decoy")
    plain_box.run("apt-get -y install /root/theirs.deb")
    assert "pam_nas2fa.so" in plain_box.read("/etc/pam.d/common-auth")
    time_out(plain_box)
    assert [line for line in changed(alone, everything(plain_box)) if "/var/lib/pam/seen" not in line] == []
    plain_box.run("apt-get -y purge theirs")
    assert ours(plain_box) == []


def test_a_profile_is_removed_after_the_way_back(plain_box: Box) -> None:
    """Nothing brings our lines back: neither another package nor an administrator who starts anew."""
    system(plain_box, *PLAINLY, "--decoy")
    time_out(plain_box)
    plain_box.run(_PROFILE_DEB)
    plain_box.run("apt-get -y install /root/theirs.deb && apt-get -y purge theirs")
    plain_box.run("DEBIAN_FRONTEND=noninteractive pam-auth-update --force")
    assert ours(plain_box) == []


@pytest.mark.parametrize("before", ["", "echo '# newer' >>/tmp/sshd/etc/pam.d/sshd"], ids=["same", "newer"])
@pytest.mark.parametrize("conffiles", ["confold", "confnew"])
def test_openssh_is_upgraded_meanwhile(plain_box: Box, before: str, conffiles: str) -> None:
    plain_box.run(_NEWER_SSHD.format(before=before))
    old = plain_box.read("/etc/pam.d/sshd")
    newer = plain_box.read("/tmp/sshd/etc/pam.d/sshd")
    system(plain_box, *PLAINLY)
    apt = f"DEBIAN_FRONTEND=noninteractive apt-get -y -o Dpkg::Options::=--force-{conffiles}"
    plain_box.run(f"{apt} install /root/sshd.deb")
    time_out(plain_box)
    assert ours(plain_box) == []
    assert plain_box.read("/etc/pam.d/sshd") == (newer if before and conffiles == "confnew" else old)
    assert "kbdinteractiveauthentication no" in plain_box.run("sshd -T").stdout


def test_apt_holds_debconf_meanwhile(plain_box: Box) -> None:
    """The files go back at once; what debconf remembers does no harm."""
    before = everything(plain_box)
    system(plain_box, *PLAINLY)
    holder = plain_box.terminal("flock /var/cache/debconf/config.dat -c 'echo held; read x'")
    holder.expect("held")
    time_out(plain_box)
    holder.sendline("")
    assert [line for line in changed(before, everything(plain_box)) if "profiles" not in line] == []
    plain_box.run("pam-auth-update --package")
    assert ours(plain_box) == []


def test_disable_after_a_foreign_edit(plain_box: Box) -> None:
    logins.enable(plain_box)
    plain_box.run(_PROFILE_DEB)
    plain_box.run("apt-get -y install /root/theirs.deb && echo '# theirs' >>/etc/pam.d/sshd")
    assert "Changed since" in system(plain_box, "status")
    system(plain_box, "disable", "--yes")
    assert ours(plain_box) == []
    assert "pam_succeed_if.so quiet uid eq 4242" in plain_box.read("/etc/pam.d/common-auth")
    assert plain_box.read("/etc/pam.d/sshd").endswith("# theirs\n")


@pytest.mark.parametrize("packages", ["nas2fa libpam-nas2fa", "libpam-nas2fa"])
def test_purged_while_it_is_on(plain_box: Box, packages: str) -> None:
    before = everything(plain_box)
    logins.enable(plain_box, "--decoy")
    plain_box.run(f"DEBIAN_FRONTEND=noninteractive apt-get -y purge {packages}")
    plain_box.run("deluser --quiet --remove-home admin; rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow-")
    files = [line for line in changed(before, everything(plain_box)) if "/etc/pam.d/" in line or "/etc/ssh" in line]
    assert [line for line in files if "/etc/pam.d/nas2fa" not in line] == []
    assert not [line for line in changed(before, everything(plain_box)) if "/var/lib/pam" in line or "profiles" in line]
    assert ours(plain_box) == []
    child = clients.openssh(plain_box, "alice")
    assert "alice" in clients.answer(child, (PASSWORD_PROMPT, PASSWORD)).split()


def test_removed_while_it_is_on_trial(plain_box: Box) -> None:
    system(plain_box, *PLAINLY)
    plain_box.run("DEBIAN_FRONTEND=noninteractive apt-get -y remove nas2fa")
    assert ours(plain_box) == []
    assert "inactive" in plain_box.run("systemctl is-active nas2fa-trial.timer", check=False).stdout


def test_reconfigured_while_it_is_on(plain_box: Box) -> None:
    """What an upgrade runs: it stays on; where somebody took our line away, that is said loudly."""
    logins.enable(plain_box)
    people = everything(plain_box)
    assert "ATTENTION" not in plain_box.run("dpkg-reconfigure nas2fa 2>&1").stdout
    assert changed(people, everything(plain_box)) == []
    plain_box.run("sed -i '/pam_nas2fa/d; /pam_unix/a auth optional pam_permit.so' /etc/pam.d/common-auth")
    assert "no login asks for a code now" in plain_box.run("dpkg-reconfigure nas2fa 2>&1").stdout


def test_switched_on_again_after_a_foreign_edit(plain_box: Box) -> None:
    """The new switch builds on what is there now; its way back leads there, and `disable` to that without us."""
    logins.enable(plain_box)
    plain_box.run("echo '# theirs' >>/etc/pam.d/sshd; echo '# theirs' >>/etc/pam.d/common-auth")
    people = everything(plain_box)
    system(plain_box, *PLAINLY, "--decoy", "--ssh-keys", "code")
    assert "pubkey" in plain_box.read("/etc/pam.d/sshd")
    plain_box.run("systemctl start nas2fa-trial.service")
    assert state(plain_box) == "on"
    assert changed(people, everything(plain_box)) == []
    plain_box.run("nas2fa-off")
    assert ours(plain_box) == []
    for file in ("sshd", "common-auth"):
        assert plain_box.read(f"/etc/pam.d/{file}").endswith("# theirs\n")
