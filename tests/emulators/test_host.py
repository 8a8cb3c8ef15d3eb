"""The host of the emulators: control port, clock, history, and state."""

import base64
import datetime as dt
import sqlite3
import ssl
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.emulators.database import Database
from gateway.emulators.host import EmulatorHost, HostOptions
from tests.support.emulators.words import DEFAULTS, Words, WordsClient, running
from tests.support.openssl import OpensslAuthority


@pytest.fixture
async def client() -> AsyncIterator[WordsClient]:
    async with running() as started:
        yield started


class TestControl:
    async def test_health_reports_the_emulated_type(self, client: WordsClient) -> None:
        assert await client.control("GET", "/health") == (200, {"emulates": "words", "status": "ok"})

    async def test_api_and_control_ports_are_separate(self, client: WordsClient) -> None:
        assert client.host.url != client.host.control_url
        assert (await client.ask("GET", "/health"))[0] == 404
        assert await client.history() != []

    async def test_seed_adds_objects_and_rejects_invalid_data(self, client: WordsClient) -> None:
        assert await client.words() == DEFAULTS
        assert await client.control("POST", "/seed", {"words": ["a"]}) == (200, {"words": ["a", "default"]})
        assert await client.control("POST", "/seed", raw=" ") == (200, {"words": ["a", "default"]})
        assert await client.control("POST", "/seed", {"words": 1}) == (400, {"error": "words: a list"})

    @pytest.mark.parametrize(
        ("data", "words"), [(None, DEFAULTS), ({}, DEFAULTS), ({"seed": False}, []), ({"seed": True}, DEFAULTS)]
    )
    async def test_reset_restores_the_initial_state(self, client: WordsClient, data: object, words: list[str]) -> None:
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
    async def test_body_that_is_not_an_object_is_rejected(self, client: WordsClient, path: str, body: str) -> None:
        status, answer = await client.control("POST", path, raw=body)
        assert status == 400
        assert answer.keys() == {"error"}
        assert await client.words() == DEFAULTS

    async def test_api_can_use_tls(self, tmp_path: Path) -> None:
        authority = OpensslAuthority(tmp_path)
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
    async def today(self, client: WordsClient) -> str:
        async with client.session.get(f"{client.host.url}/words") as response:
            today: str = (await response.json())["today"]
            return today

    @pytest.mark.parametrize("days", [400, -400])
    async def test_offset_shifts_the_emulator_clock(self, client: WordsClient, days: int) -> None:
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
    async def test_invalid_offset_is_rejected(self, client: WordsClient, body: str) -> None:
        status, answer = await client.control("POST", "/clock", raw=body)
        assert (status, answer["error"].startswith("offset_seconds: ")) == (400, True)
        assert client.host.clock.offset == dt.timedelta()


class TestHistory:
    async def test_history_contains_the_requests(self, client: WordsClient) -> None:
        before = dt.datetime.now(dt.UTC)
        await client.ask("POST", "/words?x=%20&y=1", body="바이트")
        await client.ask("GET", "/missing/a%2Fb")
        first, second = await client.history()
        assert before <= dt.datetime.fromisoformat(first["time"]) <= dt.datetime.now(dt.UTC)
        assert (first["method"], first["target"], first["status"]) == ("POST", "/words?x=%20&y=1", 200)
        assert base64.b64decode(first["body_base64"]).decode() == "바이트"
        assert first["headers"]["Host"] == client.host.url.removeprefix("http://")
        assert (second["method"], second["target"], second["status"]) == ("GET", "/missing/a%2Fb", 404)

    async def test_since_and_delete(self, client: WordsClient) -> None:
        for number in range(3):
            await client.ask("GET", f"/words?{number}")
        assert [entry["target"] for entry in await client.history("?since=1")] == ["/words?1", "/words?2"]
        assert await client.history("?since=9") == []
        for bad in ("-1", "x", ""):
            assert await client.control("GET", f"/history?since={bad}") == (
                400,
                {"error": "since: must be a number of entries"},
            )
        assert await client.control("DELETE", "/history") == (200, {})
        assert await client.history() == []

    async def test_long_bodies_are_truncated(self, client: WordsClient) -> None:
        await client.ask("POST", body="x" * 70_000)
        (entry,) = await client.history()
        assert len(base64.b64decode(entry["body_base64"])) == 65_536
        assert entry["body_size"] == 70_000
        (kept,) = client.host.interceptor.history
        assert len(kept.body) == 65_536
        assert sorted(await client.words(), reverse=True) == ["x" * 70_000, "default"]


class TestState:
    async def test_in_memory_state_is_lost_at_the_end(self) -> None:
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
            # Objects persist and are not seeded again. Faults, history, and the clock offset belong to the process.
            assert await client.words() == ["a", *DEFAULTS]
            assert await client.control("GET", "/faults") == (200, {"armed": 0})
            assert await client.history() == []
            assert client.host.clock.offset == dt.timedelta()
            await client.control("POST", "/reset", {"seed": False})
            await client.ask("POST", body="b")
        async with running(state=state) as client:
            assert await client.words() == ["b"]

    async def test_state_file_is_readable_only_by_its_owner(self, tmp_path: Path) -> None:
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

    async def test_port_in_use_is_reported(self) -> None:
        """The second host closes its resources. An open resource would raise a warning, which fails the test."""
        async with running() as client:
            port = int(client.host.url.rpartition(":")[2])
            host = EmulatorHost(Words, HostOptions(control_port=port))
            with pytest.raises(OSError, match="in use"):
                await host.__aenter__()
            assert (await client.ask("GET"))[0] == 200
