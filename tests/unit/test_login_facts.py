"""What the daemon asks the module about the user, pumped over a real socket."""

import asyncio
import socket
from collections.abc import Generator
from typing import Any, cast

import pytest
from nas2fa.errors import ProtocolError, Reason
from nas2fa.login.attempt import Attempt, Flow, Verdict
from nas2fa.login.conversation import converse
from nas2fa.server import logins
from nas2fa.server.attempts import Attempts
from nas2fa.server.logins import Logins
from nas2fa.server.world import StoreWorld
from nas2fa.steps import InGroups, PasswordVersion
from worlds import NOON, SSH, MemoryWorld


def pumped(flow: Flow, *replies: bytes) -> list[bytes]:
    """What the module gets from this flow when it sends these; the last of them may be lost on a daemon that ended."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setblocking(False)
        for reply in replies:
            theirs.send(reply)
        world = MemoryWorld()
        pump = Logins(cast("StoreWorld", world), Attempts(world))._pump
        asyncio.run(pump(ours, flow))
        ours.close()
        return list(iter(lambda: theirs.recv(5000), b""))


def asking(step: Any, got: list[Any]) -> Flow:
    """A conversation with this one step, which keeps what it was sent."""

    def flow() -> Generator[Any, Any, Verdict]:
        got.append((yield step))
        return Verdict("pass", Reason.OK)

    return flow()


def test_groups_the_user_is_in() -> None:
    got: list[Any] = []
    assert pumped(asking(InGroups(("sudo", "wheel", "users")), got), b"G101") == [b"gsudo:wheel:users", b"Vpass"]
    assert got == [frozenset({"sudo", "users"})]


@pytest.mark.parametrize("version", ["$y$j9T$salt$", ""])
def test_version_of_the_password(version: str) -> None:
    got: list[Any] = []
    assert pumped(asking(PasswordVersion(), got), b"K" + version.encode()) == [b"k", b"Vpass"]
    assert got == [version]


@pytest.mark.parametrize("step", [InGroups(("sudo",)), PasswordVersion()], ids=["groups", "version"])
@pytest.mark.parametrize("reply", [b"X", b"P", b"R1", b"G", b"G00", b"G2", b"Z", b"H1", b"K" * 5000])
def test_a_module_that_does_not_tell_breaks_the_rules(step: Any, reply: bytes) -> None:
    with pytest.raises(ProtocolError):
        pumped(asking(step, []), reply)


def test_a_module_that_is_slow_breaks_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "FACT_SECONDS", 0.01)
    with pytest.raises(ProtocolError, match="too long"):
        pumped(asking(PasswordVersion(), []))


def test_a_conversation_that_is_not_told_is_unavailable_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = MemoryWorld(fault=cast("Any", ProtocolError("the module did not tell the groups")))
    attempt = Attempt("0badc0de", SSH, True, NOON)
    told = pumped(converse(attempt, world))
    assert told[0].startswith(b"eTwo-step verification does not work at the moment (PROTOCOL).")
    assert told[1:] == [b"Vunavailable"]
    assert "not known: the module did not tell the groups" in attempt.trace
