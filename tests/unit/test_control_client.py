"""The blocking client against a scripted daemon on a real socket."""

from __future__ import annotations

import os
import socket
import threading

import pytest
from nas2fa.control import codec
from nas2fa.control.client import Client
from nas2fa.control.messages import ANSWER_MAX, Rows
from nas2fa.errors import Reason, RequestError, UnreachableError
from nas2fa.steps import Ask, Show, Tell
from scripted_daemon import HANG_UP, LEFT, ScriptedDaemon, answer, ask, done, hear, refuse, request, say

ME = frozenset({os.geteuid()})


class Recorder:
    """A relay that notes what it hears and answers from a list."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.heard: list[object] = []

    def ask(self, question: Ask) -> str | None:
        self.heard.append(question)
        return self.answers.pop(0)

    def tell(self, line: Tell) -> None:
        self.heard.append(line)

    def show(self, thing: Show) -> None:
        self.heard.append(thing)

    def rows(self, page: Rows) -> None:
        self.heard.append(page)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "control.sock"


def test_steps_are_relayed_in_order_and_the_end_returned(path) -> None:
    relay = Recorder("123456")
    script = [
        request("disable", uid=1),
        say({"tell": "hello", "error": True}),
        say({"show": "clock", "value": {"zone": "CET"}}),
        say({"rows": [{"a": 1}]}),
        ask("code", "Code: ", echo=False),
        answer("123456"),
        done(was=True),
    ]
    with ScriptedDaemon(path, script), Client(path, ME) as client:
        assert client.request("disable", {"uid": 1}, relay) == {"was": True}
    assert relay.heard == [
        Tell("hello", True),
        Show("clock", {"zone": "CET"}),
        Rows([{"a": 1}]),
        Ask("Code: ", False, "code"),
    ]


def test_requests_follow_each_other_on_one_connection(path) -> None:
    script = [request("status"), refuse("UNKNOWN_USER", "no"), request("health"), done(store="ok")]
    with ScriptedDaemon(path, script), Client(path, ME) as client:
        with pytest.raises(RequestError) as caught:
            client.request("status", {}, Recorder())
        assert (caught.value.reason, caught.value.text) == (Reason.UNKNOWN_USER, "no")
        assert client.request("health", {}, Recorder()) == {"store": "ok"}


def test_none_cancels(path) -> None:
    script = [request("setup"), ask("code"), hear({"cancel": True}), refuse("ABORTED", "nothing")]
    with ScriptedDaemon(path, script), Client(path, ME) as client, pytest.raises(RequestError) as caught:
        client.request("setup", {}, Recorder(None))
    assert caught.value.reason == Reason.ABORTED


def test_an_exception_in_the_relay_leaves(path) -> None:
    class Leaving(Recorder):
        def ask(self, _question: Ask) -> str | None:
            raise KeyboardInterrupt

    with (
        ScriptedDaemon(path, [request("setup"), ask("code"), LEFT]),
        pytest.raises(KeyboardInterrupt),
        Client(path, ME) as client,
    ):
        client.request("setup", {}, Leaving())


def test_the_reason_is_heard_when_the_daemon_ended_while_the_person_typed(path) -> None:
    gone = threading.Event()

    class Slow(Recorder):
        def ask(self, _question: Ask) -> str | None:
            assert gone.wait(10)
            return "too late"

    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(str(path))
    server.listen(1)

    def serve() -> None:
        connection, _ = server.accept()
        connection.recv(65_536)
        connection.send(codec.encode({"ask": "Code: ", "echo": False, "name": "code"}))
        connection.send(codec.encode({"error": "TIMEOUT", "text": "too slow"}))
        connection.close()
        gone.set()

    thread = threading.Thread(target=serve)
    thread.start()
    with server, Client(path, ME) as client, pytest.raises(RequestError) as caught:
        client.request("setup", {}, Slow())
    thread.join(10)
    assert caught.value.reason == Reason.TIMEOUT


def test_a_reason_of_a_newer_daemon_keeps_its_text(path) -> None:
    with (
        ScriptedDaemon(path, [request("status"), refuse("TOO_NEW", "what it says")]),
        Client(path, ME) as client,
        pytest.raises(RequestError) as caught,
    ):
        client.request("status", {}, Recorder())
    assert caught.value.text == "what it says"


@pytest.mark.parametrize(
    "packet",
    [b"not JSON", b'{"tell": 1, "error": false}', b'{"done": {}, "tell": "x"}', b"{}", b"x" * 70_000],
    ids=["garbage", "wrong type", "two in one", "empty object", "too large"],
)
def test_a_daemon_that_does_not_speak_the_protocol_is_unreachable(path, packet) -> None:
    with (
        ScriptedDaemon(path, [request("status"), say(packet)]),
        Client(path, ME) as client,
        pytest.raises(UnreachableError) as caught,
    ):
        client.request("status", {}, Recorder())
    assert str(path) in str(caught.value)


def test_a_daemon_that_goes_away_is_unreachable(path) -> None:
    with (
        ScriptedDaemon(path, [request("status"), HANG_UP]),
        Client(path, ME) as client,
        pytest.raises(UnreachableError, match="closed"),
    ):
        client.request("status", {}, Recorder())


def test_a_silent_daemon_is_unreachable_after_the_patience(path) -> None:
    with (
        ScriptedDaemon(path, [request("status"), LEFT]),
        Client(path, ME, patience=0.05) as client,
        pytest.raises(UnreachableError, match="no word"),
    ):
        client.request("status", {}, Recorder())


def test_no_socket_and_nobody_behind_it(path) -> None:
    with pytest.raises(UnreachableError, match="No such file"):
        Client(path, ME)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bound:
        bound.bind(str(path))
    with pytest.raises(UnreachableError, match="refused"):
        Client(path, ME)


def test_nothing_is_sent_to_a_listener_of_another_uid(path) -> None:
    with ScriptedDaemon(path, [LEFT]), pytest.raises(UnreachableError, match="not trusted"):
        Client(path, frozenset({os.geteuid() + 1}))


def test_answers_of_any_bytes_can_be_sent(path) -> None:
    odd = "\udcff" * 3 + "x" * (2 * ANSWER_MAX)
    script = [request("test"), ask("code"), answer("???" + "x" * (ANSWER_MAX - 3)), done()]
    with ScriptedDaemon(path, script), Client(path, ME) as client:
        assert client.request("test", {}, Recorder(odd)) == {}
