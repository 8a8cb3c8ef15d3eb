"""The HTTP transport over aiohttp, which supports proxies. Exceptions of aiohttp do not leave this module."""

import asyncio
import io
from types import SimpleNamespace
from typing import Final

import aiohttp
from yarl import URL

from gateway.errors import UpstreamError
from gateway.telemetry.context import TRACEPARENT
from gateway.tls_verification import system_context
from gateway.upstream.faults import NOT_HTTP, REDIRECT, Faults, is_redirect, is_tls_failure
from gateway.upstream.messages import HttpRequest, HttpResponse
from gateway.upstream.settings import HttpSettings
from gateway.upstream.transport import COMMON_HEADERS

_READ_CHUNK_BYTES: Final = 64 * 1024
_LARGE_BODY_BYTES: Final = 256 * 1024


class AiohttpTransport:
    """A Transport over two sessions of aiohttp: one that reuses connections, and one that opens new ones."""

    def __init__(self, provider: str, settings: HttpSettings) -> None:
        self._faults = Faults(provider)
        self._settings = settings
        self._base = settings.endpoint.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(
            total=None, sock_connect=settings.connect_timeout, sock_read=settings.read_timeout
        )
        self._session: aiohttp.ClientSession | None = None
        self._new_connections: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the sessions unless they are open."""
        if self._session is None:
            self._session = self._new_session(reuse=True)
            self._new_connections = self._new_session(reuse=False)

    def _new_session(self, *, reuse: bool) -> aiohttp.ClientSession:
        """Return a session that reuses connections, or opens one for each request."""
        settings = self._settings
        connector = aiohttp.TCPConnector(
            ssl=settings.tls if settings.tls is not None else system_context(),
            limit=settings.maximum_connections,
            ttl_dns_cache=30,
            force_close=not reuse,
        )
        tracing = aiohttp.TraceConfig()
        tracing.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers=COMMON_HEADERS,
            middlewares=[_send_once],
            trace_configs=[tracing],
            auto_decompress=False,
        )

    async def close(self) -> None:
        """Close the sessions with all connections."""
        for session in (self._session, self._new_connections):
            if session is not None:
                await session.close()
        self._session = self._new_connections = None

    async def exchange(
        self, request: HttpRequest, traceparent: str | None, seconds: float, *, new_connection: bool
    ) -> HttpResponse:
        """See Transport. aiohttp does not tell whether the head of a response began before a connection was lost."""
        session = self._new_connections if new_connection else self._session
        if session is None:
            raise RuntimeError("the client was not started")
        headers = request.headers if traceparent is None else {**request.headers, TRACEPARENT: traceparent}
        payload = _payload(request.body)
        answered: aiohttp.ClientResponse | None = None
        reuses: list[None] = []
        try:
            # aiohttp rounds its own total timeout up to whole seconds and does not apply it to every step.
            async with (
                asyncio.timeout(seconds),
                session.request(
                    request.method,
                    URL(self._base + request.target, encoded=True),
                    headers=headers,
                    data=payload,
                    timeout=self._timeout,
                    allow_redirects=False,
                    proxy=self._settings.proxy,
                    trace_request_ctx=reuses,
                ) as answered,
            ):
                return await self._complete(answered)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            cause = _without_tracebacks(error)
            if reuses and answered is None and isinstance(error, _ConnectionLost) and not is_tls_failure(error):
                raise self._faults.stale_connection() from cause
            raise self._failure(error, answered) from cause
        finally:
            if isinstance(payload, io.BytesIO):
                payload.close()

    async def _complete(self, response: aiohttp.ClientResponse) -> HttpResponse:
        """Read the body up to maximum_response_bytes, and return the response."""
        limit = self._settings.maximum_response_bytes
        if is_redirect(response.status):
            raise self._faults.malformed(REDIRECT, response.status)
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            raise self._faults.truncated(response.status, response.headers)
        body = bytearray()
        async for chunk in response.content.iter_chunked(_READ_CHUNK_BYTES):
            body += chunk
            if len(body) > limit:
                raise self._faults.too_long(limit, response.status)
        return HttpResponse(response.status, response.headers, bytes(body))

    def _failure(self, error: Exception, answered: aiohttp.ClientResponse | None) -> UpstreamError:
        """Convert an exception of aiohttp. answered: the response, if its body did not arrive completely."""
        faults = self._faults
        if isinstance(error, aiohttp.ConnectionTimeoutError):
            return faults.not_reached_in_time()
        if isinstance(error, TimeoutError):
            return faults.timed_out() if answered is None else faults.timed_out(answered.status, answered.headers)
        if answered is not None:
            return faults.truncated(answered.status, answered.headers)
        if is_tls_failure(error):
            return faults.tls(error)
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ClientHttpProxyError):
            return faults.unreachable()
        if isinstance(error, _ConnectionLost | aiohttp.ClientConnectionError | OSError):
            return faults.connection_lost()
        return faults.malformed(NOT_HTTP)


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """Return a large body as a stream, because aiohttp blocks the event loop with large bytes objects."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY_BYTES else body


def _without_tracebacks(error: BaseException) -> BaseException:
    """Return the error without its tracebacks and those of its causes.

    After a broken connection, exceptions of aiohttp keep themselves alive in a reference cycle. The frames in their
    tracebacks would keep the body of the request alive too.
    """
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


class _ConnectionLost(aiohttp.ClientError):
    """A broken connection. aiohttp retries after its own exceptions for this, but not after this one."""


async def _note_reuse(
    _session: aiohttp.ClientSession, context: SimpleNamespace, _params: aiohttp.TraceConnectionReuseconnParams
) -> None:
    """Tell the exchange that its connection was open before."""
    context.trace_request_ctx.append(None)


async def _send_once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """Disable the automatic retries of aiohttp for GET, PUT and DELETE; `retries.py` decides about retries."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
        raise _ConnectionLost from error
