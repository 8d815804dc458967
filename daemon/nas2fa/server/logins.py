"""The login sockets: from the accepted connection to the verdict packet."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Final

from nas2fa import texts
from nas2fa.clock.now import now
from nas2fa.errors import ProtocolError, Reason
from nas2fa.login import protocol
from nas2fa.login.attempt import Flow, Verdict
from nas2fa.login.protocol import Hello
from nas2fa.login.source import CONSOLE, source_of
from nas2fa.server.accepting import receive, send
from nas2fa.server.attempts import Attempts
from nas2fa.server.peers import Peer, Places, peer_of
from nas2fa.server.world import StoreWorld
from nas2fa.steps import Answer, Ask, Cut, Durable, InGroups, PasswordVersion, Reply, Step, Tell

HELLO_SECONDS: Final = 5.0  # for the first packet; the module sends it at once
SEND_SECONDS: Final = 5.0
FACT_SECONDS: Final = 10.0  # for what the module asks a name service, which may be a slow directory
WAIT_SECONDS: Final = 3.0  # a slow disk: after this long the person is told to wait (the module gives 5 s a packet)
WAITS_MAX: Final = 8  # and after so many the write has failed

ROOT_OPEN: Final = 256  # conversations on login.sock
CONSOLE_RESERVE: Final = 16  # of them kept for the console
ROOT_PER_UID: Final = 16  # for one target user
DECOY_OPEN: Final = 64  # more of them, in phase decoy
UNASKED_OPEN: Final = 64  # more of them, in phases account and guard
ALL_OPEN: Final = ROOT_OPEN + DECOY_OPEN + UNASKED_OPEN
OWN_OPEN: Final = 64  # conversations on user.sock in all
OWN_PER_UID: Final = 4  # for one peer


class Logins:
    """Serves login.sock and user.sock."""

    def __init__(self, world: StoreWorld, attempts: Attempts) -> None:
        self._world = world
        self._attempts = attempts
        self._accepted = Places(ALL_OPEN, ALL_OPEN)
        self._root = Places(ROOT_OPEN, ROOT_PER_UID, CONSOLE_RESERVE)
        # Decoys have places of their own: who knows no password must not be able to take those of the users.
        self._decoys = Places(DECOY_OPEN, ROOT_PER_UID)
        # Where nobody is asked, the place is free again at once: who leaves logins open at the prompt takes none of it.
        self._unasked = Places(UNASKED_OPEN, ROOT_PER_UID)
        self._own = Places(OWN_OPEN, OWN_PER_UID)

    def __len__(self) -> int:
        return len(self._accepted) + len(self._own)

    async def serve_login(self, connection: socket.socket) -> None:
        """One connection of login.sock: root alone, whatever the mode of the socket file says."""
        peer = peer_of(connection)
        with self._accepted.place(None) as room:
            if peer.is_root and room:
                hello = await self._hello(connection)
                if hello is not None:
                    await self._place_root(connection, hello)

    async def serve_user(self, connection: socket.socket) -> None:
        """One connection of user.sock: the surplus is closed at once; of the hello only the own uid is believed."""
        peer = peer_of(connection)
        with self._own.place(peer.uid) as room:
            if not room:
                return
            hello = await self._hello(connection)
            if hello is not None:
                await self._own_only(connection, hello, peer)

    async def _hello(self, connection: socket.socket) -> Hello | None:
        packet = await receive(connection, protocol.PACKET_MAX, HELLO_SECONDS)
        if not packet:
            return None
        try:
            hello = protocol.decode(packet)
        except ProtocolError:
            hello = None
        if isinstance(hello, Hello):
            return hello
        await send(connection, protocol.encode_verdict("unavailable"), SEND_SECONDS)
        return None

    async def _place_root(self, connection: socket.socket, hello: Hello) -> None:
        console = source_of(hello, True, self._world.rules().console) == CONSOLE
        places = {"decoy": self._decoys, "account": self._unasked, "guard": self._unasked}.get(hello.phase, self._root)
        with places.place((console, hello.uid), reserved=console) as room:
            if room:
                await self._pump(connection, self._attempts.run(hello, True))
            else:
                await self._refuse(connection, self._attempts.refused(hello, True, "unavailable", Reason.BUSY))

    async def _own_only(self, connection: socket.socket, hello: Hello, peer: Peer) -> None:
        own = replace(hello, uid=peer.uid, user=self._world.own_name(peer.uid))
        if hello.uid == peer.uid:
            await self._pump(connection, self._attempts.run(own, False))
        elif hello.phase in ("account", "guard"):
            await send(connection, protocol.encode_verdict("ignore"), SEND_SECONDS)
        else:
            await self._refuse(connection, self._attempts.refused(own, False, "deny", Reason.FOREIGN_UID))

    async def _refuse(self, connection: socket.socket, verdict: Verdict) -> None:
        if verdict.reason is Reason.BUSY:
            await send(connection, protocol.encode_step(Tell(texts.refusal(Reason.BUSY, ""), True)), SEND_SECONDS)
        await send(connection, protocol.encode_verdict(verdict.word), SEND_SECONDS)

    async def _pump(self, connection: socket.socket, flow: Flow) -> None:
        """Carry steps out and answers in until the verdict. A peer that leaves ends its conversation."""
        reply: Reply = None
        breach: ProtocolError | None = None
        try:
            for _ in range(protocol.STEPS_MAX):
                try:
                    step = flow.send(reply) if breach is None else flow.throw(breach)
                except StopIteration as end:
                    await send(connection, protocol.encode_verdict(end.value.word), SEND_SECONDS)
                    return
                reply = breach = None
                try:
                    reply = await self._carry(connection, step)
                except ProtocolError as error:
                    breach = error
        finally:
            flow.close()

    async def _carry(self, connection: socket.socket, step: Step) -> Reply:
        match step:
            case Ask():
                await send(connection, protocol.encode_step(step), SEND_SECONDS)
                return await self._answer(connection)
            case Tell():
                await send(connection, protocol.encode_step(step), SEND_SECONDS)
                return None
            case Cut(digits):
                await send(connection, protocol.encode_split(digits), SEND_SECONDS)
                return None
            case Durable(uid):
                return await self._durable(connection, uid)
            case InGroups(names):
                fact = await self._fact(connection, protocol.encode_groups(names))
                if isinstance(fact, protocol.Groups) and len(fact.member) == len(names):
                    return frozenset(name for name, member in zip(names, fact.member, strict=True) if member)
                raise ProtocolError("the module did not tell the groups")
            case PasswordVersion():
                fact = await self._fact(connection, protocol.ASK_PASSWORD_VERSION)
                if isinstance(fact, protocol.PasswordVersion):
                    return fact.text
                raise ProtocolError("the module did not tell the version of the password")
        raise TypeError(f"no such step on the login socket: {type(step).__name__}")

    async def _fact(self, connection: socket.socket, question: bytes) -> protocol.Incoming:
        """What the module says of the user. ProtocolError when it cannot; a peer that left is a ConnectionError."""
        await send(connection, question, SEND_SECONDS)
        try:
            packet = await receive(connection, protocol.PACKET_MAX, FACT_SECONDS)
        except TimeoutError:
            raise ProtocolError("the module's name service took too long") from None
        if not packet:
            raise ConnectionResetError
        return protocol.decode(packet)

    async def _answer(self, connection: socket.socket) -> Answer:
        try:
            packet = await receive(connection, protocol.PACKET_MAX, self._world.config.prompt_timeout)
        except TimeoutError:
            return Answer(now(), timed_out=True)
        if not packet:
            return Answer(now())
        try:
            message = protocol.decode(packet)
        except ProtocolError:
            return Answer(now())
        match message:
            case protocol.Reply(text):
                return Answer(now(), text=text)
            case protocol.PasswordRepeated():
                return Answer(now(), repeated_password=True)
        return Answer(now())

    async def _durable(self, connection: socket.socket, uid: int) -> bool:
        writing = asyncio.ensure_future(self._world.durable(uid))
        for _ in range(WAITS_MAX):
            done, _pending = await asyncio.wait({writing}, timeout=WAIT_SECONDS)
            if done:
                return writing.result()
            await send(connection, protocol.encode_step(Tell(texts.PLEASE_WAIT)), SEND_SECONDS)
        return False
