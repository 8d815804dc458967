"""Whoever leaves at the code prompt, in any way, opens no door: on every stack that `nas2fa system enable` makes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import pexpect
import pytest
from debianbox import clients, logins
from debianbox.logins import CODE_PROMPT, PASSWORD, Person
from debianbox.machine import Box
from debianbox.polkit import prepare_polkit

Client: TypeAlias = "pexpect.spawn[str]"

STACKS = {
    "guard": (),
    "decoy": ("--decoy",),
    "code": ("--ssh-keys", "code"),
    "password": ("--ssh-keys", "password"),
}
LOCAL_STACKS = ("guard", "decoy")  # the choice of keys is sshd's alone

PASSWORD_PROMPT = r"[Pp]assword(?: for \w+)?: "
OPENED = "/home/opened"
"""Each door that opens leaves a file there, named after the way it was tried."""


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> str:
    """What the box was switched on with; a test names those it is about."""
    return str(request.param)


@pytest.fixture
def switched(suite: str, stack: str) -> Iterator[Box]:
    """A box that asks for codes everywhere, and gives five seconds to type one."""
    with Box(logins.switched_layers(suite, *STACKS[stack])) as box:
        prepare(box)
        yield box


def prepare(box: Box) -> None:
    box.write("/etc/nas2fa/nas2fa.toml", "prompt_timeout = 5\n")
    box.run("systemctl reload nas2fad")
    box.run(f"mkdir -m 1777 {OPENED}")
    prepare_polkit(box)


@dataclass(frozen=True)
class Door:
    """A program that asks alice for password and code. command: {open} is what it does once it is open."""

    command: str
    by: str
    program: str  # whom to kill


LOCAL = {
    "su": Door("su alice -c '{open}'", "bob", "su"),
    "sudo": Door("sudo -k sh -c '{open}'", "alice", "sudo"),
    "polkit": Door("ask-polkit sh -c '{open}'", "alice", "pkexec"),
}


def at_the_code_prompt(child: Client, password: str = PASSWORD) -> Client:
    """`child`, after the password if one is asked for."""
    if child.expect([PASSWORD_PROMPT, CODE_PROMPT]) == 0:
        child.sendline(password)
        child.expect(CODE_PROMPT)
    return child


def go_local(box: Box, door: Door, way: str) -> Client:
    return box.terminal(door.command.format(open=f"touch {OPENED}/{way}"), user=door.by)


def go_ssh(box: Box, way: str, options: Sequence[str] = ()) -> Client:
    return clients.openssh(box, "alice", *options, command=f"touch {OPENED}/{way}")


def kill(box: Box, program: str, way: str) -> None:
    """SIGKILL for the program itself that was to open this way, and not for its terminal."""
    found = f"for p in $(pgrep -f {OPENED}/{way}); do grep -qx {program} /proc/$p/comm && echo $p; done"
    (pid,) = box.run(f"{found}; true").stdout.split()
    box.run(["kill", "-9", pid])


def kill_client(child: Client, _: str) -> None:
    child.kill(signal.SIGKILL)


def all_over(box: Box) -> None:
    """Wait for the end of all conversations, by time-out at the latest."""
    box.until("nas2fa health --json | grep -q '\"open\": 0'")


def leave_in_every_way(
    box: Box, alice: Person, go: Callable[[str], Client], end: Callable[[Client, str], None], password: str = PASSWORD
) -> None:
    """All the ways at the same time; then nothing is open. `end` kills a way's program."""

    def too_late(child: Client, way: str) -> None:
        all_over(box)
        child.sendline(code)

    ways: dict[str, Callable[[Client, str], object]] = {
        "interrupt": lambda child, _: child.send("\x03"),
        "end-of-file": lambda child, _: child.send("\x04"),
        "empty": lambda child, _: child.sendline(""),
        "quit": lambda child, _: child.send("\x1c"),
        "hangup": lambda child, _: child.close(force=True),
        "killed": end,
        "too-late": too_late,
    }
    code = alice.phone.code()

    def leave(way: str) -> None:
        child = go(way)
        at_the_code_prompt(child, password)
        ways[way](child, way)
        if not child.closed:
            child.expect([pexpect.EOF, PASSWORD_PROMPT, CODE_PROMPT])  # some programs ask anew
            child.close(force=True)

    with ThreadPoolExecutor(len(ways)) as threads:
        list(threads.map(leave, ways))
    all_over(box)
    assert box.run(["ls", OPENED]).stdout == ""
    assert "OK" not in logins.reasons(box)[: len(ways)]


def opens(box: Box, go: Callable[[str], Client], code: str) -> bool:
    """Whether the door opens to the password and this code, as it must to a right one: else these tests see nothing."""
    child = at_the_code_prompt(go("right"))
    child.sendline(code)
    child.expect([pexpect.EOF, PASSWORD_PROMPT])
    return box.run(["ls", OPENED]).stdout == "right\n"


@pytest.mark.parametrize("stack", LOCAL_STACKS, indirect=True)
@pytest.mark.parametrize("name", LOCAL)
def test_local_doors(switched: Box, name: str) -> None:
    box, door = switched, LOCAL[name]
    alice = logins.enrol(box, "alice")
    go = partial(go_local, box, door)
    leave_in_every_way(box, alice, go, lambda _, way: kill(box, door.program, way))
    assert opens(box, go, alice.phone.code())


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_ssh(switched: Box) -> None:
    box = switched
    alice = logins.enrol(box, "alice")
    go = partial(go_ssh, box)
    leave_in_every_way(box, alice, go, kill_client)
    assert opens(box, go, alice.phone.code())


@pytest.mark.parametrize("stack", ["code", "password"], indirect=True)
def test_ssh_after_a_key(switched: Box, tmp_path: Path) -> None:
    box = switched
    alice = logins.enrol(box, "alice")
    go = partial(go_ssh, box, options=logins.authorise(box, tmp_path, "-t ed25519"))
    leave_in_every_way(box, alice, go, kill_client)
    assert opens(box, go, alice.phone.code())


@pytest.mark.parametrize("stack", ["decoy"], indirect=True)
@pytest.mark.parametrize("name", ["ssh", *LOCAL])
def test_after_a_wrong_password(switched: Box, name: str) -> None:
    """The decoy asks for a code it will not look at: leaving it, and the right code, are nothing to it."""
    box = switched
    alice = logins.enrol(box, "alice")
    wrong = "not " + PASSWORD
    if name == "ssh":
        go = partial(go_ssh, box)
        leave_in_every_way(box, alice, go, kill_client, wrong)
    else:
        door = LOCAL[name]
        go = partial(go_local, box, door)
        leave_in_every_way(box, alice, go, lambda _, way: kill(box, door.program, way), wrong)
    child = at_the_code_prompt(go("wrong"), wrong)
    child.sendline(alice.phone.code())
    child.expect([pexpect.EOF, PASSWORD_PROMPT])
    assert box.run(["ls", OPENED]).stdout == ""
    assert set(logins.reasons(box)) == {"DECOY"} | set(logins.reasons(box)) & {"ABORTED", "OK"}


CONSOLE_WAYS: dict[str, Callable[[Box], object]] = {
    "interrupt": lambda box: box.console.send("\x03"),
    "end-of-file": lambda box: box.console.send("\x04"),
    "empty": lambda box: box.console.sendline(""),
    "killed": lambda box: box.run("pkill -9 -x login"),
    "hung-up": lambda box: box.run("pkill -HUP -x login"),
    "too-late": all_over,
}


@pytest.mark.parametrize("stack", LOCAL_STACKS)
@pytest.mark.parametrize("way", CONSOLE_WAYS)
def test_console(suite: str, stack: str, way: str) -> None:
    with Box(logins.switched_layers(suite, *STACKS[stack]), console=True) as box:
        prepare(box)
        alice = logins.enrol(box, "alice")
        box.console.expect("login: ")
        box.console.sendline("alice")
        at_the_code_prompt(box.console)
        CONSOLE_WAYS[way](box)
        all_over(box)
        box.console.sendline(alice.phone.code())
        box.console.expect("login: ")
        assert box.run("pgrep -u alice", check=False).stdout == ""


@pytest.mark.parametrize("stack", STACKS, indirect=True)
def test_the_daemon_dies_at_the_prompt(switched: Box) -> None:
    """Everywhere at once. Who was at a prompt is refused; a new login is asked by the daemon that comes up."""
    box = switched
    alice = logins.enrol(box, "alice")
    doors = {name: partial(go_local, box, door) for name, door in LOCAL.items()} | {"ssh": partial(go_ssh, box)}
    children = [at_the_code_prompt(go(name)) for name, go in doors.items()]
    box.run("systemctl kill --signal=KILL nas2fad")
    code = alice.phone.code()
    for child in children:
        child.sendline(code)
        child.expect([pexpect.EOF, PASSWORD_PROMPT])
    assert box.run(["ls", OPENED]).stdout == ""
    assert opens(box, doors["su"], alice.phone.code())
