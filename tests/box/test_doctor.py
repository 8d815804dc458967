"""Every finding of the doctor is proved by planting it, and a healthy box has none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from debianbox import logins
from debianbox.layers import layer
from debianbox.machine import Box

CHECK = "/usr/bin/nas2fa system check --json"
OWN = (
    "/etc/pam.d /etc/ssh /etc/nas2fa /var/lib/nas2fa /var/lib/nas2fa-switch /etc/shadow /etc/passwd /etc/sudoers.d "
    "/var/lib/pam /usr/share/pam-configs"
)


def _prepare(box: Box) -> None:
    """A box as an administrator keeps it: switched on, with recovery codes on paper, nobody logs in as root."""
    ann = logins.enable(box)
    box.run(["nas2fa", "recovery-codes"], user=ann.name, stdin=ann.phone.code() + "\n")
    box.run("passwd --lock root")


@pytest.fixture(scope="module")
def healthy(suite: str) -> Iterator[Box]:
    """One box for all plants: each is undone."""
    ground = layer(f"doctor-{suite}", logins.plain_layers(suite), Path(__file__).read_bytes(), _prepare)
    with Box(ground) as box:
        box.run(f"tar --xattrs -cf /root/before.tar {OWN}")
        yield box


def check(box: Box) -> list[dict[str, Any]]:
    done = box.run(CHECK, check=False)
    assert done.returncode in (0, 1, 2), done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def names(found: list[dict[str, Any]]) -> set[str]:
    return {finding["name"] for finding in found}


def test_a_healthy_box_has_no_errors_and_no_warnings(healthy: Box) -> None:
    assert [finding for finding in check(healthy) if finding["severity"] != "note"] == []
