"""A node: the program that has opened a stream."""

from typing import Final, NamedTuple

from gateway.audit.call_facts import SDS
from gateway.authz.principals import caller_id
from gateway.deliveries.ledger import DeliveryKey
from gateway.identity.caller import Caller
from gateway.server.in_process import CallOrigin

MAXIMUM_NODE_CHARACTERS: Final = 128


class Node(NamedTuple):
    """The identity that a client certificate or a token proves, and what the node claims about itself.

    id: as the node names itself; only for records. peer: in gRPC's notation. user_agent: of its gRPC client.
    """

    caller: Caller
    id: str
    peer: str
    user_agent: str

    @property
    def origin(self) -> CallOrigin:
        """What records of calls for the node state about it, in addition to its caller."""
        return CallOrigin(self.peer, (("user-agent", self.user_agent), ("x-service-name", self.id)), SDS)

    def key(self, secret: str) -> DeliveryKey:
        """Return the key of a delivery to this node. secret: the requested name."""
        return DeliveryKey(caller_id(self.caller), self.id, secret)


def recordable(text: str) -> str:
    """Return the ID that a node claims; empty if it is too long or has characters that records cannot contain."""
    return text if len(text) <= MAXIMUM_NODE_CHARACTERS and text.isascii() and text.isprintable() else ""
