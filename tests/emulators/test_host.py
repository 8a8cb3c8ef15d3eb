"""The host of the emulators, its control port and its faults, with the smallest emulator that there can be."""

import asyncio
import base64
import contextlib
import datetime as dt
import sqlite3
import ssl
import stat
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from gateway.emulators.base import Clock, Emulator, SeedError
from gateway.emulators.database import Database
from gateway.emulators.host import EmulatorHost, HostOptions
from tests.support.openssl import Authority

DEFAULTS = ["default"]


class Words(Emulator):
    """Keeps words: POST adds the body, GET lists them."""

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
    """The connection ended without an answer."""


class Client:
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
async def running(**options: Any) -> AsyncIterator[Client]:
    async with EmulatorHost(Words, HostOptions(**options)) as host, _session() as session:
        yield Client(host, session)


def _session() -> aiohttp.ClientSession:
    """Without a pool, so that a connection that a fault broke is not the next request's; and each request once."""

    async def once(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        try:
            return await handler(request)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise Broken(type(error).__name__) from error

    connector = aiohttp.TCPConnector(force_close=True)
    return aiohttp.ClientSession(connector=connector, middlewares=[once], timeout=aiohttp.ClientTimeout(total=5))


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with running() as started:
        yield started


class TestControl:
    async def test_health(self, client: Client) -> None:
        assert await client.control("GET", "/health") == (200, {"emulates": "words", "status": "ok"})

    async def test_ports_are_apart(self, client: Client) -> None:
        assert client.host.url != client.host.control_url
        assert (await client.ask("GET", "/health"))[0] == 404
        assert await client.history() != []

    async def test_seed(self, client: Client) -> None:
        assert await client.words() == DEFAULTS
        assert await client.control("POST", "/seed", {"words": ["a"]}) == (200, {"words": ["a", "default"]})
        assert await client.control("POST", "/seed", raw=" ") == (200, {"words": ["a", "default"]})
        assert await client.control("POST", "/seed", {"words": 1}) == (400, {"error": "words: a list"})

    @pytest.mark.parametrize(
        ("data", "words"), [(None, []), ({}, []), ({"seed": False}, []), ({"seed": True}, DEFAULTS)]
    )
    async def test_reset(self, client: Client, data: object, words: list[str]) -> None:
        await client.ask("POST", body="more")
        await client.arm(count=3)
        await client.control("POST", "/clock", {"offset_seconds": 86_400})
        status, _ = (
            await client.control("POST", "/reset", raw="")
            if data is None
            else (await client.control("POST", "/reset", data))
        )
        assert status == 200
        assert await client.words() == words
        assert await client.control("GET", "/faults") == (200, {"armed": 0})
        assert await client.history() == []
        assert client.host.clock.offset == dt.timedelta()

    @pytest.mark.parametrize("path", ["/reset", "/seed", "/faults", "/clock"])
    @pytest.mark.parametrize("body", ["[]", "1", "no json", '{"a":', "\xff"])
    async def test_bodies_that_are_no_object(self, client: Client, path: str, body: str) -> None:
        status, answer = await client.control("POST", path, raw=body)
        assert status == 400
        assert answer.keys() == {"error"}
        assert await client.words() == DEFAULTS

    async def test_tls(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        pair = authority.issue("server")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(pair.certificate, pair.key)
        async with running(tls=context) as client:
            assert client.host.url.startswith("https://")
            trusting = ssl.create_default_context(cafile=authority.pair.certificate)
            url = client.host.url.replace("127.0.0.1", "localhost")
            async with client.session.get(f"{url}/words", ssl=trusting) as response:
                assert response.status == 200
            assert (await client.control("GET", "/health"))[0] == 200


class TestClock:
    async def today(self, client: Client) -> str:
        async with client.session.get(f"{client.host.url}/words") as response:
            today: str = (await response.json())["today"]
            return today

    @pytest.mark.parametrize("days", [400, -400])
    async def test_shifts_the_emulators_time(self, client: Client, days: int) -> None:
        expected = {(dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).date().isoformat()}
        status, answer = await client.control("POST", "/clock", {"offset_seconds": days * 86_400})
        expected.add((dt.datetime.now(dt.UTC) + dt.timedelta(days=days)).date().isoformat())
        assert (status, answer["now"][:10] in expected) == (200, True)
        assert await self.today(client) in expected
        (entry,) = await client.history()
        assert entry["time"][:10] in expected

    @pytest.mark.parametrize(
        "body",
        ["{}", '{"offset_seconds": "1"}', '{"offset_seconds": null}', '{"offset_seconds": true}']
        + [f'{{"offset_seconds": {number}}}' for number in ("NaN", "Infinity", "-Infinity", "1e300", "4e9", "-4e9")],
    )
    async def test_what_is_no_offset(self, client: Client, body: str) -> None:
        status, answer = await client.control("POST", "/clock", raw=body)
        assert (status, answer["error"].startswith("offset_seconds: ")) == (400, True)
        assert client.host.clock.offset == dt.timedelta()


class TestHistory:
    async def test_what_was_asked(self, client: Client) -> None:
        before = dt.datetime.now(dt.UTC)
        await client.ask("POST", "/words?x=%20&y=1", body="바이트")
        await client.ask("GET", "/missing/a%2Fb")
        first, second = await client.history()
        assert before <= dt.datetime.fromisoformat(first["time"]) <= dt.datetime.now(dt.UTC)
        assert (first["method"], first["target"], first["status"]) == ("POST", "/words?x=%20&y=1", 200)
        assert base64.b64decode(first["body_base64"]).decode() == "바이트"
        assert first["headers"]["Host"] == client.host.url.removeprefix("http://")
        assert (second["method"], second["target"], second["status"]) == ("GET", "/missing/a%2Fb", 404)

    async def test_since_and_delete(self, client: Client) -> None:
        for number in range(3):
            await client.ask("GET", f"/words?{number}")
        assert [entry["target"] for entry in await client.history("?since=1")] == ["/words?1", "/words?2"]
        assert await client.history("?since=9") == []
        for bad in ("-1", "x", ""):
            assert await client.control("GET", f"/history?since={bad}") == (
                400,
                {"error": "since: a number of entries"},
            )
        assert await client.control("DELETE", "/history") == (200, {})
        assert await client.history() == []

    async def test_long_bodies_are_cut(self, client: Client) -> None:
        await client.ask("POST", body="x" * 70_000)
        (entry,) = await client.history()
        assert len(base64.b64decode(entry["body_base64"])) == 65_536
        assert sorted(await client.words(), reverse=True) == ["x" * 70_000, "default"]


class TestFaults:
    async def test_error_in_the_vendors_shape(self, client: Client) -> None:
        await client.arm()
        await client.arm(code=52_000, message="gone", status=404)
        assert await client.ask("GET") == (500, b'{"code": "E1", "message": "failed"}')
        assert await client.ask("GET") == (404, b'{"code": "52000", "message": "gone"}')
        assert (await client.ask("GET"))[0] == 200

    async def test_count_is_told(self, client: Client) -> None:
        await client.arm(count=2)
        await client.arm(mode="html")
        assert await client.control("GET", "/faults") == (200, {"armed": 3})
        assert [(await client.ask("GET"))[0] for _ in range(4)] == [500, 500, 502, 200]
        await client.arm(count=9)
        assert await client.control("DELETE", "/faults") == (200, {"armed": 0})
        assert (await client.ask("GET"))[0] == 200

    async def test_only_what_matches(self, client: Client) -> None:
        await client.arm(method="post")
        await client.arm(path="^/wor.s$", status=503)
        assert (await client.ask("GET", "/other"))[0] == 404
        assert (await client.ask("GET"))[0] == 503
        assert (await client.ask("GET"))[0] == 200
        assert (await client.ask("POST", body="a"))[0] == 500
        assert await client.words() == DEFAULTS

    async def test_html(self, client: Client) -> None:
        await client.arm(mode="html")
        await client.arm(mode="html", status=503)
        status, body = await client.ask("GET")
        assert (status, body.startswith(b"<html>")) == (502, True)
        assert (await client.ask("GET"))[0] == 503

    async def test_raw(self, client: Client) -> None:
        await client.arm(mode="raw", status=418, headers={"X-One": "1", "Retry-After": "3"}, body="본문")
        await client.arm(mode="raw")
        async with client.session.get(f"{client.host.url}/words") as response:
            assert (response.status, await response.text()) == (418, "본문")
            assert (response.headers["X-One"], response.headers["Retry-After"]) == ("1", "3")
        assert await client.ask("GET") == (200, b"")

    async def test_redirect(self, client: Client) -> None:
        await client.arm(mode="redirect")
        assert (await client.ask("GET"))[0] == 302

    @pytest.mark.parametrize(("mode", "error"), [("close", "ServerDisconnectedError"), ("reset", "ClientOSError")])
    async def test_no_answer(self, client: Client, mode: str, error: str) -> None:
        await client.arm(mode=mode)
        with pytest.raises(Broken, match=error):
            await client.ask("POST", body="a")
        assert await client.words() == DEFAULTS
        assert [entry["status"] for entry in await client.history()] == [None]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_cut_off(self, client: Client, method: str) -> None:
        """The true answer, of which the second half is missing; the work is done."""
        await client.arm(mode="cut_off")
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.ask(method, body="a" if method == "POST" else None)
        assert await client.words() == (["a", *DEFAULTS] if method == "POST" else DEFAULTS)
        assert [entry["status"] for entry in await client.history()] == [200]

    async def test_stall(self, client: Client) -> None:
        """In the history while it lasts; over when the client has given up."""
        await client.arm(mode="stall")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.ask("POST", body="a")
        assert [entry["status"] for entry in await client.history()] == [None]
        assert await client.words() == DEFAULTS
        assert (await client.ask("GET"))[0] == 200

    @pytest.mark.parametrize("mode", ["error", "html", "raw", "redirect", "close", "reset"])
    @pytest.mark.parametrize("act", [False, True])
    async def test_work_is_done_where_asked(self, client: Client, mode: str, *, act: bool) -> None:
        await client.arm(mode=mode, act=act)
        with contextlib.suppress(Broken):
            assert (await client.ask("POST", body="a"))[1] != b"added"
        assert ("a" in await client.words()) == act

    async def test_delay_of_a_true_answer(self, client: Client) -> None:
        await client.arm(mode=None, delay=0.05)
        started = asyncio.get_running_loop().time()
        assert await client.ask("POST", body="a") == (200, b"added")
        assert asyncio.get_running_loop().time() - started >= 0.05

    @pytest.mark.parametrize(
        ("fault", "field"),
        [
            ({"moed": "error"}, "unknown field 'moed'"),
            ({"mode": "explode"}, "mode"),
            ({"mode": ["error"]}, "mode"),
            ({"count": 0}, "count"),
            ({"count": -1}, "count"),
            ({"count": 1.5}, "count"),
            ({"count": True}, "count"),
            ({"count": "2"}, "count"),
            ({"count": None}, "count"),
            ({"delay": "1"}, "delay"),
            ({"delay": -1}, "delay"),
            ({"delay": 1e9}, "delay"),
            ({"delay": None}, "delay"),
            ({"act": 1}, "act"),
            ({"act": "yes"}, "act"),
            ({"method": 1}, "method"),
            ({"path": 1}, "path"),
            ({"path": "("}, "path"),
            ({"code": []}, "code"),
            ({"message": 1}, "message"),
            ({"status": "500"}, "status"),
            ({"status": 99}, "status"),
            ({"status": 1000}, "status"),
            ({"headers": ["a"]}, "headers"),
            ({"headers": {"a": 1}}, "headers"),
            ({"headers": {"a": "b\r\nc: d"}}, "headers"),
            ({"body": 1}, "body"),
            ({"body": None}, "body"),
        ],
    )
    async def test_faults_that_make_no_sense(self, client: Client, fault: dict[str, Any], field: str) -> None:
        status, answer = await client.control("POST", "/faults", fault)
        assert status == 400
        assert answer["error"].startswith(field)
        assert await client.control("GET", "/faults") == (200, {"armed": 0})

    async def test_stop_does_not_wait_for_a_stalled_request(self) -> None:
        async with running() as client:
            await client.arm(mode="stall")
            request = asyncio.create_task(client.ask("GET"))
            while not await client.history():
                pass
            started = asyncio.get_running_loop().time()
            await client.host.stop()
            assert asyncio.get_running_loop().time() - started < 5
            with pytest.raises(Broken):
                await request


class TestState:
    async def test_memory_is_forgotten(self) -> None:
        for _ in range(2):
            async with running() as client:
                assert await client.words() == DEFAULTS
                await client.ask("POST", body="a")

    async def test_file_survives_restarts(self, tmp_path: Path) -> None:
        state = tmp_path / "new" / "words.sqlite3"
        async with running(state=state) as client:
            await client.ask("POST", body="a")
            await client.arm(count=5)
            await client.control("POST", "/clock", {"offset_seconds": 5})
        async with running(state=state) as client:
            # Objects stay, and are not seeded over; faults, history and the clock are the process's.
            assert await client.words() == ["a", *DEFAULTS]
            assert await client.control("GET", "/faults") == (200, {"armed": 0})
            assert await client.history() == []
            assert client.host.clock.offset == dt.timedelta()
            await client.control("POST", "/reset", {})
            await client.ask("POST", body="b")
        async with running(state=state) as client:
            assert await client.words() == ["b"]

    async def test_file_is_its_owners_alone(self, tmp_path: Path) -> None:
        state = tmp_path / "new" / "words.sqlite3"
        async with running(state=state) as client:
            await client.ask("POST", body="a")
            files = list(state.parent.iterdir())
            assert state in files
            assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert stat.S_IMODE(state.parent.stat().st_mode) == 0o700

    async def test_transaction_is_all_or_nothing(self) -> None:
        database = Database(None)
        database.create("CREATE TABLE words (word TEXT PRIMARY KEY)")

        def insert_twice() -> None:
            with database.transaction():
                for word in ("a", "a"):
                    database.execute("INSERT INTO words VALUES (?)", word)

        with pytest.raises(sqlite3.IntegrityError):
            insert_twice()
        assert database.rows("SELECT * FROM words") == []
        with database.transaction():
            assert database.execute("INSERT INTO words VALUES ('a'), ('b')") == 2
        assert [row["word"] for row in database.rows("SELECT * FROM words")] == ["a", "b"]
        assert database.row("SELECT * FROM words WHERE word = ?", "c") is None
        database.close()

    async def test_port_that_is_taken(self) -> None:
        """The second host leaves nothing open: a resource that is not closed would be a warning, and so an error."""
        async with running() as client:
            port = int(client.host.url.rpartition(":")[2])
            host = EmulatorHost(Words, HostOptions(control_port=port))
            with pytest.raises(OSError, match="in use"):
                await host.__aenter__()
            assert (await client.ask("GET"))[0] == 200
