"""A server of a JWK set over TLS."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from aiohttp import web


@contextlib.asynccontextmanager
async def publishing(content: bytes, folder: Path) -> AsyncIterator[str]:
    """Serve a JWK set with the certificate of `collector` in the folder, and yield its URL."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "collector.pem", folder / "collector.key")

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=content)

    served = web.Application()
    served.router.add_get("/jwks.json", answer)
    runner = web.AppRunner(served, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}/jwks.json"
    finally:
        await runner.cleanup()
