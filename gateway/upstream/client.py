"""The HTTP client of one provider: bounded, verified, without memory of its own between requests.

Responsible for the exchange (pool, TLS, deadline, size, redirects) and for naming what went wrong with it.
What an answer means is the adapter's business. No aiohttp exception leaves this module.
"""

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from gateway.errors import MalformedResponse, Outcome, UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.call import Attempt, Call

_READ_CHUNK_BYTES: Final = 64 * 1024
_NO_COMPRESSION: Final = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach a provider.

    endpoint: scheme, host, port and an optional path prefix. tls: None for the system's trust store.
    timeout, connect_timeout: seconds for a whole exchange and for its connection, under the caller's deadline.
    maximum_response_bytes: a longer answer is refused. proxy: the environment's proxies are ignored.
    """

    endpoint: str
    tls: ssl.SSLContext | None = None
    timeout: float = 30.0
    connect_timeout: float = 5.0
    maximum_connections: int = 100
    maximum_response_bytes: int = 16 * 1024 * 1024
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `target` is the path with its query, percent-encoded, beginning with `/`."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete answer, whatever its status."""

    status: int
    headers: CIMultiDictProxy[str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The content type in lower case, without parameters; empty where there is none."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def retry_after(self) -> float | None:
        """`Retry-After` in seconds where it is given as a number."""
        text = self.headers.get("Retry-After", "").strip()
        return float(text) if text.isascii() and text.isdigit() else None


class HttpClient:
    """Sends requests to one provider. `start` and `close` belong to the running event loop."""

    def __init__(self, provider: str, settings: HttpSettings) -> None:
        self._provider = provider
        self._settings = settings
        self._base = settings.endpoint.rstrip("/")
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the pool; no connection is made yet."""
        settings = self._settings
        connector = aiohttp.TCPConnector(
            ssl=settings.tls if settings.tls is not None else True,
            limit=settings.maximum_connections,
            ttl_dns_cache=30,
        )
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, headers=_NO_COMPRESSION
        )

    async def close(self) -> None:
        """Close the pool and its connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def send(self, request: HttpRequest, call: Call) -> HttpResponse:
        """One exchange under the call's deadline; UpstreamError where there is no complete answer."""
        started = time.monotonic()
        status: int | None = None
        try:
            response = await self._exchange(request, call)
            status = response.status
            return response
        except UpstreamError as error:
            status = error.http_status
            raise
        finally:
            seconds = time.monotonic() - started
            call.attempts.append(Attempt(self._provider, request.method, status, seconds))

    async def _exchange(self, request: HttpRequest, call: Call) -> HttpResponse:
        if self._session is None:
            raise RuntimeError("the client was not started")
        timeout = aiohttp.ClientTimeout(
            total=min(self._settings.timeout, call.remaining()) or 1e-6,
            connect=None,
            sock_connect=self._settings.connect_timeout,
        )
        answered: int | None = None
        try:
            async with self._session.request(
                request.method,
                URL(self._base + request.target, encoded=True),
                headers=request.headers,
                data=request.body,
                timeout=timeout,
                allow_redirects=False,
                proxy=self._settings.proxy,
            ) as response:
                answered = response.status
                body = await self._read(response)
                return self._complete(HttpResponse(response.status, response.headers, body))
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            raise self._failure(error, answered) from error

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The body, up to the limit."""
        limit, body = self._settings.maximum_response_bytes, bytearray()
        async for chunk in response.content.iter_chunked(_READ_CHUNK_BYTES):
            body += chunk
            if len(body) > limit:
                raise self._malformed(f"its answer is longer than {limit} bytes", response.status)
        return bytes(body)

    def _complete(self, response: HttpResponse) -> HttpResponse:
        if 300 <= response.status <= 399:
            raise self._malformed("it answered with a redirect, which is not followed", response.status)
        return response

    def _malformed(self, fault: str, status: int | None) -> MalformedResponse:
        return MalformedResponse(f"provider {self._provider}: {fault}", provider=self._provider, http_status=status)

    def _failure(self, error: Exception, answered: int | None) -> UpstreamError:
        """The meaning of an exception of the HTTP library. `answered`: the status, once it had arrived."""
        if isinstance(error, TimeoutError):
            return self._error(outcomes.TIMEOUT, "did not answer in time")
        if answered is not None and 200 <= answered <= 299:
            return self._malformed("its answer was cut off", answered)
        if answered is not None:
            return self._error(outcomes.for_http_status(answered), f"failed with HTTP {answered}", answered)
        if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError | aiohttp.ServerFingerprintMismatch):
            return self._error(outcomes.TLS_FAILED, "failed the TLS handshake or its certificate was not accepted")
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientProxyConnectionError):
            return self._error(outcomes.UNREACHABLE, "could not be reached")
        if isinstance(error, aiohttp.ClientConnectionError | OSError):
            return self._error(outcomes.CONNECTION_LOST, "closed the connection before it answered")
        return self._malformed("its answer is not valid HTTP", None)

    def _error(self, outcome: Outcome, what: str, status: int | None = None) -> UpstreamError:
        return UpstreamError(outcome, f"provider {self._provider} {what}", provider=self._provider, http_status=status)
