"""Reads QR codes off a captured screen: the text becomes the picture a terminal would draw, zbar reads that."""

from __future__ import annotations

from collections.abc import Sequence

import zbar
from PIL import Image

PIXELS = 6  # of one module
SCREEN = (80, 24)  # characters
BLOCKS = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def read_screen(lines: Sequence[str], ink: int, ground: int) -> list[str]:
    """What zbar reads when letters are drawn in `ink` on `ground` (0 black, 255 white); other letters are specks."""
    width, height = max(SCREEN[0], *map(len, lines)), max(SCREEN[1], len(lines))
    image = Image.new("L", (width, 2 * height), ground)
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            upper, lower = BLOCKS.get(letter, (1, 0))
            image.putpixel((column, 2 * row), ink if upper else ground)
            image.putpixel((column, 2 * row + 1), ink if lower else ground)
    image = image.resize((width * PIXELS, 2 * height * PIXELS), Image.Resampling.NEAREST)
    picture = zbar.Image(*image.size, "Y800", image.tobytes())
    zbar.ImageScanner().scan(picture)
    return [symbol.data for symbol in picture]


def on_dark(lines: Sequence[str]) -> list[str]:
    """A terminal with white letters on black."""
    return read_screen(lines, ink=255, ground=0)


def on_light(lines: Sequence[str]) -> list[str]:
    """A terminal with black letters on white."""
    return read_screen(lines, ink=0, ground=255)
