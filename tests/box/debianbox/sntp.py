"""Time servers of the tests' own (RFC 4330), several addresses in one process, each with its own idea of the time.

It needs nothing but Python: `sntp.py ADDRESS=WORD...`; debianbox.timeservers runs it beside a box. A word is the
seconds by which the server's clock is ahead of this machine's (`0`, `20`, `-31536000`), or `silent` (it hears, and says
nothing), `unsynchronised` (it says of itself that its clock is not right) or `refusing` (the kiss code DENY).
"""

from __future__ import annotations

import selectors
import signal
import socket
import struct
import sys
import time
from collections.abc import Mapping, Sequence

PORT = 123
SILENT, UNSYNCHRONISED, REFUSING = "silent", "unsynchronised", "refusing"

_PACKET = struct.Struct("!BBbb11I")  # RFC 4330 section 4; times are seconds since 1900 and fractions
_BETWEEN_EPOCHS = 2_208_988_800  # seconds from 1900 to 1970
_ERA = 2**32  # seconds; a time stamp has no more, and begins again in 2036


def stamp(seconds: float) -> tuple[int, int]:
    """The NTP time stamp of a Unix time, of whichever era."""
    whole, fraction = divmod(seconds + _BETWEEN_EPOCHS, 1)
    return int(whole) % _ERA, int(fraction * _ERA)


def reply(question: bytes, now: float, leap: int = 0, stratum: int = 2, name: bytes = b"TEST") -> bytes:
    """The answer of a server whose clock says `now` (Unix seconds), to a client's 48 bytes."""
    version, asked = question[0] >> 3 & 7, struct.unpack("!2I", question[40:48])
    at = stamp(now)
    first = leap << 6 | version << 3 | 4
    return _PACKET.pack(first, stratum, 6, -20, 0, 66, int.from_bytes(name), *at, *asked, *at, *at)


def answer(question: bytes, word: str, clock: float) -> bytes | None:
    """What the server of that word says at `clock` of its machine; None: nothing."""
    if len(question) < _PACKET.size or question[0] & 7 != 3 or word == SILENT:
        return None
    if word == REFUSING:
        return reply(question, clock, 3, 0, b"DENY")
    if word == UNSYNCHRONISED:
        return reply(question, clock, 3, 16)
    return reply(question, clock + float(word))


def serve(words: Mapping[str, str], port: int = PORT) -> None:
    """Answer on every address, for ever. Prints `ready` when all are bound."""
    with selectors.DefaultSelector() as selector:
        for address, word in words.items():
            listener = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
            listener.bind((address, port))
            selector.register(listener, selectors.EVENT_READ, word)
        print("ready", flush=True)
        while True:
            for key, _ in selector.select():
                assert isinstance(key.fileobj, socket.socket)
                question, client = key.fileobj.recvfrom(1024)
                said = answer(question, key.data, time.time())
                if said is not None:
                    key.fileobj.sendto(said, client)


def main(arguments: Sequence[str]) -> None:
    """Serve ADDRESS=WORD... until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    serve(dict(argument.rsplit("=", 1) for argument in arguments))


if __name__ == "__main__":
    main(sys.argv[1:])
