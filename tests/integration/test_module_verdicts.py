"""The daemon's word as a PAM code, for every phase: the table of docs/protocol.md, part 1."""

import contextlib
from pathlib import Path

import pytest
from fake_daemon import READ, FakeDaemon
from pam_client import Pam, PamStack

pytestmark = pytest.mark.usefixtures("pam_programs")

# `default=done` hands the module's own code to the application.
AUTH_LINE = "auth [default=done] OURS SOCKET"
ACCOUNT_LINE = "account [default=done] OURS SOCKET"
LINES = {
    "auth": ("auth", AUTH_LINE),
    "account": ("account", ACCOUNT_LINE),
    "guard": ("account", f"{ACCOUNT_LINE} guard"),
    "split": ("auth", f"{AUTH_LINE} split"),
    "decoy": ("auth", f"{AUTH_LINE} decoy"),
}
ACCOUNT_CODES = {
    "allow": Pam.SUCCESS,
    "pass": Pam.PERM_DENIED,
    "ignore": Pam.IGNORE,
    "deny": Pam.PERM_DENIED,
    "locked": Pam.PERM_DENIED,
    "expired": Pam.ACCT_EXPIRED,
    "hidden": Pam.AUTHINFO_UNAVAIL,
    "unavailable": Pam.SYSTEM_ERR,
    "allowed": Pam.PERM_DENIED,
    "ALLOW": Pam.PERM_DENIED,
    "": Pam.PERM_DENIED,
}
WORDS = tuple(ACCOUNT_CODES)
NO_ANSWER = "Two-step verification does not answer. Tell the administrator."
CODES = {
    "auth": {
        "allow": Pam.SUCCESS,
        "pass": Pam.IGNORE,
        "ignore": Pam.AUTH_ERR,
        "deny": Pam.AUTH_ERR,
        "locked": Pam.MAXTRIES,
        "expired": Pam.ACCT_EXPIRED,
        "hidden": Pam.AUTHINFO_UNAVAIL,
        "unavailable": Pam.AUTHINFO_UNAVAIL,
        "allowed": Pam.AUTH_ERR,
        "ALLOW": Pam.AUTH_ERR,
        "": Pam.AUTH_ERR,
    },
    "account": ACCOUNT_CODES,
    "guard": ACCOUNT_CODES,
    "split": dict.fromkeys(WORDS, Pam.AUTHINFO_UNAVAIL) | {"pass": Pam.IGNORE, "deny": Pam.AUTH_ERR},
    "decoy": dict.fromkeys(WORDS, Pam.AUTH_ERR),
}


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("phase", LINES)
def test_word_becomes_code(directory: Path, phase: str, word: str) -> None:
    call, line = LINES[phase]
    stack = PamStack(directory).write(line)
    with FakeDaemon(stack.socket, [READ, b"V" + word.encode()]) as daemon:
        outcome = stack.run("daemon", call)
    assert outcome.code is CODES[phase][word]
    assert daemon.hello[0] == phase


@pytest.mark.parametrize("phase", LINES)
def test_no_daemon(directory: Path, phase: str) -> None:
    call, line = LINES[phase]
    outcome = PamStack(directory).write(line).run("daemon", call)
    assert outcome.code is CODES[phase]["unavailable"]


@pytest.mark.parametrize("away", [True, False], ids=["away", "silent"])
@pytest.mark.parametrize("phase", LINES)
@pytest.mark.parametrize("service", ["sshd", "samba"])
def test_who_is_at_the_prompt_is_told_that_it_does_not_answer(
    directory: Path, service: str, phase: str, away: bool
) -> None:
    """The decoy too: else who guesses passwords would learn of the right one while nas2fad is away."""
    call, line = LINES[phase]
    stack = PamStack(directory, service=service).write(line)
    with contextlib.nullcontext() if away else FakeDaemon(stack.socket, [READ]):
        outcome = stack.run("daemon", call)
    told = service != "samba" and phase in ("auth", "decoy")
    assert outcome.all("error") == [NO_ANSWER] * told


def test_a_verdict_is_not_commented_on(directory: Path) -> None:
    """nas2fad has told what there is to tell."""
    stack = PamStack(directory).write(AUTH_LINE)
    with FakeDaemon(stack.socket, [READ, b"eno", b"Vunavailable"]):
        assert stack.run("daemon", "auth").all("error") == ["no"]


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("sshd", "auth", Pam.USER_UNKNOWN),
        ("sshd", "account", Pam.USER_UNKNOWN),
        ("samba", "account", Pam.PERM_DENIED),  # smbd makes a guest of USER_UNKNOWN
    ],
)
def test_unknown_user_ends_in_the_module(directory: Path, service: str, call: str, code: Pam) -> None:
    stack = PamStack(directory, service=service).write(AUTH_LINE, ACCOUNT_LINE)
    assert stack.run("no-such-user", call).code is code


def test_decoy_asks_unknown_user_too(directory: Path) -> None:
    stack = PamStack(directory).write(f"{AUTH_LINE} decoy")
    with FakeDaemon(stack.socket, [READ, b"sCode: ", READ, b"Vdeny"]) as daemon:
        outcome = stack.run("no-such-user", "auth", "answer=123456")
    assert outcome.code is Pam.AUTH_ERR
    assert daemon.hello[2:4] == ["", "no-such-user"]
    assert daemon.answers == [b"R123456"]


@pytest.mark.parametrize("argument", ["gaurd", "socket=login.sock", "socket=", "debug=1", "use_first_pass"])
def test_line_with_an_unknown_argument_refuses(directory: Path, argument: str) -> None:
    stack = PamStack(directory).write(f"{AUTH_LINE} {argument}", f"{ACCOUNT_LINE} {argument}")
    outcome = stack.run("daemon", "auth", "account", "setcred")
    assert outcome.codes("auth") == [Pam.AUTH_ERR]
    assert outcome.codes("account") == [Pam.SYSTEM_ERR]
    assert outcome.codes("setcred") == [Pam.CRED_ERR]
    assert argument in outcome.all("log")[0]
