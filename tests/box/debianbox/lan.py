"""Another machine on the box's network: logins from addresses that are not the box's own."""

from __future__ import annotations

from collections.abc import Sequence

from .machine import Box

BOX = "10.99.0.1"
NEIGHBOUR = "10.99.0.2"
FARTHER, GATEWAY = "10.99.1.2", "10.99.0.254"
"""Two more addresses of the neighbour, for `ssh -b`: in another part of the network, and one for the box's gateway."""
NAMESPACE = "/run/netns/lan"

_ATTACH = f"""
ip netns add lan
ip link add lan0 type veth peer name lan1 netns lan
ip addr add {BOX}/16 dev lan0
ip link set lan0 up
for address in {NEIGHBOUR} {FARTHER} {GATEWAY}; do ip -n lan addr add $address/16 dev lan1; done
ip -n lan link set lan1 up
"""


def attach(box: Box) -> None:
    """Make the neighbour; `ip netns exec lan COMMAND` in the box, or in_network(…, NAMESPACE), is its keyboard."""
    box.run(f"set -e; {_ATTACH}")


class Neighbour:
    """The neighbour as a place for programs of the host, such as clients.openssh."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def beside(self, command: Sequence[str]) -> list[str]:
        """The command line that runs a program of the host on the neighbour."""
        return ["nsenter", f"--net=/proc/{self._box.running.leader}/root{NAMESPACE}", *command]
