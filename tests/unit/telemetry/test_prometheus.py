"""The page that Prometheus fetches, over HTTP."""

import asyncio
import urllib.request

import pytest
from google.rpc import code_pb2
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.descriptions.audit import AUDIT_UNAVAILABLE
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.prometheus import PrometheusEndpoint
from gateway.telemetry.upstream_requests import UpstreamRequests
from tests.support.traces import METHOD, PEER


def fetch(port: int) -> dict[tuple[str, str], float]:
    """Return the values by sample name and labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_all_metrics_have_prometheus_names() -> None:
    metrics = Metrics()
    endpoint = PrometheusEndpoint("127.0.0.1:0", metrics.read)
    try:
        measured = UpstreamRequests(PEER)
        metrics.include(measured)
        measured.ended("GET", None, 0.3, "PROVIDER_TIMEOUT")
        metrics.call_began()
        metrics.call_ended(METHOD, code_pb2.OK, 0.004)
        metrics.call_ended(METHOD, code_pb2.NOT_FOUND, 0.004, reason="KEY_NOT_FOUND")
        metrics.observe(AUDIT_UNAVAILABLE, lambda: 0)
        found = await asyncio.to_thread(fetch, endpoint.port)
    finally:
        endpoint.shutdown()
    calls = f"rpc_method={METHOD},rpc_response_status_code=OK,rpc_system_name=grpc"
    assert found["rpc_server_call_duration_seconds_count", calls] == 1
    assert found["rpc_server_call_duration_seconds_bucket", f"le=0.005,{calls}"] == 1
    assert found["rpc_server_call_duration_seconds_sum", calls] == 0.004
    assert found["keyway_calls_failed_total", f"keyway_reason=KEY_NOT_FOUND,rpc_method={METHOD}"] == 1
    assert found["keyway_calls_in_flight", ""] == -1
    assert found["keyway_audit_unavailable", ""] == 0
    requests = (
        "error_type=PROVIDER_TIMEOUT,http_request_method=GET,keyway_provider=warp,"
        "server_address=warp.internal,server_port=28080"
    )
    assert found["http_client_request_duration_seconds_count", requests] == 1


async def test_address_in_use_is_an_error_at_start() -> None:
    endpoint = PrometheusEndpoint("127.0.0.1:0", list)
    try:
        with pytest.raises(OSError, match="in use"):
            PrometheusEndpoint(f"127.0.0.1:{endpoint.port}", list)
    finally:
        endpoint.shutdown()
