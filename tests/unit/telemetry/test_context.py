"""Trace context: valid by the rules of W3C, or ignored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.telemetry.calls import propagated
from gateway.telemetry.context import RemoteSpan, new_span_id, new_trace_id, remote, traceparent
from tests.support.traces import SPAN_ID, TRACE_ID

VALID = f"00-{TRACE_ID}-{SPAN_ID}-01"


def test_valid_traceparent_is_parsed() -> None:
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
def test_invalid_traceparent_is_ignored(header: str) -> None:
    assert remote((("traceparent", header),)) is None


def test_duplicate_traceparent_is_ignored() -> None:
    assert remote((("traceparent", VALID), ("traceparent", VALID))) is None


def test_binary_traceparent_is_ignored() -> None:
    assert remote((("traceparent", VALID.encode()),)) is None


@pytest.mark.parametrize("header", [f"01-{TRACE_ID}-{SPAN_ID}-01", f"cc-{TRACE_ID}-{SPAN_ID}-01-what-comes-later"])
def test_later_versions_are_parsed_by_the_known_fields(header: str) -> None:
    assert remote((("traceparent", header),)) == RemoteSpan(TRACE_ID, SPAN_ID, 1)


@pytest.mark.parametrize(("text", "flags"), [("00", 0), ("01", 1), ("02", 2), ("03", 3), ("ff", 3), ("fc", 0)])
def test_unknown_flags_are_dropped(text: str, flags: int) -> None:
    found = remote((("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-{text}"),))
    assert found is not None
    assert found.flags == flags


@pytest.mark.parametrize("state", ["x" * 513, "a=\x00", "ключ=1"])
def test_invalid_tracestate_is_dropped_without_the_parent(state: str) -> None:
    assert remote((("traceparent", VALID), ("tracestate", state))) == RemoteSpan(TRACE_ID, SPAN_ID, 1)


@given(st.lists(st.tuples(st.sampled_from(["traceparent", "tracestate", "x"]), st.text() | st.binary()), max_size=4))
def test_any_metadata_gives_a_valid_span_or_none(metadata: list[tuple[str, str | bytes]]) -> None:
    found = remote(metadata)
    assert found is None or remote((("traceparent", traceparent(*found[:3])),)) is not None


def test_new_ids_are_different_and_of_full_length() -> None:
    spans, traces = {new_span_id() for _ in range(100)}, {new_trace_id() for _ in range(100)}
    assert len(spans) == len(traces) == 100
    assert {len(span) for span in spans} == {16}


def test_gateway_without_traces_propagates_the_span_of_the_caller() -> None:
    trace = propagated((("traceparent", VALID),))
    assert trace is not None
    assert (trace.trace_id, trace.span_id) == (TRACE_ID, SPAN_ID)
    assert propagated(()) is None
