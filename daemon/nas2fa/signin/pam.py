"""One PAM transaction on one handle, by pamela's low-level calls.

pamela.authenticate() is not enough: it skips acct_mgmt, so an account that is locked or over would pass. And an
exception in a ctypes callback comes out as PAM_SUCCESS: the conversation below lets none out.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Callable
from ctypes import POINTER, byref, c_char_p, c_void_p, cast, pointer, sizeof
from typing import Any

from nas2fa.errors import Reason, RequestError

ECHO_OFF, ECHO_ON, ERROR_MSG, TEXT_INFO = 1, 2, 3, 4  # message styles of pam_conv(3)
SUCCESS, BUF_ERR, CONV_ERR = 0, 5, 19  # pam(3), <security/_pam_types.h>
MESSAGES_MAX = 32  # PAM_MAX_NUM_MSG
RESPONSE_MAX = 511  # bytes: PAM_MAX_RESP_SIZE without its NUL

# A message of PAM to the person: style and text in, the answer out (None for the styles that ask nothing).
Converse = Callable[[int, bytes], bytes | None]


def _import_pamela() -> Any:
    """The module, not asking ldconfig for file names as the cage executes nothing; these are the ABI's."""
    asked = ctypes.util.find_library
    ctypes.util.find_library = {"pam": "libpam.so.0", "c": "libc.so.6"}.get  # type: ignore[assignment]
    try:
        import pamela  # noqa: PLC0415 (the names have to be there first)
    finally:
        ctypes.util.find_library = asked
    return pamela


pamela = _import_pamela()
_free = pamela.LIBC.free
_free.argtypes = [c_void_p]
_free.restype = None


class Transaction:
    """pam_start to pam_end. To be used in a `with`."""

    def __init__(self, service: str, user: str, converse: Converse, confdir: str | None = None) -> None:
        """Start; `confdir` is where the service file lies, /etc/pam.d by default. Raises RequestError."""
        self._handle = pamela.PamHandle()
        self._callback = _callback(converse)  # libpam keeps the pointer, so this object must outlive the handle
        conv = pointer(pamela.PamConv(self._callback, 0))
        where = (os.fsencode(confdir),) if confdir is not None else ()
        start = pamela.PAM_START
        if where:
            start = pamela.LIBPAM.pam_start_confdir
            start.argtypes = [c_char_p, c_char_p, POINTER(pamela.PamConv), c_char_p, POINTER(pamela.PamHandle)]
        self.code = start(os.fsencode(service), os.fsencode(user), conv, *where, byref(self._handle))
        if self.code != SUCCESS:
            raise RequestError(Reason.INTERNAL, f"PAM did not start: code {self.code}")

    def set(self, item: int, value: str) -> None:
        """Set an item such as pamela.PAM_RHOST. Raises RequestError."""
        self.code = pamela.PAM_SET_ITEM(self._handle, item, os.fsencode(value))
        if self.code != SUCCESS:
            raise RequestError(Reason.INTERNAL, f"PAM did not take item {item}: code {self.code}")

    def authenticate(self) -> int:
        """pam_authenticate(3); blocks for the delay after a failure that the stack demands."""
        self.code = pamela.PAM_AUTHENTICATE(self._handle, 0)
        return int(self.code)

    def acct_mgmt(self) -> int:
        """pam_acct_mgmt(3)."""
        self.code = pamela.PAM_ACCT_MGMT(self._handle, 0)
        return int(self.code)

    def meaning(self, code: int) -> str:
        """pam_strerror(3)."""
        return str(pamela.pam_strerror(self._handle, code))

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, *_: object) -> None:
        pamela.PAM_END(self._handle, self.code)


def _callback(converse: Converse) -> Any:
    """`converse` as a pam_conv(3) function. Answers are malloc'ed, as libpam frees them; after an error, freed here."""

    def conv(count: int, messages: Any, responses: Any, _appdata: Any) -> int:
        try:
            if not 0 < count <= MESSAGES_MAX:
                return CONV_ERR
            array = pamela.CALLOC(count, sizeof(pamela.PamResponse))
            if not array:
                return BUF_ERR
            slots = cast(array, POINTER(pamela.PamResponse))
        except BaseException:  # noqa: BLE001 (out of here it would be PAM_SUCCESS)
            return CONV_ERR
        try:
            for index in range(count):
                _relay(messages[index].contents, slots[index], converse)
            responses[0] = slots
        except BaseException:  # noqa: BLE001 (as above)
            _drop(array, slots, count)
            return CONV_ERR
        return SUCCESS

    return pamela.CONV_FUNC(conv)


def _relay(message: Any, slot: Any, converse: Converse) -> None:
    """One message to the person, one answer into its slot. ValueError for an answer that C would read otherwise."""
    text = cast(message.msg, c_char_p).value or b""
    answer = converse(message.msg_style, text)
    if message.msg_style not in (ECHO_OFF, ECHO_ON):
        return
    if answer is None or b"\0" in answer or len(answer) > RESPONSE_MAX:
        raise ValueError("no answer that PAM takes")
    slot.resp = pamela.STRDUP(answer)
    if not slot.resp:
        raise MemoryError


def _drop(array: int, slots: Any, count: int) -> None:
    """Wipe and free what was answered so far."""
    for index in range(count):
        text = cast(slots[index].resp, c_void_p)
        if text.value:
            ctypes.memset(text.value, 0, len(cast(text, c_char_p).value or b""))
            _free(text)
    _free(array)
