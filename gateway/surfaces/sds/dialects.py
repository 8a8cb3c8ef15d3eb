"""The two variants of the protocol: state of the world, and delta."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from gateway.surfaces.sds import envoy_messages as envoy
from gateway.surfaces.sds.envoy_messages import SECRET_TYPE_URL
from gateway.surfaces.sds.subscription import SecretUpdate


class NodeAnswer(NamedTuple):
    """What a node answers to a response. nonce: of the response. error: why it rejects it; None if it accepts it."""

    nonce: str
    error: str | None


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """A message of a node.

    subscribe: the new names, each with the version that the node holds; can be empty. unsubscribe: the names to end.
    """

    subscribe: Mapping[str, str] = field(default_factory=dict)
    unsubscribe: Set[str] = frozenset()
    answer: NodeAnswer | None = None


class Dialect(Protocol):
    """One variant of the protocol. method: the name of the gRPC method. message: the class of requests."""

    @property
    def method(self) -> str:
        """The name."""

    @property
    def message(self) -> Any:
        """The class."""

    def read(self, message: Any, names: Set[str]) -> StreamRequest:
        """Return the content of a request. names: the subscribed names."""

    def response(self, update: SecretUpdate, nonce: str) -> bytes | None:
        """Return the response that informs a node about a secret; None if the variant has none for it."""


class Delta:
    """The incremental variant, DeltaSecrets."""

    method: Final = "DeltaSecrets"
    message: Final = envoy.DeltaDiscoveryRequest

    def read(self, message: Any, names: Set[str]) -> StreamRequest:
        """Return the content of a request. A name that is subscribed already is sent again."""
        held = message.initial_resource_versions
        subscribe = {name: held.get(name, "") for name in message.resource_names_subscribe}
        unsubscribe = {*message.resource_names_unsubscribe, *(subscribe.keys() & names)} & names
        return StreamRequest(subscribe, unsubscribe, _answer(message))

    def response(self, update: SecretUpdate, nonce: str) -> bytes:
        """Return the response. A secret that the node does not receive is a removed resource."""
        response = envoy.DeltaDiscoveryResponse(type_url=SECRET_TYPE_URL, nonce=nonce)
        if update.material is None:
            response.removed_resources.append(update.name)
        else:
            resource = response.resources.add(name=update.name, version=update.material.version)
            resource.resource.type_url = SECRET_TYPE_URL
            resource.resource.value = update.material.serialized(update.name)
        serialized: bytes = response.SerializeToString()
        return serialized


class StateOfTheWorld:
    """The older variant, StreamSecrets. Each response contains one secret; it need not contain the others."""

    method: Final = "StreamSecrets"
    message: Final = envoy.DiscoveryRequest

    def read(self, message: Any, names: Set[str]) -> StreamRequest:
        """Return the content of a request. A version names one secret, so it counts only for a single name."""
        wanted = frozenset(message.resource_names)
        is_first = not message.response_nonce
        held = message.version_info if is_first and len(wanted) == 1 else ""
        return StreamRequest(dict.fromkeys(wanted - names, held), names - wanted, _answer(message))

    def response(self, update: SecretUpdate, nonce: str) -> bytes | None:
        """Return the response; None for a secret that the node does not receive."""
        if update.material is None:
            return None
        response = envoy.DiscoveryResponse(type_url=SECRET_TYPE_URL, nonce=nonce, version_info=update.material.version)
        response.resources.add(type_url=SECRET_TYPE_URL, value=update.material.serialized(update.name))
        serialized: bytes = response.SerializeToString()
        return serialized


def _answer(message: Any) -> NodeAnswer | None:
    if not message.response_nonce:
        return None
    error = message.error_detail.message if message.HasField("error_detail") else None
    return NodeAnswer(message.response_nonce, error)
