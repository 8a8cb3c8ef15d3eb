"""The keys of an issuer from a JWKS URL: fetched at start, when they are old, and when a token names an unknown key.

Regardless of how many tokens name unknown keys, at most one fetch runs at a time, with a pause between two fetches.
"""

import asyncio
import contextlib
import ssl
import time
from hashlib import sha256
from typing import Final

import aiohttp
import structlog

from gateway.config.load_state import LoadState
from gateway.identity import key_set
from gateway.identity.key_set import NO_KEYS, KeySet, KeySetError
from gateway.tls_verification import explanation

_TIMEOUT_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 10.0
# Maximum number of calls that wait for a fetch. More are rejected, so that unauthenticated callers cannot pile up
# calls.
_MAXIMUM_WAITING: Final = 100
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}

_log = structlog.get_logger(__name__)


class JwksUrl:
    """The keys at `url`. Does not fail: if a fetch fails, the last valid keys stay in use.

    maximum_age: seconds after which the keys are fetched again. pause: minimum seconds between two fetches.
    """

    def __init__(
        self, url: str, tls: ssl.SSLContext, *, maximum_age: float = 300.0, pause: float = _PAUSE_SECONDS
    ) -> None:
        self._url = url
        self._tls = tls
        self._maximum_age = maximum_age
        self._pause = pause
        self._keys = NO_KEYS
        self._digest = b""
        self._fault = ""
        self.load_state = LoadState(failed=True)
        self._session: aiohttp.ClientSession | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._last_fetch = -float("inf")
        self._waiting = 0

    async def start(self) -> None:
        """Fetch the keys once, and start the periodic refresh."""
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self._tls, limit=1, force_close=True),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        await self._fetch_once()
        self._refreshing = asyncio.create_task(self._keep_fresh())

    async def close(self) -> None:
        """Stop the background tasks and close the HTTP session."""
        for task in (self._refreshing, self._fetching):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._session is not None:
            await self._session.close()

    def current(self) -> KeySet:
        """Return the keys: the same object until the issuer publishes other content."""
        return self._keys

    async def refresh(self) -> None:
        """Fetch the keys, unless a fetch was too recent, because a token names an unknown key."""
        running = self._fetching is not None
        if self._waiting >= _MAXIMUM_WAITING or (not running and time.monotonic() < self._last_fetch + self._pause):
            return
        self._waiting += 1
        try:
            await self._fetch_once()
        finally:
            self._waiting -= 1

    async def _keep_fresh(self) -> None:
        while True:
            wait = min(self._maximum_age, self._pause) if self._fault else self._maximum_age
            await asyncio.sleep(max(wait, self._last_fetch + wait - time.monotonic()))
            await self._fetch_once()

    async def _fetch_once(self) -> None:
        """Share one fetch among all waiting callers. A canceled caller does not cancel it."""
        if self._fetching is None:
            self._last_fetch = time.monotonic()
            self._fetching = asyncio.create_task(self._fetch())
            self._fetching.add_done_callback(self._fetched)
        await asyncio.shield(self._fetching)

    def _fetched(self, _task: asyncio.Task[None]) -> None:
        self._fetching = None

    async def _fetch(self) -> None:
        try:
            content = await self._download()
            digest, keys = sha256(content).digest(), key_set.parse(content)
        except (KeySetError, aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
            self._report(_describe(error))
            return
        self._fault = ""
        self.load_state.succeed()
        if digest != self._digest:
            self._digest, self._keys = digest, keys
            _log.info("jwks_reloaded", keys=len(keys))

    async def _download(self) -> bytes:
        assert self._session is not None
        content = bytearray()
        async with self._session.get(self._url, headers=_HEADERS, allow_redirects=False) as response:
            if response.status != 200:
                raise KeySetError(f"the response has HTTP status {response.status}")
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > key_set.MAXIMUM_BYTES:
                    raise KeySetError(f"the response is larger than {key_set.MAXIMUM_BYTES} bytes")
        return bytes(content)

    def _report(self, fault: str) -> None:
        self.load_state.fail()
        if fault == self._fault:
            return
        self._fault = fault
        if self._keys is NO_KEYS:
            _log.error("jwks_fetch_failed", error=fault, effect="every bearer token is rejected until a fetch succeeds")
        else:
            _log.warning("jwks_fetch_failed", error=fault, effect="the last valid keys stay in use")


def _describe(error: BaseException) -> str:
    """Describe an error without the URL, because its query can contain a secret."""
    if (reason := explanation(error)) is not None:
        return f"the certificate of the server was rejected: {reason}"
    if isinstance(error, KeySetError | aiohttp.ClientConnectorError):
        return str(error)
    return "no response in time" if isinstance(error, TimeoutError) else type(error).__name__
