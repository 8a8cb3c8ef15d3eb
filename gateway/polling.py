"""Polls the certificates of all providers, for the expiry metrics and for watched certificates."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from gateway import metrics_bindings
from gateway.gateway_settings import GatewaySettings
from gateway.poller.poller import CertificatePollers
from gateway.providers.catalog import Catalog
from gateway.server.gateway_server import GatewayServer
from gateway.server.internal_callers import InProcessPollerCalls
from gateway.watch.publisher import VersionPublisher


@contextlib.asynccontextmanager
async def certificates_polled(
    settings: GatewaySettings,
    catalog: Catalog,
    server: GatewayServer,
    publisher: VersionPublisher,
    *,
    begin: Callable[[], Awaitable[object]] | None = None,
) -> AsyncIterator[None]:
    """Poll until the end of the block. Without metrics, a provider is polled only while its certificates are watched.

    begin: returns when this process must begin, if it is one of several workers; None to begin at once.
    """
    polled = {
        provider.id: provider
        for provider in settings.providers
        if provider.poller.enabled and catalog.serves(catalog.provider(provider.id), "list_certificates")
    }
    if not polled:
        yield
        return
    calls = InProcessPollerCalls(server.in_process, settings.default_deadline)
    certificates = server.metrics.certificates if server.metrics is not None else None
    pollers = CertificatePollers(polled, calls, certificates.replace if certificates is not None else None, publisher)
    if server.metrics is not None:
        server.metrics.certificates.expect_polls(polled)
        metrics_bindings.pollers(pollers, server.metrics)
    async with pollers.running(begin or _immediately):
        yield


async def _immediately() -> None:
    """Return at once."""
