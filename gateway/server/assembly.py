"""The gRPC server: every method's handler, health, reflection, its start and its graceful end."""

import asyncio
from collections.abc import Mapping
from typing import Final, TypeAlias

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.config import GatewaySettings
from gateway.contract import METHODS, SERVICES
from gateway.providers.catalogue import Catalogue
from gateway.server import certificates, keys, providers
from gateway.server.draining import Gate
from gateway.server.pipeline import RawHandler, check, compose, decode, known_to_logs
from gateway.server.routing import route

MAXIMUM_REQUEST_BYTES: Final = 16 * 1024 * 1024
# How long no call must have arrived before the listener closes, and how long that is waited for.
_QUIET_SECONDS: Final = 0.1
_MAXIMUM_QUIET_SECONDS: Final = 1.0
# For the last answers to reach their callers, and for streams that are left open then.
_ANSWER_SECONDS: Final = 5.0
_LINGER_SECONDS: Final = 0.5

RawMethodHandler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"

_log = structlog.get_logger(__name__)

_OPTIONS: Final = (
    ("grpc.max_receive_message_length", MAXIMUM_REQUEST_BYTES),
    ("grpc.max_send_message_length", -1),
    # A second gateway on the same port must fail to start instead of taking half of the calls.
    ("grpc.so_reuseport", 0),
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class ListenError(OSError):
    """The address can't be listened on."""


class GatewayServer:
    """The gateway's gRPC server over a catalogue of providers."""

    def __init__(self, settings: GatewaySettings, catalogue: Catalogue) -> None:
        self._settings = settings
        self._server = grpc.aio.server(options=_OPTIONS)
        self._health = health.aio.HealthServicer()
        self._gate = Gate()
        self.address = ""
        for service, handlers in _handlers(settings, catalogue, self._gate).items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)

    async def start(self) -> None:
        """Listen and serve; ListenError where the address is taken."""
        host = self._settings.listen.rpartition(":")[0]
        try:
            port = self._server.add_insecure_port(self._settings.listen)
        except RuntimeError as error:
            raise ListenError(
                f"{self._settings.listen} can't be listened on: is another server there? --listen takes another"
            ) from error
        self.address = f"{host}:{port}"
        for service in ("", *SERVICES):
            await self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        await self._server.start()

    async def drain(self) -> None:
        """Say NOT_SERVING, wait until clients have moved on, close the listener, let accepted calls finish."""
        delay = self._settings.drain_delay
        await self._health.enter_graceful_shutdown()
        _log.info("draining", delay_seconds=delay)
        await asyncio.sleep(delay)
        self._gate.close(self._settings.drain_timeout)
        # gRPC cancels calls that are on their way in when it stops, a status that no client repeats a call after.
        await self._gate.quiet(_QUIET_SECONDS, at_most=_MAXIMUM_QUIET_SECONDS)
        at_most = self._settings.drain_timeout + _ANSWER_SECONDS
        closing = asyncio.create_task(self._server.stop(at_most))
        await self._gate.emptied(at_most)
        # What is left is streams that clients keep open, such as Watch of the health service.
        await self._server.stop(_LINGER_SECONDS)
        await closing


def _handlers(settings: GatewaySettings, catalogue: Catalogue, gate: Gate) -> Mapping[str, dict[str, RawMethodHandler]]:
    own = {
        **certificates.operations(catalogue),
        **keys.operations(catalogue, settings.batch_concurrency),
        **providers.operations(catalogue, settings.default_deadline),
    }
    stages = {"trace": known_to_logs, "gate": gate.stage, "decode": decode, "validate": check}
    services: dict[str, dict[str, RawMethodHandler]] = {service: {} for service in SERVICES}
    for method in METHODS:
        operation = own.get(method.operation) or route(method, catalogue)
        handler = compose(method, operation, settings.default_deadline, stages)
        services[method.service][method.name] = _raw_handler(handler)
    return services


def _raw_handler(handler: RawHandler) -> RawMethodHandler:
    """Without a deserializer and a serializer gRPC hands over the bytes as they are."""
    return grpc.unary_unary_rpc_method_handler(handler)
