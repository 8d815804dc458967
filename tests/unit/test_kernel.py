"""The kernel's word on the clock: the real call, and the structure it fills."""

from __future__ import annotations

import ctypes
import errno
import re
import subprocess
import sys

import pytest
from nas2fa.clock import kernel
from nas2fa.clock.kernel import UNKNOWN, KernelClock, kernel_word


def test_the_real_call() -> None:
    """The kernel answers, or says that it may not: never anything in between."""
    word = kernel_word()
    assert word == UNKNOWN or (
        isinstance(word.synchronised, bool) and word.est_error_us is not None and word.max_error_us is not None
    )


def test_the_structure_is_the_kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The tick of 10 ms lies in the middle of it: offset and size are right if it is where we look."""
    asked = kernel._Timex()
    if kernel._LIBC.adjtimex(ctypes.byref(asked)) < 0:
        assert ctypes.get_errno() in (errno.EPERM, errno.ENOSYS)
        return
    assert 9_000 <= asked.tick <= 11_000
    assert asked.time.tv_sec > 1_600_000_000
    assert asked.tolerance > 0
    assert ctypes.sizeof(kernel._Timex) == (208 if ctypes.sizeof(ctypes.c_long) == 8 else 128)


class Libc:
    """Answers as the kernel might."""

    def __init__(self, result: int, maxerror: int) -> None:
        self._result, self._maxerror = result, maxerror

    def adjtimex(self, asked: object) -> int:
        found = asked._obj  # type: ignore[attr-defined]
        assert found.modes == 0  # read only
        found.maxerror, found.esterror = self._maxerror, 7
        return self._result


@pytest.mark.parametrize(
    ("result", "maxerror", "expected"),
    [
        (0, 500, KernelClock(True, 7, 500)),
        (5, 500, KernelClock(True, 7, 500)),  # TIME_ERROR with STA_UNSYNC: set by some to keep the RTC alone
        (5, 16_000_000, KernelClock(False, 7, 16_000_000)),
        (0, 15_999_999, KernelClock(True, 7, 15_999_999)),
        (-1, 500, UNKNOWN),
    ],
)
def test_answers(monkeypatch: pytest.MonkeyPatch, result: int, maxerror: int, expected: KernelClock) -> None:
    monkeypatch.setattr(kernel, "_LIBC", Libc(result, maxerror))
    assert kernel_word() == expected


def test_no_such_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_LIBC", object())
    assert kernel_word() == UNKNOWN


PROGRAM = """
import ctypes, struct
from nas2fa.clock.kernel import kernel_word
libc = ctypes.CDLL(None, use_errno=True)
# seccomp(2) as ProtectClock= uses it: adjtimex and clock_adjtime answer EPERM, all else is allowed.
def op(code, jt, jf, k): return struct.pack("HBBI", code, jt, jf, k)
program = b"".join([op(0x20, 0, 0, 0), op(0x15, 1, 0, NUMBER_A), op(0x15, 0, 1, NUMBER_B), op(6, 0, 0, 0x00050001),
                    op(6, 0, 0, 0x7FFF0000)])
buffer = ctypes.create_string_buffer(program, len(program))
class Fprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
fprog = Fprog(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p))
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(fprog), 0, 0) == 0, ctypes.get_errno()
print(kernel_word())
"""
NUMBERS = {"x86_64": (159, 305), "aarch64": (171, 266)}  # adjtimex, clock_adjtime: asm/unistd.h


def test_refused_by_a_seccomp_filter() -> None:
    """As in a unit with ProtectClock=yes, by the real filter: unknown, not "not synchronised"."""
    machine = subprocess.run(["uname", "-m"], capture_output=True, text=True, check=True).stdout.strip()
    first, second = NUMBERS[machine]
    program = PROGRAM.replace("NUMBER_A", str(first)).replace("NUMBER_B", str(second))
    search = re.sub(r"/nas2fa/clock/kernel.py$", "", kernel.__file__)
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={"PYTHONPATH": search},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == str(UNKNOWN), done.stderr
