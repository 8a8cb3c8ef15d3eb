"""The HTTP client of one provider: bounded, verified, without memory of its own between requests.

Responsible for the exchange (pool, TLS, deadline, size, redirects) and for naming what went wrong with it.
What an answer means is the adapter's business. No aiohttp exception leaves this module.
"""

import asyncio
import contextlib
import datetime as dt
import io
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from gateway.errors import MalformedResponse, Outcome, UpstreamError
from gateway.telemetry.context import TRACEPARENT
from gateway.telemetry.conventions import CANCELLED, reason_of
from gateway.telemetry.peer import Peer
from gateway.upstream import outcomes
from gateway.upstream.call import Attempt, Call

_READ_CHUNK_BYTES: Final = 64 * 1024
_LARGE_BODY_BYTES: Final = 256 * 1024
_NO_COMPRESSION: Final = {"Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """How to reach a provider.

    endpoint: scheme, host, port and an optional path prefix. tls: None for the system's trust store.
    timeout, connect_timeout: seconds for a whole exchange and for its connection, under the caller's deadline. Where
    all `maximum_connections` are taken, a call waits for one of them as long as for a new connection.
    proxy: the environment's proxies are ignored.
    """

    endpoint: str
    tls: ssl.SSLContext | None = None
    timeout: float = 30.0
    connect_timeout: float = 5.0
    maximum_connections: int = 100
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `target` is the path with its query, percent-encoded, beginning with `/`.

    shown: makes of the target what telemetry may show, a path with `{…}` in the place of each name and key; without it,
    nothing is shown.
    maximum_response_bytes: a longer answer is refused. By default as much as can be read without holding up others.
    """

    method: str
    target: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    maximum_response_bytes: int = 2 * 1024 * 1024
    shown: Callable[[str], str] | None = field(default=None, repr=False)


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
        """`Retry-After` in seconds, given as a number or as a date."""
        return _retry_after(self.headers)


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError, TypeError):  # by the library's version and the text
        return None
    if moment.tzinfo is None:  # "-0000", which says nothing about the zone: HTTP's dates are UTC
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds())


class HttpClient:
    """Sends requests to one provider, each of them once. `start` and `close` belong to the running event loop."""

    def __init__(self, provider: str, settings: HttpSettings) -> None:
        self._provider = provider
        self._settings = settings
        self._base = settings.endpoint.rstrip("/")
        self._peer = Peer.of(provider, settings.endpoint)
        self._slots = asyncio.Semaphore(settings.maximum_connections)
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the pool, unless it is open; no connection is made yet."""
        if self._session is not None:
            return
        settings = self._settings
        connector = aiohttp.TCPConnector(
            ssl=settings.tls if settings.tls is not None else True,
            limit=settings.maximum_connections,
            ttl_dns_cache=30,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers=_NO_COMPRESSION,
            middlewares=[_send_once],
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
        failure: str | None = CANCELLED
        span, headers = None, request.headers
        if call.trace is not None:
            shown = request.shown(request.target) if request.shown is not None and call.trace.recorded else None
            span = call.trace.attempt(self._peer, request.method, shown, len(call.attempts) + 1)
            headers = {**headers, TRACEPARENT: span.traceparent}
        try:
            response = await self._exchange(request, headers, call)
            status, failure = response.status, None
            return response
        except UpstreamError as error:
            status, failure = error.http_status, reason_of(error)
            raise
        finally:
            seconds = time.monotonic() - started
            call.attempts.append(Attempt(self._provider, request.method, status, seconds))
            if span is not None:
                span.end(status, failure)
            if call.metrics is not None:
                call.metrics.attempt_ended(self._peer, request.method, status, seconds, failure)

    async def _exchange(self, request: HttpRequest, headers: Mapping[str, str], call: Call) -> HttpResponse:
        if self._session is None:
            raise RuntimeError("the client was not started")
        url = URL(self._base + request.target, encoded=True)
        answered: aiohttp.ClientResponse | None = None
        async with self._slot(call):
            seconds = min(self._settings.timeout, call.remaining())
            if seconds <= 0:
                raise self._error(outcomes.TIMEOUT, "was not asked: the deadline had passed")
            payload = _payload(request.body)
            try:
                # aiohttp's own total would be rounded up to whole seconds, and does not hold for every step.
                async with (
                    asyncio.timeout(seconds),
                    self._session.request(
                        request.method,
                        url,
                        headers=headers,
                        data=payload,
                        timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._settings.connect_timeout),
                        allow_redirects=False,
                        proxy=self._settings.proxy,
                    ) as answered,
                ):
                    return await self._complete(answered, request.maximum_response_bytes)
            except (TimeoutError, aiohttp.ClientError, OSError) as error:
                raise self._failure(error, answered) from error
            finally:
                # A connection that breaks leaves the body in exceptions of aiohttp that hold each other.
                if isinstance(payload, io.BytesIO):
                    payload.close()

    @contextlib.asynccontextmanager
    async def _slot(self, call: Call) -> AsyncIterator[None]:
        """One of the connections that there may be at once; PROVIDER_BUSY where none gets free."""
        try:
            async with asyncio.timeout(min(self._settings.connect_timeout, call.remaining())):
                await self._slots.acquire()
        except TimeoutError as error:
            outcome = outcomes.BUSY if call.remaining() else outcomes.TIMEOUT
            raise self._error(outcome, "was not asked: all its connections are in use") from error
        try:
            yield
        finally:
            self._slots.release()

    async def _complete(self, response: aiohttp.ClientResponse, limit: int) -> HttpResponse:
        """The answer with its body, which is read up to the limit."""
        if not 200 <= response.status <= 299 and response.status < 400:
            raise self._malformed("it answered with a redirect, which is not followed", response.status)
        body = bytearray()
        async for chunk in response.content.iter_chunked(_READ_CHUNK_BYTES):
            body += chunk
            if len(body) > limit:
                raise self._malformed(f"its answer is longer than {limit} bytes", response.status)
        return HttpResponse(response.status, response.headers, bytes(body))

    def _malformed(self, fault: str, status: int | None) -> MalformedResponse:
        return MalformedResponse(f"provider {self._provider}: {fault}", provider=self._provider, http_status=status)

    def _failure(self, error: Exception, answered: aiohttp.ClientResponse | None) -> UpstreamError:
        """The meaning of an exception of the HTTP library. `answered`: the answer whose body did not arrive."""
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return self._error(outcomes.UNREACHABLE, "could not be reached in time")
        if isinstance(error, TimeoutError):
            return self._error(outcomes.TIMEOUT, "did not answer in time", answered)
        if answered is not None and answered.status <= 299:
            return self._malformed("its answer was cut off or can't be unpacked", answered.status)
        if answered is not None:
            outcome = outcomes.for_http_status(answered.status)
            return self._error(outcome, f"failed with HTTP {answered.status}", answered)
        if _is_tls_failure(error):
            return self._error(outcomes.TLS_FAILED, "failed the TLS handshake or its certificate was not accepted")
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
            return self._error(outcomes.UNREACHABLE, "could not be reached")
        if isinstance(error, _ConnectionLost | aiohttp.ClientConnectionError | OSError):
            return self._error(outcomes.CONNECTION_LOST, "closed the connection before it answered")
        return self._malformed("its answer is not valid HTTP", None)

    def _error(self, outcome: Outcome, what: str, answered: aiohttp.ClientResponse | None = None) -> UpstreamError:
        return UpstreamError(
            outcome,
            f"provider {self._provider} {what}",
            provider=self._provider,
            http_status=answered.status if answered else None,
            retry_after=_retry_after(answered.headers) if answered else None,
        )


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """A large body is sent piece by piece; as plain bytes it would hold up the event loop."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY_BYTES else body


class _ConnectionLost(aiohttp.ClientError):
    """A connection broke; told apart from the exceptions after which aiohttp repeats a request unasked."""


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Keeps aiohttp from repeating a GET, PUT or DELETE by itself: whether that is safe, the call's method decides."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _ConnectionLost from error


def _is_tls_failure(error: BaseException) -> bool:
    """Whether TLS itself failed. With TLS 1.3 a refused client certificate shows only once the request is sent.

    A peer that hangs up within TLS is a lost connection like any other.
    """
    innermost: ssl.SSLError | None = None
    cause: BaseException | None = error
    while cause is not None:
        innermost = cause if isinstance(cause, ssl.SSLError) else innermost
        cause = cause.__cause__
    hung_up = isinstance(innermost, ssl.SSLEOFError | ssl.SSLZeroReturnError | ssl.SSLSyscallError)
    return innermost is not None and not hung_up
