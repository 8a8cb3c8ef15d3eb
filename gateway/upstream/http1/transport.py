"""The HTTP/1.1 transport over pooled connections, with about a third of the CPU time of aiohttp (decision 12).

Builds the head of a request, acquires a connection, and converts failed exchanges into errors. Does not support
proxies.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from gateway.errors import UpstreamError
from gateway.telemetry.context import TRACEPARENT
from gateway.tls_verification import system_context
from gateway.upstream.faults import NOT_HTTP, REDIRECT, Faults, is_tls_failure
from gateway.upstream.http1.connection import ExchangeFailed, HttpConnection
from gateway.upstream.http1.connection_pool import ConnectionPool, ServerAddress
from gateway.upstream.http1.response_parser import ResponseParser
from gateway.upstream.messages import HttpRequest, HttpResponse, decode_headers
from gateway.upstream.settings import HttpSettings
from gateway.upstream.transport import COMMON_HEADERS

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_INVALID_IN_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED_HEADERS: Final = frozenset(
    {"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"}
)
_METHODS_WITH_BODY: Final = frozenset({"PATCH", "POST", "PUT"})
_CHECKED_METHODS: Final = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})
_MAXIMUM_CACHED_LINES: Final = 512
_MAXIMUM_CACHED_BLOCKS: Final = 64


class Http1Transport:
    """A Transport with its own connection pool."""

    def __init__(self, provider: str, settings: HttpSettings) -> None:
        parts = urlsplit(settings.endpoint)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        host = parts.hostname or ""
        self._faults = Faults(provider)
        self._settings = settings
        self._server = ServerAddress(host, port, (settings.tls or system_context()) if secure else None)
        self._prefix = parts.path.rstrip("/")
        written = f"[{host}]" if ":" in host else host
        written += "" if port == (443 if secure else 80) else f":{port}"
        self._common = f" HTTP/1.1\r\nHost: {written}\r\nAccept: */*\r\n"
        self._common_without_accept = f" HTTP/1.1\r\nHost: {written}\r\n"
        self._tail = "".join(f"{name}: {value}\r\n" for name, value in COMMON_HEADERS.items())
        self._lines: dict[tuple[str, str], str] = {}
        self._blocks: dict[tuple[tuple[str, str], ...], str] = {}
        self._pool: ConnectionPool | None = None

    @property
    def connections(self) -> int:
        """Return the number of open connections."""
        return self._pool.open if self._pool is not None else 0

    async def start(self) -> None:
        """Create the pool unless it exists."""
        if self._pool is None:
            self._pool = ConnectionPool(self._server, self._settings.read_timeout)

    async def close(self) -> None:
        """Close the pool with all connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def exchange(
        self, request: HttpRequest, traceparent: str | None, seconds: float, *, new_connection: bool
    ) -> HttpResponse:
        """See Transport."""
        pool = self._pool
        if pool is None:
            raise RuntimeError("the client was not started")
        head = self._head(request, traceparent)
        connection = None if new_connection else pool.acquire()
        reused = connection is not None
        if connection is None:
            connection, seconds = await self._connect(pool, seconds)
        try:
            await connection.send(
                head,
                request.body,
                bodiless=request.method == "HEAD",
                limit=self._settings.maximum_response_bytes,
                seconds=seconds,
            )
            response = connection.response
            return HttpResponse(response.status, response.headers, response.body)
        except ExchangeFailed as failure:
            if reused and failure.kind == "lost" and not connection.response.began:
                raise self._faults.stale_connection() from failure
            raise self._error(failure, connection.response) from failure
        finally:
            pool.release(connection)

    async def _connect(self, pool: ConnectionPool, seconds: float) -> tuple[HttpConnection, float]:
        """Open a connection. Return it with the seconds that are left until the deadline."""
        began = asyncio.get_running_loop().time()
        limit = self._settings.connect_timeout
        try:
            async with asyncio.timeout(min(seconds, limit)):
                connection = await pool.connect()
        except TimeoutError as error:
            raise (self._faults.timed_out() if seconds <= limit else self._faults.not_reached_in_time()) from error
        except (OSError, UnicodeError) as error:
            raise (self._faults.tls(error) if is_tls_failure(error) else self._faults.unreachable()) from error
        return connection, max(0.0, seconds - (asyncio.get_running_loop().time() - began))

    def _error(self, failure: ExchangeFailed, response: ResponseParser) -> UpstreamError:
        faults, status = self._faults, response.status
        match failure.kind:
            case "timeout":
                return faults.timed_out(status, decode_headers(response.headers)) if status else faults.timed_out()
            case "lost":
                return faults.tls(failure.__cause__) if is_tls_failure(failure.__cause__) else faults.connection_lost()
            case "not http":
                return faults.malformed(NOT_HTTP)
            case "redirect":
                return faults.malformed(REDIRECT, status)
            case "too long":
                return faults.too_long(self._settings.maximum_response_bytes, status)
            case "cut off":
                return faults.truncated(status, decode_headers(response.headers))

    def _head(self, request: HttpRequest, traceparent: str | None) -> bytes:
        """Return the request line and headers. Raises ValueError for a value that would break the framing."""
        method, target, body = request.method, request.target, request.body
        if not target.isascii() or not target.isprintable() or " " in target or not target.startswith("/"):
            raise ValueError("the request target must be printable ASCII and begin with a slash")
        if method not in _CHECKED_METHODS and not (method.isalpha() and method.isascii()):
            raise ValueError("the request method must consist of letters")
        lines = self._fixed_lines(request)
        if traceparent is not None:
            lines += f"{TRACEPARENT}: {traceparent}\r\n"
        if body is not None or method in _METHODS_WITH_BODY:
            lines += f"Content-Length: {len(body) if body is not None else 0}\r\n"
        return f"{method} {self._prefix}{target}{lines}\r\n".encode("utf-8", "surrogateescape")

    def _fixed_lines(self, request: HttpRequest) -> str:
        """Return what follows the target: the end of the request line, and the lines of the headers.

        Cached, because most requests have the same headers, unless they are computed for each attempt.
        """
        if request.attempt_headers is not None:
            return self._lines_of(request.headers.items())
        pairs = tuple(request.headers.items())
        found = self._blocks.get(pairs)
        if found is None:
            if len(self._blocks) >= _MAXIMUM_CACHED_BLOCKS:
                self._blocks.clear()
            found = self._blocks[pairs] = self._lines_of(pairs)
        return found

    def _lines_of(self, pairs: Iterable[tuple[str, str]]) -> str:
        beginning = self._common
        lines = self._tail
        for pair in pairs:
            lines += self._lines.get(pair) or self._line(pair)
            if pair[0] == "Accept":
                beginning = self._common_without_accept
        return beginning + lines

    def _line(self, pair: tuple[str, str]) -> str:
        """Return the line of a header, and cache it, because most requests have the same headers."""
        name, value = pair
        if _TOKEN.fullmatch(name) is None or _INVALID_IN_VALUE.search(value) is not None:
            raise ValueError("a header name or value contains invalid characters")
        if name.lower() in _RESERVED_HEADERS:
            raise ValueError(f"the transport sets the header {name} itself")
        if len(self._lines) >= _MAXIMUM_CACHED_LINES:
            self._lines.clear()
        line = self._lines[pair] = f"{name}: {value}\r\n"
        return line
