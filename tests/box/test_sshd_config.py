"""The values and their places that we read are those that the box's own sshd uses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from debianbox.machine import Box

ASK = """
import json
from nas2fa.activation import sshd
from nas2fa.activation.system import System
box = System()
keywords = ["UsePAM", "KbdInteractiveAuthentication", "PasswordAuthentication", "MaxAuthTries", "PermitRootLogin"]
print(json.dumps({
    "default": {k.lower(): sshd.effective(box)[k.lower()] for k in keywords},
    "bob": {k.lower(): sshd.effective(box, "bob", "10.9.8.7")[k.lower()] for k in keywords},
    "places": {k.lower(): (w := sshd.winner(box, k)) and (w.file, w.line) for k in keywords},
    "values": {f"{s.file}:{s.line}": s.value for s in sshd.settings(box)},
}))
"""
MAINS = {
    "debian": "Include /etc/ssh/sshd_config.d/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\n",
    "openmediavault": "PasswordAuthentication yes\nUsePAM yes\nInclude /etc/ssh/sshd_config.d/*.conf\n",
    "match before include": (
        "UsePAM no\nMatch User bob\nMaxAuthTries 2\nMatch all\nInclude sshd_config.d/*.conf\nMaxAuthTries 5\n"
    ),
    "include in match": "Match User bob\nInclude /etc/ssh/sshd_config.d/*.conf\n",
    "spellings": "challengeresponseauthentication=yes\nUSEPAM\t\"yes\"\nInclude \"sshd_config.d/*.conf\"\n",
}
DROP_INS = {
    "10-first.conf": "PasswordAuthentication no\nMatch Address 10.0.0.0/8\nPermitRootLogin no\n",
    "20-second.conf": "KbdInteractiveAuthentication yes\nPasswordAuthentication yes\nMaxAuthTries 3\n",
}


def ask(box: Box) -> dict[str, Any]:
    found = json.loads(box.run(["/usr/bin/python3", "-c", ASK]).stdout)
    assert isinstance(found, dict)
    return found


def test_the_place_that_wins_has_the_value_that_sshd_uses(bare_box: Box) -> None:
    for name, text in DROP_INS.items():
        bare_box.write(f"/etc/ssh/sshd_config.d/{name}", text)
    for name, main in MAINS.items():
        bare_box.write("/etc/ssh/sshd_config", main)
        found = ask(bare_box)
        bare_box.write("/etc/ssh/sshd_config", "")  # sshd's own defaults, where no line wins
        defaults = ask(bare_box)["default"]
        for keyword, place in found["places"].items():
            value = defaults[keyword] if place is None else [found["values"]["{}:{}".format(*place)].strip('"')]
            assert found["default"][keyword] == value, (name, keyword)
    assert found["bob"]["permitrootlogin"] == ["no"] != found["default"]["permitrootlogin"]


@pytest.mark.parametrize("text", ["UsePAM perhaps\n", "Match User bob\nPort 22\n"])
def test_what_sshd_refuses_is_told_in_its_own_words(bare_box: Box, text: str) -> None:
    bare_box.write("/etc/ssh/sshd_config.d/broken.conf", text)
    done = bare_box.run(["/usr/bin/python3", "-c", ASK], check=False)
    assert "SshdError: /etc/ssh/sshd_config.d/broken.conf" in done.stderr
