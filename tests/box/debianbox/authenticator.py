"""The phone: an RFC 6238 authenticator of few lines, so that no library of the daemon vouches for itself."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import random
import struct
import time
from urllib.parse import quote

PERIOD = 30


class Authenticator:
    """What the app on a phone holds and shows: SHA-1, six digits, 30 seconds (RFC 6238, section 4)."""

    def __init__(self, secret: bytes | None = None) -> None:
        """Hold `secret`, or a fresh one of 20 bytes."""
        self.secret = secret or os.urandom(20)
        self._last = 0

    @classmethod
    def from_key(cls, key: str) -> Authenticator:
        """From the base32 key that a person types in, in groups or not."""
        letters = key.replace(" ", "").upper()
        return cls(base64.b32decode(letters + "=" * (-len(letters) % 8)))

    def uri(self, account: str) -> str:
        """The provisioning URI that a QR code would hold."""
        key = base64.b32encode(self.secret).decode().rstrip("=")
        return f"otpauth://totp/box:{quote(account)}?secret={key}&issuer=box"

    def at(self, step: int) -> str:
        """The code of a time step."""
        digest = hmac.new(self.secret, struct.pack(">Q", step), hashlib.sha1).digest()
        offset = digest[-1] & 15
        return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"

    def code(self) -> str:
        """A code nobody has been given yet, good for the next half minute at least.

        The window of one step makes two of them at once: the current step and the one after. Raises
        AssertionError on the third within a step; a test that needs more takes another user.
        """
        step = max(_now(), self._last + 1)
        if step > _now() + 1:
            raise AssertionError("no unused code in the window: take another user")
        self._last = step
        return self.at(step)

    def wait(self, steps: int) -> None:
        """Wait until the step of now is `steps` further on. Real time: for a test about real time alone."""
        until = (_now() + steps) * PERIOD
        while time.time() < until:
            time.sleep(until - time.time())

    def wrong(self) -> str:
        """Six digits that are the code of no step anywhere near."""
        near = {self.at(_now() + offset) for offset in range(-20, 21)}
        guesses = (f"{random.randrange(10**6):06}" for _ in range(100))
        return next(guess for guess in guesses if guess not in near)


def _now() -> int:
    return int(time.time()) // PERIOD
