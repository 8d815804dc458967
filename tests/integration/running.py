"""A private nas2fad (`--root DIR`) for tests, and the two protocols spoken to it by hand."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
from nas2fa.control import codec
from nas2fa.login.protocol import Hello, encode_hello

REPO = Path(__file__).parents[2]
KEY = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
STRANGER = 65534  # a uid that is not root
BECOME_STRANGER = "import os, socket, sys, time\nos.setgid(65534); os.setuid(65534)\n"
PATIENCE = 10.0  # seconds that any single answer of the daemon may take


@dataclass
class Running:
    """One nas2fad and its folder."""

    root: Path
    process: subprocess.Popen[bytes] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.root / "log"

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "nas2fa.server", "--root", str(self.root)],
                env={"PYTHONPATH": str(REPO / "daemon"), "PATH": "/usr/bin:/bin", **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self.answers, "nas2fad does not listen")

    def answers(self) -> bool:
        """True when this very process answers on the control socket."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        with contextlib.suppress(OSError, KeyError):
            return self.ask("health")["done"]["pid"] == self.process.pid
        return False

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End it by this signal; returns its exit status."""
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def age(self, seconds: float = 3600.0) -> None:
        """While stopped: make this state's life begin earlier, as if the daemon had been up for so long."""
        marker = self.root / "run/state/complete"
        life = json.loads(marker.read_text())
        life["began"] -= seconds
        marker.write_text(json.dumps(life))

    def control(self) -> socket.socket:
        """A connection to the control socket."""
        return connected(self.root / "run/control.sock")

    def ask(self, verb: str, **args: object) -> dict:
        """One request that asks nothing back; the end of it."""
        with self.control() as link:
            link.send(codec.encode({"v": 1, "verb": verb, "args": args}))
            while True:
                packet = link.recv(codec.PACKET_MAX)
                assert packet, "the daemon closed the connection"
                message = codec.decode(packet)
                if "done" in message or "error" in message:
                    return message

    def answered(self, verb: str, text: str, **args: object) -> dict:
        """One request that asks for a code, which is `text`; the end of it."""
        with self.control() as link:
            link.send(codec.encode({"v": 1, "verb": verb, "args": args}))
            while True:
                message = codec.decode(link.recv(codec.PACKET_MAX))
                if "ask" in message:
                    link.send(codec.encode({"answer": text}))
                elif "tell" not in message:
                    return message

    def rows(self, verb: str, **args: object) -> list[dict]:
        """One request for a list, all its pages."""
        with self.control() as link:
            link.send(codec.encode({"v": 1, "verb": verb, "args": args}))
            found: list[dict] = []
            while "rows" in (message := codec.decode(link.recv(codec.PACKET_MAX))):
                found += message["rows"]
            assert message == {"done": {"total": len(found)}}
            return found

    def add(self, uid: int, user: str, key: str = KEY) -> None:
        """Import an armed authenticator."""
        done = self.ask("user.add", uid=uid, user=user, uri=f"otpauth://totp/x?secret={key}", armed=True)
        assert done == {"done": {"armed": True}}

    def set_up(self, uid: int, user: str, **args: object) -> tuple[str, list[str]]:
        """Through the real wizard; returns the key and the recovery codes."""
        with self.control() as link:
            link.send(codec.encode({"v": 1, "verb": "setup", "args": {"uid": uid, "user": user, **args}}))
            shown: dict = {}
            while True:
                message = codec.decode(link.recv(codec.PACKET_MAX))
                if "show" in message:
                    shown[message["show"]] = message["value"]
                elif "ask" in message:
                    text = code(shown["secret"]["key"]) if message["name"] == "code" else "yes"
                    link.send(codec.encode({"answer": text}))
                elif "tell" not in message:
                    assert message == {"done": {"armed": True}}
                    return shown["secret"]["key"], shown["recovery_codes"]["codes"]

    def login(self, hello: Hello, answer: bytes | None, name: str = "login") -> tuple[str, list[bytes]]:
        """One login conversation: the verdict, and all packets of the daemon. None: no answer is sent."""
        with connected(self.root / f"run/{name}.sock") as link:
            return converse(link, hello, answer)

    def records(self) -> list[dict]:
        """What the audit trail holds so far."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def connected(path: Path) -> socket.socket:
    """A SEQPACKET connection with a deadline."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        link.settimeout(PATIENCE)
        link.connect(str(path))
    except OSError:
        link.close()
        raise
    return link


def converse(link: socket.socket, hello: Hello, answer: bytes | None) -> tuple[str, list[bytes]]:
    """Speak one conversation on an open connection. A closed connection is the verdict `closed`."""
    link.send(encode_hello(hello))
    packets: list[bytes] = []
    while True:
        packet = link.recv(5000)
        packets.append(packet)
        if not packet:
            return "closed", packets
        if packet[:1] == b"V":
            return packet[1:].decode(), packets
        if packet[:1] in (b"s", b"o"):
            link.send(b"X" if answer is None else answer)


def code(key: str = KEY, offset: int = 0) -> str:
    """What a phone shows now, `offset` steps away."""
    return pyotp.TOTP(key).at(int(time.time()), offset)


def wrong(key: str = KEY) -> str:
    """A code that is right at no step the daemon looks at."""
    near = {code(key, offset) for offset in range(-15, 16)}
    return next(f"{n:06}" for n in range(100) if f"{n:06}" not in near)


def as_stranger(daemon: Running, script: str) -> str:
    """Run Python as uid 65534 and give what it prints; sys.argv[1] is the run folder."""
    command = [sys.executable, "-c", BECOME_STRANGER + script, str(daemon.root / "run")]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def until(condition, what: str, seconds: float = PATIENCE) -> None:
    """Wait for an event of another process; there is none to wait on but the look itself."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, what
        os.sched_yield()


@contextlib.contextmanager
def running(root: Path, aged: bool = True, environment: Mapping[str, str] | None = None) -> Iterator[Running]:
    """A daemon for the time of a test; `aged`: its state began an hour ago."""
    daemon = Running(root, environment=environment or {})
    daemon.start()
    if aged:
        daemon.stop()
        daemon.age()
        daemon.start()
    try:
        yield daemon
    finally:
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.stop(signal.SIGKILL)
