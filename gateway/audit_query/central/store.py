"""The HTTP client of the central store, which sends queries and yields the rows of the response.

Errors state the cause, but contain no text from the store and no credentials.
"""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any, Final, NoReturn

import aiohttp
import orjson
import structlog

from gateway.audit_query.central.settings import CentralSettings
from gateway.errors import AUDIT_QUERY_TIMEOUT, AUDIT_QUERY_UNAVAILABLE, GatewayError
from gateway.tls_verification import explanation

Row = Mapping[str, Any]

_PATH: Final = "/select/logsql/query"
_MAXIMUM_LINE_BYTES: Final = 16 << 20
"""A stored record has at most 2 MiB, and escapes in JSON can make a row six times longer."""
_LOG_SECONDS: Final = 60.0

_log = structlog.get_logger(__name__)


class CentralStore:
    """Connections to the store, opened on demand. timeout: time limit of one request in seconds."""

    def __init__(self, settings: CentralSettings, timeout: float) -> None:
        self._settings = settings
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._logged: dict[str, float] = {}

    async def close(self) -> None:
        """Close the connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def rows(self, query: str) -> list[Row]:
        """Return all rows of a query. Raises GatewayError."""
        return [row async for row in self.stream(query)]

    async def stream(self, query: str) -> AsyncIterator[Row]:
        """Yield the rows of a query. Raises GatewayError. The store stops if the iterator is closed."""
        form = {"query": query, "timeout": f"{self._timeout:.3f}s"}
        try:
            async with self._open().post(self._settings.endpoint + _PATH, data=form, allow_redirects=False) as response:
                if response.status != 200:
                    self._fail(_status_fault(response.status))
                async for line in _lines(response.content):
                    yield self._row(line)
        except TimeoutError:
            raise GatewayError(AUDIT_QUERY_TIMEOUT, "the central store did not respond in time") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            self._fail(explanation(error) or f"the connection failed: {type(error).__name__}")

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            settings = self._settings
            password = settings.password.get_secret_value() if settings.password is not None else ""
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=settings.tls() if settings.secure else False, limit=8),
                timeout=aiohttp.ClientTimeout(total=self._timeout),
                headers={"Authorization": aiohttp.encode_basic_auth(settings.username, password)} if password else None,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session

    def _row(self, line: bytes) -> Row:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict):  # after the first rows, the store reports an error as text
            self._fail("the response ended with an error")
        return row

    def _fail(self, fault: str) -> NoReturn:
        """Log a fault, at most once a minute, and raise GatewayError."""
        now = time.monotonic()
        if now - self._logged.get(fault, -_LOG_SECONDS) >= _LOG_SECONDS:
            self._logged[fault] = now
            _log.warning("audit_store_failed", endpoint=self._settings.endpoint, error=fault)
        raise GatewayError(AUDIT_QUERY_UNAVAILABLE, "the central store is not available")


def _status_fault(status: int) -> str:
    if status in (401, 403):
        return f"the store rejects the credentials of audit.query.central (HTTP {status})"
    if status == 400:
        return "the store rejects the query (HTTP 400); start it with -search.maxQueryLen=4MiB"
    return f"the store returned HTTP {status}"


async def _lines(stream: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """Yield lines without their line ends. Raises ValueError if a line is too long."""
    rest = bytearray()
    async for chunk in stream.iter_any():
        *complete, last = chunk.split(b"\n")
        for piece in complete:
            rest += piece
            if rest:
                yield bytes(rest)
            rest.clear()
        rest += last
        if len(rest) > _MAXIMUM_LINE_BYTES:
            raise ValueError("a line is too long")
    if rest:
        yield bytes(rest)
