"""The gRPC server: every method's handler, health, reflection, its start and its graceful end."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from gateway.authz.settings import LimitSettings
from gateway.contract.methods import METHODS, SERVICES
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import Catalog
from gateway.server.admission import authenticate, authorize, limit
from gateway.server.interceptors.audit import Auditor
from gateway.server.interceptors.authentication import Anonymous, Authenticator
from gateway.server.interceptors.authorization import Authorizer
from gateway.server.interceptors.drain_gate import Gate
from gateway.server.interceptors.rate_limits import Limits
from gateway.server.interceptors.tracing import trace
from gateway.server.pipeline import RawHandler, check, compose, decode
from gateway.server.rpc import Stage
from gateway.server.services import certificate_service, key_service, provider_service
from gateway.server.services.routing import route
from gateway.server.transport.listener import bind, serve_health, sharing
from gateway.server.transport.unknown_methods import UnknownMethods
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.setup import Telemetry

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
    ("grpc.max_metadata_size", 16 * 1024),
    ("grpc.max_concurrent_streams", 1000),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


@dataclass(frozen=True, slots=True)
class Guards:
    """What stands between callers and handlers, beside the contract itself. None: there is nothing of the kind."""

    authenticator: Authenticator = field(default_factory=Anonymous)
    authorizer: Authorizer | None = None
    limits: Limits = field(default_factory=lambda: Limits(LimitSettings()))
    auditor: Auditor | None = None
    telemetry: Telemetry | None = None

    def stages(self, gate: Gate) -> Mapping[str, Stage]:
        """The stages of every method's pipeline, by name."""
        stages: dict[str, Stage] = {
            "trace": trace(self.telemetry),
            "gate": gate.stage,
            "decode": decode,
            "authenticate": authenticate(self.authenticator),
            "limit": limit(self.limits),
            "validate": check,
        }
        if self.authorizer is not None:
            stages["authorize"] = authorize(self.authorizer)
        if self.auditor is not None:
            stages |= {"audit": self.auditor.audit, "intend": self.auditor.intend}
        return stages


class GatewayServer:
    """The gateway's gRPC server over a catalog of providers.

    shared_port: others may listen where it does. drain_delay: the configured one, unless something else is set.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        catalog: Catalog,
        guards: Guards | None = None,
        *,
        shared_port: bool = False,
    ) -> None:
        self._settings = settings
        self.drain_delay = settings.drain_delay
        age = ("grpc.max_connection_age_ms", round(settings.maximum_connection_age * 1000))
        self._shared_port = shared_port
        self._server = grpc.aio.server(options=(*_OPTIONS, sharing(shared_port=shared_port), age))
        self._health = health.aio.HealthServicer()
        self._health_server: grpc.aio.Server | None = None
        self._gate = Gate()
        self._guards = guards or Guards()
        self.address = ""
        self.health_address = ""
        stages = self._guards.stages(self._gate)
        for service, handlers in _handlers(settings, catalog, stages).items():
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server)
        if self._guards.auditor is not None:
            self._server.add_generic_rpc_handlers((UnknownMethods(self._guards.auditor.refusals),))

    @property
    def metrics(self) -> Metrics | None:
        """What is measured, where anybody asks for it."""
        telemetry = self._guards.telemetry
        return telemetry.metrics if telemetry is not None else None

    async def start(self, *, available: bool = True) -> None:
        """Listen and serve; ListenError where the address is taken. `available`: see `show`."""
        self.address = bind(self._server, self._settings.listen, self._settings.identity, shared_port=self._shared_port)
        await self._guards.authenticator.start()
        await self.show(available=available)
        if self._settings.health_listen is not None:
            listen = self._settings.health_listen
            self._health_server, self.health_address = await serve_health(listen, self._health)
        await self._server.start()

    async def show(self, *, available: bool) -> None:
        """Say by the health service whether calls are taken. Once the gateway drains, nothing changes that any more."""
        serving = health_pb2.HealthCheckResponse
        for service in ("", *SERVICES):
            await self._health.set(service, serving.SERVING if available else serving.NOT_SERVING)

    async def drain(self) -> None:
        """Say NOT_SERVING, wait until clients have moved on, close the listener, let accepted calls finish."""
        delay = self.drain_delay
        await self._health.enter_graceful_shutdown()
        _log.info("draining", delay_seconds=delay)
        await asyncio.sleep(delay)
        self._gate.close(self._settings.drain_timeout)
        if self._guards.auditor is not None:
            self._guards.auditor.drain()
        # gRPC cancels calls that are on their way in when it stops, a status that no client repeats a call after.
        await self._gate.quiet(_QUIET_SECONDS, at_most=_MAXIMUM_QUIET_SECONDS)
        at_most = self._settings.drain_timeout + _ANSWER_SECONDS
        closing = asyncio.create_task(self._server.stop(at_most))
        await self._gate.emptied(at_most)
        # What is left is streams that clients keep open, such as Watch of the health service.
        await self._server.stop(_LINGER_SECONDS)
        await closing
        if self._health_server is not None:
            await self._health_server.stop(0)
        await self._guards.authenticator.close()


def _handlers(
    settings: GatewaySettings, catalog: Catalog, stages: Mapping[str, Stage]
) -> Mapping[str, dict[str, RawMethodHandler]]:
    own = {
        **certificate_service.operations(catalog),
        **key_service.operations(catalog, settings.batch_concurrency),
        **provider_service.operations(catalog, settings.default_deadline),
    }
    services: dict[str, dict[str, RawMethodHandler]] = {service: {} for service in SERVICES}
    for method in METHODS:
        operation = own.get(method.operation) or route(method, catalog)
        handler = compose(method, operation, settings.default_deadline, stages)
        services[method.service][method.name] = _raw_handler(handler)
    return services


def _raw_handler(handler: RawHandler) -> RawMethodHandler:
    """Without a deserializer and a serializer gRPC hands over the bytes as they are."""
    return grpc.unary_unary_rpc_method_handler(handler)
