"""Runs a program to its end, with a limit on its time and on what it prints."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

COMPLAINT_MAX: Final = 4096  # bytes of standard error that are kept
_PIECE: Final = 65_536  # bytes of one read
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


class UnusableError(Exception):
    """It did not start, took too long or printed too much; the text says which."""


@dataclass(frozen=True, slots=True)
class Finished:
    """Exit code, standard output, and the beginning of standard error."""

    code: int
    output: bytes
    complaint: bytes


def run(command: Sequence[str], seconds: float, most: int) -> Finished:
    """Run it, with at most `most` bytes of output. Raises UnusableError.

    The cage lets nothing be killed: there, a program that hangs ends with this process, by systemd.
    """
    deadline = time.monotonic() + seconds
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=_ENVIRONMENT)
    except OSError as error:
        raise UnusableError(f"does not start: {error.strerror}") from None
    try:
        output, complaint = _read(process, deadline, most)
        return Finished(process.wait(_left(deadline)), output, complaint)
    except subprocess.TimeoutExpired:
        raise UnusableError("takes too long") from None
    finally:
        _close(process)


def _read(process: subprocess.Popen[bytes], deadline: float, most: int) -> tuple[bytes, bytes]:
    """Both outputs to their ends. Raises UnusableError."""
    read = {pipe.fileno(): bytearray() for pipe in (process.stdout, process.stderr) if pipe is not None}
    output, complaint = read.values()
    with selectors.DefaultSelector() as selector:
        for descriptor in read:
            selector.register(descriptor, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(_left(deadline))
            if not ready:
                raise UnusableError("takes too long")
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    selector.unregister(key.fd)
                read[key.fd] += piece
            if len(output) > most:
                raise UnusableError("prints too much")
            del complaint[COMPLAINT_MAX:]
    return bytes(output), bytes(complaint)


def _left(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic())


def _close(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        with suppress(PermissionError):
            process.kill()
            process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
