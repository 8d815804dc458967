"""Boxes whose clock is kept right by one of Debian's time services, as apt leaves it; and courier.sock, asked by root.

None of them ever sets a clock here: systemd-nspawn leaves a box no CAP_SYS_TIME, and their units do not start without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from .layers import installed, layer
from .machine import Box
from .roots import TIME_SERVICES, TIME_SERVICES_CACHE, time_recipe

ASK = """
import json, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
    connection.connect("/run/nas2fa/courier.sock")
    connection.send(json.dumps({"v": 1, "verb": "ntp", "args": {"servers": sys.argv[1]}}).encode())
    rows, end = [], None
    while packet := connection.recv(70000):
        end = json.loads(packet)
        rows += end.get("rows", [])
print(json.dumps([rows, end]))
"""
"""A program of the box: the servers, with spaces between; prints the rows and the end."""

# How the servers of each are told; Debian's own are taken out first.
_TELL = {
    "systemd-timesyncd": "mkdir -p /etc/systemd/timesyncd.conf.d; "
    "printf '[Time]\nNTP=%s\nFallbackNTP=\n' '{joined}' > /etc/systemd/timesyncd.conf.d/lan.conf",
    "chrony": "sed -i '/^pool/d' /etc/chrony/chrony.conf; echo '{lines}' > /etc/chrony/sources.d/lan.sources",
    "ntpsec": "sed -i '/^pool/d; /^server/d' /etc/ntpsec/ntp.conf; echo '{lines}' >> /etc/ntpsec/ntp.conf",
}


def time_layers(suite: str, service: str) -> list[Path]:
    """A box with our packages, and this time service as apt installs it: enabled, with Debian's servers."""
    others = "|".join(other for other in TIME_SERVICES if other != service)

    def install(box: Box) -> None:
        packages = f"$(ls *.deb | grep -vE '^({others})_')"
        box.run(f"export DEBIAN_FRONTEND=noninteractive; cd {TIME_SERVICES_CACHE} && dpkg --install {packages}")

    return layer(f"{service}-{suite}", installed(suite, time_recipe(suite)), Path(__file__).read_bytes(), install)


def tell(box: Box, service: str, servers: Iterable[str]) -> None:
    """Have the service of the box keep its clock by these servers."""
    names = list(servers)
    lines = "\n".join(f"server {name} iburst" for name in names)
    box.run(_TELL[service].format(joined=" ".join(names), lines=lines))


def ask(box: Box, *servers: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], dict[str, Any]]:
    """What nas2fa-courier tells root: the rows of servers, those of services, and the end."""
    rows, end = json.loads(box.run(["/usr/bin/python3", "-c", ASK, " ".join(servers)]).stdout)
    return [row for row in rows if "server" in row], [row for row in rows if "enabled" in row], end
