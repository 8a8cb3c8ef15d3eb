"""The health service on an address of its own, for probes: plaintext, and without authentication."""

from typing import Any, Final

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc

from gateway.server.transport.listener import add_port
from gateway.server.transport.open_services import OpenServices

_log = structlog.get_logger(__name__)

_OPTIONS: Final = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", 4 * 1024),
    ("grpc.max_metadata_size", 8 * 1024),
    ("grpc.max_concurrent_streams", 16),
    ("grpc.max_allowed_incoming_connections", 200),
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.settings_timeout", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)


async def serve_health(listen: str, servicer: health_pb2_grpc.HealthServicer) -> tuple[grpc.aio.Server, str]:
    """Serve `servicer` at HOST:PORT until the caller stops the server. Return the server and its address."""
    server = grpc.aio.server(options=_OPTIONS)
    services: Any = OpenServices(server)  # has the methods of a server that generated code uses
    health_pb2_grpc.add_HealthServicer_to_server(servicer, services)
    address = add_port(server, listen, None)
    await server.start()
    _log.info("serving_health", address=address)
    return server, address
