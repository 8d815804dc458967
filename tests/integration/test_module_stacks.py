"""The module in the stacks it is made for: nobody gets in without what the stack demands."""

from pathlib import Path

import pytest
from fake_daemon import READ, FakeDaemon, Script
from pam_client import BUILDS, Outcome, Pam, PamStack

pytestmark = pytest.mark.usefixtures("pam_programs")

ASK = b"sCode: "
KEY = "env=SSH_AUTH_INFO_0=publickey ssh-ed25519 AAAA"
# What pam-auth-update makes of an Additional profile: reached only by a right password.
COMMON_AUTH = (
    "auth [success=1 default=ignore] PASSWORD right",
    "auth requisite pam_deny.so",
    "auth required pam_permit.so",
    "auth requisite OURS SOCKET",
)
PUBKEY = "auth [success=done new_authtok_reqd=done ignore=ignore default=die] OURS SOCKET pubkey"
STACKS = {
    "pubkey": (PUBKEY, *COMMON_AUTH),
    "sufficient": ("auth sufficient OURS SOCKET", "auth required PASSWORD right"),
    "additional": COMMON_AUTH,
    "alone": ("auth required OURS SOCKET",),
    "alone-sufficient": ("auth sufficient OURS SOCKET",),
    "alone-success-done": ("auth [success=done default=ignore] OURS SOCKET",),
}
ALLOW: Script = [READ, ASK, READ, b"Vallow"]
PASS: Script = [READ, b"Vpass"]
DENY: Script = [READ, ASK, READ, b"Vdeny"]
WORDS = {"allow": ALLOW, "pass": PASS, "deny": DENY}
PASSWORDS = {"right": ["to:Password: =right"], "wrong": ["to:Password: =wrong"], "none": []}

# (stack, after a key) -> the pairs (daemon's word, password) that get in; nobody else does.
GET_IN = {
    # Key and code, without the password; where policy asks no code, key and password.
    ("pubkey", True): {("allow", "right"), ("allow", "wrong"), ("allow", "none"), ("pass", "right")},
    # No key: the line stands aside, and the Additional one asks.
    ("pubkey", False): {("allow", "right"), ("pass", "right")},
    # Either of the two is enough, as `sufficient` says; `pass` is neither.
    ("sufficient", False): {("allow", word) for word in PASSWORDS} | {("pass", "right"), ("deny", "right")},
    ("additional", False): {("allow", "right"), ("pass", "right")},
    # `pass` alone opens nothing.
    ("alone", False): {("allow", "right"), ("allow", "wrong"), ("allow", "none")},
    ("alone-sufficient", False): {("allow", "right"), ("allow", "wrong"), ("allow", "none")},
    ("alone-success-done", False): {("allow", "right"), ("allow", "wrong"), ("allow", "none")},
}


def log_in(stack: PamStack, scripts: list[Script], *steps: str) -> tuple[Outcome, list[list[bytes]]]:
    """One run against one script per connection; the last script is for connections that need not come."""
    with FakeDaemon(stack.socket, *scripts) as daemon:
        outcome = stack.run("daemon", *steps)
    return outcome, daemon.received


@pytest.mark.parametrize("build", ["plain", "asan"])
@pytest.mark.parametrize("password", PASSWORDS)
@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize(("name", "key"), GET_IN)
def test_matrix(directory: Path, build: str, name: str, key: bool, word: str, password: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(*STACKS[name])
    with FakeDaemon(stack.socket, *connections(name, key, word, password)):
        steps = [*([KEY] if key else []), "to:Code: =123456", *PASSWORDS[password]]
        outcome = stack.run("daemon", *steps, "auth", "setcred")
    got_in = outcome.codes("auth") == [Pam.SUCCESS]
    assert got_in is ((word, password) in GET_IN[name, key])
    # setcred follows the way auth went: it opens what auth opened and nothing else.
    assert (outcome.codes("setcred") == [Pam.SUCCESS]) is got_in


def connections(name: str, key: bool, word: str, password: str) -> list[Script]:
    """One script for each line of ours that is reached."""
    script = WORDS[word]
    if name == "pubkey" and key:
        # `pass` goes on to the password and, if that is right, to the Additional line.
        return [script, script] if (word, password) == ("pass", "right") else [script]
    if name in {"pubkey", "additional"}:
        return [script] if password == "right" else []
    return [script]


def test_pubkey_line_without_a_key_makes_no_connection(directory: Path) -> None:
    stack = PamStack(directory).write("auth [default=done] OURS SOCKET pubkey")
    for first in ("", "password", "publickey", "xpublickey ssh-rsa"):
        outcome = stack.run("daemon", f"env=SSH_AUTH_INFO_0={first}", "auth")
        assert outcome.code is Pam.IGNORE
        assert outcome.all("log") == []  # there is no daemon: a connection would have been logged


@pytest.mark.parametrize(("script", "delays"), [(ALLOW, []), (PASS, []), (DENY, ["2000000"]), ([READ], ["2000000"])])
def test_pubkey_line_asks_for_a_delay_when_it_refuses(directory: Path, script: Script, delays: list[str]) -> None:
    """No pam_unix is there to do it. libpam makes the delay 25 % longer or shorter at random, up to half."""
    stack = PamStack(directory).write("auth [default=done] OURS SOCKET pubkey")
    outcome, _ = log_in(stack, [script], KEY, "auth", "to:Code: =123456")
    assert len(outcome.all("delay")) == len(delays)
    for asked, given in zip(delays, outcome.all("delay"), strict=True):
        assert int(asked) * 0.5 <= int(given) <= int(asked) * 1.5


SETCRED = {
    # As in sshd's parent process: setcred on a handle that never ran auth.
    "alone": (("auth required OURS SOCKET",), Pam.SUCCESS),
    "additional": (COMMON_AUTH, Pam.SUCCESS),
    # The lines below must still be run; pam_deny shows that they are.
    "pubkey": ((PUBKEY, "auth required pam_deny.so"), None),
    "split": (("auth sufficient OURS SOCKET split", "auth required pam_deny.so"), None),
    "decoy": (("auth sufficient OURS SOCKET decoy", "auth required pam_deny.so"), None),
}


@pytest.mark.parametrize("name", SETCRED)
def test_setcred_without_auth(directory: Path, name: str) -> None:
    lines, code = SETCRED[name]
    outcome = PamStack(directory).write(*lines).run("daemon", "setcred")
    assert (outcome.code is Pam.SUCCESS) is (code is Pam.SUCCESS)


SPLIT = ("auth [default=ignore] OURS SOCKET split", *COMMON_AUTH)
CUT6: Script = [READ, b"t6", b"Vpass"]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("typed", "cut", "answers"),
    [
        ("right123456", b"t6", [b"R123456"]),
        ("right12345678", b"t8", [b"R12345678"]),
        ("right1234567", b"t7", [b"R1234567"]),
    ],
)
def test_code_in_the_password_field(directory: Path, build: str, typed: str, cut: bytes, answers: list[bytes]) -> None:
    stack = PamStack(directory, BUILDS[build]).write(*SPLIT)
    outcome, received = log_in(stack, [[READ, cut, b"Vpass"], ALLOW], "auth", f"answer={typed}")
    assert outcome.code is Pam.SUCCESS
    assert outcome.all("off") == ["Password: "]
    assert received[0][0].startswith(b"H1split\0")
    assert received[0][1:] == []
    assert received[1][0].startswith(b"H1auth\0")
    assert received[1][1:] == answers


@pytest.mark.parametrize("typed", ["right", "right12345", "right12345a", "right１２３４５６", "12345", ""])
def test_no_code_at_the_end_leaves_the_password_whole(directory: Path, typed: str) -> None:
    stack = PamStack(directory).write(SPLIT[0], f"auth requisite PASSWORD {typed or 'right'}", *COMMON_AUTH[2:])
    outcome, received = log_in(stack, [CUT6, ALLOW], "auth", f"answer={typed or 'right'}", "to:Code: =123456")
    assert outcome.code is Pam.SUCCESS
    assert outcome.all("off") == ["Password: ", "Code: "]
    assert received[1][1:] == [b"R123456"]


def test_nothing_is_cut_unless_the_daemon_says_so(directory: Path) -> None:
    stack = PamStack(directory).write(SPLIT[0], "auth requisite PASSWORD right123456", *COMMON_AUTH[2:])
    outcome, _ = log_in(stack, [[READ, b"Vpass"], ALLOW], "auth", "answer=right123456", "to:Code: =123456")
    assert outcome.code is Pam.SUCCESS
    assert outcome.all("off") == ["Password: ", "Code: "]


@pytest.mark.parametrize("verdict", [b"Vdeny", b"Vunavailable", b"Vallow", b"Vignore", b"z"])
def test_refused_split_cuts_nothing(directory: Path, verdict: bytes) -> None:
    stack = PamStack(directory).write(SPLIT[0], "auth requisite PASSWORD right123456", *COMMON_AUTH[2:])
    outcome, received = log_in(stack, [[READ, b"t6", verdict], ALLOW], "auth", "answer=right123456", "to:Code: =1")
    assert outcome.code is Pam.SUCCESS
    assert received[1][1:] == [b"R1"]


@pytest.mark.parametrize("build", BUILDS)
def test_no_code_is_tried_with_a_wrong_password(directory: Path, build: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(*SPLIT)
    outcome, received = log_in(stack, [CUT6], "auth", "answer=wrong123456")
    assert outcome.code is not Pam.SUCCESS
    assert [packet[:8] for packet in received[0]] == [b"H1split\0"]


@pytest.mark.parametrize("build", BUILDS)
def test_kept_code_answers_one_question_and_the_field_never_leaves(directory: Path, build: str) -> None:
    """A client that fills every question from the password field: its text, whole, is the password once more."""
    stack = PamStack(directory, BUILDS[build]).write(*SPLIT)
    wrong_code: Script = [READ, ASK, READ, b"ewrong", ASK, READ, ASK, READ, b"Vdeny"]
    answers = ("answer=right123456", "answer=right123456", "answer=right")
    outcome, received = log_in(stack, [CUT6, wrong_code], "auth", *answers)
    assert outcome.code is Pam.AUTH_ERR
    assert outcome.all("off") == ["Password: ", "Code: ", "Code: "]
    assert received[1][1:] == [b"R123456", b"P", b"P"]


def test_kept_code_is_gone_when_it_was_not_asked_for(directory: Path) -> None:
    stack = PamStack(directory).write("auth [default=done] OURS SOCKET split", "account [default=done] OURS SOCKET")
    scripts: list[Script] = [CUT6, [READ, b"Vignore"], [READ, ASK, READ, b"Vignore"]]
    _, received = log_in(stack, scripts, "auth", "answer=right123456", "account", "account", "answer=7")
    assert [packets[1:] for packets in received] == [[], [], [b"R7"]]


def test_kept_code_is_for_its_user_only(directory: Path) -> None:
    stack = PamStack(directory).write("auth [default=done] OURS SOCKET split", "account [default=done] OURS SOCKET")
    scripts: list[Script] = [CUT6, [READ, ASK, READ, b"Vignore"]]
    _, received = log_in(stack, scripts, "auth", "answer=right123456", "user=bin", "account", "answer=7")
    assert received[1][1:] == [b"R7"]


DECOY = ("auth [success=2 default=ignore] PASSWORD right", "auth [default=ignore] OURS SOCKET decoy", *COMMON_AUTH[1:])


@pytest.mark.parametrize("script", [ALLOW, PASS, DENY, [READ], [READ, b"Vignore"]])
def test_decoy_opens_nothing(directory: Path, script: Script) -> None:
    stack = PamStack(directory).write(*DECOY)
    outcome, _ = log_in(stack, [script], "auth", "answer=wrong", "to:Code: =123456", "setcred")
    assert outcome.codes("auth") != [Pam.SUCCESS]
    assert outcome.codes("setcred") != [Pam.SUCCESS]


def test_decoy_asks_as_the_real_line_does(directory: Path) -> None:
    stack = PamStack(directory).write(*DECOY)
    right, _ = log_in(stack, [DENY], "auth", "answer=right", "answer=123456")
    stack.socket.unlink()
    wrong, received = log_in(stack, [DENY], "auth", "answer=wrong", "answer=123456")
    assert right.lines == wrong.lines
    assert received[0][0].startswith(b"H1decoy\0")


def test_decoy_does_not_send_the_code_typed_with_a_wrong_password(directory: Path) -> None:
    stack = PamStack(directory).write(SPLIT[0], *DECOY)
    outcome, received = log_in(stack, [CUT6, DENY], "auth", "answer=wrong123456")
    assert outcome.code is not Pam.SUCCESS
    assert outcome.all("off") == ["Password: "]
    assert received[1][1:] == [b"R"]
