"""The cages of nas2fad, nas2fa-signin, -smb and -courier: each way out is tried from inside, on both Debians.

The probes run in units made of the real ones: their [Service] section, word for word, around another program. A fifth
one has no cage, and there each way must be open: a way that is shut everywhere would prove nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cage import needs, ways
from debianbox.layers import installed
from debianbox.machine import Box
from debianbox.roots import samba_recipe

HERE = Path(__file__).parent

# What belongs to the program of a unit and not to its cage.
_PROGRAM = re.compile(
    r"^(Type|Exec\w+|Sockets|WatchdogSec|Restart\w*|Timeout\w+|RuntimeMaxSec|StandardInput)=.*\n", re.MULTILINE
)
_PROBE = """
[Service]
{cage}
Type=oneshot
ExecStart=/usr/bin/python3 -IS -c 'import runpy, sys; sys.path.append("/run"); sys.argv[1:] = {arguments}; \
runpy.run_module("{module}", run_name="__main__", alter_sys=False)'
BindReadOnlyPaths=/opt/cage:/run/cage
Environment=PYTHONDONTWRITEBYTECODE=1 VICTIM={victim} TERMINAL={terminal} OWN={own}
StandardOutput=truncate:/opt/result
"""

# nspawn itself takes these from root, so a box cannot show them open; the last two where it runs in a chroot or under a
# hard limit of 0.
SHUT_BY_NSPAWN = {"add_key", "keyctl", "load a module", "bpf", "set the clock", "swap", "kernel log"}
SHUT_BY_NSPAWN |= {"user namespace", "core dump"}

OPEN_TO_NAS2FAD = {"read credentials", "read state", "ask nas2fad", "ask nas2fa-smb", "ask nas2fa-courier"}

# nas2fa-signin reads shadow, is called back from C in memory that was written, and finds its caller in /proc. There a
# root process that has no capabilities either, and did not say PR_SET_DUMPABLE 0 as ours do, is open to it.
OPEN_TO_SIGNIN = {
    "read shadow", "run a program in memory", "ask nas2fad",
    "memory of a process", "environment of a process", "root directory of a process",
}  # fmt: skip

OPEN_TO_SMB = {"a word to smbd"}

OPEN_TO_COURIER = {"IPv4", "IPv6"}

# Files that are worth reading: with them there, a refusal is the cage's.
_BAIT = (
    "/etc/ssl/private/box.key", "/var/backups/shadow.bak",
    "/root/secret", "/home/alice/secret", "/srv/share/file", "/run/faillock/alice",
)  # fmt: skip


class Prober:
    """Runs a module of `cage` inside the sandbox of a unit."""

    def __init__(self, box: Box) -> None:
        self.box = box
        box.copy_in(HERE, [f"cage/{path.name}" for path in (HERE / "cage").glob("*.py")], "/opt")
        box.run(["useradd", "--create-home", "alice"])
        box.run("echo 'alice:correct horse 9' | chpasswd")
        for path in _BAIT:
            box.write(path, "bait\n", mode=0o600)
        self.victim = self._start_victim()

    def _start_victim(self) -> int:
        self.box.run(
            "systemd-run --quiet --unit=victim --service-type=notify --property=CapabilityBoundingSet= "
            "python3 -IS /opt/cage/victim.py"
        )
        return main_pid(self.box, "victim")

    def run(self, cage: str, module: str, *arguments: str, own: str, victim: int | None = None) -> dict[str, str]:
        """What the module reports, run in `cage`, text of a [Service] section: each action, and "" or its error."""
        text = _PROBE.format(
            cage=cage, module=module, arguments=json.dumps(arguments).replace('"', r"\x22"), own=own,
            victim=self.victim if victim is None else victim, terminal=self.box.read("/run/victim.tty"),
        )  # fmt: skip
        self.box.write("/run/systemd/system/probe.service", text)
        done = self.box.run("systemctl daemon-reload; systemctl start probe", check=False)
        if done.returncode != 0:
            raise AssertionError(self.box.run("journalctl -u probe -n 20; cat /opt/result").stdout)
        result: dict[str, str] = json.loads(self.box.read("/opt/result"))
        return result

    def cage_of(self, unit: str) -> str:
        """The sandbox of an installed unit."""
        text = self.box.run(["systemctl", "cat", unit]).stdout
        section = text.partition("[Service]\n")[2].partition("\n[")[0]
        return _PROGRAM.sub("", section + "\n")


def main_pid(box: Box, unit: str) -> int:
    """The process of a running service."""
    return int(box.run(["systemctl", "show", "--property=MainPID", "--value", unit]).stdout)


@pytest.fixture(scope="module")
def prober(suite: str) -> Iterator[Prober]:
    """One box for all ways: the probes change nothing that another would see."""
    with Box(installed(suite, samba_recipe(suite))) as box:
        yield Prober(box)


@pytest.fixture(scope="module")
def of_nas2fad(prober: Prober) -> dict[str, str]:
    """The ways, tried where nas2fad is."""
    return prober.run(prober.cage_of("nas2fad.service"), "cage.ways", own="/run/nas2fa")


@pytest.fixture(scope="module")
def of_signin(prober: Prober) -> dict[str, str]:
    """The ways, tried where nas2fa-signin is; the counts of pam_faillock are all that it may write."""
    return prober.run(prober.cage_of("nas2fa-signin@.service"), "cage.ways", own="/run/faillock")


@pytest.fixture(scope="module")
def of_smb(prober: Prober) -> dict[str, str]:
    """The ways, tried where nas2fa-smb is; it takes part in Samba's messages as one more process."""
    return prober.run(prober.cage_of("nas2fa-smb@.service"), "cage.ways", own="/run/samba/msg.lock")


@pytest.fixture(scope="module")
def of_courier(prober: Prober) -> dict[str, str]:
    """The ways, tried where nas2fa-courier is, as a user that may write nowhere."""
    return prober.run(prober.cage_of("nas2fa-courier.service"), "cage.ways", own="/run")


@pytest.fixture(scope="module")
def of_root(prober: Prober) -> dict[str, str]:
    """The ways, tried in a root service without a cage."""
    return prober.run("", "cage.ways", own="/run/nas2fa")


@pytest.mark.parametrize("way", [way for way in ways.WAYS if way not in OPEN_TO_NAS2FAD])
def test_nas2fad_finds_it_shut(of_nas2fad: dict[str, str], way: str) -> None:
    assert of_nas2fad[way]


@pytest.mark.parametrize("way", [way for way in ways.WAYS if way not in OPEN_TO_SIGNIN])
def test_signin_finds_it_shut(of_signin: dict[str, str], way: str) -> None:
    assert of_signin[way]


@pytest.mark.parametrize("way", [way for way in ways.WAYS if way not in OPEN_TO_SMB])
def test_smb_finds_it_shut(of_smb: dict[str, str], way: str) -> None:
    assert of_smb[way]


@pytest.mark.parametrize("way", [way for way in ways.WAYS if way not in OPEN_TO_COURIER])
def test_courier_finds_it_shut(of_courier: dict[str, str], way: str) -> None:
    assert of_courier[way]


@pytest.mark.parametrize("way", [way for way in ways.WAYS if way not in SHUT_BY_NSPAWN])
def test_without_a_cage_it_is_open(of_root: dict[str, str], way: str) -> None:
    assert of_root[way] == ""


def test_nas2fad_can_do_its_work(prober: Prober) -> None:
    cage = prober.cage_of("nas2fad.service")
    assert prober.run(cage, "cage.needs", "nas2fad", own="") == dict.fromkeys(needs.NAS2FAD, "")
    assert [record["MESSAGE"] for record in prober.box.journal("CAGE_PROBE=1")] == ["from inside the cage"]


def test_signin_can_do_its_work(prober: Prober) -> None:
    cage = prober.cage_of("nas2fa-signin@.service")
    assert prober.run(cage, "cage.needs", "signin", own="") == dict.fromkeys(needs.SIGNIN, "")


def test_smb_can_do_its_work(prober: Prober) -> None:
    cage = prober.cage_of("nas2fa-smb@.service")
    assert prober.run(cage, "cage.needs", "smb", own="") == dict.fromkeys(needs.SMB, "")


def test_courier_can_do_its_work(prober: Prober) -> None:
    cage = prober.cage_of("nas2fa-courier.service")
    assert prober.run(cage, "cage.needs", "courier", own="") == dict.fromkeys(needs.COURIER, "")


TRACING = (
    "ptrace", "process_vm_readv", "memory of a process", "environment of a process", "root directory of a process",
)  # fmt: skip


def test_nas2fad_is_not_open_to_its_equals(prober: Prober) -> None:
    """Root without capabilities may trace its like, as it does the victim, but not a process that is not dumpable."""
    daemon = main_pid(prober.box, "nas2fad")
    equal = prober.run("CapabilityBoundingSet=\n", "cage.ways", own="/run/nas2fa")
    assert [equal[way] for way in TRACING] == [""] * len(TRACING)
    tried = prober.run("CapabilityBoundingSet=\n", "cage.ways", own="/run/nas2fa", victim=daemon)
    assert all(tried[way] for way in TRACING)


@pytest.mark.parametrize(
    ("unit", "exposure_max"),
    [
        ("nas2fad.service", 1.2),
        ("nas2fa-signin@probe.service", 1.2),
        ("nas2fa-smb@probe.service", 1.2),
        ("nas2fa-courier.service", 1.5),  # it has a network
    ],
)
def test_systemd_calls_it_safe(prober: Prober, unit: str, exposure_max: float) -> None:
    words = prober.box.run(["systemd-analyze", "--no-pager", "security", unit]).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", words)
    assert exposure is not None
    assert float(exposure[1]) <= exposure_max


def test_no_secret_reaches_the_disk_by_the_kernel(prober: Prober) -> None:
    units = "nas2fad nas2fa-signin@probe nas2fa-smb@probe nas2fa-courier"
    shown = prober.box.run(f"systemctl show --property=LimitCORE,MemorySwapMax {units}").stdout
    assert shown.split() == ["MemorySwapMax=0", "LimitCORE=0"] * 4


def test_a_cage_stays_shut_after_a_change_of_password(prober: Prober) -> None:
    """rename(2), as passwd(1) does it, takes off what is mounted on a file in another namespace."""
    prober.box.run("echo 'alice:correct horse 9' | chpasswd")
    inside = f"nsenter --target={main_pid(prober.box, 'nas2fad')} --mount --root --wdns=/ "
    python = "/usr/bin/python3 -IS -c 'import os; print(os.listdir(\"/etc\"))'"
    names = prober.box.run(inside + python).stdout
    assert "nas2fa" in names
    assert "shadow" not in names


SIGN_IN = """
import json, socket, sys
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect("/run/nas2fa/signin.sock")
connection.send(json.dumps({"v": 1, "verb": "signin", "args": {}}).encode())
while True:
    message = json.loads(connection.recv(65536))
    if "done" in message or "error" in message:
        break
    connection.send(json.dumps({"answer": sys.argv[1]}).encode())
print(message.get("error") or sorted(message["done"]))
"""


@pytest.mark.parametrize(
    ("password", "end"), [("correct horse 9", "['seconds', 'token']"), ("correct horse 8", "REFUSED")]
)
def test_a_password_is_checked_in_the_cage(prober: Prober, password: str, end: str) -> None:
    """The real nas2fa-signin with the real stack, to nas2fad and back."""
    said = prober.box.run(["/usr/bin/python3", "-c", SIGN_IN, password], user="alice").stdout
    assert said.strip() == end


def test_it_starts_where_nothing_can_be_written(bare_box: Box) -> None:
    """A read-only disk is no reason to shut everybody out."""
    bare_box.run("systemctl stop nas2fad")
    for path in ("/etc/nas2fa", "/var/lib/nas2fa", "/tmp", "/var/tmp", "/usr"):
        bare_box.run(f"mount --bind {path} {path} && mount -o remount,bind,ro {path}")
    bare_box.run("systemctl start nas2fad")
    assert bare_box.run("systemctl is-active nas2fad").stdout == "active\n"


def test_it_starts_without_its_directories(bare_box: Box) -> None:
    """A volume that was not mounted: codes are refused, and that is said, by a service that is there."""
    bare_box.run("systemctl stop nas2fad && rm -r /var/lib/nas2fa && systemctl start nas2fad")
    assert json.loads(bare_box.run("nas2fa health --json", check=False).stdout)["store"] != "ok"
    assert bare_box.run("systemctl is-active nas2fad").stdout == "active\n"


def test_it_is_there_again_however_often_it_ends(bare_box: Box) -> None:
    """Ten quick ends are no reason to shut everybody out either."""
    for _ in range(10):
        bare_box.run("kill -KILL $(systemctl show --property=MainPID --value nas2fad); nas2fa health")
