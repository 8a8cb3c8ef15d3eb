"""Emulated upstreams, and the settings of a gateway over them. Apart, so that a gateway in earnest loads none of it."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from gateway import gateway_settings
from gateway.emulators.catalog import EMULATOR_TYPES
from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import SETTINGS

_log = structlog.get_logger(__name__)

DEMO_PROVIDERS: Final[Sequence[Mapping[str, Any]]] = (
    {"id": "nhn-certs", "type": "nhn-certificate-manager", "api_version": "v1.2", "app_key": "certmanager-demo"},
    {"id": "nhn-keys", "type": "nhn-secure-key-manager", "api_version": "v1.0", "app_key": "keymanager-demo"},
    {"id": "asteria", "type": "asteria", "login": {"user_name": "/keyway", "password": "keyway-demo"}},
)
"""Providers over the emulators' default seed. `endpoint` is where each emulator listens."""


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
async def demonstration(listen: str, state: Path | None, workers: int = 1) -> AsyncIterator[GatewaySettings]:
    """Settings for a gateway over running emulators."""
    gateway_settings.parse({"listen": listen, "workers": workers}, SETTINGS)  # refused before an emulator starts
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(emulators(state, fixed_ports=False))
        _log.warning("serving emulated upstreams: nothing here is real, neither keys nor certificates")
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keyway-")))
        tree = {
            "listen": listen,
            "workers": workers,
            "drain_delay": 0,
            "providers": [{**provider, "endpoint": running[provider["type"]].url} for provider in DEMO_PROVIDERS],
            "audit": {"directory": str((folder / "audit").absolute())},
        }
        yield gateway_settings.parse(tree, SETTINGS)
