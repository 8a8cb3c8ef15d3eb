"""A bounded number of inputs on the wire. `make fuzz` runs the same targets for a longer time."""

from collections.abc import Iterator

import pytest

from tests.fuzz.gateway import FuzzedGateway, fuzzed_gateway
from tests.fuzz.wire_targets import WIRE_TARGETS, run_on_wire


@pytest.fixture(scope="module")
def gateway() -> Iterator[FuzzedGateway]:
    with fuzzed_gateway() as running:
        yield running


@pytest.mark.xdist_group("fuzzed_gateway")
@pytest.mark.parametrize("name", WIRE_TARGETS)
def test_gateway_answers_after_odd_bytes_on_the_wire(name: str, gateway: FuzzedGateway) -> None:
    run_on_wire(WIRE_TARGETS[name], gateway, WIRE_TARGETS[name].examples)
