"""Emulated upstreams, and a demo configuration for them. A gateway with real providers does not import this module."""

import contextlib
import dataclasses
import enum
import errno
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import structlog

from gateway import gateway_settings
from gateway.emulators.catalog import EMULATOR_TYPES, EmulatorType
from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.gateway_settings import GatewaySettings
from gateway.providers.catalog import SETTINGS

_log = structlog.get_logger(__name__)

DEMO_PROVIDERS: Final[Sequence[Mapping[str, Any]]] = (
    {"id": "nhn-certs", "type": "nhn-certificate-manager", "api_version": "v1.2", "app_key": "certmanager-demo"},
    {"id": "nhn-keys", "type": "nhn-secure-key-manager", "api_version": "v1.0", "app_key": "keymanager-demo"},
    {"id": "asteria", "type": "asteria", "login": {"user_name": "/keyway", "password": "keyway-demo"}},
)
"""Providers over the default data of the emulators. `endpoint` is the URL of the emulator."""

_STATE_IN_USE: Final = "another process uses this state directory; pass another one with --state DIR, or --ephemeral"


class Ports(enum.Enum):
    """Which ports the emulators use. PREFERRED: the documented ones if both of an emulator are free."""

    FIXED = enum.auto()
    PREFERRED = enum.auto()
    FREE = enum.auto()


@dataclass(frozen=True, slots=True)
class Demo:
    """Settings of a gateway over running emulators. emulators: by provider type."""

    settings: GatewaySettings
    emulators: Mapping[str, EmulatorHost]


@contextlib.asynccontextmanager
async def emulators(
    state: Path | None, ports: Ports, *, host: str = "127.0.0.1"
) -> AsyncIterator[Mapping[str, EmulatorHost]]:
    """Run every emulator with its default data; yield them by provider type.

    state: the directory of their state; None keeps it in memory. Raises OSError if another process uses the directory.
    """
    missing = {provider["type"] for provider in DEMO_PROVIDERS} - EMULATOR_TYPES.keys()
    if missing:
        raise LookupError(f"gateway/emulators/catalog.py has no emulator for {', '.join(sorted(missing))}")
    running: dict[str, EmulatorHost] = {}
    async with contextlib.AsyncExitStack() as stack:
        if state is not None:
            _lock(state, stack)
        for kind, emulated in EMULATOR_TYPES.items():
            file = state / f"{kind}.sqlite3" if state else None
            running[kind] = await _start(emulated, HostOptions(host=host, state=file), ports, stack)
            _log.info("emulator_ready", emulates=kind, url=running[kind].url, control=running[kind].control_url)
        yield running


def _lock(state: Path, stack: contextlib.AsyncExitStack) -> None:
    """Create the state directory and lock it until the stack is closed: processes cannot share the state."""
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder = os.open(state, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    stack.callback(os.close, folder)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BlockingIOError(error.errno, _STATE_IN_USE, str(state)) from None


async def _start(
    emulated: EmulatorType, options: HostOptions, ports: Ports, stack: contextlib.AsyncExitStack
) -> EmulatorHost:
    documented = dataclasses.replace(options, port=emulated.port, control_port=emulated.control_port)
    if ports is not Ports.FREE:
        try:
            return await stack.enter_async_context(EmulatorHost(emulated.emulator, documented))
        except OSError as error:
            if ports is Ports.FIXED or error.errno != errno.EADDRINUSE:
                raise
    return await stack.enter_async_context(EmulatorHost(emulated.emulator, options))


@contextlib.asynccontextmanager
async def demo(listen: str, state: Path | None, ports: Ports, workers: int = 1) -> AsyncIterator[Demo]:
    """Run the emulators; yield them with the settings of a gateway over them."""
    gateway_settings.parse({"listen": listen, "workers": workers}, SETTINGS)  # rejects bad flags before anything starts
    async with contextlib.AsyncExitStack() as stack:
        running = await stack.enter_async_context(emulators(state, ports))
        _log.warning("serving_emulated_upstreams", detail="keys and certificates are not real")
        folder = state or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="keyway-")))
        tree = {
            "listen": listen,
            "workers": workers,
            "drain_delay": 0,
            "providers": [{**provider, "endpoint": running[provider["type"]].url} for provider in DEMO_PROVIDERS],
            "audit": {"directory": str((folder / "audit").absolute()), "query": {}},
        }
        yield Demo(gateway_settings.parse(tree, SETTINGS), running)
