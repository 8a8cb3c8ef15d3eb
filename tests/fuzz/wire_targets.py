"""The fuzz targets of a running gateway: what callers and upstreams send on the wire."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.fuzz import http1, http2
from tests.fuzz.gateway import FuzzedGateway


@dataclass(frozen=True)
class WireTarget:
    """inputs: a strategy. send: sends such an input to the gateway. examples: the inputs of the short run."""

    inputs: st.SearchStrategy[Any]
    send: Callable[[FuzzedGateway, Any], None]
    examples: int


def run_on_wire(target: WireTarget, gateway: FuzzedGateway, examples: int) -> None:
    """Send inputs. Raise AssertionError if the gateway does not answer a valid call after each, or logs a bug."""

    # Without shrinking: an input takes up to a second, so that shrinking would exceed the timeout of a test.
    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(value=target.inputs)
    def attempt(value: object) -> None:
        target.send(gateway, value)
        gateway.check()

    attempt()
    gateway.check_journal()


WIRE_TARGETS: Final[Mapping[str, WireTarget]] = {
    # gRPC delays its responses to malformed metadata, and the gateway those to rejected calls.
    "metadata": WireTarget(http2.CALLS, http2.send_metadata, 10),
    "HTTP/2 frames": WireTarget(http2.CONVERSATIONS, http2.converse, 80),
    "HTTP/1 responses": WireTarget(http1.RESPONSES, FuzzedGateway.list_with, 40),
}
