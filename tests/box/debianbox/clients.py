"""OpenSSH's own client, which logs in to a box from outside, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pexpect

ADDRESS = "127.0.0.1"
WAIT = 30
"""Seconds that a client waits for the next prompt; paramiko's own limit."""

_OPENSSH = (
    "ssh", "-F", "/dev/null", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
    "-o", "IdentityAgent=none", "-o", "IdentitiesOnly=yes", "-o", "NumberOfPasswordPrompts=1",
)  # fmt: skip


class Reachable(Protocol):
    """A box, or a machine of tests/vm."""

    def beside(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a program of the host where ADDRESS is that box."""


def openssh(
    box: Reachable, user: str, *options: str, command: str = "id -un", host: str = ADDRESS
) -> pexpect.spawn[str]:
    """OpenSSH's own client on a pseudo-terminal.

    `options` go before the destination; empty `command` opens a shell.
    """
    words = box.beside([*_OPENSSH, *options, f"{user}@{host}", *([command] if command else [])])
    return pexpect.spawn(words[0], words[1:], encoding="utf-8", timeout=WAIT, dimensions=(50, 120))


def answer(child: pexpect.spawn[str], *script: tuple[str, str]) -> str:
    """Answer each prompt of `script` (pattern, text) in its turn, then return all that comes until the end.

    A prompt that does not come fails here, with what came instead.
    """
    for pattern, text in script:
        child.expect(pattern)
        child.sendline(text)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)
