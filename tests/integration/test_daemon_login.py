"""nas2fad over its real sockets: verdicts, races, floods, restarts."""

import base64
import contextlib
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyotp
import pytest
from nas2fa.login.protocol import Hello, encode_hello
from nas2fa.server.attempts import FREE_MOST
from nas2fa.server.logins import DECOY_OPEN, ROOT_OPEN
from nas2fa.server.main import LAST_ANSWERS
from running import (
    BECOME_STRANGER,
    KEY,
    PATIENCE,
    STRANGER,
    Running,
    as_stranger,
    code,
    connected,
    running,
    until,
    wrong,
)

ALICE = Hello("auth", "sshd", 1000, "alice", rhost="192.0.2.7", tty="ssh")
BOB = replace(ALICE, uid=1001, user="bob")
CONSOLE = Hello("auth", "login", 1000, "alice", tty="tty1")


def answer(text: str) -> bytes:
    return b"R" + text.encode("utf-8", "surrogateescape")


def test_right_code_is_let_in_and_the_same_again_is_not(daemon: Running) -> None:
    daemon.add(1000, "alice")
    typed = answer(code())
    assert daemon.login(ALICE, typed)[0] == "allow"
    assert daemon.login(ALICE, typed)[0] == "deny"
    assert [r["reason"] for r in daemon.records() if r["event"] == "DENIED"] == ["REUSED"]


def test_who_is_not_enrolled_passes(daemon: Running) -> None:
    assert daemon.login(BOB, None)[0] == "pass"


@pytest.mark.parametrize(
    "typed",
    [
        b"R",
        b"R12345",
        b"R" + b"9" * 4000,
        b"R123456\0",
        b"R123\n456",
        "R٣٤٥٦٧٨".encode(),
        b"R\xff\xfe123456",
        b"R" + b"9" * 5000,
        b"Q",
        b"P1",
    ],
    ids=["empty", "short", "long", "nul", "lines", "arabic-indic", "bytes", "oversized", "type", "body"],
)
def test_odd_answers_are_refused(daemon: Running, typed: bytes) -> None:
    daemon.add(1000, "alice")
    verdict, _ = daemon.login(ALICE, typed)
    assert verdict == "deny"
    assert daemon.login(ALICE, answer(code()))[0] == "allow"


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/b", "a\\b", "a\nMESSAGE=forged", "ünïcödé", "\u202eecila", "x" * 256, "a\tb", "a\x1b[2J"],
)
def test_odd_user_names_write_nothing_elsewhere_and_forge_no_line(daemon: Running, name: str) -> None:
    before = sorted(str(p) for p in daemon.root.rglob("*"))
    lines = len(daemon.log.read_text().splitlines())
    assert daemon.login(replace(BOB, user=name), None)[0] == "pass"
    assert sorted(str(p) for p in daemon.root.rglob("*")) == before
    written = daemon.log.read_bytes().decode().splitlines()[lines:]
    assert len(written) == 1
    assert not any(ord(c) < 32 or c == "\u202e" for c in written[0])


def test_garbage_as_hello_is_unavailable_or_closed(daemon: Running) -> None:
    for packet in (b"x", b"H", b"H2", b"H1auth\0", b"\0" * 100, b"H1" + b"\0" * 9, b"R123456", b"H" * 5000):
        with connected(daemon.root / "run/login.sock") as link:
            link.send(packet)
            assert link.recv(100) in (b"Vunavailable", b"")
    assert daemon.login(BOB, None)[0] == "pass"


def test_answers_and_secrets_get_into_no_log(daemon: Running) -> None:
    daemon.add(1000, "alice")
    typed = wrong()
    for text in (typed, code(), "correct horse battery staple"):
        daemon.login(ALICE, answer(text))
    written = daemon.log.read_text()
    for secret in (typed, code(), "correct horse", KEY, "12345678901234567890"):
        assert secret not in written


def one_of_many(pipe, barrier) -> None:
    """A process that answers in one conversation per round, all of them asked before the first answer is sent."""
    while (job := pipe.recv()) is not None:
        path, hello, text = job
        with connected(path) as link:
            link.send(encode_hello(hello))
            asked = link.recv(5000)
            barrier.wait(PATIENCE)
            packet = asked
            if asked[:1] == b"s":
                link.send(answer(text))
            while packet[:1] != b"V":
                packet = link.recv(5000)
            pipe.send(packet[1:].decode())


@pytest.fixture
def sixteen():
    """Sixteen processes; called with socket, hello and texts it gives sixteen verdicts."""
    barrier = multiprocessing.Barrier(16)
    pipes, workers = [], []
    for _ in range(16):
        ours, theirs = multiprocessing.Pipe()
        worker = multiprocessing.Process(target=one_of_many, args=(theirs, barrier), daemon=True)
        worker.start()
        pipes.append(ours)
        workers.append(worker)

    def verdicts(path: Path, hello: Hello, texts: list[str]) -> list[str]:
        for pipe, text in zip(pipes, texts, strict=True):
            pipe.send((path, hello, text))
        return [pipe.recv() for pipe in pipes]

    yield verdicts
    for pipe, worker in zip(pipes, workers, strict=True):
        pipe.send(None)
        worker.join(PATIENCE)
        assert worker.exitcode == 0


def test_one_code_in_sixteen_processes_at_once_lets_in_exactly_one_200_rounds(daemon: Running, sixteen) -> None:
    for _ in range(200):
        key = base64.b32encode(os.urandom(20)).decode()
        daemon.ask("user.add", uid=1000, user="alice", uri=f"otpauth://totp/x?secret={key}", armed=True, replace=True)
        verdicts = sixteen(daemon.root / "run/login.sock", ALICE, [code(key)] * 16)
        assert sorted(verdicts) == ["allow"] + ["deny"] * 15


def test_one_recovery_code_in_sixteen_processes_at_once_lets_in_exactly_one(daemon: Running, sixteen) -> None:
    codes = daemon.set_up(1000, "alice")[1]
    for typed in codes:
        verdicts = sixteen(daemon.root / "run/login.sock", ALICE, [typed] * 16)
        assert sorted(verdicts) == ["allow"] + ["deny"] * 15
    assert daemon.ask("user.show", uid=1000, user="alice")["done"]["recovery_left"] == 0


def test_one_code_of_a_token_in_sixteen_processes_at_once_lets_in_exactly_one_and_never_again(
    daemon: Running, sixteen
) -> None:
    """Killed, and /run lost with the power: the disk knew of the counter before anybody was let in."""
    daemon.ask("user.add", uid=1000, user="alice", uri=f"otpauth://hotp/x?secret={KEY}&counter=3", armed=True)
    token = pyotp.HOTP(KEY)
    for counter in (3, 5, 9):
        verdicts = sixteen(daemon.root / "run/login.sock", ALICE, [token.at(counter)] * 16)
        assert sorted(verdicts) == ["allow"] + ["deny"] * 15
    daemon.stop(signal.SIGKILL)
    shutil.rmtree(daemon.root / "run")
    daemon.start()
    for counter in (5, 9):
        assert daemon.login(ALICE, answer(token.at(counter)))[0] == "deny"
    assert daemon.login(ALICE, answer(token.at(10)))[0] == "allow"


def test_sixteen_wrong_at_once_are_all_counted_and_no_more_checked_than_the_limit(daemon: Running, sixteen) -> None:
    daemon.add(1000, "alice")
    assert "allow" not in sixteen(daemon.root / "run/login.sock", ALICE, [wrong()] * 16)
    shown = daemon.ask("user.show", uid=1000, user="alice")["done"]
    (tally,) = shown["tallies"]
    checked = shown["wrong_in_row"]
    assert checked == 5  # deny
    assert checked + tally["refused"] == 16
    assert daemon.login(ALICE, answer(code()))[0] == "locked"
    assert daemon.login(CONSOLE, answer(code()))[0] == "allow"


def test_at_most_so_many_conversations_of_one_user_and_the_console_is_not_among_them(daemon: Running) -> None:
    daemon.add(1000, "alice")
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            link = stack.enter_context(connected(daemon.root / "run/login.sock"))
            link.send(encode_hello(ALICE))
            assert link.recv(5000)[:1] == b"s"
        assert daemon.login(ALICE, answer(code()))[0] == "unavailable"
        assert daemon.login(BOB, None)[0] == "pass"
        assert daemon.login(CONSOLE, answer(code()))[0] == "allow"


def test_decoys_of_somebody_without_the_password_take_no_place_of_the_user(daemon: Running) -> None:
    daemon.add(1000, "alice")
    with contextlib.ExitStack() as stack:
        for _ in range(16):
            link = stack.enter_context(connected(daemon.root / "run/login.sock"))
            link.send(encode_hello(replace(ALICE, phase="decoy")))
            assert link.recv(5000)[:1] == b"s"
        assert daemon.login(ALICE, answer(code()))[0] == "allow"


def test_decoys_for_everybody_take_no_place_of_anybody(daemon: Running) -> None:
    """A wrong password for each of many names, which each opens as many decoys as one name may have."""
    daemon.add(1000, "alice")
    for uid in range(2000, 2000 + ROOT_OPEN // 16):
        daemon.add(uid, f"u{uid}")
    with contextlib.ExitStack() as stack:
        for number in range(ROOT_OPEN):
            link = stack.enter_context(connected(daemon.root / "run/login.sock"))
            uid = 2000 + number // 16
            link.send(encode_hello(replace(ALICE, phase="decoy", uid=uid, user=f"u{uid}")))
            assert link.recv(5000)[:1] == (b"s" if number < DECOY_OPEN else b"e")
        assert daemon.login(ALICE, answer(code()))[0] == "allow"


def test_a_stop_waits_for_an_answer_that_is_on_its_way(daemon: Running) -> None:
    """An upgrade restarts the daemon: who is just typing is let in."""
    daemon.add(1000, "alice")
    with connected(daemon.root / "run/login.sock") as link:
        link.send(encode_hello(ALICE))
        assert link.recv(5000)[:1] == b"s"
        daemon.process.send_signal(signal.SIGTERM)
        link.send(answer(code()))
        assert link.recv(5000) == b"Vallow"
    assert daemon.process.wait(PATIENCE) == 0


def test_a_stop_does_not_wait_for_who_thinks_long(daemon: Running) -> None:
    """New logins wait meanwhile, and the module gives them ten seconds."""
    daemon.add(1000, "alice")
    with connected(daemon.root / "run/login.sock") as link, daemon.control():
        link.send(encode_hello(ALICE))
        assert link.recv(5000)[:1] == b"s"
        began = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began < LAST_ANSWERS + 2
        assert link.recv(5000) == b""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_accepted_is_never_accepted_again_after_a_restart(daemon: Running, how: signal.Signals) -> None:
    daemon.add(1000, "alice")
    typed = answer(code(offset=1))  # the highest step: still acceptable a minute later
    assert daemon.login(ALICE, typed)[0] == "allow"
    daemon.stop(how)
    daemon.start()
    assert daemon.login(ALICE, typed)[0] == "deny"
    assert daemon.records()[-1]["reason"] == "REUSED"


def test_state_lost_with_run_makes_every_code_of_before_count_as_used(daemon: Running) -> None:
    daemon.add(1000, "alice")
    daemon.stop(signal.SIGKILL)
    shutil.rmtree(daemon.root / "run")
    daemon.start()
    assert daemon.login(ALICE, answer(code()))[0] == "deny"
    assert daemon.records()[-1]["reason"] == "FRESH_START"


def test_marks_on_disk_outlive_run(daemon: Running) -> None:
    """An accepted step reaches the disk behind the verdict, so that a new state with a long life behind it knows it."""
    daemon.add(1000, "alice")
    typed = answer(code(offset=1))
    assert daemon.login(ALICE, typed)[0] == "allow"
    daemon.stop()
    shutil.rmtree(daemon.root / "run")
    daemon.start()
    daemon.stop()
    daemon.age()
    daemon.start()
    assert daemon.login(ALICE, typed)[0] == "deny"
    assert daemon.records()[-1]["reason"] == "REUSED"


def test_locks_and_budget_outlive_a_kill(daemon: Running) -> None:
    daemon.add(1000, "alice")
    for _ in range(5):
        daemon.login(ALICE, answer(wrong()))
    daemon.stop(signal.SIGKILL)
    daemon.start()
    assert daemon.login(ALICE, answer(code()))[0] == "locked"
    assert daemon.ask("user.show", uid=1000, user="alice")["done"]["budget"][0]["used"] == 15


def test_a_user_reset_while_the_prompt_is_open_does_not_get_in(daemon: Running) -> None:
    daemon.add(1000, "alice")
    with connected(daemon.root / "run/login.sock") as link:
        link.send(encode_hello(ALICE))
        assert link.recv(5000)[:1] == b"s"
        daemon.ask("user.reset", uid=1000, user="alice")
        link.send(answer(code()))
        assert link.recv(5000)[:1] == b"e"
        assert link.recv(5000) == b"Vdeny"


def test_a_peer_that_leaves_after_its_answer_was_counted(daemon: Running) -> None:
    daemon.add(1000, "alice")
    with connected(daemon.root / "run/login.sock") as link:
        link.send(encode_hello(ALICE))
        link.recv(5000)
        link.send(answer(wrong()))
    until(lambda: daemon.ask("user.show", uid=1000, user="alice")["done"]["wrong_in_row"] == 1, "not counted")


def test_a_second_daemon_leaves_the_first_its_sockets(daemon: Running) -> None:
    """Typed by hand as root, it once took the sockets, and its end left nobody to answer."""
    second = Running(daemon.root)
    with pytest.raises(AssertionError, match="already running"):
        second.start()
    assert second.process.wait(PATIENCE) == 1
    assert daemon.ask("health")["done"]["pid"] == daemon.process.pid
    assert daemon.login(BOB, None)[0] == "pass"


def test_an_admins_word_on_somebody_not_set_up_leaves_no_fault_in_the_log(daemon: Running) -> None:
    assert daemon.ask("user.reset", uid=1001, user="bob") == {"done": {"had": False}}
    assert daemon.ask("user.unlock", uid=1001, user="bob")["error"] == "NOT_ENROLLED"
    daemon.add(1000, "alice")
    assert daemon.login(ALICE, answer(code()))[0] == "allow"
    daemon.stop()
    assert not {"STORE_FAULT", "RESET", "UNLOCKED"} & {r["event"] for r in daemon.records()}


def test_prompt_timeout(daemon: Running) -> None:
    daemon.add(1000, "alice")
    (daemon.root / "etc/nas2fa.toml").write_text("prompt_timeout = 5\n")
    daemon.stop()
    daemon.start()
    began = time.monotonic()
    with connected(daemon.root / "run/login.sock") as link:
        link.send(encode_hello(ALICE))
        assert link.recv(5000)[:1] == b"s"
        assert link.recv(5000)[:1] == b"e"
        assert link.recv(5000) == b"Vdeny"
    assert 4.5 < time.monotonic() - began < 8


def test_reload_reads_the_configuration_again(daemon: Running) -> None:
    assert daemon.login(BOB, None)[0] == "pass"
    (daemon.root / "etc/nas2fa.toml").write_text('unenrolled = "deny"\n')
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: daemon.login(BOB, None)[0] == "deny", "the new configuration is not in force")


def test_bad_configuration_keeps_the_last_good_one_and_says_where(daemon: Running) -> None:
    daemon.add(1000, "alice")
    config = daemon.root / "etc/nas2fa.toml"
    for text in ("deny = 1\n", 'deny = 1\ndney = "x"\n'):
        config.write_text(text)
        daemon.stop()
        daemon.start()
    assert "nas2fa.toml:2" in daemon.ask("health")["done"]["config"]
    assert daemon.login(ALICE, answer(wrong()))[0] == "locked"  # deny = 1 of the last good one


HELLO = """
def link(name):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect(sys.argv[1] + "/" + name)
    return s
def hello(uid, user, phase="auth", service="login", tty="tty1"):
    fields = [phase, service, str(uid), user, "", tty, "", "", "1"]
    return b"H1" + b"".join(f.encode() + b"\\0" for f in fields)
def talk(s, packet, text):
    s.send(packet)
    while True:
        p = s.recv(5000)
        if not p: return "closed"
        if p[:1] == b"V": return p[1:].decode()
        if p[:1] in b"so": s.send(b"R" + text)
"""


def test_a_forged_hello_moves_no_other_tally_and_opens_nothing(daemon: Running) -> None:
    daemon.add(1000, "alice")
    out = as_stranger(
        daemon,
        HELLO
        + f"""
print(*[talk(link("user.sock"), hello(1000, "alice"), {wrong().encode()!r}) for _ in range(20)])
print(talk(link("user.sock"), hello(1000, "alice", phase="guard", service="sshd"), b""))
try:
    link("login.sock"); print("connected")
except PermissionError:
    print("refused")
""",
    ).split()
    assert out == ["deny"] * 20 + ["ignore", "refused"]
    shown = daemon.ask("user.show", uid=1000, user="alice")["done"]
    assert shown["tallies"] == []
    assert [b["used"] for b in shown["budget"]] == [0, 0, 0]
    assert daemon.login(CONSOLE, answer(code()))[0] == "allow"


def test_a_peer_that_is_not_root_chooses_no_name_for_the_journal(daemon: Running) -> None:
    as_stranger(
        daemon,
        HELLO
        + f"""
talk(link("user.sock"), hello({STRANGER}, "root"), b"")
talk(link("user.sock"), hello(1000, "alice"), b"")
""",
    )
    stated = [(r["user"], r["uid"], r["source"], r["reason"]) for r in daemon.records() if "attempt" in r]
    me = (f"#{STRANGER}", str(STRANGER), "own")
    assert stated == [(*me, "NOT_ENROLLED"), (*me, "FOREIGN_UID")]


def test_bytes_that_are_no_text_do_not_keep_root_from_the_explanation(daemon: Running) -> None:
    as_stranger(
        daemon,
        HELLO
        + f"""
talk(link("user.sock"), hello({STRANGER}, "nobody").replace(b"login", b"\\xff"), b"")
""",
    )
    assert daemon.ask("explain")["done"] == {"total": 1}
    assert daemon.ask("explain", attempt=daemon.records()[-1]["attempt"])["done"]["service"] == "\\xff"


def test_attempts_that_cost_nothing_flood_neither_journal_nor_explanation(daemon: Running) -> None:
    daemon.add(1000, "alice")
    daemon.add(STRANGER, "nobody")
    assert daemon.login(ALICE, answer(wrong()))[0] == "deny"
    out = as_stranger(
        daemon,
        HELLO
        + f"""
for _ in range(1500): talk(link("user.sock"), hello(1000, "alice"), b"")
print(talk(link("user.sock"), hello({STRANGER}, "nobody"), {wrong().encode()!r}))
""",
    )
    assert out == "deny\n"
    records = daemon.records()
    assert len([r for r in records if r.get("reason") == "FOREIGN_UID"]) <= 2 * FREE_MOST  # a minute may end meanwhile
    assert any(r["event"] == "FLOOD" and r["by"] == str(STRANGER) for r in records)
    assert records[-1]["reason"] == "WRONG"  # what costs a part of the budget is always recorded
    remote = next(r for r in records if r["event"] == "DENIED" and r["uid"] == "1000")
    assert "done" in daemon.ask("explain", attempt=remote["attempt"])


def test_a_peer_that_is_not_root_has_a_tally_of_its_own(daemon: Running) -> None:
    daemon.add(STRANGER, "nobody")
    out = as_stranger(
        daemon,
        HELLO
        + f"""
print(*[talk(link("user.sock"), hello({STRANGER}, "nobody"), {wrong().encode()!r}) for _ in range(7)])
""",
    ).split()
    assert out == ["deny"] * 4 + ["locked"] * 3
    remote = replace(ALICE, uid=STRANGER, user="nobody")
    assert daemon.login(remote, answer(code()))[0] == "allow"


FLOOD = (
    HELLO
    + """
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
kept, deadline = [], time.monotonic() + 6
for n in range(5000):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.setblocking(False)
    try:
        s.connect(sys.argv[1] + "/" + SOCKET)
        if n % 3 == 1: s.send(b"garbage" * 100)
        if n % 3 == 2: s.send(hello(65534, "nobody"))
    except OSError:
        pass
    kept.append(s)
    if len(kept) > 900: kept = kept[450:]
while time.monotonic() < deadline:
    for s in kept[:50]:
        try: s.recv(100)
        except OSError: pass
"""
)


@pytest.mark.parametrize("name", ["user.sock", "control.sock"])
def test_a_flood_of_one_user_does_not_keep_root_from_the_console_prompt(daemon: Running, name: str) -> None:
    daemon.add(1000, "alice")
    program = BECOME_STRANGER + FLOOD.replace("SOCKET", repr(name))
    flood = subprocess.Popen([sys.executable, "-c", program, str(daemon.root / "run")], stdout=subprocess.DEVNULL)
    waits = []
    try:
        while flood.poll() is None:
            began = time.monotonic()
            with connected(daemon.root / "run/login.sock") as link:
                link.send(encode_hello(CONSOLE))
                assert link.recv(5000)[:1] == b"s"
            waits.append(time.monotonic() - began)
    finally:
        flood.kill()
        flood.wait()
    assert len(waits) > 20
    assert max(waits) < 1.0


def test_running_out_of_descriptors_neither_ends_nor_spins_the_daemon(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    with running(tmp_path) as daemon:
        daemon.add(1000, "alice")
        resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (40, 40))
        links = [connected(daemon.root / "run/login.sock") for _ in range(60)]
        before = cpu_seconds(daemon.process.pid)
        began = time.monotonic()
        assert links[0].recv(100) == b""  # until the first hello deadline has passed (5 s)
        assert cpu_seconds(daemon.process.pid) - before < 0.3 * (time.monotonic() - began)
        for link in links:
            link.close()
        assert daemon.login(ALICE, answer(code()))[0] == "allow"


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_repair_and_show_name_a_broken_record(daemon: Running) -> None:
    daemon.add(1000, "alice")
    record = daemon.root / "lib/users/1000.json"
    good = record.read_bytes()
    for spoil, reason in (
        (lambda: record.write_bytes(b""), "RECORD_UNREADABLE"),
        (lambda: record.write_bytes(good[:100]), "RECORD_UNREADABLE"),
        (lambda: record.chmod(0o640), "RECORD_UNSAFE"),
        (lambda: os.chown(record, 65534, 0), "RECORD_UNSAFE"),
        (lambda: (record.unlink(), record.symlink_to("/etc/passwd")), "RECORD_UNSAFE"),
        (record.unlink, "RECORD_MISSING"),
    ):
        spoil()
        assert daemon.login(ALICE, answer(code()))[0] == "unavailable"
        assert daemon.records()[-1]["reason"] == reason
        assert daemon.ask("user.show", uid=1000, user="alice")["done"]["fault"]["reason"] == reason
        assert daemon.ask("repair")["done"]["faults"] >= 1
        record.unlink(missing_ok=True)
        record.write_bytes(good)
        record.chmod(0o600)
    assert daemon.login(ALICE, answer(code()))[0] == "allow"


def test_emptied_or_missing_users_folder_is_never_not_enrolled(daemon: Running) -> None:
    daemon.add(1000, "alice")
    users, aside = daemon.root / "lib/users", daemon.root / "aside"
    users.rename(aside)
    assert daemon.login(ALICE, None)[0] == "unavailable"
    assert daemon.login(BOB, None)[0] == "unavailable"
    users.mkdir(0o700)
    assert daemon.login(ALICE, None)[0] == "unavailable"
    assert daemon.login(BOB, None)[0] == "unavailable"
    daemon.stop()
    daemon.start()
    assert daemon.login(ALICE, None)[0] == "unavailable"
    users.rmdir()
    aside.rename(users)
    assert daemon.login(ALICE, answer(code()))[0] == "allow"
    assert daemon.login(BOB, None)[0] == "pass"
