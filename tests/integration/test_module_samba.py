"""The module in smbd: five codes may come out, whatever daemon and client do, and thousands of calls leave nothing.

smbd makes a guest of whom a module calls unknown, and lets in by IGNORE whom the next module likes.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from fake_daemon import READ, FakeDaemon, Script
from hypothesis import given, settings
from hypothesis import strategies as st
from pam_client import BUILDS, HURRIED, PRODUCTION, SYSTEM_PATH, Pam, PamStack
from running import Running, as_stranger, code
from test_module_hostile import SCRIPTS

pytestmark = pytest.mark.usefixtures("pam_programs")

LINE = "account [default=done] OURS SOCKET"
ALLOWED = {Pam.SUCCESS, Pam.SYSTEM_ERR, Pam.PERM_DENIED, Pam.AUTHINFO_UNAVAIL, Pam.ACCT_EXPIRED}
ASK = b"sCode: "

words = st.sampled_from(["allow", "pass", "ignore", "deny", "locked", "expired", "hidden", "unavailable", "ok", ""])
odd_words = st.one_of(words, words.map(str.upper), words.map(lambda word: f"{word} "), st.text(max_size=20))
packets = st.one_of(
    odd_words.map(lambda word: b"V" + word.encode()),
    st.sampled_from([ASK, b"oUser: ", b"iwait", b"eno", b"gusers", b"k", b"t6", b"", b"V\0", b"Vallow\0"]),
    st.binary(max_size=40),
    st.binary(min_size=4000, max_size=5000),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(packets, max_size=4), min_size=1, max_size=8), st.sampled_from(["samba", "nas2fa-share"]))
def test_only_five_codes_come_out_whatever_is_said(scripts: list[list[bytes]], service: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        stack = PamStack(Path(name), service=service).write(LINE)
        with FakeDaemon(stack.socket, *[[READ, *script] for script in scripts]):
            outcome = stack.run("daemon", *["account"] * len(scripts), "to:Code: =123456")
    assert set(outcome.codes("account")) <= ALLOWED
    opened = [b"Vallow" in script for script in scripts]
    assert all(said for seen, said in zip(outcome.codes("account"), opened, strict=True) if seen is Pam.SUCCESS)


@pytest.mark.parametrize(("build", "line"), [*((build, LINE) for build in BUILDS), ("plain", f"{LINE} guard")])
def test_whatever_breaks_refuses_in_time(directory: Path, build: str, line: str) -> None:
    """SIGPIPE has its default here, as in a program that knows nothing of us: it would end the driver."""
    stack = PamStack(directory, BUILDS[build], "samba").write(line)
    scripts = [script for script, _ in SCRIPTS.values()]
    started = time.monotonic()
    with FakeDaemon(stack.socket, *scripts):
        outcome = stack.run("daemon", *["account"] * len(scripts), "to:Code: =123456")
    assert len(outcome.codes("account")) == len(scripts)
    assert set(outcome.codes("account")) <= {Pam.SYSTEM_ERR, Pam.PERM_DENIED}
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("answer", ["answer-null", "answer-fail", "answer=123456"])
def test_a_question_that_smbd_cannot_put_to_anybody(directory: Path, build: str, answer: str) -> None:
    """It says that it went well, with no answer."""
    stack = PamStack(directory, BUILDS[build], "samba").write(LINE)
    with FakeDaemon(stack.socket, [READ, ASK, READ, b"Vallow"]) as daemon:
        outcome = stack.run("daemon", "account", answer)
    assert outcome.code is (Pam.SUCCESS if answer == "answer=123456" else Pam.PERM_DENIED)
    assert daemon.answers == [b"R123456" if answer == "answer=123456" else b"X"]


@pytest.mark.parametrize("build", BUILDS)
def test_a_server_with_2000_descriptors(directory: Path, build: str) -> None:
    stack = PamStack(directory, BUILDS[build], "samba").write(LINE)
    with FakeDaemon(stack.socket, [READ, b"Vallow"], [READ, b"Vexpired"]):
        outcome = stack.run("daemon", "fds=2000", "account", "account", "count-fds")
    assert outcome.codes("account") == [Pam.SUCCESS, Pam.ACCT_EXPIRED]
    assert 2000 <= int(outcome.all("fds")[0]) < 2010


class Names:
    """An /etc/passwd with names that a directory may have, for the time of one login."""

    def __init__(self, folder: Path, *names: str) -> None:
        lines = [f"{name}:x:{uid}:100::/:/bin/sh\n" for uid, name in enumerate(names, 1000)]
        (folder / "passwd").write_text("root:x:0:0::/:/bin/sh\n" + "".join(lines))
        mount = 'mount --bind "$0/passwd" /etc/passwd && exec "$@"'
        self.wrapper: Sequence[str] = ("unshare", "-m", "sh", "-c", mount, str(folder))


@pytest.mark.parametrize("name", ["ADT\\dave", "Alice Adams", "frühling", "名前", "a\tb", "%n%s", "u" * 256])
def test_a_name_of_a_directory_is_told_as_it_is(directory: Path, name: str) -> None:
    stack = PamStack(directory, service="samba").write(LINE)
    with FakeDaemon(stack.socket, [READ, b"Vallow"]) as daemon:
        outcome = stack.run(name, "rhost=192.0.2.7", "tty=samba", "account", wrapper=Names(directory, name).wrapper)
    assert daemon.hello == ["account", "samba", "1000", name, "192.0.2.7", "samba", "", "", ""]
    assert outcome.code is Pam.SUCCESS


@pytest.mark.parametrize("name", ["nobody-here", "a\nVallow", "..\\..\\alice", "u" * 257, "ü" * 129, ""])
def test_a_name_that_the_box_does_not_know_is_told_to_nobody(directory: Path, name: str) -> None:
    stack = PamStack(directory, service="samba").write(LINE)
    assert stack.run(name, "account").code is Pam.PERM_DENIED


# --- with a real nas2fad

PLACES = {
    "192.0.2.7": Pam.SUCCESS,
    "::ffff:192.0.2.7": Pam.SUCCESS,
    "2001:DB8:0:0::7": Pam.SUCCESS,
    "2001:db8::7": Pam.SUCCESS,
    "2001:db8::8": Pam.ACCT_EXPIRED,
    "2001:db8::7%eth0": Pam.ACCT_EXPIRED,
    "192.0.2.8": Pam.ACCT_EXPIRED,
    "192.0.2.07": Pam.ACCT_EXPIRED,
    " 192.0.2.7": Pam.ACCT_EXPIRED,
    "192.0.2.7, 10.0.0.1": Pam.ACCT_EXPIRED,
    "fe80::1%eth0": Pam.ACCT_EXPIRED,
    "laptop": Pam.ACCT_EXPIRED,
    "127.0.0.1": Pam.ACCT_EXPIRED,
    "": Pam.ACCT_EXPIRED,
}


@pytest.fixture
def opened(daemon: Running) -> Running:
    """The shares are open to the user `daemon` (uid 1) at one address of each version of IP."""
    daemon.add(1, "daemon")
    for address, text in (("192.0.2.7", code()), ("2001:db8::7", code(offset=1))):
        done = daemon.answered("smb.unlock", text, uid=1, user="daemon", address=address)
        assert "done" in done
    return daemon


def test_every_form_of_an_address_and_what_is_none(opened: Running, directory: Path) -> None:
    stack = PamStack(directory, PRODUCTION, "samba")
    stack.write(f"account [default=done] OURS socket={opened.root}/run/login.sock")
    assert stack.run("daemon", "account").code is Pam.ACCT_EXPIRED  # no PAM_RHOST at all
    for rhost, expected in PLACES.items():
        assert stack.run("daemon", f"rhost={rhost}", "account").code is expected, rhost
    assert stack.run("bin", "rhost=192.0.2.7", "account").code is Pam.SUCCESS  # has no second step


def test_who_is_not_root_reads_no_grant(opened: Running) -> None:
    """Neither there, where smbd asks, nor where everybody may."""
    out = as_stranger(
        opened,
        """
fields = ["account", "samba", "1", "daemon", "192.0.2.7", "samba", "", "", ""]
for name in ("login.sock", "user.sock"):
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
        try:
            link.connect(sys.argv[1] + "/" + name)
        except PermissionError:
            print("refused")
            continue
        link.send(b"H1" + b"".join(field.encode() + b"\\0" for field in fields))
        print(link.recv(5000).decode())
""",
    )
    assert out.split() == ["refused", "Vignore"]


# --- many calls in one process, each of which loads the module and lets it go

_CYCLES = """
import ctypes, os, sys
folder, cycles = sys.argv[1], int(sys.argv[2])
libpam, libc = ctypes.CDLL("libpam.so.0"), ctypes.CDLL(None)
class Usage(ctypes.Structure):  # struct mallinfo2: uordblks is what is in use
    _fields_ = [("before", ctypes.c_size_t * 7), ("uordblks", ctypes.c_size_t), ("after", ctypes.c_size_t * 2)]
libc.mallinfo2.restype = Usage
libpam.pam_set_item.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
for name in ("pam_acct_mgmt", "pam_end"):
    getattr(libpam, name).argtypes = [ctypes.c_void_p, ctypes.c_int]
class Conversation(ctypes.Structure):
    _fields_ = [("function", ctypes.c_void_p), ("data", ctypes.c_void_p)]
conversation, handle, codes = Conversation(), ctypes.c_void_p(), []
def cycle():
    start = libpam.pam_start_confdir
    assert start(b"samba", b"daemon", ctypes.byref(conversation), folder.encode(), ctypes.byref(handle)) == 0
    for item, text in ((4, b"192.0.2.7"), (3, b"samba")):
        libpam.pam_set_item(handle, item, text)
    code = libpam.pam_acct_mgmt(handle, 0x8000)
    libpam.pam_end(handle, code)
    return code
def state():
    return len(os.listdir("/proc/self/fd")), libc.mallinfo2().uordblks
codes = {cycle() for _ in range(cycles // 4)}
before = state()
codes |= {cycle() for _ in range(cycles - cycles // 4)}
after = state()
print(*sorted(codes), after[0] - before[0], after[1] - before[1])
"""
CYCLES = 4000


@pytest.mark.parametrize("word", ["allow", "expired"])
def test_thousands_of_calls_leave_neither_descriptors_nor_memory(directory: Path, word: str) -> None:
    stack = PamStack(directory, HURRIED, "samba").write(LINE)
    scripts: list[Script] = [[READ, b"V" + word.encode()]] * CYCLES
    with FakeDaemon(stack.socket, *scripts):
        done = subprocess.run(
            [sys.executable, "-c", _CYCLES, str(directory), str(CYCLES)],
            capture_output=True, text=True, timeout=60, check=True, env={"PATH": SYSTEM_PATH},
        )  # fmt: skip
    said, descriptors, leaked = (int(number) for number in done.stdout.split())
    assert said == {"allow": Pam.SUCCESS, "expired": Pam.ACCT_EXPIRED}[word]
    assert descriptors == 0
    assert leaked < CYCLES
