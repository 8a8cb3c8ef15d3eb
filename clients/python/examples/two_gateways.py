"""One client of two gateways: calls go to whichever is healthy, so that each can be replaced without a failed call."""

import keyway
from keyway.v1 import provider_service_pb2 as providers

# A replaced gateway is found again within this time: wait longer before the next one is replaced.
FOUND_AGAIN = ("grpc.max_reconnect_backoff_ms", 1000)
GATEWAYS = ["127.0.0.1:50051", "127.0.0.1:50052"]

with keyway.connect(GATEWAYS, plaintext=True, health_checks=True, options=[FOUND_AGAIN]) as client:
    request = providers.ListProvidersRequest()
    for provider in client.providers.ListProviders(request, wait_for_ready=True).providers:
        print(provider.name, provider.type)
