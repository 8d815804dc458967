"""A scripted nas2fad, to see what the PAM module does with any daemon, the hostile ones too."""

import contextlib
import enum
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

PATIENCE = 30.0
"""Seconds after which a script that makes no progress fails its test."""


class Step(enum.Enum):
    """What the fake daemon does besides sending a packet."""

    READ = "receive one packet"
    HANG = "stay silent until the module leaves"


READ = Step.READ
HANG = Step.HANG

Script = Sequence[bytes | Step]
"""Packets to send and steps to take; the connection is closed at the end."""


class FakeDaemon:
    """Listens on `path` and plays one script for each connection, in order."""

    def __init__(self, path: Path, *scripts: Script, backlog: int = 8, listener_uid: int = 0) -> None:
        self.path = path
        self.received: list[list[bytes]] = []
        """The packets of each connection, the hello first."""
        self._scripts = scripts
        self._failure: Exception | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.settimeout(PATIENCE)
        self._listener.bind(str(path))
        path.chmod(0o666)
        try:
            with _effective_uid(listener_uid):
                self._listener.listen(backlog)
        except OSError:
            self._listener.close()
            raise
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> "FakeDaemon":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.wait()
        self._listener.close()
        if self._failure is not None:
            raise self._failure

    def wait(self) -> None:
        """Until every script is played and its connection closed."""
        self._thread.join(PATIENCE)

    @property
    def hello(self) -> list[str]:
        """The fields of the first connection's hello, without its `H1`."""
        packet = self.received[0][0]
        assert packet.startswith(b"H1")
        assert packet.endswith(b"\0")
        return packet[2:-1].decode().split("\0")

    @property
    def answers(self) -> list[bytes]:
        """What the first connection sent after its hello."""
        return self.received[0][1:]

    def _serve(self) -> None:
        try:
            for script in self._scripts:
                connection, _ = self._listener.accept()
                with connection:
                    connection.settimeout(PATIENCE)
                    self._play(connection, script)
        except OSError as error:
            self._failure = error

    def _play(self, connection: socket.socket, script: Script) -> None:
        packets: list[bytes] = []
        self.received.append(packets)
        # A module that leaves early is what many a test is about.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for step in script:
                if isinstance(step, bytes):
                    connection.send(step)
                elif packet := connection.recv(8192):
                    packets.append(packet)
                else:
                    break


@contextlib.contextmanager
def _effective_uid(uid: int) -> Iterator[None]:
    """SO_PEERCRED shows the effective uid of whoever calls listen()."""
    if uid != 0:
        os.seteuid(uid)
    try:
        yield
    finally:
        if uid != 0:
            os.seteuid(0)
