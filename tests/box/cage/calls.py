"""Calls that the probes make by hand, and how they are reported."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import socket
from collections.abc import Callable, Mapping

LIBC = ctypes.CDLL(None, use_errno=True)

# System calls without a function in libc: on x86_64, and in the table that newer architectures share.
_NUMBERS = {"add_key": (248, 217), "keyctl": (250, 219), "bpf": (321, 280), "userfaultfd": (323, 282)}
_COLUMN = 0 if platform.machine() == "x86_64" else 1


class Timex(ctypes.Structure):
    """The start of struct timex, adjtimex(2), and room for the rest."""

    _fields_ = (("modes", ctypes.c_uint), ("offset", ctypes.c_long), ("rest", ctypes.c_char * 512))


def checked(result: int) -> int:
    """The result of a C call. Raises OSError for -1."""
    if result == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def by_number(name: str, *arguments: object) -> int:
    """A raw system call. Raises OSError."""
    return checked(LIBC.syscall(_NUMBERS[name][_COLUMN], *arguments))


def in_child(action: Callable[[], object]) -> None:
    """Run `action` in a child, so that its success changes nothing here. Raises the child's OSError."""
    sink, other = socket.socketpair()  # there may be no /dev/null, and no pipe(2)
    child = os.fork()
    if child == 0:
        code = 0
        try:
            os.dup2(sink.fileno(), 1)  # a program that runs may print
            action()
        except OSError as error:
            code = error.errno or 255
        except BaseException:  # noqa: BLE001 (a child must not come back)
            code = 255
        finally:
            os._exit(code)
    sink.close()
    other.close()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code:
        raise OSError(code, os.strerror(code))


def connect(path: str, kind: int = socket.SOCK_STREAM) -> None:
    """Connect to an AF_UNIX socket."""
    with socket.socket(socket.AF_UNIX, kind) as connection:
        connection.connect(path)


def read(path: str) -> None:
    """Open a file or directory and read a little of it."""
    if os.path.isdir(path):
        os.listdir(path)
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.read(descriptor, 16)
    finally:
        os.close(descriptor)


def read_clock() -> Timex:
    """adjtimex(2) that only asks."""
    timex = Timex(modes=0)
    checked(LIBC.adjtimex(ctypes.byref(timex)))
    return timex


def report(actions: Mapping[str, Callable[[], object]]) -> None:
    """Try each and print one JSON object: its name, and "" for what worked or else the error."""
    print(json.dumps({name: tried(action) for name, action in actions.items()}))


def tried(action: Callable[[], object]) -> str:
    """The error of an action, or nothing."""
    try:
        action()
    except (OSError, ValueError, MemoryError) as error:  # ValueError: Python's word for a limit above the hard one
        return str(error) or repr(error)
    return ""
