"""The HTTP client's requests as spans and measurements, over real sockets."""

import asyncio
import dataclasses

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from gateway.call_context import CallContext
from gateway.errors import UpstreamError
from gateway.telemetry.calls import propagated
from gateway.telemetry.instruments import Distribution
from gateway.upstream.client import HttpClient, HttpRequest
from tests.support.ports import free_port
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.traces import NOT_SAMPLED, SAMPLED, SPAN_ID, TRACE_ID, Traces
from tests.support.upstream_client import GET, client, new_call

SECRET = HttpRequest(
    "GET", "/appkey/app-key-secret?x=name", {"X-Key": "header-secret"}, url_template="/appkey/{app_key}"
)


def traced(traces: Traces, metadata: tuple[tuple[str, str], ...] = SAMPLED) -> CallContext:
    return dataclasses.replace(new_call(), trace=traces.begin(metadata))


def requests_of(http: HttpClient) -> list[tuple[dict[str, str | int], int]]:
    """Return the attributes and the number of the measured requests."""
    series = http.requests.read()
    assert series.about.name == "http.client.request.duration"
    found = []
    for point in series.points:
        assert isinstance(point.value, Distribution)
        found.append((dict(point.attributes), sum(point.value.counts)))
    return found


def hexadecimal(span: ReadableSpan) -> str:
    return f"{span.context.span_id:016x}"


async def test_upstream_receives_the_span_of_its_request() -> None:
    traces = Traces()
    call = traced(traces)
    async with ScriptedUpstream() as upstream, client(upstream.url) as http:
        upstream.answer("GET", "/appkey/app-key-secret", 503)
        upstream.answer("GET", "/appkey/app-key-secret", 200)
        await http.send(SECRET, call)
        await http.send(SECRET, call)
    first, second = traces.spans
    assert [request.headers["traceparent"] for request in upstream.requests] == [
        f"00-{TRACE_ID}-{hexadecimal(span)}-01" for span in (first, second)
    ]
    assert {request.headers["X-Key"] for request in upstream.requests} == {"header-secret"}
    assert [(span.attributes or {})["keyway.attempt"] for span in (first, second)] == [1, 2]
    assert [(span.attributes or {})["http.response.status_code"] for span in (first, second)] == [503, 200]
    assert first.name == "GET /appkey/{app_key}"
    exported = "".join(span.to_json() for span in traces.spans)
    assert not [secret for secret in ("app-key-secret", "header-secret", "name\\b", "x=") if secret in exported]
    assert [
        (attributes["http.response.status_code"], attributes.get("error.type"), count)
        for attributes, count in requests_of(http)
    ] == [
        (503, "503", 1),
        (200, None, 1),
    ]


async def test_span_without_a_url_template_has_no_path() -> None:
    traces = Traces()
    async with ScriptedUpstream() as upstream, client(upstream.url) as http:
        upstream.answer("GET", "/things", 200)
        await http.send(GET, traced(traces))
    (span,) = traces.spans
    assert span.name == "GET"
    assert "things" not in span.to_json()


async def test_unsampled_call_is_propagated() -> None:
    traces = Traces()
    call = traced(traces, NOT_SAMPLED)
    async with ScriptedUpstream() as upstream, client(upstream.url) as http:
        upstream.answer("GET", "/things", 200)
        await http.send(GET, call)
    assert call.trace is not None
    assert upstream.requests[0].headers["traceparent"] == f"00-{TRACE_ID}-{call.trace.span_id}-00"
    assert not traces.spans


async def test_gateway_without_traces_forwards_the_span_of_the_caller() -> None:
    call = dataclasses.replace(new_call(), trace=propagated(SAMPLED))
    async with ScriptedUpstream() as upstream, client(upstream.url) as http:
        upstream.answer("GET", "/things", 200)
        upstream.answer("GET", "/things", 200)
        await http.send(GET, call)
        await http.send(GET, new_call())
    assert [request.headers.get("traceparent") for request in upstream.requests] == [
        f"00-{TRACE_ID}-{SPAN_ID}-01",
        None,
    ]


async def test_unreachable_upstream_is_a_span_and_a_measurement() -> None:
    traces = Traces()
    call = traced(traces)
    async with client(f"http://127.0.0.1:{free_port()}") as http:
        with pytest.raises(UpstreamError):
            await http.send(GET, call)
    (span,) = traces.spans
    assert (span.attributes or {})["error.type"] == "PROVIDER_UNREACHABLE"
    assert not span.events
    ((attributes, count),) = requests_of(http)
    assert (attributes["error.type"], count) == ("PROVIDER_UNREACHABLE", 1)
    assert "http.response.status_code" not in attributes


async def test_canceled_request_ends_its_span() -> None:
    requested = asyncio.Event()

    async def silent(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        requested.set()
        await reader.read()

    traces = Traces()
    call = traced(traces)
    async with RawServer(silent) as server, client(server.url) as http:
        sending = asyncio.create_task(http.send(GET, call))
        await requested.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    (span,) = traces.spans
    assert (span.attributes or {})["error.type"] == "CANCELLED"
    assert requests_of(http)[0][0]["error.type"] == "CANCELLED"
