"""The server of Vault's HTTP API, on a listener of its own."""

import structlog

from gateway.gateway_settings import GatewaySettings
from gateway.identity.tls_files import TlsFiles
from gateway.server.authenticators import authenticator
from gateway.server.gateway_server import GatewayServer
from gateway.server.interceptors.interceptor import InterceptorDependencies
from gateway.surface_settings import VaultApiSettings
from gateway.surfaces.vault.connection_slots import ConnectionSlots
from gateway.surfaces.vault.handler import ApiHandler, HandlerTools
from gateway.surfaces.vault.listener import HttpListener
from gateway.surfaces.vault.routes import METHODS
from gateway.surfaces.vault.tls import ServerContexts

_log = structlog.get_logger(__name__)


class VaultServer:
    """Serves the API. gateway: makes the calls. shared_port: as for the gateway. address: HOST:PORT after `start`."""

    def __init__(
        self,
        settings: GatewaySettings,
        dependencies: InterceptorDependencies,
        gateway: GatewayServer,
        *,
        shared_port: bool,
    ) -> None:
        assert settings.vault_api is not None
        self._settings: VaultApiSettings = settings.vault_api
        self._identity = self._settings.identity or settings.identity
        self._shared_port = shared_port
        self._drain_timeout = settings.drain_timeout
        own_identity = self._settings.identity
        self._own_authenticator = authenticator(own_identity) if own_identity is not None else None
        audit = dependencies.audit_recorder
        tools = HandlerTools(
            self._own_authenticator or dependencies.authenticator,
            gateway.calls(METHODS),
            audit.rejections if audit is not None else None,
            lambda: gateway.available,
            settings.default_deadline,
            self._settings.maximum_body_bytes,
        )
        self.slots = ConnectionSlots(self._settings.maximum_connections)
        contexts = ServerContexts(TlsFiles(self._identity)) if self._identity is not None else None
        self._listener = HttpListener(
            ApiHandler(tools).handle,
            self.slots,
            contexts.listening if contexts is not None else None,
            settings.maximum_connection_age,
        )

    @property
    def address(self) -> str:
        """HOST:PORT."""
        return self._listener.address

    async def start(self) -> None:
        """Listen and serve. Raises ListenError, and in the constructor ConfigError, like the gateway."""
        if self._own_authenticator is not None:
            await self._own_authenticator.start()
        await self._listener.start(self._settings.listen, shared_port=self._shared_port)
        _log.info("serving_vault_api", address=self.address)

    async def drain(self) -> None:
        """Accept no more connections, and finish the requests in progress."""
        await self._listener.close(self._drain_timeout)
        if self._own_authenticator is not None:
            await self._own_authenticator.close()
