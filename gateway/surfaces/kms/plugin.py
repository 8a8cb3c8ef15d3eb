"""The KMS v2 plugin as a whole: its Unix socket, its health, its metrics, and its end."""

import contextlib
from collections.abc import AsyncIterator
from typing import Final

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc

from gateway.config.base import ConfigError
from gateway.server.transport.health_service import HealthService
from gateway.server.transport.listener import add_port
from gateway.surfaces import unix_socket
from gateway.surfaces.kms.errors import OversizedKeyError, kms_error
from gateway.surfaces.kms.gateway_connection import GatewayConnection
from gateway.surfaces.kms.key_probe import KeyProbe
from gateway.surfaces.kms.key_versions import HighestVersion
from gateway.surfaces.kms.kms_handlers import KmsHandlers
from gateway.surfaces.kms.kms_messages import SERVICE
from gateway.surfaces.kms.measurements import KmsMetrics
from gateway.surfaces.kms.sealing import Sealing
from gateway.surfaces.kms.settings import KmsPluginSettings
from gateway.telemetry.prometheus import PrometheusEndpoint

_LARGEST_REQUEST: Final = 64 * 1024
"""Bytes. Annotations have at most 32 kB."""
_REQUESTS_AT_ONCE: Final = 1000
_END_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


@contextlib.asynccontextmanager
async def plugin(settings: KmsPluginSettings) -> AsyncIterator[str]:
    """Serve until the end of the block. Yield the address of the socket, in gRPC's notation.

    Raises ConfigError for a socket that other users can reach, and for a key with too large ciphertexts.
    """
    address = unix_socket.prepare(settings.socket)
    highest = HighestVersion(settings.socket.with_name(f"{settings.socket.name}.key"), settings.cluster, settings.key)
    sealing = Sealing(settings.cluster, settings.key, settings.previous_keys)
    async with contextlib.AsyncExitStack() as exits:
        connection = GatewayConnection(settings.gateway, settings.timeout)
        exits.push_async_callback(connection.close)
        health = HealthService([SERVICE])
        probe = KeyProbe(settings, connection, sealing, highest, lambda usable: health.report(available=usable))
        metrics = KmsMetrics(probe)
        if settings.metrics_listen is not None:
            exits.callback(PrometheusEndpoint(settings.metrics_listen, metrics.read).shutdown)
        await _first_probe(probe)
        server = _server(KmsHandlers(probe, connection, sealing, metrics), health)
        add_port(server, address, None)
        await server.start()
        exits.push_async_callback(server.stop, _END_SECONDS)
        yield address


def _server(handlers: KmsHandlers, health: HealthService) -> grpc.aio.Server:
    options = [("grpc.max_receive_message_length", _LARGEST_REQUEST)]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_REQUESTS_AT_ONCE)
    server.add_generic_rpc_handlers((handlers.handler(),))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    return server


async def _first_probe(probe: KeyProbe) -> None:
    """Probe the key. The plugin also starts without the gateway, which can run in the cluster itself."""
    try:
        await probe.probe()
    except OversizedKeyError as error:
        raise ConfigError(error.message) from None
    except Exception as error:
        if (known := kms_error(error)) is None:
            raise
        _log.warning("key_not_usable_yet", code=known.code.name, error=known.message)
