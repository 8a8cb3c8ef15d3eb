"""One HTTP call of an emulated API, and its answer: what the emulators' clients in tests have in common."""

from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from yarl import URL


@dataclass(frozen=True)
class HttpAnswer:
    """An HTTP answer, read. json: None where it is none."""

    status: int
    headers: dict[str, str]
    content: bytes
    json: Any

    @classmethod
    async def to(cls, session: aiohttp.ClientSession, method: str, url: str | URL, **arguments: Any) -> Self:
        """The answer to one request; redirects are not followed."""
        async with session.request(method, url, allow_redirects=False, **arguments) as response:
            content = await response.read()
            json = await response.json() if content and response.content_type == "application/json" else None
            return cls(response.status, dict(response.headers), content, json)
