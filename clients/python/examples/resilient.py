"""A client with plain gRPC stubs that survives the failure or replacement of a gateway worker.

It retries calls without side effects, waits for a connection, and checks the gateway's health.
"""

from pathlib import Path

import grpc

from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import key_service_pb2_grpc

SERVICE_CONFIG = Path(__file__).parents[2] / "service-config.json"
OPTIONS = [
    ("grpc.service_config", SERVICE_CONFIG.read_text(encoding="utf-8")),
    # Reconnect quickly after a refused connection: another worker can accept it.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 5000),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Detect a lost connection.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    # Channels with the same target and options would otherwise share one connection, and so one worker.
    ("grpc.use_local_subchannel_pool", 1),
]
# Several gateways: dns:///keyway.keyway.svc.cluster.local:50051, or ipv4:10.0.0.1:50051,10.0.0.2:50051
TARGET = "127.0.0.1:50051"

with grpc.insecure_channel(TARGET, options=OPTIONS) as channel:
    service = key_service_pb2_grpc.KeyServiceStub(channel)
    request = keys.EncryptRequest(name="providers/nhn-keys/keys/orders-key", plaintext=b"order 42")
    # Always set a deadline. Until then, the call waits for a gateway and is retried.
    print("encrypted with version", service.Encrypt(request, timeout=10).key_version)
