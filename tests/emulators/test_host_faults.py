"""Injected faults of the emulators: each mode on the wire, and whether the request takes effect."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from tests.support.emulators.words import DEFAULTS, Broken, WordsClient, running


@pytest.fixture
async def client() -> AsyncIterator[WordsClient]:
    async with running() as started:
        yield started


class TestFaults:
    async def test_error_has_the_vendor_format(self, client: WordsClient) -> None:
        await client.arm()
        await client.arm(code=52_000, message="gone", status=404)
        assert await client.ask("GET") == (500, b'{"code": "E1", "message": "failed"}')
        assert await client.ask("GET") == (404, b'{"code": "52000", "message": "gone"}')
        assert (await client.ask("GET"))[0] == 200

    async def test_remaining_count_is_reported(self, client: WordsClient) -> None:
        await client.arm(count=2)
        await client.arm(mode="html")
        assert await client.control("GET", "/faults") == (200, {"armed": 3})
        assert [(await client.ask("GET"))[0] for _ in range(4)] == [500, 500, 502, 200]
        await client.arm(count=9)
        assert await client.control("DELETE", "/faults") == (200, {"armed": 0})
        assert (await client.ask("GET"))[0] == 200

    async def test_fault_applies_only_to_matching_requests(self, client: WordsClient) -> None:
        await client.arm(method="post")
        await client.arm(path="^/wor.s$", status=503)
        assert (await client.ask("GET", "/other"))[0] == 404
        assert (await client.ask("GET"))[0] == 503
        assert (await client.ask("GET"))[0] == 200
        assert (await client.ask("POST", body="a"))[0] == 500
        assert await client.words() == DEFAULTS

    async def test_html_fault_returns_a_page(self, client: WordsClient) -> None:
        await client.arm(mode="html")
        await client.arm(mode="html", status=503)
        status, body = await client.ask("GET")
        assert (status, body.startswith(b"<html>")) == (502, True)
        assert (await client.ask("GET"))[0] == 503

    async def test_raw_fault_returns_the_given_response(self, client: WordsClient) -> None:
        await client.arm(mode="raw", status=418, headers={"X-One": "1", "Retry-After": "3"}, body="본문")
        await client.arm(mode="raw")
        async with client.session.get(f"{client.host.url}/words") as response:
            assert (response.status, await response.text()) == (418, "본문")
            assert (response.headers["X-One"], response.headers["Retry-After"]) == ("1", "3")
        assert await client.ask("GET") == (200, b"")

    async def test_redirect_fault_returns_302(self, client: WordsClient) -> None:
        await client.arm(mode="redirect")
        assert (await client.ask("GET"))[0] == 302

    @pytest.mark.parametrize(("mode", "error"), [("close", "ServerDisconnectedError"), ("reset", "ClientOSError")])
    async def test_close_and_reset_faults_send_no_response(self, client: WordsClient, mode: str, error: str) -> None:
        await client.arm(mode=mode)
        with pytest.raises(Broken, match=error):
            await client.ask("POST", body="a")
        assert await client.words() == DEFAULTS
        assert [entry["status"] for entry in await client.history()] == [None]

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_cut_off_fault_truncates_the_response(self, client: WordsClient, method: str) -> None:
        """The request takes effect, and the response is truncated in the middle."""
        await client.arm(mode="cut_off")
        with pytest.raises(aiohttp.ClientPayloadError):
            await client.ask(method, body="a" if method == "POST" else None)
        assert await client.words() == (["a", *DEFAULTS] if method == "POST" else DEFAULTS)
        assert [entry["status"] for entry in await client.history()] == [200]

    async def test_stall_fault_sends_no_response(self, client: WordsClient) -> None:
        """A stalled request is in the history, and ends when the client disconnects."""
        await client.arm(mode="stall")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.ask("POST", body="a")
        assert [entry["status"] for entry in await client.history()] == [None]
        assert await client.words() == DEFAULTS
        assert (await client.ask("GET"))[0] == 200

    @pytest.mark.parametrize("mode", ["error", "html", "raw", "redirect", "close", "reset"])
    @pytest.mark.parametrize("act", [False, True])
    async def test_request_takes_effect_if_the_fault_says_so(
        self, client: WordsClient, mode: str, *, act: bool
    ) -> None:
        await client.arm(mode=mode, act=act)
        with contextlib.suppress(Broken):
            assert (await client.ask("POST", body="a"))[1] != b"added"
        assert ("a" in await client.words()) == act

    async def test_response_can_be_delayed(self, client: WordsClient) -> None:
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
    async def test_invalid_fault_is_rejected(self, client: WordsClient, fault: dict[str, Any], field: str) -> None:
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
