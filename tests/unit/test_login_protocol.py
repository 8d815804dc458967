"""The login conversation's codec: any bytes give a message or a ProtocolError."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nas2fa.errors import ProtocolError
from nas2fa.login import protocol
from nas2fa.login.protocol import Hello, decode, encode_hello
from nas2fa.steps import Ask, Tell

FIELD = st.text(st.characters(blacklist_characters="\0", blacklist_categories=("Cs",)), max_size=60)


@given(st.binary(max_size=5000))
def test_any_bytes_give_a_message_or_a_protocol_error(packet: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(packet)


@given(st.binary(max_size=100))
def test_any_hello_body_likewise(body: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(b"H1" + body)


@given(
    st.builds(
        Hello,
        st.sampled_from(sorted(protocol.PHASES)),
        FIELD.filter(bool),
        st.integers(0, protocol.UID_MAX),
        FIELD.filter(lambda name: name and len(name.encode()) <= protocol.NAME_MAX),
        FIELD,
        FIELD,
        FIELD,
        FIELD,
        st.booleans(),
    )
)
def test_hello_both_ways(hello: Hello) -> None:
    assert decode(encode_hello(hello)) == hello


GOOD = b"H1auth\0sshd\x001000\0alice\0\0\0\0\0\0"


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"H",
        b"H1",
        b"H2" + GOOD[2:],
        GOOD[:-1],
        GOOD + b"\0",
        GOOD + b"x",
        GOOD.replace(b"auth", b"AUTH"),
        GOOD.replace(b"1000", b""),
        GOOD.replace(b"1000", b"-1"),
        GOOD.replace(b"1000", b"+1"),
        GOOD.replace(b"1000", b"4294967295"),
        GOOD.replace(b"1000", b"99999999999"),
        GOOD.replace(b"1000", "١".encode()),
        GOOD.replace(b"alice", b""),
        GOOD.replace(b"alice", b"a" * 257),
        GOOD.replace(b"sshd", b""),
        GOOD[:-1] + b"2\0",
        b"P1",
        b"X\0",
        b"Z",
        b"R" + b"1" * 4096,
    ],
)
def test_refused_packets(packet: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(packet)


def test_only_a_decoy_may_come_without_uid() -> None:
    decoy = GOOD.replace(b"auth", b"decoy").replace(b"1000", b"")
    assert decode(decoy) == Hello("decoy", "sshd", None, "alice")


@given(st.text(max_size=5000))
def test_texts_are_cut_at_their_limits_and_hold_no_nul(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    for packet, limit in (
        (protocol.encode_step(Ask(text)), protocol.ASK_MAX),
        (protocol.encode_step(Tell(text)), protocol.TELL_MAX),
    ):
        assert len(packet) <= 1 + limit
        assert b"\0" not in packet
        packet.decode()  # never cut inside a character


def test_verdicts_and_split() -> None:
    assert protocol.encode_verdict("allow") == b"Vallow"
    assert protocol.encode_split(8) == b"t8"
    with pytest.raises(ValueError, match="verdict"):
        protocol.encode_verdict("allowed")
    for digits in (0, 5, 9):
        with pytest.raises(ValueError, match="digits"):
            protocol.encode_split(digits)


GROUP = st.text(st.characters(blacklist_characters="\0:", blacklist_categories=("Cs",)), min_size=1, max_size=20)


@given(st.lists(GROUP, min_size=1, max_size=64))
def test_groups_are_asked_for_by_name(names: list[str]) -> None:
    packet = protocol.encode_groups(names)
    assert packet[:1] == b"g"
    assert packet[1:].decode().split(":") == names


@pytest.mark.parametrize(
    "names", [[], [""], ["wheel", ""], ["a:b"], ["a\0"], ["a"] * 65, ["x" * 4096]], ids=lambda names: str(names)[:20]
)
def test_names_that_are_no_groups_or_too_many_are_not_asked_for(names: list[str]) -> None:
    with pytest.raises(ValueError, match="group"):
        protocol.encode_groups(names)


def test_facts_about_the_user() -> None:
    assert decode(b"G010") == protocol.Groups((False, True, False))
    assert decode(b"K$y$j9T$salt$") == protocol.PasswordVersion("$y$j9T$salt$")
    assert decode(b"K") == protocol.PasswordVersion("")
    for packet in (b"G", b"G2", b"G0 1", b"G01\0", b"G" + b"0" * 65):
        with pytest.raises(ProtocolError):
            decode(packet)


def test_reply_is_not_in_its_repr() -> None:
    assert "123456" not in repr(decode(b"R123456"))
