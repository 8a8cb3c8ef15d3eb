"""Trace context is taken where it is valid by W3C's rules, and only there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.calls import propagated
from gateway.telemetry.context import RemoteSpan, new_span_id, new_trace_id, remote, traceparent
from tests.support.traces import SPAN_ID, TRACE_ID

VALID = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_a_valid_header_is_taken() -> None:
    metadata = (("user-agent", "x"), ("traceparent", VALID), ("tracestate", "a=1"), ("tracestate", "b=2"))
    assert remote(metadata) == RemoteSpan(TRACE_ID, SPAN_ID, 1, "a=1,b=2")


@pytest.mark.parametrize(
    "header",
    [
        "",
        VALID.upper(),
        f"00-{'0' * 32}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{'0' * 16}-01",
        f"ff-{TRACE_ID}-{SPAN_ID}-01",
        f"{VALID}-more",
        f"{VALID}\n",
        f" {VALID}",
        f"00-{TRACE_ID[1:]}-{SPAN_ID}-01",
        f"00-{TRACE_ID}-{SPAN_ID}-1",
        f"00-{TRACE_ID}-{SPAN_ID}",
        f"0g-{TRACE_ID}-{SPAN_ID}-01",
        f"01-{TRACE_ID}-{SPAN_ID}-01x",
    ],
)
def test_an_invalid_header_is_not(header: str) -> None:
    assert remote((("traceparent", header),)) is None


def test_two_headers_are_none() -> None:
    assert remote((("traceparent", VALID), ("traceparent", VALID))) is None


def test_bytes_are_none() -> None:
    assert remote((("traceparent", VALID.encode()),)) is None


@pytest.mark.parametrize("header", [f"01-{TRACE_ID}-{SPAN_ID}-01", f"cc-{TRACE_ID}-{SPAN_ID}-01-what-comes-later"])
def test_later_versions_are_read_as_far_as_they_are_known(header: str) -> None:
    assert remote((("traceparent", header),)) == RemoteSpan(TRACE_ID, SPAN_ID, 1)


@pytest.mark.parametrize(("text", "flags"), [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("ff", 3), ("fc", 0)])
def test_unknown_flags_are_dropped(text: str, flags: int) -> None:
    found = remote((("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-{text}"),))
    assert found is not None
    assert found.flags == flags


@pytest.mark.parametrize("state", ["x" * 513, "a=\x00", "ключ=1"])
def test_a_state_that_cannot_be_used_costs_the_state_alone(state: str) -> None:
    assert remote((("traceparent", VALID), ("tracestate", state))) == RemoteSpan(TRACE_ID, SPAN_ID, 1)


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "x"]), st.text() | st.binary()), max_size=4))
def test_whatever_comes_it_is_none_or_valid(metadata: list[tuple[str, str | bytes]]) -> None:
    found = remote(metadata)
    assert found is None or remote((("traceparent", traceparent(*found[:3])),)) is not None


def test_new_ids_are_different_and_of_full_length() -> None:
    spans, traces = {new_span_id() for _ in range(100)}, {new_trace_id() for _ in range(100)}
    assert len(spans) == len(traces) == 100
    assert {len(span) for span in spans} == {16}


def test_a_gateway_without_spans_passes_on_the_callers_own() -> None:
    trace = propagated((("traceparent", VALID),))
    assert trace is not None
    assert (trace.trace_id, trace.span_id) == (TRACE_ID, SPAN_ID)
    assert propagated(()) is None
