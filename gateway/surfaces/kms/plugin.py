"""The KMS v2 plugin: its Unix socket, health service, metrics, and shutdown."""

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

    Raises ConfigError for a socket that other users can reach or another process serves, for a metrics address that is
    in use, and for a key whose ciphertexts are too large.
    """
    async with contextlib.AsyncExitStack() as exits:
        address = exits.enter_context(unix_socket.prepared_alone(settings.socket))
        highest = _highest_version(settings)
        sealing = Sealing(settings.cluster, settings.key, settings.previous_keys)
        connection = GatewayConnection(settings.gateway, settings.timeout)
        exits.push_async_callback(connection.close)
        health = HealthService([SERVICE])
        probe = KeyProbe(settings, connection, sealing, highest, lambda usable: health.report(available=usable))
        metrics = KmsMetrics(probe)
        if settings.metrics_listen is not None:
            exits.callback(_metrics_endpoint(settings.metrics_listen, metrics).shutdown)
        await _first_probe(probe)
        server = _server(KmsHandlers(probe, connection, sealing, metrics), health)
        add_port(server, address, None)
        await server.start()
        exits.push_async_callback(server.stop, _END_SECONDS)
        yield address


def _highest_version(settings: KmsPluginSettings) -> HighestVersion:
    file = settings.socket.with_name(f"{settings.socket.name}.key")
    return HighestVersion(file, settings.cluster, settings.key)


def _metrics_endpoint(listen: str, metrics: KmsMetrics) -> PrometheusEndpoint:
    try:
        return PrometheusEndpoint(listen, metrics.read)
    except OSError as error:
        raise ConfigError(f"metrics_listen: cannot listen on {listen}: {error.strerror}") from None


def _server(handlers: KmsHandlers, health: HealthService) -> grpc.aio.Server:
    options = [("grpc.max_receive_message_length", _LARGEST_REQUEST)]
    server = grpc.aio.server(options=options, maximum_concurrent_rpcs=_REQUESTS_AT_ONCE)
    server.add_generic_rpc_handlers((handlers.handler(),))
    health_pb2_grpc.add_HealthServicer_to_server(health, server)
    return server


async def _first_probe(probe: KeyProbe) -> None:
    """Probe the key. The plugin also starts if the gateway is not reachable."""
    try:
        await probe.probe()
    except OversizedKeyError as error:
        raise ConfigError(error.message) from None
    except Exception as error:
        if (known := kms_error(error)) is None:
            raise
        _log.warning("key_not_usable_yet", code=known.code.name, error=known.message)
