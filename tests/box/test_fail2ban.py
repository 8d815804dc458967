"""The filter for fail2ban, read by fail2ban itself from the journal of a box that was knocked at."""

from __future__ import annotations

import re
from pathlib import Path

from debianbox import logins
from debianbox.layers import installed, layer
from debianbox.machine import Box
from debianbox.roots import doors_recipe

EXAMPLE = "/usr/share/doc/nas2fa/examples/nas2fa.conf"
LAN = "fd00:db8:1::7"


def test_the_filter_finds_who_sends_wrong_codes(suite: str) -> None:
    """By IPv4 and IPv6; a right code, a wrong password and a try by su are none of its business."""
    code = Path(__file__).read_bytes() + Path(logins.__file__).read_bytes()
    with Box(layer(f"fail2ban-{suite}", installed(suite, doors_recipe(suite)), code, logins._prepare)) as box:
        box.run(["ip", "address", "add", f"{LAN}/64", "dev", "lo"])
        alice = logins.enrol(box, "alice")
        assert logins.ssh(box, alice, alice.phone.code())[0]
        assert not logins.ssh(box, alice, alice.phone.wrong())[0]
        assert not logins.ssh(box, alice, alice.phone.wrong(), "-o", f"HostName={LAN}")[0]
        child = box.terminal("su - alice -c true", user="bob")
        for prompt, reply in ((logins.PASSWORD_PROMPT, logins.PASSWORD), (logins.CODE_PROMPT, alice.phone.wrong())):
            child.expect(prompt)
            child.sendline(reply)
        child.expect("failure")
        box.run(["cp", EXAMPLE, "/etc/fail2ban/filter.d/nas2fa.conf"])
        said = box.run(["fail2ban-regex", "--print-all-matched", "systemd-journal", "nas2fa"]).stdout
        assert re.search(r"Failregex: 2 total", said), said
        assert "127.0.0.1 via sshd: WRONG" in said
        assert "from fd00:db8:1::/64 via sshd: WRONG" in said
