"""A bounded number of inputs for every fuzz target. `make fuzz` runs the same targets for a longer time."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, run

EXAMPLES = 150


@pytest.mark.filterwarnings("ignore")  # warnings of the library about values that it accepts against the rules
@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_input_causes_only_documented_errors(name: str, data: Any) -> None:
    run(TARGETS[name], data.draw(TARGETS[name].inputs))
