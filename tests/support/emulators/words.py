"""A minimal emulator on the emulator host, with a client of its two ports."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
from aiohttp import web

from gateway.emulators.base import Clock, Emulator, SeedError
from gateway.emulators.database import Database
from gateway.emulators.host import EmulatorHost, HostOptions

DEFAULTS = ["default"]


class Words(Emulator):
    """Stores words: POST adds the body, GET lists the words."""

    kind = "words"

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        database.create("CREATE TABLE IF NOT EXISTS words (word TEXT PRIMARY KEY)")

    def install(self, application: web.Application) -> None:
        application.add_routes([web.get("/words", self._list), web.post("/words", self._add)])

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"words": self.words(), "today": self.clock.now().date().isoformat()})

    async def _add(self, request: web.Request) -> web.Response:
        self.database.execute("INSERT INTO words VALUES (?)", await request.text())
        return web.Response(text="added", headers={"X-Added": "1"})

    def words(self) -> list[str]:
        return [row["word"] for row in self.database.rows("SELECT word FROM words ORDER BY word")]

    async def reset(self) -> None:
        self.database.execute("DELETE FROM words")

    async def seed(self, data: Mapping[str, Any] | None) -> Mapping[str, Any]:
        words = DEFAULTS if data is None else data.get("words")
        if not isinstance(words, list):
            raise SeedError("words: a list")
        if data is not None or not self.words():
            for word in words:
                self.database.execute("INSERT OR IGNORE INTO words VALUES (?)", word)
        return {"words": self.words()}

    def failure(self, code: str | None, message: str | None, status: int | None) -> web.Response:
        return web.json_response({"code": code or "E1", "message": message or "failed"}, status=status or 500)


class Broken(aiohttp.ClientError):
    """The connection ended without a response."""


class WordsClient:
    def __init__(self, host: EmulatorHost, session: aiohttp.ClientSession) -> None:
        self.host = host
        self.session = session

    async def ask(self, method: str, path: str = "/words", body: str | None = None) -> tuple[int, bytes]:
        async with self.session.request(method, self.host.url + path, data=body, allow_redirects=False) as response:
            return response.status, await response.read()

    async def words(self) -> list[str]:
        return self.host.emulator.words()  # type: ignore[attr-defined, no-any-return]

    async def control(self, method: str, path: str, data: object = None, *, raw: str | None = None) -> tuple[int, Any]:
        options: dict[str, Any] = {"data": raw} if raw is not None else {"json": data}
        async with self.session.request(method, self.host.control_url + path, **options) as response:
            assert response.content_type == "application/json"
            return response.status, await response.json()

    async def arm(self, **fault: Any) -> None:
        status, answer = await self.control("POST", "/faults", fault)
        assert status == 200, answer

    async def history(self, query: str = "") -> list[dict[str, Any]]:
        status, answer = await self.control("GET", f"/history{query}")
        assert status == 200
        requests: list[dict[str, Any]] = answer["requests"]
        return requests


@contextlib.asynccontextmanager
async def running(**options: Any) -> AsyncIterator[WordsClient]:
    async with EmulatorHost(Words, HostOptions(**options)) as host, _session() as session:
        yield WordsClient(host, session)


def _session() -> aiohttp.ClientSession:
    """Return a client without a connection pool or retries, so a broken connection does not affect the next request."""

    async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise Broken(type(error).__name__) from error

    connector = aiohttp.TCPConnector(force_close=True)
    return aiohttp.ClientSession(connector=connector, middlewares=[once], timeout=aiohttp.ClientTimeout(total=5))
