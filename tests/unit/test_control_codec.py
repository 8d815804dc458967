"""The codec: a dict or ProtocolError, whatever comes in."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.control import codec
from nas2fa.errors import ProtocolError

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-codec.INTEGER_MAX, codec.INTEGER_MAX)
    | st.text(st.characters(max_codepoint=0xD7FF)),  # below the halves of characters
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=5,
)

ODD = {
    "nothing": b"",
    "a list": b"[]",
    "a text": b'"a"',
    "two objects": b"{}{}",
    "bad UTF-8": b'{"a":"\xff"}',
    "an overlong UTF-8 form": b'{"a":"\xc0\xaf"}',
    "UTF-8 of half a character": b'{"a":"\xed\xa0\x80"}',
    "an escaped half of a character": rb'{"a":"\ud800"}',
    "half a character as a key": rb'{"\udc00":1}',
    "a key given twice": b'{"a":1,"a":1}',
    "a key given twice, inside": b'{"a":{"b":1,"b":2}}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "a float that is infinite": b'{"a":1e999}',
    "a number beyond 2^53": b'{"a":9007199254740992}',
    "a number of 5,000 digits": b'{"a":' + b"1" * 5000 + b"}",
    "nine levels": b'{"a":' + b"[" * 9 + b"]" * 9 + b"}",
    "60,000 levels": b'{"a":' + b"[" * 60_000,
    "a control character": b'{"a":"\n"}',
    "a text too long": b'{"a":"' + b"x" * (codec.TEXT_MAX + 1) + b'"}',
    "a packet too long": b'{"a":"' + b"x" * codec.PACKET_MAX + b'"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
}


@pytest.mark.parametrize("packet", ODD.values(), ids=ODD.keys())
def test_odd_packets_are_refused_without_being_quoted(packet: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        codec.decode(packet)
    assert caught.value.__cause__ is None
    assert len(caught.value.text) < 80


@given(st.binary(max_size=200))
def test_any_bytes_give_a_dict_or_protocol_error(packet: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(codec.decode(packet), dict)


@given(st.dictionaries(st.text("abcdef", max_size=5), PLAIN, max_size=4))
def test_what_is_encoded_is_decoded_alike(message: dict[str, object]) -> None:
    assert codec.decode(codec.encode(message)) == message


def test_limits_are_inclusive() -> None:
    deepest = {"a": json.loads("[" * codec.DEPTH_MAX + "]" * codec.DEPTH_MAX)}
    with pytest.raises(ProtocolError):
        codec.decode(codec.encode(deepest))
    assert codec.decode(codec.encode({"a": deepest["a"][0]}))
    assert codec.decode(codec.encode({"a": "x" * codec.TEXT_MAX}))


@pytest.mark.parametrize(
    "message",
    [{"a": float("nan")}, {"a": b"bytes"}, {"a": "\ud800"}, {"a": "x" * codec.PACKET_MAX}, {"a": object()}],
    ids=["NaN", "bytes", "half a character", "too large", "an object of Python"],
)
def test_encode_refuses_without_quoting(message: dict[str, object]) -> None:
    with pytest.raises(ProtocolError) as caught:
        codec.encode(message)
    assert "xxx" not in str(caught.value)


def test_encode_ends_at_a_circle() -> None:
    circle: dict[str, object] = {}
    circle["a"] = circle
    with pytest.raises(ProtocolError):
        codec.encode(circle)


GETTERS = [
    (codec.text, "x", [None, 1, True, ["x"], {}]),
    (codec.integer, 7, [None, "7", 7.0, True, -1, 2**53]),
    (codec.flag, False, [None, 0, 1, "true"]),
    (codec.mapping, {"k": 1}, [None, [], "{}"]),
    (codec.rows, [{"k": 1}], [None, {}, [1], [{}, None]]),
]


@pytest.mark.parametrize(("getter", "good", "wrong"), GETTERS, ids=[getter.__name__ for getter, *_ in GETTERS])
def test_getters_take_their_type_alone(getter, good, wrong) -> None:
    assert getter({"key": good}, "key") == good
    for value in wrong:
        with pytest.raises(ProtocolError):
            getter({"key": value}, "key")
    with pytest.raises(ProtocolError):
        getter({}, "key")


def test_text_has_a_limit_of_its_own() -> None:
    assert codec.text({"key": "abc"}, "key", 3) == "abc"
    with pytest.raises(ProtocolError):
        codec.text({"key": "abcd"}, "key", 3)
