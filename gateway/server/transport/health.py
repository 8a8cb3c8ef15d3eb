"""The health service on an address of its own, for probes: plaintext, and without authentication."""

from typing import Final

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc

from gateway.server.transport.listener import add_port

_log = structlog.get_logger(__name__)

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 * 1024),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.max_concurrent_streams", 16),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


async def serve_health(listen: str, servicer: health_pb2_grpc.HealthServicer) -> tuple[grpc.aio.Server, str]:
    """Serve `servicer` at HOST:PORT until the caller stops the server. Return the server and its address."""
    server = grpc.aio.server(options=_OPTIONS)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    address = add_port(server, listen, None)
    await server.start()
    _log.info("serving_health", address=address)
    return server, address
