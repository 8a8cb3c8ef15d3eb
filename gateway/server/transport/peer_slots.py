"""Slots for the work of peers that are not authenticated: a limited number in total, and a share of them for each peer.

A peer that does not read its responses holds its slots. The share leaves slots to the other peers.
"""

import contextlib
from collections.abc import AsyncIterator

import grpc

from gateway.server.peer_network import peer_host, peer_network
from gateway.server.rpc_context import ServicerContext, peer_address


class PeerSlots:
    """maximum: the number of slots. per_peer: how many of them one peer can hold."""

    def __init__(self, maximum: int, per_peer: int) -> None:
        self._maximum = maximum
        self._per_peer = per_peer
        self._held: dict[str, int] = {}

    @property
    def held(self) -> int:
        """The number of slots that are held."""
        return sum(self._held.values())

    @contextlib.asynccontextmanager
    async def slot(self, transport: ServicerContext) -> AsyncIterator[None]:
        """Hold a slot for the peer of a call. Aborts the call with RESOURCE_EXHAUSTED if there is none."""
        peer = peer_network(peer_host(peer_address(transport.peer())))
        held = self._held.get(peer, 0)
        if held >= self._per_peer or self.held >= self._maximum:
            await transport.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many calls of this kind are open")
        self._held[peer] = held + 1
        try:
            yield
        finally:
            self._release(peer)

    def _release(self, peer: str) -> None:
        if self._held[peer] == 1:
            del self._held[peer]
        else:
            self._held[peer] -= 1
