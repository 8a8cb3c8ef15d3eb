"""Serves the configured surfaces. The modules of a surface are imported only if it is configured."""

import contextlib
from collections.abc import AsyncIterator

from gateway import metrics_bindings
from gateway.gateway_settings import GatewaySettings
from gateway.server.gateway_server import GatewayServer
from gateway.server.interceptors.interceptor import InterceptorDependencies


@contextlib.asynccontextmanager
async def surfaces_served(
    settings: GatewaySettings, dependencies: InterceptorDependencies, gateway: GatewayServer, *, shared_port: bool
) -> AsyncIterator[None]:
    """Serve the surfaces until the end of the block, and drain them. gateway: makes their calls.

    shared_port: whether the supervisor of several workers has reserved the ports.
    """
    async with contextlib.AsyncExitStack() as stack:
        if settings.envoy_sds is not None:
            await stack.enter_async_context(_secrets(settings, dependencies, gateway, shared_port=shared_port))
        if settings.vault_api is not None:
            await stack.enter_async_context(_vault_api(settings, dependencies, gateway, shared_port=shared_port))
        yield


@contextlib.asynccontextmanager
async def _secrets(
    settings: GatewaySettings, dependencies: InterceptorDependencies, gateway: GatewayServer, *, shared_port: bool
) -> AsyncIterator[None]:
    from gateway.surfaces.sds.server import SecretServer  # noqa: PLC0415 - see the module's docstring

    secrets = SecretServer(settings, dependencies, gateway, shared_port=shared_port)
    if gateway.metrics is not None:
        metrics_bindings.secrets(
            gateway.deliveries,
            lambda: secrets.slots.count,
            lambda: secrets.requested.largest,
            secrets.recorder.answers,
            gateway.metrics,
        )
    await secrets.start()
    try:
        yield
    finally:
        await secrets.drain()


@contextlib.asynccontextmanager
async def _vault_api(
    settings: GatewaySettings, dependencies: InterceptorDependencies, gateway: GatewayServer, *, shared_port: bool
) -> AsyncIterator[None]:
    from gateway.surfaces.vault.server import VaultServer  # noqa: PLC0415 - see the module's docstring

    api = VaultServer(settings, dependencies, gateway, shared_port=shared_port)
    if gateway.metrics is not None:
        metrics_bindings.vault_api(lambda: api.slots.open, lambda: api.slots.refused, gateway.metrics)
    await api.start()
    try:
        yield
    finally:
        await api.drain()
