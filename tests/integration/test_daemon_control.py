"""The control socket of a running nas2fad: who may ask what, and what an interrupted request leaves."""

import json
import time
from dataclasses import replace

import pytest
from nas2fa.control import codec, verbs
from nas2fa.login.protocol import Hello
from nas2fa.server.attempts import KEPT
from running import STRANGER, Running, as_stranger, code, connected, wrong

ALICE = Hello("auth", "sshd", 1000, "alice", rhost="192.0.2.7", tty="ssh")

ASK = """
import json
def link():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(10)
    s.connect(sys.argv[1] + "/control.sock")
    return s
def ask(verb, args, answers=()):
    answers, s = list(answers), link()
    s.send(json.dumps({"v": 1, "verb": verb, "args": args}).encode())
    while True:
        message = json.loads(s.recv(70000))
        if "ask" in message: s.send(json.dumps({"answer": answers.pop(0)}).encode())
        if "tell" not in message and ("done" in message or "error" in message): return message
def say(message): print(json.dumps(message))
"""
ME = {"uid": STRANGER, "user": "nobody"}


def asked_by_stranger(daemon: Running, script: str) -> list[dict]:
    return [json.loads(line) for line in as_stranger(daemon, ASK + script).splitlines()]


def sample_args(verb: verbs.Verb) -> dict:
    """Arguments that pass the check, for the account of uid 1000."""
    samples = {"uid": 1000, "user": "alice", "uri": "otpauth://totp/x?secret=AAAAAAAAAAAAAAAA", "source": "console"}
    samples |= {"since": 0, "network": "10.0.0.0/24", "until": 2**31, "reason": "x", "id": "0a0b0c0d"}
    samples |= {"service": "sshd", "address": "10.0.0.5"}
    if verb.args.get("label") and verb.args["label"].least:
        samples["label"] = "phone"
    return {name: samples[name] for name in verb.args if name in samples}


@pytest.mark.parametrize("verb", sorted(verbs.VERBS.keys() - {"clock"}))
def test_of_somebody_else_no_verb_is_open_to_a_user(daemon: Running, verb: str) -> None:
    daemon.add(1000, "alice")
    (answer,) = asked_by_stranger(daemon, f"say(ask({verb!r}, {sample_args(verbs.VERBS[verb])!r}))")
    assert answer["error"] == "FORBIDDEN"
    assert daemon.login(ALICE, b"R" + code().encode())[0] == "allow"


@pytest.mark.parametrize("verb", ["smb.attempts", "smb.grants"])
def test_a_list_of_everybody_is_roots(daemon: Running, verb: str) -> None:
    (answer,) = asked_by_stranger(daemon, f"say(ask({verb!r}, {{}}))")
    assert answer["error"] == "FORBIDDEN"


def test_who_has_nothing_to_revoke_fills_no_journal(daemon: Running) -> None:
    """It costs nothing to ask, so the answer must start no program and leave no record."""
    (answer,) = asked_by_stranger(daemon, f"say(ask('smb.revoke', {ME!r}))")
    assert answer == {"done": {"revoked": 0, "ended": 0}}
    assert not [record for record in daemon.records() if record["event"] == "SHARES_CLOSED"]


ROOT_ONLY = [v for v in verbs.VERBS.values() if v.callers == {verbs.Caller.ROOT}]


@pytest.mark.parametrize("verb", ROOT_ONLY, ids=lambda v: v.name)
def test_roots_verbs_are_closed_to_users_for_their_own_account_too(daemon: Running, verb: verbs.Verb) -> None:
    args = {**sample_args(verb), **{k: v for k, v in ME.items() if k in verb.args}}
    (answer,) = asked_by_stranger(daemon, f"say(ask({verb.name!r}, {args!r}))")
    assert answer["error"] == "FORBIDDEN"


def test_own_status_and_the_name_of_a_user_is_not_believed(daemon: Running) -> None:
    daemon.add(STRANGER, "nobody")
    (answer,) = asked_by_stranger(daemon, f"say(ask('status', {dict(ME, user='root')!r}))")
    assert answer["done"]["user"] == "nobody"
    assert answer["done"]["armed"]


def test_disabling_needs_a_fresh_code_and_a_wrong_one_is_counted(daemon: Running) -> None:
    daemon.add(STRANGER, "nobody")
    (refused, done) = asked_by_stranger(
        daemon,
        f"say(ask('disable', {ME!r}, [{wrong()!r}])); say(ask('disable', {ME!r}, [{code()!r}]))",
    )
    assert refused["error"] == "REFUSED"
    assert done == {"done": {}}
    shown = daemon.ask("user.show", **ME)["done"]
    assert not shown["armed"]
    assert shown["budget"][1] == {"purse": "own", "used": 3, "limit": 15}  # disabling refunds nothing
    assert daemon.login(replace(ALICE, **ME), None)[0] == "pass"


def test_a_users_own_test_does_not_tell_that_a_code_is_of_the_future(daemon: Running) -> None:
    daemon.add(STRANGER, "nobody")
    early = code(offset=4)
    (own,) = asked_by_stranger(daemon, f"say(ask('test', {ME!r}, [{early!r}]))")
    assert own["done"]["reason"] == "WRONG"
    assert daemon.ask("explain", attempt=own["done"]["attempt"])["done"]["reason"] == "FUTURE"


def test_a_used_code_does_not_disable(daemon: Running) -> None:
    daemon.add(STRANGER, "nobody")
    typed = code()
    assert daemon.login(replace(ALICE, **ME), b"R" + typed.encode())[0] == "allow"
    (answer,) = asked_by_stranger(daemon, f"say(ask('disable', {ME!r}, [{typed!r}]))")
    assert answer["error"] == "REFUSED"


def test_new_recovery_codes_with_a_fresh_code(daemon: Running) -> None:
    _, old = daemon.set_up(STRANGER, "nobody")
    asked_by_stranger(daemon, f"say(ask('recovery-codes', {ME!r}, [{old[0]!r}, 'yes']))")
    assert daemon.ask("status", **ME)["done"]["recovery_left"] == 10
    assert daemon.login(replace(ALICE, **ME), b"R" + old[1].encode())[0] == "deny"


def test_set_up_by_a_user_needs_password_and_proof(daemon: Running) -> None:
    invite = daemon.ask("user.invite", **ME)["done"]["invite"]
    tokens = [daemon.ask("signin.verified", **ME, source="unknown")["done"]["token"] for _ in range(2)]
    other = daemon.ask("signin.verified", uid=1000, user="alice", source="console")["done"]["token"]
    answers = asked_by_stranger(
        daemon,
        f"""
for more in ({{}}, {{"token": "x" * 43}}, {{"token": {other!r}}}, {{"token": {tokens[0]!r}}},
             {{"token": {tokens[0]!r}, "invite": "aaaa-aaaa-aaaa"}}):
    say(ask("setup", dict({ME!r}, **more)))
s = link()
s.send(json.dumps({{"v": 1, "verb": "setup", "args": dict({ME!r}, token={tokens[0]!r}, invite={invite!r})}}).encode())
say(json.loads(s.recv(70000)))
s.close()
say(ask("setup", dict({ME!r}, token={tokens[0]!r}, invite={invite!r})))
""",
    )
    assert [a.get("error") for a in answers] == [
        "FORBIDDEN",
        "EXPIRED",
        "EXPIRED",
        "NO_PROOF",
        "NO_PROOF",
        None,  # the clock is shown: the wizard has begun
        "EXPIRED",  # a token is for one set-up
    ]
    assert not daemon.ask("status", **ME)["done"]["armed"]


def test_a_new_phone_needs_the_password_and_a_code_of_the_old_one(daemon: Running) -> None:
    _, spare = daemon.set_up(STRANGER, "nobody")
    tokens = [daemon.ask("signin.verified", **ME, source="unknown")["done"]["token"] for _ in range(2)]
    wish = {**ME, "replace": True}
    answers = asked_by_stranger(
        daemon,
        f"""
say(ask("setup", {wish!r}))
say(ask("setup", dict({wish!r}, token={tokens[0]!r}), [{wrong()!r}]))
say(ask("setup", dict({wish!r}, token={tokens[0]!r}), [{spare[0]!r}]))
say(ask("setup", dict({ME!r}, token={tokens[1]!r})))
s = link()
s.send(json.dumps({{"v": 1, "verb": "setup", "args": dict({wish!r}, token={tokens[1]!r})}}).encode())
say(json.loads(s.recv(70000)))
s.send(json.dumps({{"answer": {spare[1]!r}}}).encode())
say(json.loads(s.recv(70000)))
say(json.loads(s.recv(70000)))
""",
    )
    assert [a.get("error") for a in answers[:5]] == ["FORBIDDEN", "REFUSED", "EXPIRED", "NO_PROOF", None]
    assert answers[4]["name"] == "code"
    assert answers[5]["tell"] == "That was a recovery code. You have 9 others left."
    assert answers[6]["show"] == "clock"
    assert daemon.login(replace(ALICE, **ME), b"R" + spare[2].encode())[0] == "allow"  # nothing has changed yet


def test_nobody_disables_what_nobody_gets_in_without(daemon: Running) -> None:
    daemon.add(STRANGER, "nobody")
    (daemon.root / "etc/nas2fa.toml").write_text('unenrolled = "deny"\n')
    daemon.stop()
    daemon.start()
    assert daemon.ask("health")["done"]["unenrolled"] == "deny"
    (answer,) = asked_by_stranger(daemon, f"say(ask('disable', {ME!r}, [{code()!r}]))")
    assert answer["error"] == "REFUSED"
    assert "--replace" in answer["text"]
    with daemon.control() as link:
        link.send(codec.encode({"v": 1, "verb": "disable", "args": ME}))
        assert "gets in nowhere" in codec.decode(link.recv(codec.PACKET_MAX))["tell"]
        assert "ask" in codec.decode(link.recv(codec.PACKET_MAX))
    assert daemon.ask("status", **ME)["done"]["armed"]


def test_leaving_the_wizard_changes_nothing(daemon: Running) -> None:
    with daemon.control() as link:
        link.send(codec.encode({"v": 1, "verb": "setup", "args": {"uid": 1000, "user": "alice"}}))
        while "ask" not in codec.decode(link.recv(codec.PACKET_MAX)):
            pass
        link.send(codec.encode({"answer": ""}))
        assert codec.decode(link.recv(codec.PACKET_MAX))["show"] == "secret"
    assert daemon.ask("user.list")["done"] == {"total": 0}
    assert daemon.login(ALICE, None)[0] == "pass"


def test_a_wizard_left_open_over_a_reset_arms_nothing(daemon: Running) -> None:
    with daemon.control() as link:
        link.send(codec.encode({"v": 1, "verb": "setup", "args": {"uid": 1000, "user": "alice"}}))
        while (message := codec.decode(link.recv(codec.PACKET_MAX))).get("name") != "code":
            if "ask" in message:
                link.send(codec.encode({"answer": ""}))
            elif message.get("show") == "secret":
                key = message["value"]["key"]
        daemon.ask("user.reset", uid=1000, user="alice")
        link.send(codec.encode({"answer": code(key)}))
        assert codec.decode(link.recv(codec.PACKET_MAX))["error"] == "STALE"
    assert daemon.login(ALICE, None)[0] == "pass"


def test_an_account_that_was_renamed_is_refused_until_the_admin_says_so(daemon: Running) -> None:
    daemon.add(1000, "alice")
    renamed = replace(ALICE, user="alicia")
    assert daemon.login(renamed, None)[0] == "unavailable"
    assert daemon.records()[-1]["reason"] == "RECORD_MISMATCH"
    assert daemon.ask("user.rename", uid=1000, user="alicia")["done"] == {"was": "alice"}
    assert daemon.login(renamed, b"R" + code().encode())[0] == "allow"


def test_explain_tells_the_decision_and_no_answer(daemon: Running) -> None:
    daemon.add(1000, "alice")
    typed = wrong()
    daemon.login(ALICE, b"R" + typed.encode())
    attempt = daemon.records()[-1]["attempt"]
    told = daemon.ask("explain", attempt=attempt)["done"]
    assert (told["verdict"], told["reason"], told["source"]) == ("deny", "WRONG", "192.0.2.7")
    assert any("policy" in line for line in told["trace"])
    assert typed not in json.dumps(told)
    assert daemon.ask("explain", attempt="00000000")["error"] == "BAD_REQUEST"


GARBAGE = [
    b"x",
    b"[]",
    b"{}",
    b"null",
    b'{"v":1}',
    b'{"v":2,"verb":"health","args":{}}',
    b'{"v":1,"verb":"nonsense","args":{}}',
    b'{"v":1,"verb":"status","args":{"uid":"1000","user":"alice"}}',
    b'{"v":1,"verb":"status","args":{"uid":-1,"user":"alice"}}',
    b'{"v":1,"verb":"status","args":{"uid":1000,"user":"alice\\n"}}',
    b'{"v":1,"verb":"health","args":{},"args":{}}',
    b"[" * 60_000,
    b'{"v":1,"verb":"health","args":' * 2000,
    b"\xff\xfe",
    b"9" * 70_000,
]


@pytest.mark.parametrize("packet", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_gets_an_error_and_the_daemon_goes_on(daemon: Running, packet: bytes) -> None:
    with daemon.control() as link:
        link.send(packet)
        assert codec.decode(link.recv(codec.PACKET_MAX))["error"] in ("PROTOCOL", "BAD_REQUEST")
    assert "done" in daemon.ask("health")
    assert "defect" not in daemon.log.read_text()


def test_a_long_list_comes_in_pages_and_keeps_no_login_waiting(daemon: Running) -> None:
    for uid in range(2000, 3000):
        daemon.ask("user.invite", uid=uid, user=f"user{uid}")
    daemon.add(1000, "alice")
    with connected(daemon.root / "run/control.sock") as link:
        link.send(codec.encode({"v": 1, "verb": "user.list", "args": {}}))
        began = time.monotonic()
        assert daemon.login(ALICE, b"R" + code().encode())[0] == "allow"
        assert time.monotonic() - began < 0.5
        pages, rows = 0, 0
        while "rows" in (message := codec.decode(link.recv(codec.PACKET_MAX))):
            pages += 1
            rows += len(message["rows"])
    assert message == {"done": {"total": 1001}}
    assert rows == 1001
    assert pages >= 20


def test_requests_sent_at_once_are_answered_one_after_the_other(daemon: Running) -> None:
    with daemon.control() as link:
        for _ in range(20):
            link.send(codec.encode({"v": 1, "verb": "health", "args": {}}))
        for _ in range(20):
            assert "done" in codec.decode(link.recv(codec.PACKET_MAX))


def accepted(daemon: Running, since: int) -> list[tuple[str, str]]:
    """Service and source of the logins that `accepted` lists."""
    with daemon.control() as link:
        link.send(codec.encode({"v": 1, "verb": "accepted", "args": {"since": since}}))
        rows: list[tuple[str, str]] = []
        while "rows" in (message := codec.decode(link.recv(codec.PACKET_MAX))):
            rows += [(row["service"], row["source"]) for row in message["rows"]]
        assert message == {"done": {"total": len(rows)}}
        return rows


def test_accepted_lists_logins_that_somebody_came_in_by(daemon: Running) -> None:
    """Not what proves nothing about coming in again: su, a rehearsal, a wrong code, a login from before."""
    hellos = {
        1000: ALICE,
        1001: Hello("auth", "login", 1001, "bob", tty="tty1"),
        1002: Hello("auth", "su", 1002, "carol", tty="pts/1", ruser="alice"),
        1003: replace(ALICE, uid=1003, user="dave"),
    }
    for uid, hello in hellos.items():
        daemon.add(uid, hello.user)
    started = int(time.clock_gettime(time.CLOCK_BOOTTIME))
    for uid in (1000, 1001, 1002):
        assert daemon.login(hellos[uid], b"R" + code().encode())[0] == "allow"
    daemon.login(hellos[1003], b"R" + wrong().encode())
    with daemon.control() as link:
        args = {"uid": 1003, "user": "dave", "rhost": "192.0.2.7"}
        link.send(codec.encode({"v": 1, "verb": "test", "args": args}))
        assert "ask" in codec.decode(link.recv(codec.PACKET_MAX))
        link.send(codec.encode({"answer": code()}))
        assert codec.decode(link.recv(codec.PACKET_MAX))["done"]["verdict"] == "allow"
    assert accepted(daemon, started) == [("sshd", "192.0.2.7"), ("login", "console")]
    assert accepted(daemon, started + 3600) == []
    for _ in range(KEPT):  # anybody can have that many
        assert daemon.login(Hello("auth", "su", 1009, "eve", tty="pts/1", ruser="eve"), None)[0] == "pass"
    assert accepted(daemon, started) == [("sshd", "192.0.2.7"), ("login", "console")]


def test_an_admin_reads_at_the_prompt_that_it_is_on_trial(daemon: Running) -> None:
    daemon.add(1000, "alice")
    until = time.clock_gettime(time.CLOCK_BOOTTIME) + 590
    note = daemon.root / "run" / "trial"
    for text, told in (
        (json.dumps({"until": until, "uids": [0, 1000]}), True),
        (json.dumps({"until": until, "uids": [0]}), False),
        (json.dumps({"until": 1.0, "uids": [1000]}), False),
        ("{", False),
        ("[]", False),
    ):
        note.write_text(text)
        note.chmod(0o644)
        packets = daemon.login(ALICE, None)[1]
        assert (b"on trial here, and is undone in 10 minutes" in packets[0]) == told
    note.write_text(json.dumps({"until": until, "uids": [1000]}))
    note.chmod(0o666)  # somebody else may have written it
    assert b"on trial" not in daemon.login(ALICE, None)[1][0]
