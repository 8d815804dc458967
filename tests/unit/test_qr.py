"""The drawn QR code, read back by a QR reader."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nas2fa.cli.qr import drawn, grouped, matrix
from qr_reader import on_dark, on_light

KEY = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
URI = f"otpauth://totp/nas.example:alice?secret={KEY}&issuer=nas.example"


def test_read_on_a_dark_terminal_with_text_around() -> None:
    screen = ["Scan this with your authenticator app, or type the key below it:", *drawn(matrix(URI)), "Key: JBSW Y3DP"]
    assert on_dark(screen) == [URI]


def test_read_on_a_light_terminal_when_inverted() -> None:
    screen = ["Scan this with your authenticator app:", *drawn(matrix(URI), inverted=True), "Key: JBSW Y3DP"]
    assert on_light(screen) == [URI]


def test_inverted_is_the_other_colour_everywhere() -> None:
    other = str.maketrans(" ▀▄█", "█▄▀ ")
    assert [line.translate(other) for line in drawn(matrix(URI))] == drawn(matrix(URI), inverted=True)


@settings(max_examples=30, deadline=None)
@given(st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=32), st.text("abcdefgh-%20", max_size=40))
def test_any_key_is_read(key: str, label: str) -> None:
    uri = f"otpauth://totp/nas:{label}?secret={key}&issuer=nas&algorithm=SHA256&digits=8&period=60"
    assert on_dark(drawn(matrix(uri))) == [uri]
    assert on_light(drawn(matrix(uri), inverted=True)) == [uri]


@pytest.mark.parametrize("length", [60, 78, 106])
def test_a_common_uri_leaves_room_on_24_lines(length: int) -> None:
    picture = drawn(matrix(URI.ljust(length, "x")[:length]))
    assert len(picture) + 3 <= 24  # the line above, the key, the prompt
    assert len(set(map(len, picture))) == 1
    assert len(picture[0]) <= 80


def test_margin_is_light_on_all_sides() -> None:
    picture = drawn(matrix(URI))
    assert picture[0] == "█" * len(picture[0])
    assert all(line.startswith("██") and line.endswith("██") for line in picture)
    assert picture[-1].strip("▀█") == ""


def test_key_in_groups_of_four() -> None:
    assert grouped("JBSWY3DPEH") == "JBSW Y3DP EH"
    assert grouped("") == ""
