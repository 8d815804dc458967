"""Where a try comes from."""

from dataclasses import replace

import pytest
from nas2fa.login.protocol import Hello
from nas2fa.login.source import Console, source_of

BASE = Hello("auth", "sshd", 1000, "alice")
HERE = Console(("gdm-password", "lightdm"))


@pytest.mark.parametrize(
    ("changes", "key", "purse"),
    [
        ({"rhost": "192.0.2.7", "tty": "ssh"}, "192.0.2.7", "remote"),
        ({"rhost": "::ffff:192.0.2.7"}, "192.0.2.7", "remote"),
        ({"rhost": "2001:db8:1:2:3::4"}, "2001:db8:1:2::/64", "remote"),
        ({"rhost": "fe80::1%eth0"}, "fe80::/64", "remote"),
        ({"rhost": "nas.example"}, "named", "remote"),
        ({"rhost": "UNKNOWN"}, "named", "remote"),
        ({"rhost": "192.0.2.7 "}, "named", "remote"),
        ({"service": "login", "tty": "tty1"}, "console", "console"),
        ({"service": "login", "tty": "/dev/tty1"}, "console", "console"),
        ({"service": "login", "tty": "/dev/ttyS0"}, "console", "console"),
        ({"service": "login", "tty": "hvc0"}, "console", "console"),
        ({"service": "login", "tty": "console"}, "console", "console"),
        ({"service": "login", "tty": "pts/0"}, "local:-", "remote"),  # a web terminal runs login there
        ({"service": "login", "tty": "tty1", "rhost": "192.0.2.7"}, "192.0.2.7", "remote"),
        ({"service": "login", "tty": "ssh"}, "local:-", "remote"),
        ({"service": "login", "tty": "tty1\nx"}, "local:-", "remote"),
        ({"service": "gdm-password", "tty": "/dev/tty1"}, "console", "console"),
        ({"service": "lightdm", "tty": ":0"}, "console", "console"),
        ({"service": "lightdm", "tty": "elsewhere:0"}, "local:-", "remote"),
        ({"service": "xdm", "tty": ":0"}, "local:-", "remote"),
        ({"service": "su", "tty": "/dev/tty1", "ruser": "bob"}, "local:bob", "remote"),
        ({"service": "sudo", "ruser": "x" * 300}, "local:" + "x" * 64, "remote"),
    ],
)
def test_source_of_a_root_peer(changes: dict, key: str, purse: str) -> None:
    source = source_of(replace(BASE, **changes), True, HERE)
    assert (source.key, source.purse) == (key, purse)


def test_the_console_of_a_container_is_a_pseudo_terminal() -> None:
    hello = replace(BASE, service="login", tty="/dev/pts/0")
    assert source_of(hello, True, Console(ptys=True)).key == "console"
    assert source_of(replace(hello, service="sshd"), True, Console(ptys=True)).key == "local:-"


@pytest.mark.parametrize("changes", [{}, {"service": "login", "tty": "tty1"}, {"rhost": "192.0.2.7"}])
def test_of_any_other_peer_nothing_is_believed(changes: dict) -> None:
    source = source_of(replace(BASE, **changes), False, HERE)
    assert (source.key, source.purse) == ("own", "own")
