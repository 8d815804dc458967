"""What the module tells of the user when the daemon asks: groups, and the version of the password.

Played in a mount namespace of its own, in which /etc knows alice and her password: the box is not changed.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_daemon import READ, FakeDaemon, Script
from nas2fa.login import protocol
from pam_client import BUILDS, HURRIED, Build, Outcome, Pam, PamStack, as_user

pytestmark = pytest.mark.usefixtures("pam_programs")

AUTH = "auth [default=done] OURS SOCKET"
ACCOUNT = "account [default=done] OURS SOCKET"
PASSWORD = "auth requisite PASSWORD right"
ASK = b"sCode: "
GROUPS, VERSION = b"gusers:sudo:wheel", b"k"
SALT = "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$"
HASH = "X3DX6M94c7o.9agCG9G317fhZg9SqC.5i5rd.RhAtQ7"
BCRYPT_SALT = "$2b$05$CCCCCCCCCCCCCCCCCCCCC."


class Etc:
    """An /etc for one login: alice's primary group is users, she is in sudo, and there is a wheel without her."""

    def __init__(self, folder: Path, stored: str = SALT + HASH) -> None:
        (folder / "passwd").write_text("root:x:0:0::/:/bin/sh\nalice:x:1000:100::/:/bin/sh\n")
        (folder / "group").write_text("root:x:0:\nusers:x:100:\nsudo:x:27:bob,alice\nwheel:x:50:bob\n")
        (folder / "shadow").write_text(f"root:*:1::::::\nalice:{stored}:20000:0:99999:7:::\n")
        (folder / "shadow").chmod(0)
        mounts = 'for f in passwd group shadow; do mount --bind "$0/$f" /etc/$f || exit; done; exec "$@"'
        self.wrapper = ("unshare", "-m", "sh", "-c", mounts, str(folder))


def play(
    stack: PamStack, script: Script, *steps: str, stored: str = SALT + HASH, become: Sequence[str] = ()
) -> tuple[Outcome, FakeDaemon]:
    """One login of alice against one script."""
    with FakeDaemon(stack.socket, script) as daemon:
        outcome = stack.run("alice", *steps, wrapper=(*Etc(stack.directory, stored).wrapper, *become))
    return outcome, daemon


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("names", "told"),
    [
        (b"users", b"1"),  # her primary group
        (b"sudo", b"1"),
        (b"wheel", b"0"),
        (b"ghost", b"0"),
        (b"ghost:users:wheel:sudo:root", b"01010"),
        (b"Users:SUDO:10:100", b"0000"),  # names, not numbers, and as they are written
        (b"", b"0"),
        (b":", b"00"),
        (b":sudo", b"01"),
        (b"sudo:", b"10"),
        (b"a::sudo::b", b"00100"),
        (b"\xff\xfe\n:sudo", b"01"),
        (b"x" * 4095, b"0"),
        (b"sudo" + b":" * 63, b"1" + b"0" * 63),
    ],
    ids=lambda text: text[:20],
)
def test_groups(directory: Path, build: str, names: bytes, told: bytes) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    outcome, daemon = play(stack, [READ, b"g" + names, READ, ASK, READ, b"Vallow"], "auth", "answer=123456")
    assert outcome.code is Pam.SUCCESS
    assert daemon.answers == [b"G" + told, b"R123456"]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("stored", "version"),
    [
        (SALT + HASH, SALT),
        (f"!{SALT}{HASH}", f"!{SALT}"),  # locked: another version
        ("$6$rounds=5000$saltsalt$" + "h" * 86, "$6$rounds=5000$saltsalt$"),
        (f"{BCRYPT_SALT}{'h' * 31}", BCRYPT_SALT),
        (f"!!{BCRYPT_SALT}{'h' * 31}", f"!!{BCRYPT_SALT}"),
        ("$y$j9T$$2b$" + HASH, "$y$j9T$$2b$"),
        ("$2b$05$short", "$2b$05$short"),
        ("ab0123456789.", ""),  # DES
        ("!", ""),
        ("*", ""),
        ("", ""),
        ("$6$" + "s" * 507 + "$" + HASH, "$6$" + "s" * 507 + "$"),
    ],
    ids=lambda text: text[:20],
)
def test_version_of_the_password(directory: Path, build: str, stored: str, version: str) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    outcome, daemon = play(stack, [READ, VERSION, READ, b"Vdeny"], "auth", stored=stored)
    assert outcome.code is Pam.AUTH_ERR
    assert daemon.answers == [b"K" + version.encode()]


@pytest.mark.parametrize("build", BUILDS)
def test_version_too_long_to_be_told(directory: Path, build: str) -> None:
    script: Script = [READ, VERSION, READ, b"Vpass"]
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    outcome, daemon = play(stack, script, "auth", stored="$6$" + "s" * 508 + "$" + HASH)
    assert outcome.code is Pam.AUTH_ERR
    assert daemon.answers == [b"X"]


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    "packet",
    [
        b"g" + b":" * 64,
        b"g" + b":" * 4095,
        b"g" + b"sudo:" * 64,
        b"g" + b"x" * 4096,
        b"gsudo\0",
        b"g\0sudo",
        b"k1",
        b"k\0",
        b"Gsudo",
        b"K",
    ],
    ids=lambda packet: packet[:10],
)
@pytest.mark.parametrize("word", [b"Vallow", b"Vpass"])
def test_a_question_out_of_the_rules_ends_the_call(directory: Path, build: str, packet: bytes, word: bytes) -> None:
    stack = PamStack(directory, BUILDS[build]).write(AUTH)
    outcome, daemon = play(stack, [READ, packet, READ, word], "auth", "answer=123456")
    assert outcome.code is Pam.AUTHINFO_UNAVAIL
    assert daemon.answers == []


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("packet", [GROUPS, VERSION])
@pytest.mark.parametrize("word", [b"Vallow", b"Vpass"])
@pytest.mark.parametrize(
    ("answer", "sent"),
    [("answer=right", b"P"), ("answer-fail", b"X"), ("answer-null", b"X"), ("answer=" + "a" * 512, b"X")],
    ids=["password", "failed", "null", "long"],
)
def test_what_was_not_proved_stays_so(
    directory: Path, build: str, packet: bytes, word: bytes, answer: str, sent: bytes
) -> None:
    """`P`, then a fact, then `allow`: a fact as the last answer must not count as proof."""
    stack = PamStack(directory, BUILDS[build]).write(PASSWORD, AUTH)
    outcome, daemon = play(stack, [READ, ASK, READ, packet, READ, word], "to:Password: =right", answer, "auth")
    assert outcome.code is Pam.AUTHINFO_UNAVAIL
    assert daemon.answers == [sent]


def test_facts_change_nothing_about_a_login(directory: Path) -> None:
    stack = PamStack(directory).write(PASSWORD, AUTH)
    steps = ("to:Password: =right", "answer=right", "answer=123456", "auth")
    facts: Script = [GROUPS, READ, VERSION, READ]
    outcome, daemon = play(stack, [READ, *facts, ASK, READ, ASK, READ, *facts, b"Vallow"], *steps)
    told = [b"G110", b"K" + SALT.encode()]
    assert daemon.answers == [*told, b"P", b"R123456", *told]
    assert outcome.code is Pam.SUCCESS


def test_facts_between_a_split_field_and_its_code(directory: Path) -> None:
    """The code that was cut off still answers the first question, and no fact."""
    stack = PamStack(directory).write("auth required OURS SOCKET split", PASSWORD, AUTH)
    scripts: list[Script] = [
        [READ, GROUPS, READ, b"t6", b"Vpass"],
        [READ, GROUPS, READ, VERSION, READ, ASK, READ, VERSION, READ, b"Vallow"],
    ]
    with FakeDaemon(stack.socket, *scripts) as daemon:
        outcome = stack.run("alice", "to:Password: =right271828", "auth", wrapper=Etc(directory).wrapper)
    version = b"K" + SALT.encode()
    assert [packets[1:] for packets in daemon.received] == [[b"G110"], [b"G110", version, b"R271828", version]]
    assert outcome.code is Pam.SUCCESS


@pytest.mark.parametrize(("service", "code"), [("sshd", Pam.IGNORE), ("samba", Pam.PERM_DENIED)])
@pytest.mark.parametrize("line", [ACCOUNT, f"{ACCOUNT} guard"])
def test_facts_in_the_account_phase(directory: Path, service: str, code: Pam, line: str) -> None:
    """After IGNORE another line of Samba's stack would let in, so there it is a refusal."""
    stack = PamStack(directory, service=service).write(line)
    outcome, daemon = play(stack, [READ, GROUPS, READ, VERSION, READ, b"Vignore"], "account")
    assert outcome.code is code
    assert daemon.answers == [b"G110", b"K" + SALT.encode()]


def test_user_the_box_does_not_know_has_neither(directory: Path) -> None:
    stack = PamStack(directory).write(f"{AUTH} decoy")
    script: Script = [READ, GROUPS, READ, VERSION, READ, ASK, READ, b"Vdeny"]
    with FakeDaemon(stack.socket, script) as daemon:
        outcome = stack.run("ghost", "auth", "answer=1", wrapper=Etc(directory).wrapper)
    assert daemon.answers == [b"G000", b"K", b"R1"]
    assert outcome.code is Pam.AUTH_ERR


def test_facts_count_to_the_packets_of_a_call(directory: Path) -> None:
    outcome, daemon = play(PamStack(directory).write(AUTH), [READ, *[GROUPS, READ] * 40], "auth")
    assert outcome.code is Pam.AUTHINFO_UNAVAIL
    assert daemon.answers == [b"G110"] * 32


def test_a_program_that_is_not_root_cannot_tell_the_password(directory: Path) -> None:
    """The daemon asks only root; were it to ask here, it would learn no more than the user can read."""
    module, driver = (Path(shutil.copy(path, directory)) for path in (HURRIED.module, HURRIED.driver))
    directory.chmod(0o755)
    stack = PamStack(directory, Build(module, driver)).write(AUTH)
    become = (*as_user(), "setpriv", "--inh-caps=-all", "--ambient-caps=-all")
    _, daemon = play(stack, [READ, VERSION, READ, GROUPS, READ, b"Vdeny"], "auth", become=become)
    assert daemon.answers == [b"K", b"G110"]


def test_log_holds_neither(directory: Path) -> None:
    stack = PamStack(directory).write(f"{AUTH} debug")
    outcome, _ = play(stack, [READ, GROUPS, READ, VERSION, READ, GROUPS + b":" * 64], "auth")
    log = "\n".join(outcome.all("log"))
    assert "sent 'G'" in log
    assert "sent 'K'" in log
    assert "sudo" not in log
    assert "$y$" not in log


def test_codec_and_module_agree(directory: Path) -> None:
    names = ["users", "wheel", "sudo"]
    script: Script = [READ, protocol.encode_groups(names), READ, protocol.ASK_PASSWORD_VERSION, READ, b"Vdeny"]
    _, daemon = play(PamStack(directory).write(AUTH), script, "auth")
    assert [protocol.decode(answer) for answer in daemon.answers] == [
        protocol.Groups((True, False, True)),
        protocol.PasswordVersion(SALT),
    ]
