"""Responses of the HTTP client, which keeps no state, over real sockets."""

import datetime as dt
from email.utils import format_datetime

import pytest

from gateway.upstream.client import HttpRequest
from tests.support.ports import free_port
from tests.support.raw_server import RawServer, Reader, Writer, answering, keeping_alive, read_request
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_client import GET, OK, POST, client, new_call

pytestmark = [pytest.mark.usefixtures("transport"), pytest.mark.asyncio(loop_scope="module")]


class TestSuccess:
    async def test_response_is_complete(self) -> None:
        async with ScriptedUpstream() as upstream, client(f"{upstream.url}/prefix/") as http:
            upstream.answer(
                "POST", "/prefix/a%20b/%2e%2e/c%2Fd", 201, {"Content-Type": "Text/Plain; charset=x"}, "done"
            )
            call = new_call()
            request = HttpRequest("POST", "/a%20b/%2e%2e/c%2Fd?x=%26&y=1+2", {"X-One": "1"}, b"\x00\xff")
            response = await http.send(request, call)
        assert (response.status, response.body, response.media_type) == (201, b"done", "text/plain")
        (received,) = upstream.requests
        assert received.target == "/prefix/a%20b/%2e%2e/c%2Fd?x=%26&y=1+2"
        assert received.body == b"\x00\xff"
        assert received.headers["X-One"] == "1"
        assert received.headers["Accept-Encoding"] == "identity"
        assert [(a.provider, a.method, a.http_status) for a in call.attempts] == [("warp", "POST", 201)]
        assert 0 < call.attempts[0].seconds < 5

    @pytest.mark.parametrize("status", [400, 404, 429, 500, 503, 599])
    async def test_failed_status_is_returned_to_the_adapter(self, status: int) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things", status, body="no")
            response = await http.send(GET, new_call())
        assert (response.status, response.body) == (status, b"no")

    async def test_response_without_content_is_empty(self) -> None:
        answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        async with RawServer(keeping_alive(answer)) as server, client(server.url) as http:
            responses = [await http.send(GET, new_call(repeatable=True)) for _ in range(2)]
        assert [(response.status, response.body, response.media_type) for response in responses] == [(204, b"", "")] * 2
        assert server.connections == 1

    async def test_response_to_head_has_no_body_despite_its_length(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
        async with RawServer(answering(answer)) as server, client(server.url) as http:
            response = await http.send(HttpRequest("HEAD", "/things"), new_call())
        assert response.body == b""

    async def test_body_can_end_with_the_connection(self) -> None:
        async with RawServer(answering(b"HTTP/1.0 200 OK\r\n\r\nto the end")) as server, client(server.url) as http:
            assert (await http.send(GET, new_call())).body == b"to the end"

    async def test_interim_response_is_skipped(self) -> None:
        answer = b"HTTP/1.1 102 Processing\r\n\r\n" + OK
        async with RawServer(answering(answer)) as server, client(server.url) as http:
            assert (await http.send(GET, new_call())).body == b"ok"

    async def test_repr_contains_neither_bodies_nor_headers(self) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("POST", "/things", headers={"X-Token": "secret"}, body="secret")
            response = await http.send(POST, new_call())
        assert "secret" not in repr(response) + repr(POST)
        assert "key" not in repr(HttpRequest("GET", "/app-key", {"X-Auth": "key"}))


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("30", 30.0), (" 7 ", 7.0), ("0", 0.0), ("9" * 400, float("inf"))]
        + [(text, None) for text in ("", "-1", "1.5", "soon", "٣", "Mon, 99 Foo 2026 00:00:00 GMT")],
    )
    async def test_retry_after_is_parsed_as_a_number(self, text: str, seconds: float | None) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things", 429, {"Retry-After": text})
            assert (await http.send(GET, new_call())).retry_after == seconds

    @pytest.mark.parametrize(("offset", "low", "high"), [(90, 60, 91), (-90, 0, 0)])
    @pytest.mark.parametrize("zone", ["GMT", "-0000"])
    async def test_retry_after_is_parsed_as_a_date(self, offset: int, low: float, high: float, zone: str) -> None:
        moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=offset)
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things", 503, {"Retry-After": format_datetime(moment).replace("+0000", zone)})
            seconds = (await http.send(GET, new_call())).retry_after
        assert seconds is not None
        assert low <= seconds <= high


class TestNoMemory:
    async def test_cookies_are_not_kept(self) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            for _ in range(2):
                upstream.answer("GET", "/things", headers={"Set-Cookie": "session=1; Path=/"})
                await http.send(GET, new_call())
        assert ["Cookie" in request.headers for request in upstream.requests] == [False, False]

    async def test_environment_proxies_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things")
            assert (await http.send(GET, new_call())).status == 200

    async def test_configured_proxy_is_used(self) -> None:
        heads: list[bytes] = []

        async def behavior(reader: Reader, writer: Writer) -> None:
            heads.append((await read_request(reader))[0])
            writer.write(OK)

        async with RawServer(behavior) as proxy, client("http://upstream.example", proxy=proxy.url) as http:
            assert (await http.send(GET, new_call())).body == b"ok"
        assert heads[0].startswith(b"GET http://upstream.example/things HTTP/1.1\r\n")


class TestOurOwnFaults:
    async def test_client_that_is_not_started_raises(self) -> None:
        async with client("http://127.0.0.1:1") as http:
            await http.close()
            with pytest.raises(RuntimeError):
                await http.send(GET, new_call())

    async def test_invalid_request_header_is_a_value_error(self) -> None:
        async with RawServer(keeping_alive(OK)) as server, client(server.url) as http:
            with pytest.raises(ValueError, match="header"):
                await http.send(HttpRequest("GET", "/things", {"X": "a\r\nY: b"}), new_call())
            assert (await http.send(GET, new_call())).body == b"ok"
