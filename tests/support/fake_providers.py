"""Providers for tests of the server, implemented with lists and functions."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import grpc

from gateway.call_context import CallContext
from gateway.errors import GatewayError, UpstreamError
from gateway.gateway_settings import GatewaySettings
from gateway.providers.base.listing import CertificatePage, ListWindow
from gateway.providers.base.provider import Provider
from gateway.providers.base.status_table import StatusTable
from gateway.providers.catalog import Catalog
from gateway.server.gateway_server import GatewayServer
from gateway.telemetry.peer import UpstreamPeer
from gateway.telemetry.upstream_requests import UpstreamRequests
from gateway.upstream import outcomes
from gateway.upstream.breaker import BreakerState
from gateway.upstream.state import UpstreamState
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys


class FakeProvider(Provider):
    """A provider without any operation. check_error: the error of its check."""

    type = "fake"
    api_version = "v9"

    def __init__(self, provider_id: str) -> None:
        self.id = provider_id
        self.check_error: GatewayError | None = None
        self.status_table = StatusTable(())
        self.unavailable = frozenset()
        self.breaker = BreakerState.CLOSED
        self.measured = UpstreamRequests(UpstreamPeer(provider_id, "upstream.internal", 443))

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def check(self, call: CallContext) -> None:
        if self.check_error is not None:
            raise self.check_error

    def recovered(self) -> None:
        self.breaker = BreakerState.CLOSED

    @property
    def requests(self) -> UpstreamRequests:
        return self.measured

    @property
    def upstream(self) -> UpstreamState:
        return UpstreamState(self.breaker, 0.0, 0, 0, 0, 0.0)


class Inventory(FakeProvider):
    """A provider with certificates. Tests can replace `page` (wrong lists) and `get` (GetCertificate)."""

    def __init__(self, provider_id: str, size: int = 0) -> None:
        super().__init__(provider_id)
        self.names = [f"providers/{provider_id}/certificates/{number}" for number in range(size)]
        self.windows: list[ListWindow] = []
        self.page: Callable[[ListWindow], CertificatePage] = self.correct_page
        self.get: Callable[[certificates.GetCertificateRequest, CallContext], Awaitable[Any]] = self._empty

    def correct_page(self, window: ListWindow) -> CertificatePage:
        return page(self.names[window.offset : window.offset + window.limit], len(self.names))

    async def list_certificates(self, window: ListWindow, call: CallContext) -> CertificatePage:
        self.windows.append(window)
        return self.page(window)

    async def get_certificate(
        self, request: certificates.GetCertificateRequest, call: CallContext
    ) -> certificates.GetCertificateResponse:
        answer: certificates.GetCertificateResponse = await self.get(request, call)
        return answer

    async def check_certificate(
        self, request: certificates.CheckCertificateRequest, call: CallContext
    ) -> certificates.CheckCertificateResponse:
        return certificates.CheckCertificateResponse()

    async def _empty(self, _request: object, _call: CallContext) -> certificates.GetCertificateResponse:
        return certificates.GetCertificateResponse()


def page(names: Sequence[str], total: int) -> CertificatePage:
    return CertificatePage([certificate_pb2.Certificate(name=name) for name in names], total)


def unreachable(provider_id: str) -> UpstreamError:
    return UpstreamError(outcomes.UNREACHABLE, "could not be reached", provider=provider_id)


class FakeKeyStore(FakeProvider):
    """A provider that encrypts with the function `encrypting`, and returns ciphertexts as plaintexts."""

    encrypting: Callable[[keys.EncryptRequest, CallContext], Awaitable[keys.EncryptResponse]]

    async def encrypt(self, request: keys.EncryptRequest, call: CallContext) -> keys.EncryptResponse:
        return await self.encrypting(request, call)

    async def decrypt(self, request: keys.DecryptRequest, call: CallContext) -> keys.DecryptResponse:
        return keys.DecryptResponse(plaintext=request.ciphertext.encode())


@contextlib.asynccontextmanager
async def served(*providers: Any, **options: Any) -> AsyncIterator[grpc.aio.Channel]:
    """Yield a channel to a gateway over these providers, with the default limits of a client."""
    settings = GatewaySettings(listen="127.0.0.1:0", drain_delay=0, drain_timeout=1, **options)
    server = GatewayServer(settings, Catalog(providers))
    await server.start()
    try:
        async with grpc.aio.insecure_channel(server.address) as channel:
            yield channel
    finally:
        await server.drain()
