"""Traces, metrics, and logs in the output of a real OpenTelemetry Collector, from the caller to the upstream."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from grpc.aio import AioRpcError
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import inject
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import SpanKind

from keyway.v1 import certificate_service_pb2 as service
from tests.support.asteria import BASE, LOGIN, Warp, certificate_name
from tests.support.collector import Collector, ExportedItem
from tests.support.logs import configured_log
from tests.support.secrecy import KEY_TEXT, bodies, echo, spellings
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import CERTIFICATES, KEYS, WARP, call, valid_request
from tests.support.waiting import eventually

HALF_AN_HOUR = 30 * 60
EXIST = f"GET {BASE}/server/exist"
CHECK = "keyway.v1.CertificateService/CheckCertificate"
EVERYTHING = {"traces": {"sample_ratio": 1}, "metrics": {"interval": 60}, "logs": True}
MARKER = 'p&=% "quoted" 비밀번호 marker-4c1d'
KINDS = {KEYS: KEY_MANAGER, CERTIFICATES: CERTIFICATE_MANAGER, WARP: ASTERIA}
CALLS = [
    (KEYS, "Encrypt", MARKER),
    (KEYS, "Decrypt", MARKER),
    (KEYS, "Sign", MARKER),
    (KEYS, "Verify", MARKER),
    (KEYS, "GetSecret", ""),
    (WARP, "GetCertificate", MARKER),
    (WARP, "CreateCertificate", MARKER),
    (WARP, "ImportCertificate", MARKER),
    (WARP, "DownloadCertificate", MARKER),
    (CERTIFICATES, "ListCertificates", ""),
    (CERTIFICATES, "DownloadCertificate", ""),
]
"""The provider, the method, and the secret that the call sends to the upstream."""


@pytest.fixture
async def collector(tmp_path: Path) -> AsyncIterator[Collector]:
    """Yield a running collector without output."""
    async with Collector(tmp_path) as collector:
        yield collector


@contextlib.asynccontextmanager
async def caller(collector: Collector) -> AsyncIterator[TracerProvider]:
    """Yield the tracer of a Python program that calls the gateway."""
    provider = TracerProvider(resource=Resource({"service.name": "shop"}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=collector.endpoint, insecure=True)))
    yield provider
    provider.shutdown()


@contextlib.asynccontextmanager
async def logged_gateway(stack: Stack, collector: Collector) -> AsyncIterator[Gateway]:
    """Run a gateway that exports traces, metrics, and its log."""
    telemetry = {**EVERYTHING, "endpoint": collector.endpoint}
    with configured_log():
        async with Gateway(stack.settings(telemetry=telemetry)) as gateway:
            yield gateway


async def test_one_trace_contains_the_caller_and_both_attempts(warp: Warp, collector: Collector) -> None:
    telemetry = {"endpoint": collector.endpoint, "traces": {"sample_ratio": 0}}
    settings = warp.stack.settings(warp.stack.provider("asteria"), telemetry=telemetry)
    async with Gateway(settings) as gateway, caller(collector) as provider:
        request = service.CheckCertificateRequest(name=certificate_name("server"))
        await gateway.certificates.CheckCertificate(request)
        await warp.control.forget_requests()
        await warp.control.advance(HALF_AN_HOUR + 1)
        with provider.get_tracer("shop").start_as_current_span("check", kind=SpanKind.CLIENT):
            headers: dict[str, str] = {}
            inject(headers)
            await gateway.certificates.CheckCertificate(request, metadata=tuple(headers.items()))
        requests = await warp.control.requests()

    spans = {span.value["spanId"]: span for span in await spans_of(collector, 5)}
    (client,) = (span for span in spans.values() if span.resource["service.name"] == "shop")
    ours = [span for span in spans.values() if span is not client]
    assert len(ours) == 4, "the previous call was not sampled"
    assert {span.value["traceId"] for span in ours} == {client.value["traceId"]}
    assert {span.resource["service.name"] for span in ours} == {"keyway"}

    (server,) = (span for span in ours if span.name == CHECK)
    assert server.value["parentSpanId"] == client.value["spanId"]
    assert server.attributes["rpc.response.status_code"] == "OK"
    assert server.attributes["keyway.attempts"] == 3
    attempts = sorted((span for span in ours if span is not server), key=lambda span: span.attributes["keyway.attempt"])
    assert {span.value["parentSpanId"] for span in attempts} == {server.value["spanId"]}
    assert [span.name for span in attempts] == [EXIST, f"POST {LOGIN}", EXIST]
    assert [span.attributes["keyway.provider"] for span in attempts] == ["asteria"] * 3
    # The upstream received the trace context of the spans.
    assert [request["headers"].get("traceparent") for request in requests] == [
        f"00-{span.value['traceId']}-{span.value['spanId']}-03" for span in attempts
    ]


@pytest.mark.parametrize("fails", [False, True])
async def test_exported_data_contains_no_secret(stack: Stack, collector: Collector, fails: bool) -> None:
    async with logged_gateway(stack, collector) as gateway:
        await call(gateway, "CheckCertificate")
        session = (await stack.controls[ASTERIA].requests())[-1]["headers"]["X-As-SessionId"]
        own = {KEYS: "keymanager-demo", CERTIFICATES: "certmanager-demo", WARP: f"keyway-demo {session}"}
        for provider, method, sent in CALLS:
            if fails:
                body = bodies(echo([own[provider], sent]))["known codes"]
                fault = {"mode": "raw", "path": "^/(?!mcapi/auth)", "status": 500, "body": body}
                await stack.controls[KINDS[provider]].fail(**fault)
            with contextlib.suppress(AioRpcError):
                await call(gateway, method, valid_request(method, provider, MARKER))

    await eventually(lambda: written(collector, "traces", "keyway.v1.CertificateService/DownloadCertificate"))
    await eventually(lambda: written(collector, "metrics", "http.client.request.duration"))
    await eventually(lambda: written(collector, "logs", "draining"))
    exported = b"".join(collector.output(kind).read_bytes() for kind in ("traces", "metrics", "logs"))
    assert b"/appkey/{app_key}/" in exported
    forbidden = [KEY_TEXT, MARKER, session, "keymanager-demo", "certmanager-demo", "keyway-demo"]
    assert not [text for text in forbidden if any(spelling in exported for spelling in spellings(text))]


async def test_metrics_and_log_lines_contain_the_attributes_of_the_call(stack: Stack, collector: Collector) -> None:
    await stack.controls[KEY_MANAGER].fail(mode="raw", status=401, count=1)
    async with logged_gateway(stack, collector) as gateway:
        with pytest.raises(AioRpcError):
            await call(gateway, "Encrypt", valid_request("Encrypt", KEYS, MARKER))
        await call(gateway, "ListCertificates", valid_request("ListCertificates", CERTIFICATES, MARKER))

    await eventually(lambda: written(collector, "metrics", "rpc.server.call.duration"))
    await eventually(lambda: written(collector, "logs", "draining"))
    metrics = {metric.name: metric for metric in await collector.metrics()}
    points = metrics["rpc.server.call.duration"].value["histogram"]["dataPoints"]
    assert {(attribute(point, "rpc.method"), attribute(point, "rpc.response.status_code")) for point in points} == {
        ("keyway.v1.KeyService/Encrypt", "FAILED_PRECONDITION"),
        ("keyway.v1.CertificateService/ListCertificates", "OK"),
    }
    requests = metrics["http.client.request.duration"].value["histogram"]["dataPoints"]
    assert ("nhn-keys", "401") in {
        (attribute(point, "keyway.provider"), attribute(point, "error.type")) for point in requests
    }
    assert metrics["keyway.certificate.expiry.days"].value["gauge"]["dataPoints"]
    assert metrics["rpc.server.call.duration"].resource["service.instance.id"]

    (line,) = (line for line in await collector.logs() if line.body == "provider_failed")
    (server,) = (span for span in await collector.spans() if span.name.endswith("/Encrypt"))
    assert (line.value["traceId"], line.value["spanId"]) == (server.value["traceId"], server.value["spanId"])
    assert line.attributes["reason"] == server.attributes["keyway.reason"] == "PROVIDER_CREDENTIALS_REJECTED"


async def spans_of(collector: Collector, number: int) -> Sequence[ExportedItem]:
    """Wait until the collector has written this many spans, and return them."""

    async def complete() -> bool:
        return len(await collector.spans()) >= number

    await eventually(complete)
    return await collector.spans()


async def written(collector: Collector, kind: str, text: str) -> bool:
    output = collector.output(kind)
    return output.exists() and text in output.read_text(errors="replace")


def attribute(point: Mapping[str, Any], key: str) -> str | None:
    """Return a text attribute of a data point."""
    found = {one["key"]: one["value"].get("stringValue") for one in point["attributes"]}
    return found.get(key)
