"""The spans of a call and of its requests to upstreams, and sampling."""

import time

import pytest
from google.rpc import code_pb2
from opentelemetry.trace import SpanKind, StatusCode

from gateway.telemetry.context import Metadata
from tests.support.traces import METHOD, PEER, SAMPLED, SPAN_ID, TRACE_ID, Traces


def test_call_is_a_server_span_in_the_trace_of_the_caller() -> None:
    traces = Traces(sample_ratio=0)
    call = traces.begin((*SAMPLED, ("tracestate", "vendor=1")))
    call.end(
        code_pb2.OK,
        request_id="id-1",
        provider="warp",
        resources=("providers/warp/keys/k",),
        attempts=1,
    )
    (span,) = traces.spans
    assert span.name == METHOD
    assert span.kind is SpanKind.SERVER
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x} {span.parent.span_id:016x}" == f"{TRACE_ID} {SPAN_ID}"
    assert span.parent.is_remote
    assert span.context.trace_state.to_header() == "vendor=1"
    assert (call.trace_id, call.span_id) == (TRACE_ID, f"{span.context.span_id:016x}")
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "rpc.system.name": "grpc",
        "rpc.method": METHOD,
        "rpc.response.status_code": "OK",
        "keyway.request_id": "id-1",
        "keyway.provider": "warp",
        "keyway.resources": ("providers/warp/keys/k",),
        "keyway.attempts": 1,
    }


def test_failed_call_has_its_reason() -> None:
    traces = Traces()
    traces.begin().end(
        code_pb2.UNAVAILABLE,
        "PROVIDER_UNREACHABLE",
        upstream_code="5001",
        upstream_message="no ***",
        attempts=1,
    )
    (span,) = traces.spans
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    attributes = dict(span.attributes or {})
    assert attributes["error.type"] == attributes["rpc.response.status_code"] == "UNAVAILABLE"
    assert attributes["keyway.reason"] == "PROVIDER_UNREACHABLE"
    assert (attributes["keyway.upstream.code"], attributes["keyway.upstream.message"]) == ("5001", "no ***")
    assert not span.events


def test_caller_error_does_not_mark_the_server_span() -> None:
    traces = Traces()
    traces.begin().end(code_pb2.PERMISSION_DENIED, "PERMISSION_DENIED")
    (span,) = traces.spans
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in (span.attributes or {})


def test_each_attempt_is_a_child_span_of_the_call() -> None:
    traces = Traces()
    call = traces.begin()
    attempts = [call.attempt(PEER, "POST", "/auth/login", number) for number in (1, 2)]
    attempts[0].end(401)
    attempts[1].end(200)
    call.end(code_pb2.OK)
    refused, done, server = traces.spans
    assert refused.name == "POST /auth/login"
    assert refused.kind is SpanKind.CLIENT
    assert dict(refused.attributes or {}) == {
        "http.request.method": "POST",
        "http.response.status_code": 401,
        "error.type": "401",
        "server.address": "warp.internal",
        "server.port": 28080,
        "url.template": "/auth/login",
        "keyway.provider": "warp",
        "keyway.attempt": 1,
    }
    assert refused.status.status_code is StatusCode.ERROR
    assert done.status.status_code is StatusCode.UNSET
    for attempt, span in zip(attempts, (refused, done), strict=True):
        assert span.parent is not None
        assert span.parent.span_id == server.context.span_id
        assert attempt.traceparent == f"00-{call.trace_id}-{span.context.span_id:016x}-{span.context.trace_flags:02x}"


def test_attempt_without_a_response_has_the_type_of_its_error() -> None:
    traces = Traces()
    traces.begin().attempt(PEER, "GET").end(None, "PROVIDER_TIMEOUT")
    (span,) = traces.spans
    assert span.name == "GET"
    assert (span.attributes or {})["error.type"] == "PROVIDER_TIMEOUT"
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.parametrize("flags", ["00", "02"])
def test_unsampled_caller_is_not_recorded(flags: str) -> None:
    traces = Traces(sample_ratio=1)
    call = traces.begin((("traceparent", f"00-{TRACE_ID}-{SPAN_ID}-{flags}"),))
    attempt = call.attempt(PEER, "GET")
    attempt.end(200)
    call.end(code_pb2.OK)
    assert not traces.spans
    assert call.trace_id == TRACE_ID
    assert call.span_id not in (SPAN_ID, "0" * 16)
    assert attempt.traceparent == f"00-{TRACE_ID}-{call.span_id}-{flags}"


def test_unsampled_call_has_its_own_ids() -> None:
    traces = Traces(sample_ratio=0)
    calls = [traces.begin() for _ in range(50)]
    assert not any(call.recorded for call in calls)
    assert len({call.trace_id for call in calls}) == len({call.span_id for call in calls}) == 50
    assert calls[0].attempt(PEER, "GET").traceparent == f"00-{calls[0].trace_id}-{calls[0].span_id}-02"


def test_sampling_ratio_uses_the_trace_id() -> None:
    traces = Traces(sample_ratio=0.25)
    calls = [traces.begin() for _ in range(2000)]
    recorded = [call for call in calls if call.recorded]
    assert 400 < len(recorded) < 600
    for call in calls:
        assert call.recorded == (int(call.trace_id[16:], 16) < 2**62)
        call.end(code_pb2.OK)
    ids = {call.trace_id for call in recorded}
    assert len(ids) == len(recorded)
    assert {f"{span.context.trace_id:032x}" for span in traces.spans} == ids


def test_attribute_values_are_limited() -> None:
    traces = Traces()
    traces.begin().end(code_pb2.OK, resources=[f"providers/p/keys/{number}" for number in range(1000)])
    (span,) = traces.spans
    resources = (span.attributes or {})["keyway.resources"]
    assert isinstance(resources, tuple)
    assert len(resources) == 32


@pytest.mark.parametrize("metadata", [(), SAMPLED])
def test_recorded_calls_per_second_are_limited(metadata: Metadata, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: moment)
    traces = Traces(maximum_rate=3)
    assert [traces.begin(metadata).recorded for _ in range(5)] == [True] * 3 + [False] * 2
    left_out = traces.begin(metadata)
    assert left_out.attempt(PEER, "GET").traceparent.startswith(f"00-{left_out.trace_id}-{left_out.span_id}-")
    if metadata:
        assert left_out.trace_id == TRACE_ID
    moment = 101.0
    assert traces.begin(metadata).recorded
