"""Metrics of the process on the page for Prometheus."""

import grpc

from gateway import __version__, app
from keyway.v1 import provider_service_pb2, provider_service_pb2_grpc
from tests.support.ports import free_address
from tests.support.scraping import scrape, value
from tests.support.stack import Stack


async def test_metrics_contain_version_memory_cpu_files_and_lag(stack: Stack) -> None:
    address = free_address()
    settings = stack.settings(telemetry={"prometheus_listen": address})
    async with app.gateway(settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        service = provider_service_pb2_grpc.ProviderServiceStub(channel)
        await service.ListProviders(provider_service_pb2.ListProvidersRequest())
        text = await scrape(address)
    assert f'service_version="{__version__}"' in text
    assert value(text, "keyway_build_info") == 1
    assert 20e6 < value(text, "process_memory_usage_bytes") < 4e9
    assert value(text, "process_cpu_time_seconds_total", 'cpu_mode="user"') > 0
    assert 5 < value(text, "process_unix_file_descriptor_count") < value(text, "keyway_process_file_descriptor_limit")
    assert 0 <= value(text, "keyway_event_loop_lag_seconds") < 60
