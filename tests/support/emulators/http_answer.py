"""An HTTP call to an emulated API and its response, shared by the clients of the emulators."""

from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from yarl import URL


@dataclass(frozen=True)
class HttpAnswer:
    """A complete HTTP response. json: None if the body is not JSON."""

    status: int
    headers: dict[str, str]
    content: bytes
    json: Any

    @classmethod
    async def to(cls, session: aiohttp.ClientSession, method: str, url: str | URL, **arguments: Any) -> Self:
        """Send one request, and return the response. Redirects are not followed."""
        async with session.request(method, url, allow_redirects=False, **arguments) as response:
            content = await response.read()
            json = await response.json() if content and response.content_type == "application/json" else None
            return cls(response.status, dict(response.headers), content, json)
