"""nas2fad: reads the configuration, opens the store, listens, and goes on until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Final

from systemd import daemon

from nas2fa import __version__, audit, config
from nas2fa.clock.now import boot_id, machine_id, now
from nas2fa.errors import ConfigError
from nas2fa.paths import Paths
from nas2fa.server.accepting import accept_forever
from nas2fa.server.attempts import Attempts
from nas2fa.server.clock import Clock
from nas2fa.server.controls import Controls
from nas2fa.server.logins import Logins
from nas2fa.server.sockets import AlreadyRunningError, listening
from nas2fa.server.sweeping import Sweeper
from nas2fa.server.verbs import Desk
from nas2fa.server.world import StoreWorld
from nas2fa.store.credentials import Credentials
from nas2fa.store.marks import Marks
from nas2fa.store.state import State

logger = logging.getLogger(__name__)

PR_SET_DUMPABLE: Final = 4  # prctl(2)
# Seconds that a stop leaves to the logins under way, so that an upgrade cuts off nobody whose answer is on its way. New
# ones wait in the sockets' queues meanwhile, and the module waits ten seconds.
LAST_ANSWERS: Final = 2.0


def main(argv: Sequence[str] | None = None) -> int:
    """The program. Exit status 0 after SIGTERM, 1 when it could not start or lost a socket, 2 for wrong usage."""
    options = _options(argv)
    paths = Paths.under(options.root) if options.root else Paths.system()
    if options.check_config:
        return _check_config(options.check_config)
    os.umask(0o077)
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(name)s: %(message)s")
    _not_dumpable()
    audit.open_sink(private=options.root is not None)
    try:
        listeners = listening(paths)  # first of all: a second nas2fad must not touch what the first one works with
    except AlreadyRunningError as error:
        print(error, file=sys.stderr)
        return 1
    return asyncio.run(Daemon(paths, listeners).run())


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nas2fad", description="The two-step verification daemon; see nas2fad(8).")
    parser.add_argument("--root", metavar="DIR", help="a private instance with every path under DIR: etc/, run/, lib/")
    parser.add_argument("--check-config", metavar="FILE", help="say whether FILE would be taken, and leave")
    parser.add_argument("--version", action="version", version=f"nas2fad {__version__}")
    return parser.parse_args(argv)


def _check_config(path: str) -> int:
    try:
        with open(path, encoding="utf-8") as file:
            config.parse(file.read(), path)
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{path}: good")
    return 0


def _not_dumpable() -> None:
    """No core file and no ptrace by others of the same uid, as this process holds every secret (prctl(2))."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_DUMPABLE)")


class Daemon:
    """The composition root."""

    def __init__(self, paths: Paths, listeners: Mapping[str, socket.socket]) -> None:
        self._paths = paths
        self._listeners = listeners
        self._tasks: dict[str, set[asyncio.Task[None]]] = {name: set() for name in listeners}
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Listen until SIGTERM; SIGHUP reads the configuration again."""
        settings, fault = config.load(self._paths)
        marks = Marks(self._paths)
        world = StoreWorld(self._paths, settings, _credentials(self._paths, marks), _state(self._paths, marks))
        attempts = Attempts(world)
        logins = Logins(world, attempts)
        desk = Desk(world, attempts, Clock(world), lambda: len(logins), fault, time.time())
        controls = Controls(desk)
        serve = {"login": logins.serve_login, "user": logins.serve_user, "control": controls.serve}
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload, desk)
        _say_config(fault)
        forever = [
            asyncio.create_task(accept_forever(self._listeners[name], serve[name], self._tasks[name]), name=name)
            for name in serve
        ]
        forever += [asyncio.create_task(world.write_behind()), asyncio.create_task(_watchdog())]
        forever += [asyncio.create_task(Sweeper(world).run(), name="sweeper")]
        forever += [asyncio.create_task(desk.clock.watch(), name="clock")]
        audit.emit(audit.Event.STARTED, reason=__version__)
        daemon.notify("READY=1")
        status = await self._until_stopped(forever)
        daemon.notify("STOPPING=1")
        world.close()
        audit.emit(audit.Event.STOPPED)
        return status

    async def _until_stopped(self, forever: list[asyncio.Task[None]]) -> int:
        """Wait for SIGTERM. One of these tasks ending is the end of the process: systemd starts a whole one."""
        stop: asyncio.Task[None] = asyncio.create_task(self._stopped())
        done, _ = await asyncio.wait([stop, *forever], return_when=asyncio.FIRST_COMPLETED)
        await _cancelled(forever)
        logging_in = self._tasks["login"] | self._tasks["user"]
        if stop in done and logging_in:
            await asyncio.wait(logging_in, timeout=LAST_ANSWERS)
        await _cancelled([task for tasks in self._tasks.values() for task in tasks])
        if stop in done:
            return 0
        stop.cancel()
        for task in done - {stop}:
            logger.error("the task %s ended: %r", task.get_name(), task.exception())
        return 1

    async def _stopped(self) -> None:
        await self._stop.wait()

    def _reload(self, desk: Desk) -> None:
        desk.world.config, desk.config_fault = config.load(self._paths)
        desk.world.sweep_now.set()  # its pause may be shorter now
        _say_config(desk.config_fault)


def _credentials(paths: Paths, marks: Marks) -> Credentials:
    credentials = Credentials(paths, marks)
    credentials.open()
    fault = credentials.health()
    if fault is not None:
        audit.emit(audit.Event.STORE_FAULT, reason=fault)
    return credentials


def _state(paths: Paths, marks: Marks) -> State:
    state = State(paths, marks)
    state.open(now(), machine_id(), boot_id())
    return state


def _say_config(fault: str | None) -> None:
    if fault is not None:
        audit.emit(audit.Event.CONFIG_BAD, reason=fault)


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _watchdog() -> None:
    """Tell systemd twice per interval that the loop still turns (sd_watchdog_enabled(3))."""
    interval = int(os.environ.get("WATCHDOG_USEC", "0")) / 2_000_000
    while True:
        daemon.notify("WATCHDOG=1")
        await asyncio.sleep(interval or 3600)
