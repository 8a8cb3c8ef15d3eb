"""One client of two gateways. Calls go to a healthy gateway, so each gateway can be replaced without a failed call."""

import keyway

# The client reconnects to a replaced gateway within this time. Wait longer before you replace the next gateway.
RECONNECT = ("grpc.max_reconnect_backoff_ms", 1000)
GATEWAYS = ["127.0.0.1:50051", "127.0.0.1:50052"]

with keyway.connect(GATEWAYS, plaintext=True, health_checks=True, options=[RECONNECT]) as client:
    for provider in client.providers.list_providers(wait_for_ready=True).providers:
        print(provider.name, provider.type)
