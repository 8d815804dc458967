"""A switch that nobody confirms leaves the old bytes, whatever happens meanwhile."""

from __future__ import annotations

import pytest
from debianbox import logins
from debianbox.machine import Box
from debianbox.switching import PLAINLY, changed, everything, state, system

PENDING = "/var/lib/nas2fa-switch/pending"


@pytest.fixture
def before(plain_box: Box) -> list[str]:
    """How every file was."""
    return everything(plain_box)


def on_trial(box: Box, *options: str) -> None:
    system(box, *PLAINLY, *options)
    assert state(box) == "trial"
    assert box.run("test -e /etc/systemd/system/nas2fa-switch-back.service")


def time_out(box: Box) -> None:
    """What the timer starts when time is up; test_time_out waits for it to do so."""
    box.run("systemctl start nas2fa-trial.service")
    assert box.run(f"test -e {PENDING}", check=False).returncode == 1


def test_time_out(plain_box: Box, before: list[str]) -> None:
    on_trial(plain_box, "--confirm-within", "10s")
    plain_box.until(f"test ! -e {PENDING} && systemctl show -P ActiveState nas2fa-trial.service | grep inactive")
    assert changed(before, everything(plain_box)) == []
    assert "kbdinteractiveauthentication yes" not in plain_box.run("sshd -T").stdout
    assert plain_box.journal("MESSAGE_ID=fb5b821cbb2c431e81e232465c816d6f")


def test_reboot(plain_box: Box, before: list[str]) -> None:
    times = "stat --format='%n %y' /etc/pam.d/* /var/lib/pam/*"
    then = plain_box.run(times).stdout.splitlines()
    on_trial(plain_box)
    plain_box.reboot()
    assert changed(before, everything(plain_box)) == []
    assert changed(then, plain_box.run(times).stdout.splitlines()) == []
    assert plain_box.run("systemctl is-system-running", check=False).stdout.strip() == "running"


def test_back_before_any_login(plain_box: Box) -> None:
    """At a boot it is undone before there is a console, an sshd or an smbd that could ask."""
    on_trial(plain_box)
    plain_box.run(
        "mkdir -p /etc/systemd/system/sysinit.target.wants && "
        "sed -i 's,^ExecStart=,ExecStart=/bin/sleep 2\\n&,' /etc/systemd/system/nas2fa-switch-back.service"
    )
    plain_box.reboot()
    ended = plain_box.run("systemctl show -P ActiveEnterTimestampMonotonic sysinit.target").stdout
    for unit in ("ssh.service", "console-getty.service", "basic.target"):
        started = plain_box.run(f"systemctl show -P InactiveExitTimestampMonotonic {unit}").stdout
        assert int(started) == 0 or int(started) >= int(ended) > 2_000_000
    assert state(plain_box) == "off"


def test_power_cut(plain_box: Box, before: list[str]) -> None:
    on_trial(plain_box)
    plain_box.power_cut()
    assert changed(before, everything(plain_box)) == []


def interrupted(box: Box, at: int, how: str) -> bool:
    """Enable, with `how` happening to the command at its rename number `at`. True: there are not so many."""
    strace = ["strace", "-o", "/dev/null", "-e", f"inject=rename:{how}:when={at}"]
    return box.run([*strace, "nas2fa", "system", *PLAINLY], check=False).returncode == 0


def test_power_cut_at_each_step(plain_box: Box, before: list[str]) -> None:
    """After the copies, before the link that makes them count, between any two edits, before the end."""
    steps = 0
    while not interrupted(plain_box, steps + 1, "signal=KILL"):
        plain_box.power_cut()
        assert changed(before, everything(plain_box)) == [], f"cut at rename {steps + 1}"
        steps += 1
    assert steps >= 8  # unit, link, drop-in, sshd's stack, saved profiles, common-auth, the note to nas2fad


def test_killed_at_each_step(plain_box: Box, before: list[str]) -> None:
    """The command alone: the box goes on, and the timer or the next command puts things right."""
    for step in range(1, 9):
        assert not interrupted(plain_box, step, "signal=KILL")
        plain_box.run("nas2fa-off")
        assert changed(before, everything(plain_box)) == [], f"killed at rename {step}"


def test_an_error_at_each_step(plain_box: Box, before: list[str]) -> None:
    for step in range(1, 9):
        assert not interrupted(plain_box, step, "error=EIO")
        assert changed(before, everything(plain_box)) == [], f"error at rename {step}"


# In the place of mv(1), until the box is off: kills the script at its call number N, before or after the deed.
_DEADLY_MV = """#!/bin/sh
echo >>/run/moved
if [ $(wc -l </run/moved) = {at} ]; then
    {deed}
    kill -9 $PPID
    exit 1
fi
exec /root/mv "$@"
"""


@pytest.mark.parametrize("deed", [":", '/root/mv "$@"'], ids=["before", "after"])
def test_power_cut_in_the_middle_of_the_way_back(plain_box: Box, before: list[str], deed: str) -> None:
    plain_box.run("cp /usr/bin/mv /root/mv")
    for step in range(1, 4):
        on_trial(plain_box)
        plain_box.write("/root/deadly", _DEADLY_MV.format(at=step, deed=deed), mode=0o755)
        plain_box.run("rm -f /run/moved; mount --bind /root/deadly /usr/bin/mv")
        assert plain_box.run("/usr/libexec/nas2fa/switch-back roll-back", check=False).returncode != 0
        assert changed(before, everything(plain_box)) != []
        plain_box.power_cut()
        assert changed(before, everything(plain_box)) == [], f"cut at move {step}"


# As `nas2fa system confirm` leaves it, without the login that it asks for.
_CONFIRM = f"""
mv --no-target-directory {PENDING} /var/lib/nas2fa-switch/enforced; systemctl stop nas2fa-trial.timer
cd /etc/systemd/system; rm /run/nas2fa/trial nas2fa-switch-back.service sysinit.target.wants/nas2fa-switch-back.service
"""


@pytest.mark.parametrize("deed", [":", '/root/mv "$@"'], ids=["before", "after"])
def test_power_cut_in_the_middle_of_disable(plain_box: Box, before: list[str], deed: str) -> None:
    """Half of it would be the worst: sshd that cannot ask, and a stack that wants an answer."""
    plain_box.run("cp /usr/bin/mv /root/mv")
    for step in (1, 3):
        on_trial(plain_box)
        plain_box.run(_CONFIRM)
        assert state(plain_box) == "on"
        plain_box.write("/root/deadly", _DEADLY_MV.format(at=step, deed=deed), mode=0o755)
        plain_box.run("rm -f /run/moved; mount --bind /root/deadly /usr/bin/mv")
        assert plain_box.run("nas2fa-off", check=False).returncode != 0
        assert changed(before, everything(plain_box)) != []
        plain_box.power_cut()
        assert changed(before, everything(plain_box)) == [], f"cut at move {step}"
        assert plain_box.run("ls /var/lib/nas2fa-switch").stdout.split() == ["lock"]


def test_a_disable_that_another_switch_has_followed_is_not_resumed(plain_box: Box) -> None:
    """One that could not put everything back is over then."""
    on_trial(plain_box)
    plain_box.run(_CONFIRM)
    plain_box.run("ln -s $(readlink /var/lib/nas2fa-switch/enforced) /var/lib/nas2fa-switch/disabling")
    on_trial(plain_box, "--decoy")
    plain_box.run(f"mv --no-target-directory {PENDING} /var/lib/nas2fa-switch/enforced")  # the unit is still there
    plain_box.reboot()
    assert state(plain_box) == "on"
    assert plain_box.run("ls -d /var/lib/nas2fa-switch/disabling", check=False).returncode != 0


def test_without_daemon(plain_box: Box, before: list[str]) -> None:
    on_trial(plain_box)
    plain_box.run("systemctl kill --signal=KILL nas2fad; systemctl stop 'nas2fa*.socket' nas2fad")
    time_out(plain_box)
    assert changed(before, everything(plain_box)) == []


def test_without_python(plain_box: Box, before: list[str]) -> None:
    on_trial(plain_box)
    plain_box.run("chmod a-x $(readlink -f /usr/bin/python3); mv /usr/bin/python3 /root/")
    time_out(plain_box)
    assert changed(before, everything(plain_box)) == []


def test_without_the_packages_own_files(plain_box: Box, before: list[str]) -> None:
    on_trial(plain_box)
    plain_box.run("rm -r /usr/libexec/nas2fa /usr/lib/python3/dist-packages/nas2fa /usr/share/pam-configs/nas2fa*")
    time_out(plain_box)
    assert changed(before, everything(plain_box)) == []


def test_systemd_re_executes_itself(plain_box: Box, before: list[str]) -> None:
    on_trial(plain_box, "--confirm-within", "10s")
    plain_box.run("systemctl daemon-reload && systemctl daemon-reexec")
    plain_box.until(f"test ! -e {PENDING} && systemctl show -P ActiveState nas2fa-trial.service | grep inactive")
    assert changed(before, everything(plain_box)) == []


def small_disk(box: Box, folder: str, size: str) -> None:
    """Let a folder lie on a disk of its own, with all that is in it."""
    box.run(f"mount -t tmpfs -o mode=755,size={size} tmpfs /mnt && cp -a {folder}/. /mnt/")
    box.run(f"mount --bind /mnt {folder}")


def fill(box: Box, folder: str) -> None:
    box.run(f"cat /dev/zero >{folder}/filling 2>/dev/null; test -s {folder}/filling")
    assert not box.run(f"df --output=avail {folder} | tail -1").stdout.strip().strip("0")


@pytest.mark.parametrize("folder", ["/etc", "/var/lib/nas2fa-switch"])
def test_a_full_disk_changes_nothing(plain_box: Box, before: list[str], folder: str) -> None:
    small_disk(plain_box, folder, "4M")
    fill(plain_box, folder)
    assert "No space left" in system(plain_box, *PLAINLY, status=1)
    plain_box.run(f"rm {folder}/filling")
    assert changed(before, everything(plain_box)) == []


def test_a_disk_that_fills_up_meanwhile(plain_box: Box, before: list[str]) -> None:
    small_disk(plain_box, "/etc", "4M")
    on_trial(plain_box)
    fill(plain_box, "/etc")
    time_out(plain_box)
    plain_box.run("rm /etc/filling")
    assert changed(before, everything(plain_box)) == []


def test_to_what_was_confirmed_before(plain_box: Box, before: list[str]) -> None:
    """Another switch over one that is on: nobody confirms it, so the first one stays, and its own way back."""
    logins.enable(plain_box)
    people = everything(plain_box)
    on_trial(plain_box, "--ssh-keys", "code", "--decoy")
    assert "pubkey" in plain_box.read("/etc/pam.d/sshd")
    assert "decoy" in plain_box.read("/etc/pam.d/common-auth")
    time_out(plain_box)
    assert changed(people, everything(plain_box)) == []
    assert state(plain_box) == "on"
    plain_box.run("nas2fa-off")
    assert not [line for line in changed(before, everything(plain_box)) if "admin" not in line and "/etc/" not in line]
    assert state(plain_box) == "off"
