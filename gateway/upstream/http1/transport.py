"""Requests carried over our own connections, for a quarter of what a general HTTP library takes (decision 12).

Responsible for the head of a request, for finding a connection, and for what the end of an exchange means. Does not
know proxies.
"""

import asyncio
import functools
import re
import ssl
from typing import Final
from urllib.parse import urlsplit

from multidict import CIMultiDict, CIMultiDictProxy

from gateway.errors import UpstreamError
from gateway.telemetry.context import TRACEPARENT
from gateway.upstream.faults import NOT_HTTP, REDIRECT, Faults, is_tls_failure
from gateway.upstream.http1.connection import Broken, Connection
from gateway.upstream.http1.connection_pool import Pool, Server
from gateway.upstream.http1.response_parser import Answer
from gateway.upstream.messages import HttpRequest, HttpResponse
from gateway.upstream.settings import HttpSettings
from gateway.upstream.transport import COMMON_HEADERS

_TOKEN: Final = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NOT_IN_A_VALUE: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_OURS: Final = frozenset({"connection", "content-length", "host", "keep-alive", "te", "transfer-encoding", "upgrade"})
_WITH_A_LENGTH: Final = frozenset({"PATCH", "POST", "PUT"})
_KEPT_LINES: Final = 512


class LeanTransport:
    """A Transport over a pool of its own."""

    def __init__(self, provider: str, settings: HttpSettings) -> None:
        parts = urlsplit(settings.endpoint)
        secure = parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        host = parts.hostname or ""
        self._faults = Faults(provider)
        self._settings = settings
        self._server = Server(host, port, (settings.tls or _system_trust()) if secure else None)
        self._prefix = parts.path.rstrip("/")
        written = f"[{host}]" if ":" in host else host
        written += "" if port == (443 if secure else 80) else f":{port}"
        self._common = f" HTTP/1.1\r\nHost: {written}\r\nAccept: */*\r\n"
        self._common_without_accept = f" HTTP/1.1\r\nHost: {written}\r\n"
        self._tail = "".join(f"{name}: {value}\r\n" for name, value in COMMON_HEADERS.items())
        self._lines: dict[tuple[str, str], str] = {}
        self._pool: Pool | None = None

    @property
    def connections(self) -> int:
        """How many are open."""
        return self._pool.open if self._pool is not None else 0

    async def start(self) -> None:
        """Make the pool, unless there is one."""
        if self._pool is None:
            self._pool = Pool(self._server, self._settings.read_timeout)

    async def close(self) -> None:
        """Close the pool and its connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def exchange(self, request: HttpRequest, traceparent: str | None, seconds: float) -> HttpResponse:
        """See Transport."""
        pool = self._pool
        if pool is None:
            raise RuntimeError("the client was not started")
        head = self._head(request, traceparent)
        connection = pool.take()
        if connection is None:
            connection, seconds = await self._connect(pool, seconds)
        try:
            await connection.ask(
                head,
                request.body,
                bodiless=request.method == "HEAD",
                limit=request.maximum_response_bytes,
                seconds=seconds,
            )
            answer = connection.answer
            return HttpResponse(answer.status, _headers(answer), answer.body)
        except Broken as broken:
            raise self._meaning(broken, connection.answer, request) from broken
        finally:
            pool.give_back(connection)

    async def _connect(self, pool: Pool, seconds: float) -> tuple[Connection, float]:
        """A new connection, and the seconds that are left."""
        began = asyncio.get_running_loop().time()
        limit = self._settings.connect_timeout
        try:
            async with asyncio.timeout(min(seconds, limit)):
                connection = await pool.connect()
        except TimeoutError as error:
            raise (self._faults.late() if seconds <= limit else self._faults.not_reached_in_time()) from error
        except (OSError, UnicodeError) as error:
            raise (self._faults.tls() if is_tls_failure(error) else self._faults.unreachable()) from error
        return connection, max(0.0, seconds - (asyncio.get_running_loop().time() - began))

    def _meaning(self, broken: Broken, answer: Answer, request: HttpRequest) -> UpstreamError:
        faults, status = self._faults, answer.status
        match broken.kind:
            case "late":
                return faults.late(status, _headers(answer)) if status else faults.late()
            case "lost":
                return faults.tls() if is_tls_failure(broken.__cause__) else faults.lost()
            case "not http":
                return faults.malformed(NOT_HTTP)
            case "redirect":
                return faults.malformed(REDIRECT, status)
            case "too long":
                return faults.too_long(request.maximum_response_bytes, status)
            case "cut off":
                return faults.cut_off(status, _headers(answer))

    def _head(self, request: HttpRequest, traceparent: str | None) -> bytes:
        """The request's line and headers. ValueError for what would break out of its place."""
        method, target, body = request.method, request.target, request.body
        if not target.isascii() or not target.isprintable() or " " in target or not target.startswith("/"):
            raise ValueError("the target of a request must be printable ASCII and begin with a slash")
        if not method.isalpha() or not method.isascii():
            raise ValueError("the method of a request must be letters")
        accept = self._common
        lines = ""
        for pair in request.headers.items():
            line = self._lines.get(pair)
            if line is None:
                line = self._line(pair)
            lines += line
            if pair[0] == "Accept":
                accept = self._common_without_accept
        if traceparent is not None:
            lines += f"{TRACEPARENT}: {traceparent}\r\n"
        if body is not None or method in _WITH_A_LENGTH:
            lines += f"Content-Length: {len(body) if body is not None else 0}\r\n"
        return f"{method} {self._prefix}{target}{accept}{self._tail}{lines}\r\n".encode("utf-8", "surrogateescape")

    def _line(self, pair: tuple[str, str]) -> str:
        """A header's line, which is kept: most requests have the same ones."""
        name, value = pair
        if _TOKEN.fullmatch(name) is None or _NOT_IN_A_VALUE.search(value) is not None:
            raise ValueError("a header's name or value would break the request")
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is the transport's own")
        if len(self._lines) >= _KEPT_LINES:
            self._lines.clear()
        line = self._lines[pair] = f"{name}: {value}\r\n"
        return line


def _headers(answer: Answer) -> CIMultiDictProxy[str]:
    return CIMultiDictProxy(
        CIMultiDict(
            [
                (name.decode("ascii"), value.decode("utf-8", "surrogateescape").strip(" \t"))
                for name, value in answer.headers
            ]
        )
    )


@functools.cache
def _system_trust() -> ssl.SSLContext:
    """What verifies servers by the system's authorities; reading them takes a while."""
    return ssl.create_default_context()
