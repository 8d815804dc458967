"""The configuration: defaults, refusals with file and line, and the last good one."""

import os
import re
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest
from nas2fa.config import Config, load, parse
from nas2fa.errors import ConfigError
from nas2fa.paths import Paths
from nas2fa.rules import Rule

SHIPPED = Path(__file__).parents[2] / "etc" / "nas2fa.toml"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    paths = Paths.under(str(tmp_path))
    for folder in (paths.etc, paths.lib):
        os.mkdir(folder, 0o700)
    return paths


def write(path: str, text: str | bytes, mode: int = 0o644) -> None:
    Path(path).write_bytes(text.encode() if isinstance(text, str) else text)
    os.chmod(path, mode)


def test_shipped_file_changes_nothing() -> None:
    assert parse(SHIPPED.read_text(), "shipped") == Config()


def test_shipped_file_uncommented_gives_the_defaults() -> None:
    text = re.sub(r"(?m)^#(?=\w+ = )", "", SHIPPED.read_text())
    assert parse(text, "shipped") == Config()
    set_here = re.findall(r"(?m)^(\w+) = ", text)
    assert [*set_here, "rule"] == [field.name for field in fields(Config)]


def test_values() -> None:
    text = 'enroll_from = ["10.0.0.0/8", "fd00::1"]\ndeny = 3\n"unenrolled" = "deny"\n'
    config = parse(text, "f")
    assert config.enroll_from == (ip_network("10.0.0.0/8"), ip_network("fd00::1"))
    assert (config.deny, config.unenrolled) == (3, "deny")
    config = parse('ntp_servers = ["0.debian.pool.ntp.org", "10.0.0.1", "fd00::1"]\nclock = "kernel"\n', "f")
    assert config.ntp_servers == ("0.debian.pool.ntp.org", "10.0.0.1", "fd00::1")
    assert config.clock == "kernel"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("deny = 3\ndenny = 4\n", "f:2: unknown option 'denny'"),
        ("\n[lockout]\ndeny = 3\n", "f:2: unknown table 'lockout'"),
        ("\n\n[[lockout]]\n", "f:3: unknown"),
        ("a.b = 1\n", "f:1: unknown table 'a'"),
        ("# deny = 1\n\ndeny = true\n", "f:3: deny must be a whole number"),
        ("deny = 3.0", "f:1: deny must"),
        ("deny = 0", "f:1: deny must"),
        ("deny = 101", "f:1: deny must"),
        ("unlock_time = 0", "f:1: unlock_time must"),
        ('deny = "5"', "f:1: deny must"),
        ('unenrolled = "allow"', "f:1: unenrolled must be one of 'pass', 'deny'"),
        ("digits = 7", "f:1: digits must"),
        ("digits = 6.0", "f:1: digits must"),
        ("period = 45", "f:1: period must"),
        ('algorithm = "md5"', "f:1: algorithm must"),
        ('issuer = "a:b"', "f:1: issuer must"),
        ('issuer = "a\\nb"', "f:1: issuer must"),
        ('deny = 4\nenroll_from = ["10.0.0.1/8"]', "f:2: enroll_from must"),
        ("enroll_from = [1]", "f:1: enroll_from must"),
        ('display_managers = "gdm"', "f:1: display_managers must"),
        ('clock = "gps"', "f:1: clock must be one of 'ntp', 'kernel', 'trust'"),
        ("clock_limit = 0", "f:1: clock_limit must be a whole number from 1 to 120"),
        ("clock_limit = 121", "f:1: clock_limit must"),
        ('ntp_servers = "pool.ntp.org"', "f:1: ntp_servers must"),
        ('ntp_servers = ["a b"]', "f:1: ntp_servers must"),
        ('ntp_servers = ["-x"]', "f:1: ntp_servers must"),
        ('ntp_servers = [""]', "f:1: ntp_servers must"),
        ("ntp_servers = [" + '"a",' * 9 + "]", "f:1: ntp_servers must be a list of at most 8"),
        ("deny = 3\nx = = 2\n", "f:2: "),
        ("deny = 3\ndeny = 4\n", "f:"),
        ("x = " + "[" * 5000, "f:1: "),
        ("\n[rule]\naction = 'skip'", "f:2: rules are written as tables"),
        ("rule = 3", "f:1: rules are written as tables"),
        ("rule = [3]", "f:1: rules are written as tables"),
        ("[[rule]]\nname = 'x'", "f:1: rule 1 has no action"),
        ("[[rule]]\naction = 'code'\n\n[[rule]]\nuser = ['a']", "f:4: rule 2 has no action"),
        ("[[rule]]\naction = 'allow'", "f:2: rule 1: action must be one of"),
        ("[[rule]]\naction = 'code'\n[[rule]]\naction='skip'\nusers = ['a']", "f:5: rule 2: unknown key 'users'"),
        ("[[rule]]\naction = 'code'\ndeny = 3", "f:3: rule 1: unknown key 'deny' (options of the whole"),
        ("[[rule]]\naction = 'code'\n[rule.x]\ny = 1", "f:3: rule 1: unknown key 'x'"),
        ("rule = [{action = 'code'}, {action = 'no'}]", "f:1: rule 2: action must"),
        ("[[rule]]\naction = 'skip'\nuser = 'alice'", "f:3: rule 1: user must be a list"),
        ("[[rule]]\naction = 'skip'\nuser = []", "f:3: rule 1: user must be a list of names, at least one"),
        ("[[rule]]\naction = 'skip'\nuser = ['']", "f:3: rule 1: user must be"),
        ("[[rule]]\naction = 'skip'\nservice = ['NAS2FA']", "f:3: rule 1: service must be"),
        ("[[rule]]\naction = 'skip'\ngroup = ['a:b']", "f:3: rule 1: group must be"),
        ("[[rule]]\naction = 'skip'\nnetwork = ['10.0.0.1/8']", "f:3: rule 1: network must be"),
        ("[[rule]]\naction = 'skip'\nnetwork = ['127.0.0.0/8']", "f:3: rule 1: network must be without"),
        ("[[rule]]\naction = 'skip'\nnetwork = ['fe80::/64']", "f:3: rule 1: network must be without"),
        ("[[rule]]\naction = 'skip'\nfirst = 'publickey'", "f:3: rule 1: first must be one of"),
        ("[[rule]]\naction = 'skip'\nfrom = 'lan'", "f:3: rule 1: from must be one of"),
        ("[[rule]]\naction = 'skip'\nagain_after = 60", "f:1: rule 1: again_after is for action = 'code'"),
        ("[[rule]]\naction = 'code'\nagain_after = 604801", "f:3: rule 1: again_after must be"),
        ("[[rule]]\naction = 'skip'\nfrom = 'local'\nnetwork = ['10.0.0.0/8']", "f:1: rule 1 fits nobody"),
        ("[[rule]]\naction = 'code'\n" * 101, "f:201: more than 100 rules"),
        ("[[rule]]\naction = 'code'\ngroup = " + str([f"g{n}" for n in range(201)]), "f:1: more than 200 groups"),
    ],
)
def test_refused_with_file_and_line(text: str, start: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(text, "f")
    assert str(error.value).startswith(start)


def test_no_file_is_no_fault(paths: Paths) -> None:
    assert load(paths) == (Config(), None)
    assert not os.path.exists(paths.last_good_config)


def test_bad_file_runs_the_last_good_one(paths: Paths) -> None:
    write(paths.config, "deny = 3\n")
    assert load(paths) == (Config(deny=3), None)
    assert os.stat(paths.last_good_config).st_mode & 0o777 == 0o600
    write(paths.config, "deny = 9\nbad = 1\n")
    config, fault = load(paths)
    assert config == Config(deny=3)
    assert fault is not None
    assert fault.startswith(f"{paths.config}:2: ")


def test_bad_file_without_last_good_runs_the_defaults(paths: Paths) -> None:
    write(paths.config, "deny = 'x'")
    config, fault = load(paths)
    assert config == Config()
    assert fault is not None


def test_last_good_that_others_can_read_is_not_believed(paths: Paths) -> None:
    write(paths.config, "bad")
    write(paths.last_good_config, "deny = 3", 0o644)
    assert load(paths)[0] == Config()


@pytest.mark.parametrize(
    ("content", "mode", "text"),
    [
        (b"deny = 3", 0o666, "writable by nobody else"),
        (b"deny = 3\n#\xff", 0o644, ":2: not UTF-8"),
        (b"#" * 300_000, 0o644, "more than"),
    ],
)
def test_unfit_file(paths: Paths, content: bytes, mode: int, text: str) -> None:
    write(paths.config, content, mode)
    config, fault = load(paths)
    assert config == Config()
    assert fault is not None
    assert text in fault


def test_no_place_for_the_copy_is_no_fault(paths: Paths) -> None:
    os.rmdir(paths.lib)
    write(paths.config, "deny = 3")
    assert load(paths) == (Config(deny=3), None)


def test_rules_keep_their_order() -> None:
    text = """
deny = 3
[[rule]]
name = "the LAN"
action = "skip"
service = ["sudo-i", "SSHD"]
group = ["users"]
network = ["192.168.1.0/24"]
first = "password"
[[rule]]
action = "code"
from = "remote"
again_after = 28800
[[rule]]
action = "deny"
user = ["guest"]
"""
    assert parse(text, "f").rule == (
        Rule(
            "skip",
            "the LAN",
            service=frozenset({"sudo", "sshd"}),
            group=frozenset({"users"}),
            network=(ip_network("192.168.1.0/24"),),
            first="password",
            number=1,
        ),
        Rule("code", origin="remote", again_after=28800, number=2),
        Rule("deny", user=frozenset({"guest"}), number=3),
    )


def test_the_example_rules_of_the_shipped_file_would_be_taken() -> None:
    text = re.sub(r"(?m)^# (?=\w+ = |\[\[)", "", SHIPPED.read_text())
    rules = parse(text, "shipped").rule
    assert {rule.action for rule in rules} == {"code", "skip", "deny"}
    assert any(rule.again_after for rule in rules)
