"""The server of the console: listens on loopback, opens the browser, and stops when the session is idle."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Mapping
from typing import Any, Final

from aiohttp import web

from keyway import aio
from keyway.console.access import NAMES, Access
from keyway.console.browser import opened
from keyway.console.calls import GatewayCalls
from keyway.console.pages import Pages
from keyway.console.site import ENTRY, Site

_SHUTDOWN_SECONDS: Final = 1.0


class ConsoleServer:
    """connection: the arguments of `keyway.aio.connect`. gateway, context: for the header of the pages.

    port: 0 for a free port. idle_seconds: the server stops after this time without a request.
    """

    def __init__(
        self, connection: Mapping[str, Any], *, gateway: str, context: str, port: int, idle_seconds: float
    ) -> None:
        self._connection = connection
        self._pages = Pages(gateway, context)
        self._port = port
        self._idle_seconds = idle_seconds

    async def serve(self, announce: Callable[[str], None], *, browser: bool) -> None:
        """Serve until the session is idle. announce: receives the link with the token. Raises OSError, ValueError."""
        with socket.create_server((NAMES[0], self._port)) as listener:
            port: int = listener.getsockname()[1]
            access = Access(port)
            async with aio.connect(**self._connection) as client:
                site = Site(access, GatewayCalls(client), self._pages)
                runner = web.AppRunner(
                    site.application(), access_log=None, logger=_silent_log(), shutdown_timeout=_SHUTDOWN_SECONDS
                )
                await runner.setup()
                try:
                    await web.SockSite(runner, listener).start()
                    link = f"http://{NAMES[0]}:{port}{ENTRY}?token={access.token}"
                    announce(link)
                    async with opened(link, browser=browser):
                        await self._wait_until_idle(access)
                finally:
                    await runner.cleanup()

    async def _wait_until_idle(self, access: Access) -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                access.used.clear()
                async with asyncio.timeout(self._idle_seconds):
                    await access.used.wait()


def _silent_log() -> logging.Logger:
    """Return the log for requests that are not valid HTTP. Every program on this machine can send them."""
    made = logging.Logger("keyway.console.http")
    made.addHandler(logging.NullHandler())
    return made
