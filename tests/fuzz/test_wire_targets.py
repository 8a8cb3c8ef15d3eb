"""A bounded number of inputs on the wire. `make fuzz` runs the same targets for a longer time."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.gateway import FuzzedGateway, fuzzed_gateway
from tests.fuzz.wire_targets import WIRE_TARGETS, attempt

EXAMPLES = 60


@pytest.fixture(scope="module")
def gateway() -> Iterator[FuzzedGateway]:
    with fuzzed_gateway() as running:
        yield running


@pytest.mark.xdist_group("fuzzed_gateway")
@pytest.mark.parametrize("name", WIRE_TARGETS)
@settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_gateway_answers_after_odd_bytes_on_the_wire(name: str, gateway: FuzzedGateway, data: Any) -> None:
    attempt(WIRE_TARGETS[name], gateway, data.draw(WIRE_TARGETS[name].inputs))
    gateway.check_journal()
