"""The module against a daemon that is broken or hostile: it fails closed, in time, and clean.

Each script is played to the plain build, to one with AddressSanitizer and UndefinedBehaviorSanitizer, and under
valgrind; a report of theirs fails the test.
"""

import errno
import os
import socket
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import pytest
from fake_daemon import HANG, READ, FakeDaemon, Script
from pam_client import BUILDS, PRODUCTION, Outcome, Pam, PamStack, as_user

pytestmark = pytest.mark.usefixtures("pam_programs")

AUTH = "auth [default=done] OURS SOCKET"
UNAVAILABLE, DENIED = Pam.AUTHINFO_UNAVAIL, Pam.AUTH_ERR
ASK = b"sCode: "
QUESTION: Script = [ASK, READ]
QUESTIONS: Script = [READ, *chain.from_iterable([QUESTION] * 40)]
CUTS = [[b"t0"], [b"t5"], [b"t9"], [b"t"], [b"t66"], [b"t "], [b"t6", b"t6"], [b"t6", b"t7"]]

SCRIPTS: dict[str, tuple[Script, Pam]] = {
    "eof_before_hello": ([], UNAVAILABLE),
    "eof_after_hello": ([READ], UNAVAILABLE),
    "eof_after_tell": ([READ, b"ihello"], UNAVAILABLE),
    "eof_after_question": ([READ, ASK], UNAVAILABLE),
    "eof_after_answer": ([READ, ASK, READ], UNAVAILABLE),
    "silence_after_hello": ([READ, HANG], UNAVAILABLE),
    "silence_after_tell": ([READ, b"iplease wait", HANG], UNAVAILABLE),
    "silence_after_answer": ([READ, ASK, READ, HANG], UNAVAILABLE),
    "empty_packet": ([READ, b"", b"Vallow"], UNAVAILABLE),
    "garbage": ([READ, bytes(range(255, 0, -1)), b"Vallow"], UNAVAILABLE),
    "unknown_type": ([READ, b"zallow", b"Vallow"], UNAVAILABLE),
    "upper_case_type": ([READ, b"SCode: ", READ, b"Vallow"], UNAVAILABLE),
    "nul_type": ([READ, b"\0Vallow", b"Vallow"], UNAVAILABLE),
    "unknown_word": ([READ, b"Vallowed"], DENIED),
    "no_word": ([READ, b"V"], DENIED),
    "word_and_newline": ([READ, b"Vallow\n"], DENIED),
    "word_and_nul": ([READ, b"Vallow\0"], UNAVAILABLE),
    "word_nul_and_text": ([READ, b"Vallow\0text"], UNAVAILABLE),
    "word_padded_to_the_limit": ([READ, b"Vallow".ljust(4096, b"w")], DENIED),
    "word_longer_than_a_packet": ([READ, b"V".ljust(5000, b"w")], UNAVAILABLE),
    "word_padded_beyond": ([READ, b"Vallow".ljust(5000, b"\0")], UNAVAILABLE),
    "5000_bytes": ([READ, b"i" * 5000, b"Vallow"], UNAVAILABLE),
    "4097_bytes": ([READ, b"i" * 4097, b"Vallow"], UNAVAILABLE),
    "question_with_nul": ([READ, b"sCo\0de: ", READ, b"Vallow"], UNAVAILABLE),
    "question_too_long": ([READ, b"s" + b"q" * 512, READ, b"Vallow"], UNAVAILABLE),
    "tell_too_long": ([READ, b"i" + b"t" * 4001, b"Vallow"], UNAVAILABLE),
    "error_too_long": ([READ, b"e" + b"t" * 4001, b"Vallow"], UNAVAILABLE),
    "endless_questions": (QUESTIONS, UNAVAILABLE),
    "endless_tells": ([READ, *([b"iwait"] * 40)], UNAVAILABLE),
    "t_in_auth": ([READ, b"t6", b"Vallow"], UNAVAILABLE),
    "hello_echoed": ([READ, b"H1auth\0", b"Vallow"], UNAVAILABLE),
}


def play(stack: PamStack, script: Script, *steps: str) -> tuple[Outcome, FakeDaemon]:
    """One login with any number of right answers, against one script."""
    with FakeDaemon(stack.socket, script) as daemon:
        outcome = stack.run("daemon", *steps, "to:Code: =123456")
    return outcome, daemon


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("build", BUILDS)
def test_refused(directory: Path, build: str, name: str) -> None:
    script, code = SCRIPTS[name]
    started = time.monotonic()
    outcome, _ = play(PamStack(directory, BUILDS[build]).write(AUTH), script, "auth")
    assert outcome.code is code
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("packets", CUTS)
def test_bad_cut_is_refused_before_the_password_is_asked(directory: Path, build: str, packets: Sequence[bytes]) -> None:
    stack = PamStack(directory, BUILDS[build]).write(f"{AUTH} split")
    outcome, _ = play(stack, [READ, *packets, b"Vpass"], "auth")
    assert outcome.code is UNAVAILABLE
    assert outcome.all("off") == []


@pytest.mark.parametrize("build", BUILDS)
def test_longest_texts_pass(directory: Path, build: str) -> None:
    question, told = "q" * 511, "t" * 4000
    script: Script = [READ, b"i" + told.encode(), b"e" + told.encode(), b"o" + question.encode(), READ, b"Vallow"]
    outcome, daemon = play(PamStack(directory, BUILDS[build]).write(AUTH), script, "auth", "answer=" + "a" * 511)
    assert outcome.code is Pam.SUCCESS
    assert [outcome.all(kind) for kind in ("info", "error", "on")] == [[told], [told], [question]]
    assert daemon.answers == [b"R" + b"a" * 511]


@pytest.mark.parametrize("build", BUILDS)
def test_percent_signs_are_text(directory: Path, build: str) -> None:
    script: Script = [READ, b"i%n%s%d", b"s%n%s", READ, b"Vallow"]
    outcome, _ = play(PamStack(directory, BUILDS[build]).write(AUTH), script, "auth", "answer=%n%s")
    assert outcome.code is Pam.SUCCESS
    assert outcome.all("info") + outcome.all("off") == ["%n%s%d", "%n%s"]


def test_32_packets_with_the_verdict_are_enough_and_33_too_many(directory: Path) -> None:
    stack = PamStack(directory).write(AUTH)
    for tells, code in ((31, Pam.SUCCESS), (32, UNAVAILABLE)):
        outcome, _ = play(stack, [READ, *([b"iwait"] * tells), b"Vallow"], "auth")
        assert outcome.code is code
        stack.socket.unlink()


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("answer", ["answer-null", "answer-fail", "answer=" + "a" * 512, "answer=" + "a" * 5000])
@pytest.mark.parametrize(
    ("word", "code"),
    [(b"Vallow", DENIED), (b"Vpass", DENIED), (b"Vlocked", Pam.MAXTRIES), (b"", UNAVAILABLE)],
)
def test_no_answer_is_no_login(directory: Path, build: str, answer: str, word: bytes, code: Pam) -> None:
    script: Script = [READ, b"sOther: ", READ, word]
    outcome, daemon = play(PamStack(directory, BUILDS[build]).write(AUTH), script, "auth", answer)
    assert outcome.code is code
    assert daemon.answers == [b"X"]


@pytest.mark.parametrize("build", ["plain", "asan"])
@pytest.mark.parametrize(
    ("word", "code"),
    [(b"Vallow", DENIED), (b"Vpass", DENIED), (b"Vlocked", Pam.MAXTRIES), (b"z", UNAVAILABLE)],
)
def test_answer_to_a_daemon_that_has_left(directory: Path, build: str, word: bytes, code: Pam) -> None:
    """Its word still stands, unless it would open something: nobody has read the answer."""
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    fifo = directory / "left"
    os.mkfifo(fifo)
    with FakeDaemon(stack.socket, [READ, ASK, word]) as daemon, ThreadPoolExecutor(1) as threads:
        login = threads.submit(stack.run, "daemon", f"after={fifo}", "answer=123456", "auth")
        daemon.wait()
        fifo.open("w").close()
        assert login.result().code is code


def test_question_after_x_is_refused(directory: Path) -> None:
    script: Script = [READ, b"sOther: ", READ, ASK, READ, b"Vallow"]
    outcome, daemon = play(PamStack(directory).write(AUTH), script, "auth", "answer-fail")
    assert outcome.code is UNAVAILABLE
    assert daemon.answers == [b"X"]


def test_missing_socket_and_plain_file(directory: Path) -> None:
    stack = PamStack(directory).write(AUTH)
    assert stack.run("daemon", "auth").code is UNAVAILABLE
    stack.socket.write_bytes(b"")
    assert stack.run("daemon", "auth").code is UNAVAILABLE


def test_too_long_socket_path(directory: Path) -> None:
    outcome = PamStack(directory).write(f"auth [default=done] OURS socket=/{'a' * 107}").run("daemon", "auth")
    assert outcome.code is UNAVAILABLE
    assert "File name too long" in outcome.all("log")[0]


@pytest.mark.parametrize("build", ["plain", "asan"])
def test_listener_that_is_not_root(directory: Path, build: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    directory.chmod(0o777)
    wrapper: Sequence[str] = ()
    try:
        daemon = FakeDaemon(stack.socket, [READ, b"Vallow"], listener_uid=65534)
    except OSError as error:
        # A user namespace with one uid: there it is the caller who gets to see root as somebody else.
        assert error.errno == errno.EINVAL
        stack.socket.unlink()
        daemon = FakeDaemon(stack.socket, [READ, b"Vallow"])
        wrapper = as_user()
    with daemon:
        outcome = stack.run("daemon", "auth", wrapper=wrapper)
    assert outcome.code is UNAVAILABLE
    assert daemon.received == [[]]
    assert "Operation not permitted" in outcome.all("log")[0]


@pytest.mark.parametrize("build", BUILDS)
def test_caller_with_2000_descriptors(directory: Path, build: str) -> None:
    script: Script = [READ, ASK, READ, b"Vallow"]
    outcome, daemon = play(PamStack(directory, BUILDS[build]).write(AUTH), script, "fds=2000", "auth")
    assert outcome.code is Pam.SUCCESS
    assert daemon.answers == [b"R123456"]


def test_full_backlog_is_given_up_in_time(directory: Path) -> None:
    stack = PamStack(directory).write(AUTH)
    with FakeDaemon(stack.socket, backlog=0), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as waiting:
        waiting.connect(str(stack.socket))
        started = time.monotonic()
        outcome = stack.run("daemon", "auth")
    assert outcome.code is UNAVAILABLE
    assert 0.9 < time.monotonic() - started < 5


def measure(stack: PamStack, script: Script, *steps: str) -> float:
    """Seconds until the module gave up on a silent daemon."""
    started = time.monotonic()
    outcome, _ = play(stack, script, *steps)
    assert outcome.code in {Pam.AUTHINFO_UNAVAIL, Pam.SYSTEM_ERR}
    return time.monotonic() - started


SILENCES = [
    ("sshd", [READ, HANG], "auth", 10.0),
    ("sshd", [READ, ASK, READ, HANG], "auth", 5.0),
    ("sshd", [READ, b"iplease wait", HANG], "auth", 5.0),
    ("sshd", [READ, HANG], "account", 10.0),
    ("samba", [READ, HANG], "account", 4.0),
    ("samba", [READ, *([b"iwait"] * 10), HANG], "account", 4.0),
]


def test_deadlines() -> None:
    """The real ones, in the module that is shipped; all at the same time, so this takes 10 s."""

    def one(case: tuple[str, Script, str, float]) -> tuple[float, float]:
        service, script, call, expected = case
        with tempfile.TemporaryDirectory() as name:
            stack = PamStack(Path(name), PRODUCTION, service).write(AUTH, "account [default=done] OURS SOCKET")
            return measure(stack, script, call), expected

    with ThreadPoolExecutor(len(SILENCES)) as threads:
        for seconds, expected in threads.map(one, SILENCES):
            assert expected - 0.1 < seconds < expected + 2
