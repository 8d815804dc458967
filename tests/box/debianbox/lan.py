"""Other machines on the box's network: logins from addresses that are not the box's own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from .machine import Box

BOX, BOX6 = "10.99.0.1", "fd99::1"
NEIGHBOUR, NEIGHBOUR6 = "10.99.0.2", "fd99::2"
FARTHER, GATEWAY = "10.99.1.2", "10.99.0.254"
"""Two more addresses of the neighbour, for `ssh -b`: in another part of the network, and one for the box's gateway."""
VISITOR, VISITOR6 = "10.99.2.2", "fd99::2:2"
"""A second machine, for clients that cannot be told which address to come from."""
NAMESPACE, _VISITORS_NAMESPACE = "/run/netns/lan", "/run/netns/visitor"

_ATTACH = f"""
ip link add lan0 type bridge
ip addr add {BOX}/16 dev lan0
ip addr add {BOX6}/64 dev lan0 nodad
ip link set lan0 up
for machine in lan visitor; do
    ip netns add $machine
    ip link add $machine-port type veth peer name lan1 netns $machine
    ip link set $machine-port master lan0 up
    ip -n $machine link set lan1 up
    ip -n $machine link set lo up
done
for address in {NEIGHBOUR} {FARTHER} {GATEWAY}; do ip -n lan addr add $address/16 dev lan1; done
ip -n lan addr add {NEIGHBOUR6}/64 dev lan1 nodad
ip -n visitor addr add {VISITOR}/16 dev lan1
ip -n visitor addr add {VISITOR6}/64 dev lan1 nodad
"""


def attach(box: Box) -> None:
    """Make the machines; `ip netns exec lan COMMAND`, in_network(…, NAMESPACE) is the neighbour's keyboard.

    The other machine is called `visitor`.
    """
    box.run(f"set -e; {_ATTACH}")


def plug_in(box: Box, other: Box, address: str) -> None:
    """Let another box be one more machine on this box's network, with that address."""
    cable = ["ip", "link", "add", "box-port", "master", "lan0", "type", "veth", "peer", "name", "lan0"]
    subprocess.run(box.beside([*cable, "netns", str(other.running.leader)]), check=True)
    box.run("ip link set box-port up")
    other.run(f"ip addr add {address}/16 dev lan0 && ip link set lan0 up")


def namespace_of(address: str) -> str:
    """The network of the machine that has this address: a path in the box. "": none of them, so the box itself."""
    if address in (VISITOR, VISITOR6):
        return _VISITORS_NAMESPACE
    return NAMESPACE if address in (NEIGHBOUR, NEIGHBOUR6, FARTHER, GATEWAY) else ""


class Neighbour:
    """A machine beside the box as a place for programs of the host, such as clients.openssh."""

    def __init__(self, box: Box, address: str = NEIGHBOUR) -> None:
        self._box = box
        self._namespace = namespace_of(address)

    def beside(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a program of the host on that machine."""
        return ["nsenter", f"--net=/proc/{self._box.running.leader}/root{self._namespace}", *command]
