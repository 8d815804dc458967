"""The blocking client of control.sock and signin.sock: sends a request, relays its steps, returns its end."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from nas2fa.control import codec
from nas2fa.control.messages import (
    ANSWER_MAX,
    Done,
    Failed,
    Message,
    Request,
    Rows,
    answer_to_json,
    from_json,
    request_to_json,
)
from nas2fa.errors import ProtocolError, Reason, RequestError, UnreachableError
from nas2fa.steps import Ask, Show, Tell

CONNECT_PATIENCE = 10.0  # seconds; systemd holds the connection while a slow box starts the daemon
STEP_PATIENCE = 30.0  # seconds that the other side may need for one step; it thinks, it does not type
_PEER = struct.Struct("3i")  # struct ucred of SO_PEERCRED, see socket(7): pid, uid, gid


class Relay(Protocol):
    """What the other side says, on its way to the person. An exception in here ends the request."""

    def ask(self, question: Ask) -> str | None:
        """The person's answer; None cancels the request."""

    def tell(self, line: Tell) -> None:
        """A line to read."""

    def show(self, thing: Show) -> None:
        """Something to draw."""

    def rows(self, page: Rows) -> None:
        """One page of a list."""


class Client:
    """One connection; several requests may follow each other on it. To be used in a `with`."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        listeners: frozenset[int] = frozenset({0}),
        patience: float = STEP_PATIENCE,
    ) -> None:
        """Connect. UnreachableError also when the listener's uid is none of `listeners`: it would hear secrets."""
        self._path = os.fspath(path)
        self._patience = patience
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(CONNECT_PATIENCE)
            self._socket.connect(self._path)
            self._check_listener(listeners)
        except OSError as error:
            self._socket.close()
            raise UnreachableError(f"{path}: {error.strerror or error}") from None
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave; a request that has not ended is dropped by the daemon."""
        self._socket.close()

    def request(self, verb: str, args: Mapping[str, Any], relay: Relay) -> Mapping[str, Any]:
        """What the daemon says is done. Raises RequestError when it refuses, UnreachableError when it is lost."""
        self._send(request_to_json(Request(verb, args)))
        while True:
            match self._receive():
                case Done(value):
                    return value
                case Failed(reason, text):
                    raise RequestError(_known(reason), text)
                case Ask() as question:
                    self._answer(relay.ask(question))
                case Tell() as line:
                    relay.tell(line)
                case Show() as thing:
                    relay.show(thing)
                case Rows() as page:
                    relay.rows(page)

    def _check_listener(self, listeners: frozenset[int]) -> None:
        raw = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
        uid = _PEER.unpack(raw)[1]
        if uid not in listeners:
            raise UnreachableError(
                f"{self._path}: held by uid {uid}, who is not trusted with secrets; nothing was sent"
            )

    def _answer(self, answer: str | None) -> None:
        if answer is not None:
            # Bytes that are no UTF-8 come from the terminal as surrogates; no code has any.
            answer = answer[:ANSWER_MAX].encode(errors="replace").decode()
        self._send(answer_to_json(answer))

    def _send(self, message: Mapping[str, Any]) -> None:
        packet = codec.encode(message)
        try:
            self._socket.settimeout(self._patience)
            self._socket.sendall(packet, socket.MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):
            pass  # the daemon ended the request while the person was typing; why, is in the packet that waits
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from None

    def _receive(self) -> Message:
        try:
            packet, _, flags, _ = self._socket.recvmsg(codec.PACKET_MAX)
        except TimeoutError:
            raise self._lost(f"no word for {self._patience:.0f} s") from None
        except OSError as error:
            raise self._lost(error.strerror or str(error)) from None
        if not packet:
            raise self._lost("the connection was closed")
        if flags & socket.MSG_TRUNC:
            raise self._lost("a packet that is too large")
        try:
            return from_json(codec.decode(packet))
        except ProtocolError as error:
            raise self._lost(f"not understood: {error.text}") from None

    def _lost(self, why: str) -> UnreachableError:
        return UnreachableError(f"{self._path}: {why}")


def _known(reason: str) -> Reason:
    """A newer daemon may give a reason that this side does not know; its text still says it."""
    try:
        return Reason(reason)
    except ValueError:
        return Reason.BAD_REQUEST
