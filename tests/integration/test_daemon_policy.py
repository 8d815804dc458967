"""Rules, exemptions and imagined logins at a running nas2fad."""

from __future__ import annotations

import json
import signal
import time
from dataclasses import replace

from nas2fa.control import codec
from nas2fa.login.protocol import Hello
from running import Running, code, until

ALICE = Hello("auth", "sshd", 1000, "alice", rhost="192.0.2.7", tty="ssh")
OFFICE = {"user": "alice", "uid": 1000, "service": "sshd", "network": "192.0.2.0/24", "reason": "nightly backup"}


def tomorrow() -> int:
    return int(time.time()) + 86400


def word(daemon: Running, hello: Hello = ALICE) -> str:
    """The verdict for somebody who gives no code."""
    return daemon.login(hello, None)[0]


def imagined(daemon: Running, **args) -> dict:
    return daemon.ask("imagine", uid=1000, user="alice", **args)["done"]


def test_an_exemption_from_its_making_to_its_end(daemon: Running) -> None:
    daemon.add(1000, "alice")
    assert word(daemon) == "deny"
    made = daemon.ask("exempt.add", **OFFICE, until=tomorrow())["done"]
    assert word(daemon) == "pass"
    assert word(daemon, replace(ALICE, phase="guard")) == "ignore"
    assert word(daemon, replace(ALICE, rhost="198.51.100.7")) == "deny"
    assert word(daemon, replace(ALICE, service="su", rhost="")) == "deny"
    assert daemon.login(replace(ALICE, rhost="127.0.0.1"), b"R" + code().encode())[0] == "allow"
    assert [row["id"] for row in daemon.rows("exempt.list")] == [made["id"]]
    decision = imagined(daemon, rhost="192.0.2.9")
    assert (decision["action"], decision["exemption"]) == ("skip", made["id"])
    assert imagined(daemon, rhost="198.51.100.7")["action"] == "code"
    daemon.stop()
    daemon.start()
    assert word(daemon) == "pass"
    assert daemon.ask("exempt.remove", id=made["id"])["done"]["user"] == "alice"
    assert word(daemon) == "deny"
    assert "error" in daemon.ask("exempt.remove", id=made["id"])
    records = [r for r in daemon.records() if r.get("exemption") == made["id"]]
    assert [r["event"] for r in records] == ["EXEMPTION_ADDED", "EXEMPTED", "EXEMPTED", "EXEMPTED", "EXEMPTION_REMOVED"]
    assert "user alice from 192.0.2.0/24 via sshd: nightly backup" in records[0]["message"]
    assert [r.get("phase") for r in records[1:4]] == ["auth", "guard", "auth"]


def test_an_imagined_key_alone_is_decided_as_the_guard_decides(daemon: Running) -> None:
    daemon.add(1000, "alice")
    alone = {"rhost": "192.0.2.7", "first": "key", "key": "SHA256:" + "a" * 43, "alone": True}
    assert word(daemon, replace(ALICE, phase="guard")) == "deny"
    refused = imagined(daemon, **alone)
    assert (refused["action"], refused["reason"]) == ("deny", "NOT_VERIFIED")
    made = daemon.ask("exempt.add", **OFFICE, key=alone["key"], until=tomorrow())["done"]
    assert imagined(daemon, **alone)["action"] == "deny"
    assert imagined(daemon, **{**alone, "alone": False})["exemption"] == made["id"]
    daemon.ask("exempt.add", **OFFICE, key="any", until=tomorrow())
    assert word(daemon, replace(ALICE, phase="guard")) == "ignore"
    assert imagined(daemon, **alone)["action"] == "skip"


def test_an_imagined_login_of_somebody_locked_is_refused(daemon: Running) -> None:
    daemon.add(1000, "alice")
    for _ in range(6):
        daemon.login(ALICE, b"R000000")
    assert (imagined(daemon, rhost="192.0.2.7")["action"], imagined(daemon, rhost="192.0.2.7")["reason"]) == (
        "deny",
        "LOCKED",
    )
    assert imagined(daemon, rhost="192.0.2.8")["action"] == "code"


def test_a_broken_file_exempts_nobody_and_health_says_so(daemon: Running) -> None:
    daemon.add(1000, "alice")
    daemon.ask("exempt.add", **OFFICE, until=tomorrow())
    file = daemon.root / "lib" / "exemptions.json"
    file.write_text("{")
    assert word(daemon) == "deny"
    assert "exemptions.json" in daemon.ask("health")["done"]["exemptions"]
    asked = {"exempt.add": {**OFFICE, "until": tomorrow()}, "exempt.list": {}, "exempt.remove": {"id": "x"}}
    for verb, args in asked.items():
        assert daemon.ask(verb, **args)["error"] == "RECORD_UNREADABLE"
    assert file.read_text() == "{"
    file.unlink()
    assert daemon.ask("health")["done"]["exemptions"] == "ok"


def test_rules_of_the_file_are_in_force_after_a_reload(daemon: Running) -> None:
    daemon.add(1000, "alice")
    config = daemon.root / "etc" / "nas2fa.toml"
    config.write_text('[[rule]]\naction = "deny"\nservice = ["sshd"]\nnetwork = ["192.0.2.0/24"]\nname = "not here"\n')
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: imagined(daemon, rhost="192.0.2.7")["action"] == "deny", "the rule is not in force")
    assert imagined(daemon, rhost="192.0.2.7")["why"] == "rule 1 (not here): deny"
    verdict, packets = daemon.login(ALICE, None)
    assert verdict == "deny"
    assert b"does not let you in here" in packets[0]
    assert word(daemon, replace(ALICE, rhost="198.51.100.1")) == "deny"
    daemon.ask("exempt.add", **OFFICE, until=tomorrow())
    assert imagined(daemon, rhost="192.0.2.7")["action"] == "deny"
    before = len(json.dumps(daemon.records()))
    imagined(daemon, rhost="192.0.2.7", first="key", key="SHA256:x", groups="a:b", service="sudo-i", tty="pts/1")
    assert len(json.dumps(daemon.records())) == before  # nothing is recorded


def test_nothing_exempts_from_a_fresh_code(daemon: Running) -> None:
    """To disable, a code is asked in that very request, whatever rules and exemptions say."""
    daemon.add(1000, "alice")
    (daemon.root / "etc" / "nas2fa.toml").write_text('[[rule]]\naction = "skip"\n')
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: imagined(daemon)["action"] == "skip", "the rule is not in force")
    assert word(daemon) == "pass"
    for verb in ("disable", "recovery-codes"):
        with daemon.control() as link:
            link.send(codec.encode({"v": 1, "verb": verb, "args": {"uid": 1000, "user": "alice"}}))
            assert codec.decode(link.recv(codec.PACKET_MAX))["ask"] == "Verification code: "
