"""An issuer's keys from a URL: fetched at start, by age, and when a token names a key that is not there.

However many tokens name unknown keys: no more than one fetch runs, and there is a pause between two.
"""

import asyncio
import contextlib
import ssl
import time
from hashlib import sha256
from typing import Final

import aiohttp
import structlog

from gateway.identity import key_set
from gateway.identity.key_set import NO_KEYS, KeySet, KeySetError

_TIMEOUT_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 10.0
# Calls that wait for a fetch together; others are refused at once, so that strangers can't pile up calls.
_MAXIMUM_WAITING: Final = 100
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}

_log = structlog.get_logger(__name__)


class JwksUrl:
    """The keys at `url`. Does not fail: where they can't be fetched, the last good ones stay in use.

    maximum_age: seconds after which they are fetched again. pause: least seconds between two fetches.
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
        self._session: aiohttp.ClientSession | None = None
        self._refreshing: asyncio.Task[None] | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._last_fetch = -float("inf")
        self._waiting = 0

    async def start(self) -> None:
        """Fetch the keys once, and begin to keep them fresh."""
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
        """End what runs in the background."""
        for task in (self._refreshing, self._fetching):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._session is not None:
            await self._session.close()

    def current(self) -> KeySet:
        """The keys; the same object as long as the issuer publishes the same."""
        return self._keys

    async def look_again(self) -> None:
        """A token names a key that is not there."""
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
        """One fetch, which all who want one share, and which goes on where one of them is cancelled."""
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
            self._tell(_describe(error))
            return
        self._fault = ""
        if digest != self._digest:
            self._digest, self._keys = digest, keys
            _log.info("JWKS renewed", keys=len(keys))

    async def _download(self) -> bytes:
        assert self._session is not None
        content = bytearray()
        async with self._session.get(self._url, headers=_HEADERS, allow_redirects=False) as response:
            if response.status != 200:
                raise KeySetError(f"the answer has the status {response.status}")
            async for chunk in response.content.iter_any():
                content += chunk
                if len(content) > key_set.MAXIMUM_BYTES:
                    raise KeySetError(f"the answer is larger than {key_set.MAXIMUM_BYTES} bytes")
        return bytes(content)

    def _tell(self, fault: str) -> None:
        if fault == self._fault:
            return
        self._fault = fault
        if self._keys is NO_KEYS:
            _log.error("the issuer's keys can't be fetched: every bearer token is refused until they are", fault=fault)
        else:
            _log.warning("the issuer's keys can't be fetched, the last good ones stay in use", fault=fault)


def _describe(error: BaseException) -> str:
    """Without the URL, whose query may hold what is nobody's business."""
    if isinstance(error, KeySetError | aiohttp.ClientConnectorError):
        return str(error)
    return "no answer in time" if isinstance(error, TimeoutError) else type(error).__name__
