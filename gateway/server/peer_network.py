"""The IP address and the network of a peer: what counts as one peer in limits for peers that are not authenticated."""

import ipaddress
from typing import Final

_NETWORK_BITS: Final = 64
"""Prefix length of an IPv6 network. A host usually controls a whole /64."""


def peer_host(address: str) -> str:
    """Return the IP address in `192.0.2.1:443` or `[2001:db8::1]:443`."""
    return address.rpartition(":")[0].strip("[]")


def peer_network(peer: str) -> str:
    """Return the network of an IP address: the address itself for IPv4, the /64 for IPv6. Other texts are unchanged."""
    if ":" not in peer:
        return peer
    try:
        address = ipaddress.IPv6Address(peer.partition("%")[0])
    except ValueError:
        return peer
    if (inner := address.ipv4_mapped) is not None:
        return str(inner)
    return str(ipaddress.IPv6Network((address, _NETWORK_BITS), strict=False))
