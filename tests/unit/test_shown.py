"""Outside text becomes one harmless line, whatever it is."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.shown import shown

HARMFUL = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alice", "alice"),
        ("Zoë Müller", "Zoë Müller"),
        ("DOMAIN\\alice", "DOMAIN\\alice"),
        ("a\x1b[2Jb", "a\\x1b[2Jb"),
        ("a\nnas2fa: allowed root", "a\\x0anas2fa: allowed root"),
        ("\x9b31m", "\\x9b31m"),
        ("x\u202egpj.exe", "x\\u202egpj.exe"),
        ("ze\u200bro", "ze\\u200bro"),
        ("\ufeffbom", "\\ufeffbom"),
        ("line\u2028end", "line\\u2028end"),
        ("no\u00a0break", "no\\xa0break"),
        ("blank\u3164\u2800", "blank\\u3164\\u2800"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        (b"caf\xc3\xa9", "café"),
        (b"bad\xff\xfe", "bad\\xff\\xfe"),
        (b"nul\0", "nul\\x00"),
    ],
)
def test_examples(text: str | bytes, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(("length", "limit"), [(200, 200), (201, 200), (5000, 10), (3, 0), (2, 1)])
def test_length(length: int, limit: int) -> None:
    result = shown("x" * length, limit)
    assert len(result) <= limit
    assert (result == "x" * length) == (length <= limit)


def test_escapes_count_towards_the_limit() -> None:
    assert shown("\n" * 5, 20) == "\\x0a" * 5
    assert shown("\n" * 6, 20) == "\\x0a" * 4 + "\\x0…"


@given(st.one_of(st.text(), st.binary(), st.text(st.characters())), st.integers(0, 300))
def test_total_and_harmless(text: str | bytes, limit: int) -> None:
    result = shown(text, limit)
    assert len(result) <= limit
    assert not [char for char in result if unicodedata.category(char) in HARMFUL]
    result.encode("utf-8")
