"""The server of the Secret Discovery Service, on a listener of its own."""

from typing import Final

import grpc
import structlog

from gateway.authz.principals import caller_with_id
from gateway.gateway_settings import GatewaySettings
from gateway.identity.tls_files import TlsFiles
from gateway.server.authenticators import authenticator
from gateway.server.gateway_server import GatewayServer
from gateway.server.interceptors.interceptor import InterceptorDependencies
from gateway.server.transport.limits import surface_options
from gateway.server.transport.listener import add_port, bind, port_sharing
from gateway.server.transport.unknown_methods import UnknownMethods
from gateway.surface_settings import EnvoySdsSettings
from gateway.surfaces import unix_socket
from gateway.surfaces.sds.feeds import SecretFeeds
from gateway.surfaces.sds.handlers import SecretHandlers
from gateway.surfaces.sds.loading import METHODS, SecretLoader
from gateway.surfaces.sds.names import SecretNames
from gateway.surfaces.sds.recording import DeliveryRecorder
from gateway.surfaces.sds.requested_secrets import RequestedSecrets
from gateway.surfaces.sds.shared_reads import SharedReads
from gateway.surfaces.sds.stream import StreamTools
from gateway.surfaces.sds.stream_slots import StreamSlots
from gateway.surfaces.sds.subscription import Surroundings
from gateway.surfaces.sds.trust_bundles import TrustBundles
from gateway.surfaces.sds.versions import SecretSource

_END_SECONDS: Final = 5.0

_log = structlog.get_logger(__name__)


class SecretServer:
    """Serves SDS. gateway: makes the calls. shared_port: as of the gateway.

    address: HOST:PORT after `start`.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        dependencies: InterceptorDependencies,
        gateway: GatewayServer,
        *,
        shared_port: bool,
    ) -> None:
        assert settings.envoy_sds is not None
        self._settings: EnvoySdsSettings = settings.envoy_sds
        self._identity = self._settings.identity or settings.identity
        self._shared_port = shared_port
        self._has_own_identity = self._settings.identity is not None
        self._authenticator = (
            authenticator(self._settings.identity) if self._has_own_identity else dependencies.authenticator
        )
        self.address = ""
        self.slots = StreamSlots(self._settings.maximum_streams_per_caller)
        audit = dependencies.audit_recorder
        self.recorder = DeliveryRecorder(audit, dependencies.redaction)
        trust_bundles = TrustBundles(self._settings.trust_stores)
        source = SecretSource(
            gateway.versions,
            trust_bundles,
            gateway.in_process,
            seconds=settings.default_deadline,
            interval=self._settings.trust_store_interval,
        )
        reads = SharedReads(settings.default_deadline)
        loader = SecretLoader(
            gateway.shared_calls(METHODS, reads.operation),
            reads,
            dependencies.authorizer,
            trust_bundles,
            providers={provider.id for provider in settings.providers},
            seconds=settings.default_deadline,
        )
        surroundings = Surroundings(SecretFeeds(source, loader), loader, gateway.deliveries)
        self.requested = RequestedSecrets(self._settings.maximum_secrets_per_caller)
        tools = StreamTools(
            SecretNames(self._settings.aliases),
            surroundings,
            self.recorder,
            self._settings.maximum_secrets_per_stream,
            self.requested,
        )
        rejections = audit.rejections if audit is not None else None
        unix_caller = caller_with_id(self._settings.unix_caller or "")
        handlers = SecretHandlers(
            self._authenticator,
            tools,
            self.slots,
            rejections,
            settings.maximum_connection_age,
            unix_caller=unix_caller,
        )
        streams = self._settings.maximum_streams_per_connection
        options = (*surface_options(settings, streams), port_sharing(shared_port=shared_port))
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers((handlers,))
        if rejections is not None:
            self._server.add_generic_rpc_handlers((UnknownMethods(rejections),))

    async def start(self) -> None:
        """Listen and serve. Raises ConfigError and ListenError, like the gateway."""
        tls = TlsFiles(self._identity) if self._identity is not None else None
        self.address = bind(self._server, self._settings.listen, tls, shared_port=self._shared_port)
        if self._settings.unix_socket is not None:
            add_port(self._server, unix_socket.prepare(self._settings.unix_socket), None)
        if self._has_own_identity:
            await self._authenticator.start()
        await self._server.start()
        _log.info("serving_envoy_sds", address=self.address)

    async def drain(self) -> None:
        """End all streams, so that nodes connect to other gateways, and close the listener."""
        await self.slots.close(_END_SECONDS)
        await self._server.stop(0)
        if self._has_own_identity:
            await self._authenticator.close()
