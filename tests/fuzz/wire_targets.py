"""The fuzz targets of a running gateway: what callers and upstreams send on the wire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st

from tests.fuzz import http1, http2
from tests.fuzz.gateway import FuzzedGateway


@dataclass(frozen=True)
class WireTarget:
    """inputs: a strategy. send: sends such an input to the gateway."""

    inputs: st.SearchStrategy[Any]
    send: Callable[[FuzzedGateway, Any], None]


def attempt(target: WireTarget, gateway: FuzzedGateway, value: Any) -> None:
    """Send one input. Raise AssertionError if the gateway does not answer a valid call afterwards, or logged a bug."""
    target.send(gateway, value)
    gateway.check()


WIRE_TARGETS: Final[Mapping[str, WireTarget]] = {
    "metadata": WireTarget(http2.header_lists(), http2.send_metadata),
    "HTTP/2 frames": WireTarget(http2.CONVERSATIONS, http2.converse),
    "HTTP/1 responses": WireTarget(http1.RESPONSES, FuzzedGateway.list_with),
}
