"""The control socket: requests in, steps out, one request at a time on each connection."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Generator
from typing import Any, Final

from nas2fa.clock.now import now
from nas2fa.control import codec, messages, verbs
from nas2fa.errors import Nas2faError, ProtocolError, Reason, RequestError
from nas2fa.server import smb_sessions
from nas2fa.server.accepting import defect, receive, send
from nas2fa.server.peers import Peer, Places, peer_of
from nas2fa.server.verbs import VERBS, Desk
from nas2fa.steps import Answer, Ask, Durable, EndSessions, LiveSessions, OffLoop, ReadClock, Show, Tell

logger = logging.getLogger(__name__)

OPEN: Final = 64  # connections of peers that are not root, in all
PER_UID: Final = 4
ROOT_OPEN: Final = 64
FIRST_SECONDS: Final = 5.0  # until the first request
NEXT_SECONDS: Final = 60.0  # until a further one
SEND_SECONDS: Final = 10.0
SMB_OPEN: Final = 4  # requests to nas2fa-smb@ at once for peers that are not root, so that root's always find a place
PERSON_SECONDS: Final = 600.0  # a person scans a QR code and writes down ten codes


class Controls:
    """Serves control.sock."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._root = Places(ROOT_OPEN, ROOT_OPEN)
        self._others = Places(OPEN, PER_UID)
        self._smb = asyncio.Semaphore(SMB_OPEN)

    async def serve(self, connection: socket.socket) -> None:
        """One connection; the surplus is closed at once."""
        peer = peer_of(connection)
        places = self._root if peer.is_root else self._others
        with places.place(peer.uid) as room:
            seconds = FIRST_SECONDS
            while room:
                packet = await receive(connection, codec.PACKET_MAX, seconds)
                if not packet or not await self._request(connection, peer, packet):
                    return
                seconds = NEXT_SECONDS
                await asyncio.sleep(0)  # requests that wait already must not keep the loop for themselves

    async def _request(self, connection: socket.socket, peer: Peer, packet: bytes) -> bool:
        """Answer one request; False when the connection is of no more use."""
        try:
            request = messages.request_from_json(codec.decode(packet))
        except ProtocolError as error:
            await self._say(connection, messages.Failed(str(error.reason), error.text))
            return False
        try:
            verb = verbs.find(request.verb)
        except RequestError as error:
            await self._say(connection, messages.Failed(str(error.reason), error.text))
            return True
        try:
            args = verbs.check_args(verb, request.args)
            verbs.check_caller(verb, peer.uid, args)
            result = await self._run(connection, peer, VERBS[verb.name](self._desk, peer, args))
            await self._say(connection, messages.Done(result))
        except Nas2faError as error:
            await self._say(connection, messages.Failed(str(error.reason), error.text))
        except (ConnectionError, TimeoutError):
            raise
        except Exception as error:  # noqa: BLE001  a defect ends its request, not the daemon
            logger.error("the request %s ended by a defect: %s", verb.name, defect(error))
            text = "The daemon met a defect of its own; see its journal."
            await self._say(connection, messages.Failed(str(Reason.INTERNAL), text))
            return False
        return True

    async def _run(
        self, connection: socket.socket, peer: Peer, act: Generator[Any, Any, dict[str, Any]] | dict[str, Any]
    ) -> dict[str, Any]:
        if isinstance(act, dict):
            return act
        reply: Any = None
        thrown: Nas2faError | None = None
        try:
            while True:
                try:
                    step = act.send(reply) if thrown is None else act.throw(thrown)
                except StopIteration as end:
                    result: dict[str, Any] = end.value
                    return result
                reply, thrown = None, None
                try:
                    reply = await self._carry(connection, peer, step)
                except Nas2faError as error:
                    thrown = error
        finally:
            act.close()

    async def _carry(self, connection: socket.socket, peer: Peer, step: Any) -> Any:
        match step:
            case Ask():
                await self._say(connection, step)
                return await self._answer(connection)
            case Tell() | Show():
                return await self._say(connection, step)
            case messages.Rows():
                await self._say(connection, step)
                await asyncio.sleep(0)  # reading ten thousand records must not keep the loop for itself
                return None
            case Durable(uid):
                return await self._desk.world.durable(uid)
            case OffLoop(work):
                return await self._desk.world.off_loop(work)
            case ReadClock(measure):
                return await self._desk.clock.look(measure=measure, anew=peer.is_root)
            case LiveSessions() | EndSessions() if peer.is_root:
                return await self._of_samba(step)
            case LiveSessions() | EndSessions():
                async with self._smb:
                    return await self._of_samba(step)
        raise TypeError(f"no such step on the control socket: {type(step).__name__}")

    async def _of_samba(self, step: LiveSessions | EndSessions) -> Any:
        socket_path = self._desk.world.smb_socket
        match step:
            case LiveSessions():
                return await smb_sessions.sessions(socket_path)
            case EndSessions(uid, address):
                return await smb_sessions.end(socket_path, uid, address)

    async def _answer(self, connection: socket.socket) -> Answer:
        """The person's answer; a client that left ends its request."""
        packet = await receive(connection, codec.PACKET_MAX, PERSON_SECONDS)
        if not packet:
            raise ConnectionResetError
        try:
            return Answer(now(), text=messages.answer_from_json(codec.decode(packet)))
        except ProtocolError as error:
            raise RequestError(error.reason, error.text) from None

    async def _say(self, connection: socket.socket, message: messages.Message) -> None:
        await send(connection, codec.encode(messages.to_json(message)), SEND_SECONDS)
