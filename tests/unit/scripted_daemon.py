"""A nas2fad that follows a script, on a real SEQPACKET socket: what it hears must be the script's, in that order.

Used in a `with`; leaving it fails unless the whole script was played.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

PATIENCE = 20.0  # seconds for anything that the client should do
HANG_UP = object()  # in a script: close this connection and take the next one
LEFT = object()  # in a script: the client has to leave here

Heard = Mapping[str, Any] | Callable[[dict[str, Any]], bool]


def hear(message: Heard) -> tuple[str, Heard]:
    """The client must send exactly this, or what the function says yes to."""
    return ("hear", message)


def request(verb: str, **args: Any) -> tuple[str, Heard]:
    """The client must ask this verb, with at least these arguments."""
    return hear(lambda seen: seen["verb"] == verb and seen["v"] == 1 and args.items() <= seen["args"].items())


def say(message: Mapping[str, Any] | bytes) -> tuple[str, Any]:
    """Send an object, or a raw packet."""
    return ("say", message)


def done(**value: Any) -> tuple[str, Any]:
    """Send the good end."""
    return say({"done": value})


def refuse(reason: str, text: str) -> tuple[str, Any]:
    """Send the bad end."""
    return say({"error": reason, "text": text})


def ask(name: str, text: str = "?", echo: bool = True) -> tuple[str, Any]:
    """Send a question."""
    return say({"ask": text, "echo": echo, "name": name})


def answer(text: str) -> tuple[str, Heard]:
    """The client must answer this."""
    return hear({"answer": text})


class ScriptedDaemon:
    """Plays `script` on `path`, in a thread; connections follow each other at HANG_UP or when the client leaves."""

    def __init__(self, path: Path, script: Sequence[Any]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._script = list(script)
        self._fault: str | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path))
        self._listener.listen(8)
        self._listener.settimeout(PATIENCE)
        self._thread = threading.Thread(target=self._play, daemon=True)

    def __enter__(self) -> ScriptedDaemon:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if kind is None:
            self._thread.join(PATIENCE)
        self._listener.close()
        self._path.unlink()
        if kind is None:
            assert self._fault is None, self._fault
            assert not self._script, f"not played: {self._script}"
            assert not self._thread.is_alive()

    def _play(self) -> None:
        try:
            while self._script:
                connection, _ = self._listener.accept()
                connection.settimeout(PATIENCE)
                with connection:
                    self._serve(connection)
        except (OSError, ValueError, AssertionError) as error:
            self._fault = f"{type(error).__name__}: {error}; left of the script: {self._script}"

    def _serve(self, connection: socket.socket) -> None:
        while self._script:
            step = self._script[0]
            if step is HANG_UP:
                self._script.pop(0)
                return
            if step is LEFT:
                packet = connection.recv(65_536)
                assert packet == b"", f"the client should have left, but sent {packet!r}"
                self._script.pop(0)
                return
            kind, message = step
            if kind == "hear":
                packet = connection.recv(65_536)
                if not packet:
                    return  # the next request comes on a connection of its own
                seen = json.loads(packet)
                fits = message(seen) if callable(message) else seen == message
                assert fits, f"heard {seen}"
            else:
                connection.send(message if isinstance(message, bytes) else json.dumps(message).encode())
            self._script.pop(0)
