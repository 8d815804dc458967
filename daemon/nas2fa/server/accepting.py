"""The accept loop and the packets of one connection, on asyncio.

asyncio's own stream servers refuse SOCK_SEQPACKET, so this is `sock_accept`, `sock_recv` and `sock_sendall`, one task a
connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Final

logger = logging.getLogger(__name__)

# accept(2): the process or the box is out of something; it comes back when connections end.
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
EXHAUSTED_PAUSE: Final = 0.05  # seconds; a loop that tried again at once would eat the CPU that could free something


async def accept_forever(
    listener: socket.socket, serve: Callable[[socket.socket], Awaitable[None]], tasks: set[asyncio.Task[None]]
) -> None:
    """Accept until cancelled. What one connection does, or fails to do, never reaches the loop.

    The listener stays registered, where `loop.sock_accept` would add and remove it for each connection, and one
    connection is accepted per turn of the loop, so that a flood does not keep it.
    """
    loop = asyncio.get_running_loop()
    broken: asyncio.Future[None] = loop.create_future()

    def listen() -> None:
        if not broken.done():  # cancelled during the pause
            loop.add_reader(listener, accept)

    def accept() -> None:
        try:
            connection, _ = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return  # it left before its turn
        except OSError as error:
            loop.remove_reader(listener)
            if error.errno in EXHAUSTED:
                loop.call_later(EXHAUSTED_PAUSE, listen)
            else:
                broken.set_exception(error)
            return
        task = loop.create_task(_guarded(connection, serve))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listen()
    try:
        await broken
    finally:
        loop.remove_reader(listener)


async def _guarded(connection: socket.socket, serve: Callable[[socket.socket], Awaitable[None]]) -> None:
    with connection:
        connection.setblocking(False)
        try:
            await serve(connection)
        except (ConnectionError, TimeoutError):
            pass  # the peer left or was too slow: nobody to tell
        except Exception as error:  # noqa: BLE001  a defect ends its connection, not the loop
            logger.error("a connection ended by a defect: %s", defect(error))


def defect(error: Exception) -> str:
    """The kind of an exception and where it was raised; never its text, which might quote what somebody typed."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "?" if trace is None else f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}"
    return f"{type(error).__name__} at {where}"


async def receive(connection: socket.socket, limit: int, seconds: float) -> bytes:
    """One packet; b"" when the peer left. A packet longer than `limit` comes back longer than it. TimeoutError.

    What is there already is taken without a timer: half the packets of a login are, and a timer costs as much as one.
    """
    with contextlib.suppress(BlockingIOError):
        return connection.recv(limit + 1)
    async with asyncio.timeout(seconds):
        return await asyncio.get_running_loop().sock_recv(connection, limit + 1)


async def send(connection: socket.socket, packet: bytes, seconds: float) -> None:
    """One packet. TimeoutError when the peer does not read, ConnectionError when it left."""
    with contextlib.suppress(BlockingIOError):
        connection.send(packet)  # a packet goes whole or not at all
        return
    async with asyncio.timeout(seconds):
        await asyncio.get_running_loop().sock_sendall(connection, packet)
