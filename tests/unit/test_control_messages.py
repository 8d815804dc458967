"""Messages of the control socket, both ways."""

from __future__ import annotations

import pytest
from nas2fa.control import codec, messages
from nas2fa.control.messages import Done, Failed, Request, Rows
from nas2fa.errors import ProtocolError
from nas2fa.steps import Ask, Show, Tell

ALL = [
    (Tell("line"), {"tell": "line", "error": False}),
    (Tell("line", True), {"tell": "line", "error": True}),
    (Show("clock", {"zone": "CET"}), {"show": "clock", "value": {"zone": "CET"}}),
    (Rows([{"uid": 1}]), {"rows": [{"uid": 1}]}),
    (Ask("Code: ", False, "code"), {"ask": "Code: ", "echo": False, "name": "code"}),
    (Done({"armed": True}), {"done": {"armed": True}}),
    (Failed("LOCKED", "text"), {"error": "LOCKED", "text": "text"}),
]


@pytest.mark.parametrize(("message", "wire"), ALL)
def test_every_message_both_ways(message, wire) -> None:
    assert messages.to_json(message) == wire
    assert messages.from_json(wire) == message


@pytest.mark.parametrize("wire", [wire for _, wire in ALL])
def test_a_message_with_a_key_too_many_or_too_few_is_refused(wire) -> None:
    with pytest.raises(ProtocolError):
        messages.from_json({**wire, "more": 1})
    for key in wire:
        with pytest.raises(ProtocolError):
            messages.from_json({k: v for k, v in wire.items() if k != key})


def test_two_messages_in_one_are_refused() -> None:
    with pytest.raises(ProtocolError):
        messages.from_json({"tell": "a", "error": False, "done": {}})


def test_request_both_ways_and_nothing_else() -> None:
    wire = {"v": 1, "verb": "status", "args": {"uid": 1}}
    assert messages.request_to_json(Request("status", {"uid": 1})) == wire
    assert messages.request_from_json(wire) == Request("status", {"uid": 1})
    wrong = [{"v": 2}, {"v": True}, {"v": "1"}, {"verb": 1}, {"verb": "x" * 33}, {"args": []}, {"extra": 1}]
    for change in wrong:
        with pytest.raises(ProtocolError):
            messages.request_from_json({**wire, **change})


def test_answer_both_ways_and_nothing_else() -> None:
    assert messages.answer_from_json(messages.answer_to_json("123456")) == "123456"
    assert messages.answer_from_json(messages.answer_to_json("")) == ""
    assert messages.answer_from_json(messages.answer_to_json(None)) is None
    wrong = [{}, {"cancel": False}, {"cancel": 1, "answer": "x"}, {"answer": None}, {"answer": 123456}]
    for message in [*wrong, {"answer": "x" * (messages.ANSWER_MAX + 1)}]:
        with pytest.raises(ProtocolError):
            messages.answer_from_json(message)


def test_no_message_with_a_secret_shows_it() -> None:
    secrets = (Request("setup", {"token": "s3cret"}), Show("secret", {"key": "s3cret"}), Done({"token": "s3cret"}))
    assert not any("s3cret" in repr(message) for message in secrets)


def test_pages_hold_all_rows_in_order_and_fit_into_a_packet() -> None:
    rows = [{"n": n, "text": "ü" * (n * 37 % 4000)} for n in range(300)]
    pages = list(messages.paged(rows))
    assert [row for page in pages for row in page.rows] == rows
    assert all(len(codec.encode(messages.to_json(page))) <= codec.PACKET_MAX for page in pages)
    assert max(len(page.rows) for page in pages) <= messages.PAGE_MAX
    assert list(messages.paged([])) == []
