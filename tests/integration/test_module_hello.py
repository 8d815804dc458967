"""What the module tells the daemon, and what it keeps to itself."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_daemon import READ, FakeDaemon, Script
from nas2fa.login import protocol
from nas2fa.login.protocol import Hello
from pam_client import BUILDS, PRODUCTION, Pam, PamStack, as_user

pytestmark = pytest.mark.usefixtures("pam_programs")

AUTH = "auth [default=done] OURS SOCKET"
ACCOUNT = "account [default=done] OURS SOCKET"
GUARD = f"{ACCOUNT} guard"
ASK = b"sCode: "
FIELDS = ("phase", "service", "uid", "user", "rhost", "tty", "ruser", "first", "verified")


@pytest.mark.parametrize("build", BUILDS)
def test_all_fields(directory: Path, build: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    key = "publickey ssh-ed25519 AAAA"
    items = ("rhost=192.0.2.7", "tty=ssh", "ruser=bob", f"env=SSH_AUTH_INFO_0={key}")
    with FakeDaemon(stack.socket, [READ, b"Vdeny"]) as daemon:
        stack.run("daemon", *items, "auth")
    assert dict(zip(FIELDS, daemon.hello, strict=True)) == {
        "phase": "auth",
        "service": "sshd",
        "uid": "1",
        "user": "daemon",
        "rhost": "192.0.2.7",
        "tty": "ssh",
        "ruser": "bob",
        "first": key,
        "verified": "",
    }


@pytest.mark.parametrize(
    ("phase", "call", "line"),
    [
        ("auth", "auth", AUTH),
        ("account", "account", ACCOUNT),
        ("guard", "account", GUARD),
        ("split", "auth", f"{AUTH} split"),
        ("decoy", "auth", f"{AUTH} decoy"),
    ],
)
def test_daemon_reads_what_the_module_writes(directory: Path, phase: str, call: str, line: str) -> None:
    stack = PamStack(directory).write(line)
    user = "ghost" if phase == "decoy" else "daemon"
    with FakeDaemon(stack.socket, [READ, b"Vdeny"]) as daemon:
        stack.run(user, "rhost=2001:db8::7", "tty=tty1", "ruser=bob", "env=SSH_AUTH_INFO_0=password", call)
    uid = None if phase == "decoy" else 1
    hello = Hello(phase, "sshd", uid, user, "2001:db8::7", "tty1", "bob", "password", verified=False)
    assert protocol.decode(daemon.received[0][0]) == hello
    assert protocol.encode_hello(hello) == daemon.received[0][0]


def test_unset_items_are_empty(directory: Path) -> None:
    stack = PamStack(directory).write(AUTH)
    with FakeDaemon(stack.socket, [READ, b"Vdeny"]) as daemon:
        stack.run("root", "auth")
    assert daemon.hello == ["auth", "sshd", "0", "root", "", "", "", "", ""]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("length", [0, 1, 1590, 1591, 6000])
def test_first_factor_is_cut_at_1600_bytes(directory: Path, build: str, length: int) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    with FakeDaemon(stack.socket, [READ, b"Vdeny"]) as daemon:
        stack.run("daemon", f"env=SSH_AUTH_INFO_0=publickey {'k' * length}", "auth")
    assert daemon.hello[FIELDS.index("first")] == f"publickey {'k' * min(length, 1590)}"


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("item", ["rhost", "tty", "ruser"])
def test_item_that_does_not_fit_refuses(directory: Path, build: str, item: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH, ACCOUNT)
    with FakeDaemon(stack.socket, [READ], [READ]) as daemon:
        outcome = stack.run("daemon", f"{item}={'h' * 4096}", "auth", "account")
    assert outcome.codes("auth") == [Pam.AUTH_ERR]
    assert outcome.codes("account") == [Pam.PERM_DENIED]
    assert daemon.received == [[], []]


@pytest.mark.parametrize("build", BUILDS)
def test_longest_hello(directory: Path, build: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    fixed = len("H1") + len("\0".join(["auth", "sshd", "1", "daemon", "", "", "", "", "", ""]))
    with FakeDaemon(stack.socket, [READ, b"Vdeny"], [READ]) as daemon:
        # snprintf needs a byte for its own end
        stack.run("daemon", f"rhost={'h' * (4095 - fixed)}", "auth")
        stack.run("daemon", f"rhost={'h' * (4096 - fixed)}", "auth")
    assert [len(packet) for packet in daemon.received[0]] == [4095]
    assert daemon.received[1] == []


@pytest.mark.parametrize("user", ["u" * 257, "u" * 5000, "é" * 129])
def test_user_name_over_256_bytes_is_never_sent(directory: Path, user: str) -> None:
    stack = PamStack(directory).write(f"{AUTH} decoy", ACCOUNT)
    outcome = stack.run(user, "auth", "account")
    assert outcome.codes("auth") == [Pam.AUTH_ERR]
    assert outcome.codes("account") == [Pam.PERM_DENIED]
    assert not any(user in line for line in outcome.all("log"))


@pytest.mark.parametrize("user", ["../../etc/passwd", "a\\b", "a\nb", "ü\u202e", "u" * 256])
def test_odd_user_name_reaches_the_decoy_as_typed(directory: Path, user: str) -> None:
    stack = PamStack(directory).write(f"{AUTH} decoy")
    with FakeDaemon(stack.socket, [READ, b"Vdeny"]) as daemon:
        outcome = stack.run(user, "auth")
    assert daemon.hello[2:4] == ["", user]
    assert outcome.all("log") == []


@pytest.mark.parametrize("build", BUILDS)
def test_verified_lasts_for_the_user_of_the_handle(directory: Path, build: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH, GUARD)
    calls = ("auth", "account", "user=bin", "account", "user=daemon", "account", "auth", "account")
    ignore: Script = [READ, b"Vignore"]
    deny: Script = [READ, b"Vdeny"]
    scripts: list[Script] = [[READ, ASK, READ, b"Vallow"], ignore, ignore, ignore, deny, deny]
    with FakeDaemon(stack.socket, *scripts) as daemon:
        outcome = stack.run("daemon", *calls, "answer=123456")
    hellos = [packets[0][2:-1].decode().split("\0") for packets in daemon.received]
    seen = [(hello[0], hello[3], hello[8]) for hello in hellos]
    assert seen == [
        ("auth", "daemon", ""),
        ("guard", "daemon", "1"),
        ("guard", "bin", ""),
        ("guard", "daemon", "1"),
        ("auth", "daemon", ""),  # cleared when auth begins
        ("guard", "daemon", ""),
    ]
    assert outcome.codes("account") == [Pam.IGNORE] * 3 + [Pam.PERM_DENIED]


@pytest.mark.parametrize("word", [b"Vdeny", b"Vlocked", b"Vunavailable", b"Vignore"])
def test_a_refusal_does_not_verify(directory: Path, word: bytes) -> None:
    stack = PamStack(directory).write(AUTH, GUARD)
    with FakeDaemon(stack.socket, [READ, word], [READ, b"Vdeny"]) as daemon:
        stack.run("daemon", "auth", "account")
    assert daemon.received[1][0].endswith(b"\0\0\0")


@pytest.mark.parametrize("build", BUILDS)
def test_whom_policy_asks_no_code_is_not_guarded_as_by_a_key_alone(directory: Path, build: str) -> None:
    """A rule may ask none after a password and one after a key: the guard must know which of them it was."""
    stack = PamStack(directory, BUILDS[build]).write(AUTH, GUARD)
    with FakeDaemon(stack.socket, [READ, b"Vpass"], [READ, b"Vignore"]) as daemon:
        outcome = stack.run("daemon", "auth", "account")
    assert outcome.codes("auth") == [Pam.IGNORE]  # by itself it still opens nothing
    assert daemon.received[1][0].endswith(b"\x001\0")


@pytest.mark.parametrize("line", ["split", "decoy", "pubkey"])
def test_a_line_that_asks_nobody_verifies_nothing(directory: Path, line: str) -> None:
    stack = PamStack(directory).write(f"{AUTH} {line}", GUARD)
    scripts: list[Script] = [*([] if line == "pubkey" else [[READ, b"Vpass"]]), [READ, b"Vdeny"]]
    with FakeDaemon(stack.socket, *scripts) as daemon:
        stack.run("daemon", "auth", "account")
    assert daemon.received[-1][0].endswith(b"\0\0\0")


def test_allow_in_the_account_phase_does_not_verify(directory: Path) -> None:
    stack = PamStack(directory).write(GUARD)
    with FakeDaemon(stack.socket, [READ, b"Vallow"], [READ, b"Vdeny"]) as daemon:
        outcome = stack.run("daemon", "account", "account")
    assert outcome.codes("account") == [Pam.SUCCESS, Pam.PERM_DENIED]
    assert all(packets[0].endswith(b"\0\0\0") for packets in daemon.received)


PASSWORD = "auth requisite PASSWORD right"


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("word", [b"Vallow", b"Vpass", b"Vdeny"])
def test_repeated_password_never_leaves(directory: Path, build: str, word: bytes) -> None:
    """The `password` method of sshd answers every question with the password."""
    stack = PamStack(directory, BUILDS[build]).write(PASSWORD, AUTH)
    with FakeDaemon(stack.socket, [READ, ASK, READ, ASK, READ, word]) as daemon:
        outcome = stack.run("daemon", "auth", "to:Password: =right", "to:Code: =right")
    assert outcome.code is Pam.AUTH_ERR
    assert daemon.answers == [b"P", b"P"]


def test_code_after_a_repeated_password(directory: Path) -> None:
    stack = PamStack(directory).write(PASSWORD, AUTH)
    with FakeDaemon(stack.socket, [READ, ASK, READ, ASK, READ, b"Vallow"]) as daemon:
        outcome = stack.run("daemon", "auth", "to:Password: =right", "answer=right", "answer=123456")
    assert outcome.code is Pam.SUCCESS
    assert daemon.answers == [b"P", b"R123456"]


@pytest.mark.parametrize("answer", ["", " 123 456 ", "12\n34", "١٢٣٤٥٦", "\x1b[2J", "a" * 511])
def test_answer_goes_as_it_is_typed(directory: Path, answer: str) -> None:
    stack = PamStack(directory).write(AUTH)
    with FakeDaemon(stack.socket, [READ, b"oName: ", READ, b"Vdeny"]) as daemon:
        outcome = stack.run("daemon", "auth", f"answer={answer}")
    assert daemon.answers == [b"R" + answer.encode()]
    assert outcome.all("on") == ["Name: "]


@pytest.mark.parametrize("script", [[READ, ASK, READ, b"Vdeny"], [READ, ASK, READ], [READ, ASK, READ, b"z"]])
def test_log_holds_packet_types_only(directory: Path, script: list[bytes]) -> None:
    stack = PamStack(directory).write(PASSWORD, f"{AUTH} debug")
    with FakeDaemon(stack.socket, script):
        outcome = stack.run("daemon", "auth", "answer=right", "answer=314159")
    log = "\n".join(outcome.all("log"))
    assert "got 0x73" in log
    assert "sent 'R'" in log
    assert "314159" not in log
    assert "right" not in log


def test_answer_is_wiped_from_memory(directory: Path) -> None:
    typed = b"8675309024680" * 5
    high = bytes(byte | 0x80 for byte in typed)
    stack = PamStack(directory).write(AUTH)
    with FakeDaemon(stack.socket, [READ, ASK, READ, b"Vdeny"]) as daemon:
        # free() writes over the first bytes by itself.
        outcome = stack.run("daemon", b"answer-high=" + high, "auth", b"scan=" + high[-20:])
    assert daemon.answers == [b"R" + typed]
    assert outcome.all("scan") == ["0"]


def test_scan_finds_what_is_not_wiped(directory: Path) -> None:
    """The test above could fail: an item that stays in the handle is found."""
    stack = PamStack(directory).write(AUTH)
    high = bytes(byte | 0x80 for byte in b"host.example.org")
    assert int(stack.run("daemon", "rhost=host.example.org", b"scan=" + high).all("scan")[0]) > 0


@pytest.mark.parametrize("word", [b"Vallow", b"Vdeny", b"z", b""])
def test_no_descriptor_stays_open(directory: Path, word: bytes) -> None:
    stack = PamStack(directory).write(AUTH)
    with FakeDaemon(stack.socket, [READ, word], [READ, word]):
        outcome = stack.run("daemon", "auth", "count-fds", "auth", "count-fds")
    first, second = outcome.all("fds")
    assert first == second


def test_quiet_without_debug(directory: Path) -> None:
    stack = PamStack(directory).write(AUTH)
    with FakeDaemon(stack.socket, [READ, ASK, READ, b"Vdeny"]):
        assert stack.run("daemon", "auth", "answer=1").all("log") == []


@pytest.mark.parametrize(("become", "name"), [((), "login.sock"), (as_user(), "user.sock")], ids=["root", "user"])
def test_socket_is_chosen_by_effective_uid(directory: Path, become: Sequence[str], name: str) -> None:
    """In a mount namespace of its own, where /run is an empty directory: the box may have a real nas2fad."""
    stack = PamStack(directory, PRODUCTION).write("auth [default=done] OURS")
    (directory / "run").mkdir()
    own_run = ("unshare", "-m", "sh", "-c", 'mount --bind "$0" /run && exec "$@"', str(directory / "run"))
    outcome = stack.run("daemon", "auth", wrapper=(*own_run, *become))
    assert outcome.code is Pam.AUTHINFO_UNAVAIL
    assert outcome.all("log")[0].endswith(f"/run/nas2fa/{name}: No such file or directory")
