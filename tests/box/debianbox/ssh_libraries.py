"""paramiko and asyncssh, which log in to a box from outside by calling back for each answer."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, TypeVar

from .clients import ADDRESS, WAIT
from .machine import Box

with warnings.catch_warnings():
    # Debian 12's versions name ciphers that its python3-cryptography calls old.
    warnings.simplefilter("ignore")
    asyncssh: Any = import_module("asyncssh")
    paramiko: Any = import_module("paramiko")

T = TypeVar("T")

_CLONE_NEWNET = 0x40000000


def by_paramiko(box: Box, user: str, reply: Callable[[str], str]) -> tuple[str, list[str]]:
    """Log in by paramiko's keyboard-interactive. Returns what `id -un` says, and the prompts seen.

    Raises paramiko.AuthenticationException when refused.
    """
    seen: list[str] = []

    def handler(_title: str, _instructions: str, prompts: list[tuple[str, bool]]) -> list[str]:
        seen.extend(text for text, _ in prompts)
        return [reply(text) for text, _ in prompts]

    sock = in_network(box, lambda: socket.create_connection((ADDRESS, 22), timeout=WAIT))
    with paramiko.Transport(sock) as transport:
        transport.start_client(timeout=WAIT)
        transport.auth_interactive(user, handler)
        channel = transport.open_session()
        channel.exec_command("id -un")
        return channel.makefile().read().decode().strip(), seen


def by_asyncssh(box: Box, user: str, reply: Callable[[str], str]) -> str:
    """Log in by asyncssh's keyboard-interactive.

    Returns what `id -un` says; raises asyncssh.PermissionDenied when refused.
    """

    class Client(asyncssh.SSHClient):  # type: ignore[misc]
        rounds = 0

        def kbdint_auth_requested(self) -> str | None:
            """One round, then give up, instead of going on until sshd has had enough."""
            self.rounds += 1
            return "" if self.rounds == 1 else None

        def kbdint_challenge_received(self, *challenge: Any) -> list[str]:
            *_, prompts = challenge
            return [reply(text) for text, _ in prompts]

    async def run() -> str:
        options: dict[str, Any] = {
            "username": user, "client_factory": Client, "known_hosts": None,
            "client_keys": None, "agent_path": None, "config": None, "login_timeout": WAIT,
            "preferred_auth": "keyboard-interactive",
        }  # fmt: skip
        async with asyncssh.connect(ADDRESS, **options) as connection:
            done = await connection.run("id -un", check=True)
            return str(done.stdout).strip()

    return in_network(box, lambda: asyncio.run(run()))


def in_network(box: Box, function: Callable[[], T], namespace: str = "") -> T:
    """Run `function` with the box's network instead of the host's, and hand back what it returns or raises.

    `namespace`: another one, by its path in the box (ip-netns(8)).

    setns(2) moves one thread, so a thread of its own goes in, works and ends; a socket opened there keeps its
    network.
    """
    process = f"/proc/{box.running.leader}"
    path = f"{process}/root{namespace}" if namespace else f"{process}/ns/net"
    with ThreadPoolExecutor(max_workers=1, initializer=_enter_network, initargs=(path,)) as executor:
        return executor.submit(function).result()


def _enter_network(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(descriptor)
