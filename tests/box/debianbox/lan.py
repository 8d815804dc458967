"""Another machine on the box's network: logins from an address that is not the box's own."""

from __future__ import annotations

from .machine import Box

BOX = "10.99.0.1"
NEIGHBOUR = "10.99.0.2"
NAMESPACE = "/run/netns/lan"

_ATTACH = f"""
ip netns add lan
ip link add lan0 type veth peer name lan1 netns lan
ip addr add {BOX}/24 dev lan0
ip link set lan0 up
ip -n lan addr add {NEIGHBOUR}/24 dev lan1
ip -n lan link set lan1 up
"""


def attach(box: Box) -> None:
    """Make the neighbour; `ip netns exec lan COMMAND` in the box, or in_network(…, NAMESPACE), is its keyboard."""
    box.run(f"set -e; {_ATTACH}")
