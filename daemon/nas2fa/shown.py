"""The one function that text from outside passes on its way to a terminal, page, mail or journal."""

from __future__ import annotations

import re

SHOWN_MAX = 200  # characters; longer text ends in an ellipsis

# str.isprintable() already says no to controls, format characters (bidi, zero width), line separators, surrogates and
# every space but U+0020. These it lets through, though they draw nothing: fillers, braille blank, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def shown(text: str | bytes, limit: int = SHOWN_MAX) -> str:
    r"""`text` as one harmless line of at most `limit` characters; never raises.

    Whatever draws nothing or moves the cursor becomes a visible escape (`\x1b`, `\u202e`); bytes that are not UTF-8
    become `\xff`. A backslash stays as it is (`DOMAIN\user` must stay readable), so the result is for eyes, not for
    parsing.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "surrogateescape")
    if len(text) <= limit and text.isprintable() and (text.isascii() or not _INVISIBLE.search(text)):
        return text
    return _escaped(text, limit)


def _escaped(text: str, limit: int) -> str:
    pieces: list[str] = []
    room = limit
    for char in text[: limit + 1]:
        piece = _visible(char)
        room -= len(piece)
        if room < 0:
            return _cut("".join(pieces), limit)
        pieces.append(piece)
    return "".join(pieces)


def _cut(text: str, limit: int) -> str:
    # The ellipsis may cost the last character, which may be a part of an escape: still nothing but printable text.
    return (text[: limit - 1] + "…") if limit > 0 else ""


def _visible(char: str) -> str:
    if char.isprintable() and not _INVISIBLE.match(char):
        return char
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # how surrogateescape carries one bad byte
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
