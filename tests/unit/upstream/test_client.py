"""The HTTP client against servers that misbehave at each stage of an exchange, over real sockets."""

import asyncio
import datetime as dt
import gzip
import socket
import struct
import time
from email.utils import format_datetime

import pytest

from gateway import errors
from gateway.errors import MalformedResponse, Outcome, UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.client import HttpRequest
from tests.support.raw_server import RawServer, Reader, Writer, answering, keeping_alive, read_request, silence
from tests.support.scripted_upstream import ScriptedUpstream
from tests.unit.upstream.support import GET, POST, client, failure, new_call

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def reset(writer: Writer) -> None:
    """Close with a TCP reset."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


class TestSuccess:
    async def test_answer_is_complete(self) -> None:
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
    async def test_status_of_a_complete_answer_is_for_the_adapter(self, status: int) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things", status, body="no")
            response = await http.send(GET, new_call())
        assert (response.status, response.body) == (status, b"no")

    async def test_no_content(self) -> None:
        answer = b"HTTP/1.1 204 No Content\r\n\r\n"
        async with RawServer(keeping_alive(answer)) as server, client(server.url) as http:
            responses = [await http.send(GET, new_call()) for _ in range(2)]
        assert [(response.status, response.body, response.media_type) for response in responses] == [(204, b"", "")] * 2
        assert server.connections == 1

    async def test_head_has_no_body_whatever_its_length_says(self) -> None:
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"
        async with RawServer(answering(answer)) as server, client(server.url) as http:
            response = await http.send(HttpRequest("HEAD", "/things"), new_call())
        assert response.body == b""

    async def test_body_until_the_connection_ends(self) -> None:
        async with RawServer(answering(b"HTTP/1.0 200 OK\r\n\r\nto the end")) as server, client(server.url) as http:
            assert (await http.send(GET, new_call())).body == b"to the end"

    async def test_an_interim_answer_is_not_the_answer(self) -> None:
        answer = b"HTTP/1.1 102 Processing\r\n\r\n" + OK
        async with RawServer(answering(answer)) as server, client(server.url) as http:
            assert (await http.send(GET, new_call())).body == b"ok"

    async def test_neither_bodies_nor_headers_are_in_a_repr(self) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("POST", "/things", headers={"X-Token": "secret"}, body="secret")
            response = await http.send(POST, new_call())
        assert "secret" not in repr(response) + repr(POST)


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("text", "seconds"),
        [("30", 30.0), (" 7 ", 7.0), ("0", 0.0), ("9" * 400, float("inf"))]
        + [(text, None) for text in ("", "-1", "1.5", "soon", "٣", "Mon, 99 Foo 2026 00:00:00 GMT")],
    )
    async def test_number(self, text: str, seconds: float | None) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things", 429, {"Retry-After": text})
            assert (await http.send(GET, new_call())).retry_after == seconds

    @pytest.mark.parametrize(("offset", "low", "high"), [(90, 60, 91), (-90, 0, 0)])
    @pytest.mark.parametrize("zone", ["GMT", "-0000"])
    async def test_date(self, offset: int, low: float, high: float, zone: str) -> None:
        moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=offset)
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things", 503, {"Retry-After": format_datetime(moment).replace("+0000", zone)})
            seconds = (await http.send(GET, new_call())).retry_after
        assert seconds is not None
        assert low <= seconds <= high


class TestNoConnection:
    async def test_refused(self) -> None:
        error = await failure(f"http://127.0.0.1:{unused_port()}")
        assert error.outcome == outcomes.UNREACHABLE
        assert error.outcome.retryable

    async def test_name_does_not_resolve(self) -> None:
        assert (await failure("http://no-such-host.invalid")).outcome == outcomes.UNREACHABLE

    async def test_connection_not_made_in_time(self) -> None:
        """A TLS handshake that the server never answers is part of connecting: nothing was sent."""
        async with RawServer(silence) as server:
            error = await failure(f"https://127.0.0.1:{server.port}", connect_timeout=0.1)
        assert error.outcome == outcomes.UNREACHABLE

    async def test_deadline_passes_while_connecting(self) -> None:
        async with RawServer(silence) as server:
            error = await failure(f"https://127.0.0.1:{server.port}", seconds=0.1)
        assert error.outcome == outcomes.TIMEOUT

    async def test_proxy_refuses(self) -> None:
        proxy = f"http://127.0.0.1:{unused_port()}"
        assert (await failure("http://upstream.example", proxy=proxy)).outcome == outcomes.UNREACHABLE

    async def test_proxy_does_not_open_a_tunnel(self) -> None:
        async with RawServer(answering(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")) as proxy:
            error = await failure("https://upstream.example", proxy=proxy.url)
        assert error.outcome == outcomes.UNREACHABLE


class TestBusy:
    async def test_no_slot_gets_free(self) -> None:
        async with RawServer(silence) as server, client(server.url, maximum_connections=1, connect_timeout=0.1) as http:
            first = asyncio.create_task(http.send(GET, new_call()))
            await asyncio.sleep(0)
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call())
            first.cancel()
            await asyncio.wait({first})
        assert caught.value.outcome == outcomes.BUSY
        assert caught.value.outcome.retryable
        assert server.connections == 1

    async def test_deadline_passes_in_the_queue(self) -> None:
        async with RawServer(silence) as server, client(server.url, maximum_connections=1) as http:
            first = asyncio.create_task(http.send(GET, new_call()))
            await asyncio.sleep(0)
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call(0.05))
            first.cancel()
            await asyncio.wait({first})
        assert caught.value.outcome == outcomes.TIMEOUT

    async def test_slots_come_back(self) -> None:
        async with RawServer(keeping_alive(OK)) as server, client(server.url, maximum_connections=2) as http:
            responses = await asyncio.gather(*(http.send(GET, new_call()) for _ in range(20)))
        assert [response.body for response in responses] == [b"ok"] * 20
        assert server.connections <= 2

    async def test_slots_come_back_after_failures(self) -> None:
        async with RawServer(answering(b"")) as server, client(server.url, maximum_connections=1) as http:
            for _ in range(3):
                with pytest.raises(UpstreamError) as caught:
                    await http.send(GET, new_call())
                assert caught.value.outcome == outcomes.CONNECTION_LOST


class TestConnectionLost:
    @pytest.mark.parametrize("request_", [GET, POST, HttpRequest("DELETE", "/things"), HttpRequest("PUT", "/things")])
    @pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Le"])
    async def test_closed_before_the_answer(self, request_: HttpRequest, sent: bytes) -> None:
        """Each request is sent once: the library would repeat some methods unasked."""
        async with RawServer(answering(sent)) as server:
            error = await failure(server.url, request_)
        assert error.outcome == outcomes.CONNECTION_LOST
        assert not error.outcome.retryable
        assert error.outcome.repeatable
        assert server.connections == 1

    @pytest.mark.parametrize("request_", [GET, POST])
    async def test_reset_before_the_answer(self, request_: HttpRequest) -> None:
        async def behaviour(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            reset(writer)

        async with RawServer(behaviour) as server:
            error = await failure(server.url, request_)
        assert error.outcome == outcomes.CONNECTION_LOST
        assert server.connections == 1

    async def test_reset_while_the_request_is_sent(self) -> None:
        async def behaviour(reader: Reader, writer: Writer) -> None:
            await reader.readexactly(1)
            reset(writer)

        async with RawServer(behaviour) as server:
            error = await failure(server.url, HttpRequest("POST", "/things", body=b"x" * 20_000_000))
        assert error.outcome == outcomes.CONNECTION_LOST

    @pytest.mark.parametrize("request_", [GET, POST])
    async def test_pooled_connection_dies_under_the_next_request(self, request_: HttpRequest) -> None:
        async def behaviour(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(OK)
            await read_request(reader)

        async with RawServer(behaviour) as server, client(server.url) as http:
            assert (await http.send(GET, new_call())).body == b"ok"
            with pytest.raises(UpstreamError) as caught:
                await http.send(request_, new_call())
        assert caught.value.outcome == outcomes.CONNECTION_LOST
        assert server.connections == 1

    async def test_connection_closed_while_idle_is_not_used_again(self) -> None:
        async with RawServer(answering(OK)) as server, client(server.url) as http:
            for _ in range(3):
                assert (await http.send(POST, new_call())).body == b"ok"
                for _ in range(100):  # turns of the loop, in which the end of the connection arrives
                    await asyncio.sleep(0)
        assert server.connections == 3

    async def test_connection_that_the_server_announced_to_close_is_not_used_again(self) -> None:
        answer = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        async with RawServer(answering(answer)) as server, client(server.url) as http:
            for _ in range(3):
                assert (await http.send(POST, new_call())).body == b"ok"
        assert server.connections == 3


class TestCutOff:
    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 7\r\n\r\nnot zip",
            b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 6\r\n\r\nbrotli",
        ],
    )
    async def test_success(self, answer: bytes) -> None:
        async with RawServer(answering(answer)) as server:
            error = await failure(server.url)
        assert isinstance(error, MalformedResponse)
        assert error.http_status in (200, None)  # None where the library unpacks before it hands out the status

    @pytest.mark.parametrize(
        ("status", "outcome"),
        [
            (400, outcomes.UNRECOGNIZED),
            (401, outcomes.CREDENTIALS_REJECTED),
            (403, outcomes.CREDENTIALS_REJECTED),
            (404, outcomes.API_NOT_FOUND),
            (429, outcomes.RATE_LIMITED),
            (500, outcomes.INTERNAL),
            (502, outcomes.UNAVAILABLE),
            (503, outcomes.UNAVAILABLE),
            (504, outcomes.UNAVAILABLE),
        ],
    )
    async def test_failure_means_what_its_status_says(self, status: int, outcome: Outcome) -> None:
        answer = f"HTTP/1.1 {status} No\r\nRetry-After: 9\r\nContent-Length: 10\r\n\r\nhalf"
        async with RawServer(answering(answer.encode())) as server:
            error = await failure(server.url)
        assert (error.outcome, error.http_status, error.retry_after) == (outcome, status, 9.0)


class TestMalformed:
    @pytest.mark.parametrize(
        "answer",
        [
            b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
            b"HTTP/1.1 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 50_000 + b"\r\n",
            b"HTTP/1.1 200 OK\r\nX\x00Y: a\r\n\r\n",
        ],
        ids=["no http", "no status", "negative length", "two lengths", "long header", "many headers", "bad header"],
    )
    async def test_not_http(self, answer: bytes) -> None:
        async with RawServer(answering(answer)) as server:
            error = await failure(server.url)
        assert error.outcome == errors.MALFORMED_PROVIDER_RESPONSE
        assert error.http_status is None

    @pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
    async def test_redirects_are_refused(self, status: int) -> None:
        async with ScriptedUpstream() as upstream:
            upstream.answer("GET", "/things", status, {"Location": f"{upstream.url}/elsewhere"})
            error = await failure(upstream.url)
        assert (error.outcome, error.http_status) == (errors.MALFORMED_PROVIDER_RESPONSE, status)
        assert len(upstream.requests) == 1

    @pytest.mark.parametrize("length", [1000, 1001])
    @pytest.mark.parametrize("announced", [True, False])
    async def test_size_limit(self, length: int, *, announced: bool) -> None:
        head = f"Content-Length: {length}" if announced else "Connection: close"
        answer = f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + b"x" * length
        async with RawServer(answering(answer)) as server:
            if length <= 1000:
                async with client(server.url, maximum_response_bytes=1000) as http:
                    assert (await http.send(GET, new_call())).body == b"x" * length
            else:
                error = await failure(server.url, maximum_response_bytes=1000)
                assert (error.outcome, error.http_status) == (errors.MALFORMED_PROVIDER_RESPONSE, 200)

    async def test_endless_answer_is_not_read_to_its_end(self) -> None:
        hung_up = asyncio.Event()

        async def behaviour(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            try:
                while True:
                    writer.write(b"x" * 65_536)
                    await writer.drain()
            finally:
                hung_up.set()

        async with RawServer(behaviour) as server:
            error = await failure(server.url, maximum_response_bytes=1_000_000)
            await asyncio.wait_for(hung_up.wait(), 5)
        assert error.outcome == errors.MALFORMED_PROVIDER_RESPONSE

    async def test_size_limit_holds_for_what_is_unpacked(self) -> None:
        packed = gzip.compress(b"\0" * 50_000_000)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        async with RawServer(answering(head.encode() + packed)) as server:
            error = await failure(server.url, maximum_response_bytes=1_000_000)
        assert error.outcome == errors.MALFORMED_PROVIDER_RESPONSE


class TestTime:
    async def test_silent_server(self) -> None:
        async with RawServer(silence) as server:
            error = await failure(server.url, timeout=0.1)
        assert (error.outcome, error.http_status) == (outcomes.TIMEOUT, None)

    async def test_caller_deadline_comes_first(self) -> None:
        started = time.monotonic()
        async with RawServer(silence) as server:
            error = await failure(server.url, seconds=0.1)
        assert error.outcome == outcomes.TIMEOUT
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("status", [200, 500])
    async def test_body_stops_half_way(self, status: int) -> None:
        async def behaviour(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 10\r\n\r\nhalf".encode())
            await silence(reader, writer)

        async with RawServer(behaviour) as server:
            error = await failure(server.url, timeout=0.1)
        assert (error.outcome, error.http_status) == (outcomes.TIMEOUT, status)

    async def test_drops_of_data_do_not_extend_the_limit(self) -> None:
        async def behaviour(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with RawServer(behaviour) as server:
            assert (await failure(server.url, timeout=0.2)).outcome == outcomes.TIMEOUT

    async def test_answer_before_the_request_was_read(self) -> None:
        """The server answers, keeps the connection open and never reads the rest of a large body."""

        async def behaviour(reader: Reader, writer: Writer) -> None:
            await reader.readexactly(1)
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            await asyncio.Event().wait()

        async with RawServer(behaviour) as server, client(server.url) as http:
            large = HttpRequest("POST", "/things", body=b"x" * 20_000_000)
            response = await asyncio.wait_for(http.send(large, new_call()), 5)
        assert (response.status, response.body) == (413, b"no")

    async def test_nothing_is_sent_after_the_deadline(self) -> None:
        """Not even over a connection that stands ready."""
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things")
            await http.send(GET, new_call())
            for seconds in (0.0, -1.0):
                with pytest.raises(UpstreamError) as caught:
                    await http.send(POST, new_call(seconds))
                assert caught.value.outcome == outcomes.TIMEOUT
        assert len(upstream.requests) == 1


class TestCancellation:
    async def test_closes_the_connection(self) -> None:
        asked, hung_up = asyncio.Event(), asyncio.Event()

        async def behaviour(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            asked.set()
            await silence(reader, writer)
            hung_up.set()

        async with RawServer(behaviour) as server, client(server.url) as http:
            call = new_call()
            task = asyncio.create_task(http.send(GET, call))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(hung_up.wait(), 5)
        assert [attempt.http_status for attempt in call.attempts] == [None]

    async def test_in_the_middle_of_the_body(self) -> None:
        asked, hung_up = asyncio.Event(), asyncio.Event()

        async def behaviour(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            await writer.drain()
            asked.set()
            await silence(reader, writer)
            hung_up.set()

        async with RawServer(behaviour) as server, client(server.url, maximum_connections=1) as http:
            task = asyncio.create_task(http.send(GET, new_call()))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(hung_up.wait(), 5)


class TestNoMemory:
    async def test_no_cookies(self) -> None:
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            for _ in range(2):
                upstream.answer("GET", "/things", headers={"Set-Cookie": "session=1; Path=/"})
                await http.send(GET, new_call())
        assert ["Cookie" in request.headers for request in upstream.requests] == [False, False]

    async def test_environment_proxies_are_ignored(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{unused_port()}")
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things")
            assert (await http.send(GET, new_call())).status == 200

    async def test_configured_proxy_is_used(self) -> None:
        heads: list[bytes] = []

        async def behaviour(reader: Reader, writer: Writer) -> None:
            heads.append((await read_request(reader))[0])
            writer.write(OK)

        async with RawServer(behaviour) as proxy, client("http://upstream.example", proxy=proxy.url) as http:
            assert (await http.send(GET, new_call())).body == b"ok"
        assert heads[0].startswith(b"GET http://upstream.example/things HTTP/1.1\r\n")


class TestOurOwnFaults:
    async def test_client_that_was_not_started(self) -> None:
        async with client("http://127.0.0.1:1") as http:
            await http.close()
            with pytest.raises(RuntimeError):
                await http.send(GET, new_call())

    async def test_header_that_would_break_the_request_is_not_the_upstreams_fault(self) -> None:
        async with RawServer(keeping_alive(OK)) as server, client(server.url) as http:
            with pytest.raises(ValueError, match="header"):
                await http.send(HttpRequest("GET", "/things", {"X": "a\r\nY: b"}), new_call())
            assert (await http.send(GET, new_call())).body == b"ok"
