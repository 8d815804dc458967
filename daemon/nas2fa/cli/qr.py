"""A QR code in half blocks: two modules of the symbol in each character, one above the other.

A terminal's letters are usually light on dark, so the light modules are the ones that are painted; where they are
dark on light, the picture must be inverted. No colour sequences: it passes through anything that passes UTF-8.
"""

from __future__ import annotations

from collections.abc import Sequence

QUIET = 2  # modules of margin; ISO/IEC 18004 wants 4, but readers take 2 and 24 lines then hold version 5
_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}

Matrix = Sequence[Sequence[bool]]


def matrix(content: str) -> Matrix:
    """The modules of the smallest QR code of `content`, True where dark, without margin."""
    import segno  # noqa: PLC0415 (only `nas2fa setup` draws)

    return [[bool(module) for module in row] for row in segno.make_qr(content, error="l").matrix]


def drawn(modules: Matrix, inverted: bool = False) -> list[str]:
    """The lines of the picture, margin included. `inverted`: for dark letters on a light ground."""
    width = len(modules[0]) + 2 * QUIET
    margin = [[False] * width] * QUIET
    dark = [*margin, *([False] * QUIET + list(row) + [False] * QUIET for row in modules), *margin]
    if len(dark) % 2:
        dark.append([False] * width)  # half a line more margin
    painted = [[module == inverted for module in row] for row in dark]
    return [
        "".join(_BLOCKS[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(painted[::2], painted[1::2], strict=True)
    ]


def grouped(key: str) -> str:
    """A base32 key in groups of four, as people type it."""
    return " ".join(key[start : start + 4] for start in range(0, len(key), 4))
