"""The kernel's own word on its clock, by adjtimex(2) in its reading form.

It warns and never refuses a login: it says whether a daemon such as chrony or systemd-timesyncd has steered the clock
lately, not whether the clock is right.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

# The kernel raises the maximum error by 500 ppm while nobody steers the clock, and stops at 16 s. systemd's timedatectl
# asks the same question; STA_UNSYNC is no answer, some set it only to keep the kernel from writing the RTC.
UNSYNCHRONISED_ERROR = 16_000_000  # microseconds


@dataclass(frozen=True, slots=True)
class KernelClock:
    """None means unknown: the call is not allowed here (a container, a seccomp filter) or does not exist."""

    synchronised: bool | None
    est_error_us: int | None
    max_error_us: int | None


UNKNOWN = KernelClock(None, None, None)


class _Timeval(ctypes.Structure):
    _fields_ = (("tv_sec", ctypes.c_long), ("tv_usec", ctypes.c_long))


class _Timex(ctypes.Structure):
    """`struct timex` of <sys/timex.h>: C's own alignment of long gives both LP64 and ILP32.

    On 32-bit systems with 64-bit time the symbol `adjtimex` still is the old call with this old structure.
    """

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    )


_LIBC = ctypes.CDLL(None, use_errno=True)  # loaded at start: in the cage nothing may be looked up later


def kernel_word() -> KernelClock:
    """What the kernel says now; UNKNOWN when it may not be asked. Never raises."""
    asked = _Timex()  # modes 0: read only
    try:
        if _LIBC.adjtimex(ctypes.byref(asked)) < 0:
            return UNKNOWN
    except AttributeError:  # a C library without it
        return UNKNOWN
    return KernelClock(asked.maxerror < UNSYNCHRONISED_ERROR, asked.esterror, asked.maxerror)
