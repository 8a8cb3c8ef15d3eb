"""The host of one emulator: its API on one port, its control API on another.

Responsible for sockets and startup order only. The default address is loopback; callers are not authenticated here.
"""

import ssl
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from gateway.emulators.base import Clock, Emulator
from gateway.emulators.control import Control
from gateway.emulators.database import Database
from gateway.emulators.faults import FaultInterceptor

_MAXIMUM_BODY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class HostOptions:
    """Ports and state of an emulator. Port 0 selects a free port; without a path, the state is kept in memory."""

    host: str = "127.0.0.1"
    port: int = 0
    control_port: int = 0
    state: Path | None = None
    tls: ssl.SSLContext | None = None


class EmulatorHost:
    """A running emulator: `async with EmulatorHost(SecureKeyManager, options) as host: host.url …`."""

    def __init__(self, emulator_class: type[Emulator], options: HostOptions) -> None:
        self._options = options
        self.clock = Clock()
        self.database = Database(options.state)
        self.emulator = emulator_class(self.database, self.clock)
        self.interceptor = FaultInterceptor(self.emulator, self.clock)
        self._runners: list[web.AppRunner] = []
        self.url = ""
        self.control_url = ""

    async def start(self, *, seed: bool = True) -> None:
        """Seed if requested and empty, then listen."""
        if seed:
            await self.emulator.seed(None)
        api = web.Application(middlewares=[self.interceptor.middleware()], client_max_size=_MAXIMUM_BODY_BYTES)
        self.emulator.install(api)
        control = Control(self.emulator, self.interceptor, self.clock).application()
        scheme = "https" if self._options.tls else "http"
        self.url = f"{scheme}://{await self._listen(api, self._options.port, self._options.tls)}"
        self.control_url = f"http://{await self._listen(control, self._options.control_port, None)}"

    async def stop(self) -> None:
        """Stop listening and close the state."""
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()
        self.database.close()

    async def __aenter__(self) -> "EmulatorHost":
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _listen(self, application: web.Application, port: int, tls: ssl.SSLContext | None) -> str:
        # A short timeout: an armed `stall` would otherwise delay the stop for a minute.
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)
        await runner.setup()
        self._runners.append(runner)
        await web.TCPSite(runner, self._options.host, port, ssl_context=tls).start()
        host, bound_port = runner.addresses[0][:2]
        return f"[{host}]:{bound_port}" if ":" in host else f"{host}:{bound_port}"
