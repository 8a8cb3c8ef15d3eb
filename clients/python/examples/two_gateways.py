"""One client of two gateways: calls go to whichever is healthy, so that each can be replaced without a failed call."""

import json

import grpc

from keyway.v1 import provider_service_pb2 as providers
from keyway.v1 import provider_service_pb2_grpc

SERVICE_CONFIG = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "healthCheckConfig": {"serviceName": ""},
}
OPTIONS = [
    ("grpc.service_config", json.dumps(SERVICE_CONFIG)),
    # A replaced gateway is found again within this time: wait longer before the next one is replaced.
    ("grpc.max_reconnect_backoff_ms", 1000),
]

with grpc.insecure_channel("ipv4:127.0.0.1:50051,127.0.0.1:50052", options=OPTIONS) as channel:
    service = provider_service_pb2_grpc.ProviderServiceStub(channel)
    for provider in service.ListProviders(providers.ListProvidersRequest(), timeout=5, wait_for_ready=True).providers:
        print(provider.name, provider.type)
