"""The gRPC server of the gateway: registers the handlers of all methods, starts, reports health, and drains."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, TypeAlias

import grpc
import structlog
from grpc_health.v1 import health, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from gateway.contract.methods import (
    DELIVER_CERTIFICATE,
    METHODS,
    METHODS_BY_OPERATION,
    POLL_CERTIFICATE,
    POLL_CERTIFICATE_FILE,
    POLL_CERTIFICATES,
    POLL_TRUSTED_AUTHORITIES,
    POLL_TRUSTED_AUTHORITY,
    SERVICES,
    Method,
)
from gateway.deliveries.ledger import DeliveryLedger
from gateway.gateway_settings import GatewaySettings
from gateway.identity.tls_files import TlsFiles
from gateway.provider_states.states import ProviderStates
from gateway.providers.catalog import Catalog
from gateway.server.in_process import InProcessCalls
from gateway.server.interceptors.chain import create_interceptors
from gateway.server.interceptors.interceptor import InterceptorDependencies
from gateway.server.method_handler import Operation, RawHandler, method_handler
from gateway.server.open_streams import OpenStreams
from gateway.server.services import audit_service, certificate_service, key_service, provider_service, watch_service
from gateway.server.services.audit_service import AuditBackend
from gateway.server.services.routing import route
from gateway.server.stream_handler import StreamLimits, stream_handler
from gateway.server.transport.health import serve_health
from gateway.server.transport.health_service import HealthService
from gateway.server.transport.limits import server_options
from gateway.server.transport.listener import bind, port_sharing
from gateway.server.transport.open_services import OpenServices
from gateway.server.transport.unknown_methods import UnknownMethods
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.streams import StreamMetrics
from gateway.watch.exchange import WatchExchange
from gateway.watch.replica import VersionReplica

# The listener closes when no call has arrived for the first duration, or after the second one.
_QUIET_SECONDS: Final = 0.1
_MAXIMUM_QUIET_SECONDS: Final = 1.0
# The time for the last responses to reach their callers, and for the streams that are still open then.
_RESPONSE_SECONDS: Final = 5.0
_STREAM_SECONDS: Final = 0.5

RawMethodHandler: TypeAlias = "grpc.RpcMethodHandler[bytes, bytes]"

_log = structlog.get_logger(__name__)


class GatewayServer:
    """Serves the methods of the contract over a catalog of providers.

    audit: answers audit queries; None if they are not configured. versions: the watched certificates.
    worker: the number of this process if it is one of several workers, which listen on the same port; otherwise None.
    provider_states: the state of each provider over all workers. in_process: makes calls from the gateway itself.
    deliveries: of secrets to nodes.
    drain_delay: in seconds. A worker that is replaced sets it lower than the configured value.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        catalog: Catalog,
        dependencies: InterceptorDependencies | None = None,
        audit: AuditBackend | None = None,
        versions: VersionReplica | None = None,
        *,
        worker: int | None = None,
    ) -> None:
        self._settings = settings
        self._catalog = catalog
        self.drain_delay = settings.drain_delay
        self._shared_port = worker is not None
        self.versions: Final = versions or WatchExchange().replica
        self.provider_states = ProviderStates(catalog, worker)
        options = (*server_options(settings), port_sharing(shared_port=self._shared_port))
        self._server = grpc.aio.server(options=options)
        self._health = HealthService(SERVICES)
        self._health_server: grpc.aio.Server | None = None
        self._dependencies = dependencies or InterceptorDependencies()
        self._drain_gate = self._dependencies.drain_gate
        self.tls: TlsFiles | None = None
        self.address = ""
        self.health_address = ""
        self._streams = OpenStreams(settings.limits)
        self.deliveries = DeliveryLedger(shared=worker is not None)
        own = {
            **_own_operations(settings, catalog, self.provider_states),
            **audit_service.operations(audit, [provider.id for provider in catalog], self.deliveries),
        }
        self._own = own
        self.in_process = InProcessCalls(_internal_operations(catalog, own), self._dependencies)
        handlers = {**_handlers(settings, catalog, self._dependencies, own), **self._stream_handlers(catalog)}
        self._server.add_generic_rpc_handlers((_Methods(handlers),))
        services: Any = OpenServices(self._server)  # has the methods of a server that generated code uses
        health_pb2_grpc.add_HealthServicer_to_server(self._health, services)
        described = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
        add_reflection: Any = reflection_pb2_grpc.add_ServerReflectionServicer_to_server
        add_reflection(reflection.aio.ReflectionServicer(described), services)
        if self._dependencies.audit_recorder is not None:
            self._server.add_generic_rpc_handlers((UnknownMethods(self._dependencies.audit_recorder.rejections),))

    @property
    def metrics(self) -> Metrics | None:
        """The metrics of the gateway; None if metrics are off."""
        telemetry = self._dependencies.telemetry
        return telemetry.metrics if telemetry is not None else None

    def shared_calls(self, methods: Iterable[Method], wrap: Callable[[Method, Operation], Operation]) -> InProcessCalls:
        """Return what calls methods of providers for a surface. wrap: returns what to use instead of an operation."""
        operations = {method.operation: wrap(method, route(method, self._catalog)) for method in methods}
        return InProcessCalls(operations, self._dependencies)

    def calls(self, methods: Iterable[Method]) -> InProcessCalls:
        """Return what calls methods of the contract for a surface."""
        operations = {
            method.operation: self._own.get(method.operation) or route(method, self._catalog) for method in methods
        }
        return InProcessCalls(operations, self._dependencies)

    @property
    def available(self) -> bool:
        """Whether the health service reports that the gateway accepts calls."""
        return self._health.serving

    async def start(self, *, available: bool = True) -> None:
        """Listen and serve. available: see `report_health`.

        Raises ConfigError if a file of `identity` cannot be used, and ListenError if the address is in use.
        """
        identity = self._settings.identity
        self.tls = TlsFiles(identity) if identity is not None else None
        self.address = bind(self._server, self._settings.listen, self.tls, shared_port=self._shared_port)
        await self._dependencies.authenticator.start()
        self.report_health(available=available)
        if self._settings.health_listen is not None:
            listen = self._settings.health_listen
            self._health_server, self.health_address = await serve_health(listen, self._health)
        await self._server.start()

    def report_health(self, *, available: bool) -> None:
        """Report through the health service whether the gateway accepts calls. Has no effect during the drain."""
        self._health.report(available=available)

    async def drain(self) -> None:
        """Stop gracefully: report NOT_SERVING, wait `drain_delay`, stop new calls, and finish the others."""
        delay = self.drain_delay
        self._health.drain()
        _log.info("draining", delay_seconds=delay)
        await asyncio.sleep(delay)
        self._drain_gate.close(self._settings.drain_timeout)
        self._streams.close()
        if self._dependencies.audit_recorder is not None:
            self._dependencies.audit_recorder.stop_delaying()
        # When gRPC stops, it cancels the calls that are arriving. Clients do not retry calls after CANCELLED.
        await self._drain_gate.wait_until_quiet(_QUIET_SECONDS, at_most=_MAXIMUM_QUIET_SECONDS)
        await self._stop(self._settings.drain_timeout + _RESPONSE_SECONDS)
        await self._dependencies.authenticator.close()

    def _stream_handlers(self, catalog: Catalog) -> Mapping[str, RawMethodHandler]:
        """Return the gRPC handlers of streams by the path of the method."""
        settings = self._settings
        metrics = StreamMetrics(lambda: self._streams.count, self.metrics)
        limits = StreamLimits(settings.default_deadline, settings.maximum_connection_age, self._streams, metrics)
        handlers: dict[str, RawMethodHandler] = {}
        streams = watch_service.streams(catalog, self.versions, self._dependencies.authorizer)
        for operation, open_stream in streams.items():
            method = METHODS_BY_OPERATION[operation]
            handler = stream_handler(method, DELIVER_CERTIFICATE, open_stream, limits, self._dependencies)
            handlers[f"/{method.service}/{method.name}"] = grpc.stream_stream_rpc_method_handler(handler)
        return handlers

    async def _stop(self, seconds: float) -> None:
        """Close the listeners. Calls in progress have `seconds` to finish."""
        closing = asyncio.create_task(self._server.stop(seconds))
        await self._drain_gate.wait_until_empty(seconds)
        # Only streams that clients keep open remain, such as Watch of the health service.
        await self._server.stop(_STREAM_SECONDS)
        await closing
        if self._health_server is not None:
            await self._health_server.stop(0)


def _own_operations(settings: GatewaySettings, catalog: Catalog, states: ProviderStates) -> Mapping[str, Operation]:
    """Return the operations that the gateway implements itself, by name."""
    return {
        **certificate_service.operations(catalog),
        **key_service.operations(catalog, settings.batch_concurrency),
        **provider_service.operations(catalog, settings.default_deadline, states),
    }


def _internal_operations(catalog: Catalog, own: Mapping[str, Operation]) -> Mapping[str, Operation]:
    """Return the operations of the methods that only the gateway itself calls, by name."""
    routed = {
        POLL_CERTIFICATE: "get_certificate",
        POLL_CERTIFICATE_FILE: "download_certificate",
        POLL_TRUSTED_AUTHORITIES: "list_trusted_authorities",
        POLL_TRUSTED_AUTHORITY: "get_trusted_authority",
    }
    operations = {each.operation: route(METHODS_BY_OPERATION[name], catalog) for each, name in routed.items()}
    return {**operations, POLL_CERTIFICATES.operation: own["list_certificates"]}


def _handlers(
    settings: GatewaySettings, catalog: Catalog, dependencies: InterceptorDependencies, own: Mapping[str, Operation]
) -> Mapping[str, RawMethodHandler]:
    """Return the gRPC handlers by the path of the method."""
    interceptors = create_interceptors(dependencies)
    merging = create_interceptors(replace(dependencies, audit_recorder=dependencies.merging_recorder))
    handlers = {}
    for method in METHODS:
        if method.streaming:
            continue
        operation = own.get(method.operation) or route(method, catalog)
        chosen = merging if method.merge_repetitions else interceptors
        handler = method_handler(method, operation, settings.default_deadline, chosen, dependencies.redaction)
        handlers[f"/{method.service}/{method.name}"] = _raw_method_handler(handler)
    return handlers


class _Methods(grpc.GenericRpcHandler):
    """All methods of the contract. One handler instead of one per service, because gRPC asks each until one answers."""

    def __init__(self, handlers: Mapping[str, RawMethodHandler]) -> None:
        self._handlers = handlers

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Return the handler of a call; None if the method is not in the contract."""
        return self._handlers.get(details.method)


def _raw_method_handler(handler: RawHandler) -> RawMethodHandler:
    """Return a handler without a deserializer and a serializer, so that gRPC passes the bytes through.

    For gRPC, the request is a stream: it calls the handler of a unary request only when the message is complete, so it
    would hold messages of unauthenticated peers in memory. On the wire, there is no difference.
    """
    return grpc.stream_unary_rpc_method_handler(handler)
