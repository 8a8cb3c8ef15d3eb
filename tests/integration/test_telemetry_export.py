"""Export to a collector: over TLS, with a token, and to a hanging collector."""

import asyncio
import time
from pathlib import Path

import pytest
from google.rpc import code_pb2

from gateway.telemetry.settings import TelemetrySettings
from gateway.telemetry.setup import Telemetry
from tests.support import openssl
from tests.support.collector import Collector, CollectorTls
from tests.support.waiting import eventually

METHOD = "keyway.v1.KeyService/Encrypt"
TOKEN = "collector-token-1f2e"


def start(collector: Collector, **settings: object) -> Telemetry:
    tree = {"endpoint": collector.endpoint.replace("127.0.0.1", "localhost"), "traces": {"sample_ratio": 1}, **settings}
    return Telemetry.start(TelemetrySettings.model_validate(tree), "1.2.3", "worker-0")


def call(telemetry: Telemetry) -> None:
    trace = telemetry.begin(METHOD, ())
    assert trace is not None
    trace.end(code_pb2.OK)


async def arrived(collector: Collector) -> bool:
    return bool(await collector.spans())


async def test_export_uses_tls_and_a_token(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    authority = openssl.OpensslAuthority(tmp_path / "pki")
    pair = authority.issue("collector")
    tls = CollectorTls(pair.certificate, pair.key)
    trusted = {"ca_certificates": authority.pair.certificate.read_bytes()}
    token = {"headers": {"authorization": f"Bearer {TOKEN}"}}
    (tmp_path / "output").mkdir()
    async with Collector(tmp_path / "output", tls=tls, token=TOKEN) as collector:
        wrong = {"headers": {"authorization": "Bearer wrong"}}
        for refused, seconds in ((trusted, 5.0), (token, 0.2), ({**trusted, **wrong}, 5.0)):
            telemetry = start(collector, **refused)
            call(telemetry)
            await telemetry.close(seconds)
        telemetry = start(collector, **trusted, **token)
        call(telemetry)
        await telemetry.close()
        await eventually(lambda: arrived(collector))
        (span,) = await collector.spans()
    assert span.resource["service.name"] == "keyway"
    assert span.resource["service.version"] == "1.2.3"
    assert span.resource["service.instance.id"] == "worker-0"
    assert isinstance(span.resource["process.pid"], int)
    said = capsys.readouterr()
    assert "StatusCode.UNAUTHENTICATED" in said.out
    assert said.out.count("telemetry_shutdown_timeout") == 1
    assert TOKEN not in said.out + said.err


async def test_hanging_collector_does_not_delay_calls_or_the_end(tmp_path: Path) -> None:
    async with Collector(tmp_path) as collector:
        collector.pause()
        telemetry = start(collector, metrics={}, logs=True)
        began = time.monotonic()
        for _ in range(1000):
            call(telemetry)
        await telemetry.close(0.2)
        assert time.monotonic() - began < 2


async def test_buffered_data_is_exported_when_the_collector_returns(tmp_path: Path) -> None:
    async with Collector(tmp_path) as collector:
        await collector.kill()
        telemetry = start(collector)
        for _ in range(10):
            call(telemetry)
        closing = asyncio.create_task(telemetry.close())
        await collector.start()
        await closing
        await eventually(lambda: arrived(collector))
        assert len(await collector.spans()) == 10


async def test_service_name_of_the_deployment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "keyway-eu")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "k8s.pod.name=pod-1,service.version=0")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    async with Collector(tmp_path) as collector:
        telemetry = start(collector)
        call(telemetry)
        await telemetry.close()
        await eventually(lambda: arrived(collector))
        (span,) = await collector.spans()
    assert span.resource["service.name"] == "keyway-eu"
    assert span.resource["k8s.pod.name"] == "pod-1"
    assert span.resource["service.version"] == "1.2.3"
