"""Helpers of the HTTP client tests: a started client, a call, and the error of an exchange."""

import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.call_context import CallContext
from gateway.errors import UpstreamError
from gateway.upstream.client import HttpClient, HttpRequest, HttpSettings

PROVIDER = "warp"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
GET = HttpRequest("GET", "/things")
POST = HttpRequest("POST", "/things", {"Content-Type": "text/plain"}, b"a secret body")


class Chosen:
    """The default settings of the client."""

    transport = "http1"


chosen = Chosen()


def new_call(seconds: float = 10.0, *, repeatable: bool = False) -> CallContext:
    return CallContext("request-1", time.monotonic() + seconds, repeatable)


@contextlib.asynccontextmanager
async def client(endpoint: str, **options: Any) -> AsyncIterator[HttpClient]:
    started = HttpClient(PROVIDER, HttpSettings(endpoint, **{"transport": chosen.transport, **options}))
    await started.start()
    try:
        yield started
    finally:
        await started.close()


async def failure(endpoint: str, request: HttpRequest = GET, *, seconds: float = 10.0, **options: Any) -> UpstreamError:
    """Return the error of one exchange, which is recorded as the only attempt of its call."""
    call = new_call(seconds)
    async with client(endpoint, **options) as http:
        with pytest.raises(UpstreamError) as caught:
            await http.send(request, call)
    error = caught.value
    (attempt,) = call.attempts
    assert (attempt.provider, attempt.method, attempt.http_status) == (PROVIDER, request.method, error.http_status)
    assert error.metadata["provider"] == PROVIDER
    assert error.metadata.get("http_status") == (str(error.http_status) if error.http_status else None)
    assert "secret" not in str(error)
    return error
