"""Composition root: puts configuration, emulators, providers and the server together, and ends them in order.

The only module that sees everything. Nothing imports it but the command line.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from gateway import config
from gateway.config import GatewaySettings
from gateway.emulators.catalogue import EMULATOR_TYPES
from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.providers.catalogue import SETTINGS, Catalogue
from gateway.server.assembly import GatewayServer

_log = structlog.get_logger(__name__)

DEMO_PROVIDERS: Final[Sequence[Mapping[str, Any]]] = (
    {"id": "nhn-certs", "type": "nhn-certificate-manager", "api_version": "v1.2", "app_key": "certmanager-demo"},
    {"id": "nhn-keys", "type": "nhn-secure-key-manager", "api_version": "v1.0", "app_key": "keymanager-demo"},
    {"id": "asteria", "type": "asteria", "login": {"user_name": "/keyway", "password": "keyway-demo"}},
)
"""Providers over the emulators' default seed. `endpoint` is where each emulator listens."""


def load_config(path: Path, **overrides: object) -> GatewaySettings:
    """The settings in a file, some overridden, checked as far as is possible without asking an upstream."""
    settings = config.load(path, SETTINGS, overrides)
    Catalogue.of(settings.providers)
    return settings


@contextlib.asynccontextmanager
async def emulators(
    state: Path | None, *, host: str = "127.0.0.1", fixed_ports: bool
) -> AsyncIterator[Mapping[str, EmulatorHost]]:
    """Every emulator, running and seeded, by type. State None keeps it in memory."""
    running: dict[str, EmulatorHost] = {}
    async with contextlib.AsyncExitStack() as stack:
        for kind, emulated in EMULATOR_TYPES.items():
            options = HostOptions(
                host=host,
                port=emulated.port if fixed_ports else 0,
                control_port=emulated.control_port if fixed_ports else 0,
                state=state / f"{kind}.sqlite3" if state else None,
            )
            running[kind] = await stack.enter_async_context(EmulatorHost(emulated.emulator, options))
            _log.info("emulator ready", emulates=kind, url=running[kind].url, control=running[kind].control_url)
        yield running


@contextlib.asynccontextmanager
async def demonstration(listen: str, state: Path | None) -> AsyncIterator[GatewaySettings]:
    """Settings for a gateway over running emulators."""
    config.parse({"listen": listen}, SETTINGS)  # refused before an emulator starts
    async with emulators(state, fixed_ports=False) as running:
        _log.warning("serving emulated upstreams: nothing here is real, neither keys nor certificates")
        providers = [{**provider, "endpoint": running[provider["type"]].url} for provider in DEMO_PROVIDERS]
        yield config.parse({"listen": listen, "drain_delay": 0, "providers": providers}, SETTINGS)


@contextlib.asynccontextmanager
async def gateway(settings: GatewaySettings) -> AsyncIterator[GatewayServer]:
    """A serving gateway. On leaving it drains, then logs out of its providers."""
    catalogue = Catalogue.of(settings.providers)
    server = GatewayServer(settings, catalogue)
    try:
        await catalogue.start()
        await server.start()
        if not settings.providers:
            _log.warning("no providers are configured")
        _log.info("serving", address=server.address, providers=[provider.id for provider in catalogue])
        try:
            yield server
        finally:
            await server.drain()
    finally:
        await catalogue.close()
        _log.info("stopped")


def stop_signal() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT from now on. A second one ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def begin_to_stop() -> None:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, _end_at_once)
        stop.set()

    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, begin_to_stop)
    return stop


_STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


def _end_at_once(number: int, _frame: object) -> None:
    """Not the default action: the kernel spares the first process of a container that."""
    os._exit(128 + number)
