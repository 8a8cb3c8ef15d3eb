"""The limits of the HTTP client: connections, time, and cancellation."""

import asyncio

import pytest

from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.client import HttpRequest
from tests.support.raw_server import RawServer, Reader, Writer, answering, keeping_alive, read_request, silence
from tests.support.scripted_upstream import ScriptedUpstream
from tests.support.upstream_client import GET, OK, POST, client, failure, new_call

pytestmark = [pytest.mark.usefixtures("transport"), pytest.mark.asyncio(loop_scope="module")]


class TestBusy:
    async def test_request_without_a_free_slot_is_busy(self) -> None:
        async with RawServer(silence) as server, client(server.url, maximum_connections=1, connect_timeout=0.1) as http:
            first = asyncio.create_task(http.send(GET, new_call()))
            await asyncio.sleep(0)
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call())
            first.cancel()
            await asyncio.wait({first})
        assert caught.value.kind == outcomes.BUSY
        assert caught.value.kind.retryable
        assert server.connections == 1

    async def test_deadline_passes_in_the_queue(self) -> None:
        async with RawServer(silence) as server, client(server.url, maximum_connections=1) as http:
            first = asyncio.create_task(http.send(GET, new_call()))
            await asyncio.sleep(0)
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call(0.05))
            first.cancel()
            await asyncio.wait({first})
        assert caught.value.kind == outcomes.TIMEOUT

    async def test_slots_are_returned_after_successes(self) -> None:
        async with RawServer(keeping_alive(OK)) as server, client(server.url, maximum_connections=2) as http:
            responses = await asyncio.gather(*(http.send(GET, new_call(repeatable=True)) for _ in range(20)))
        assert [response.body for response in responses] == [b"ok"] * 20
        assert server.connections <= 2

    async def test_slots_are_returned_after_failures(self) -> None:
        async with RawServer(answering(b"")) as server, client(server.url, maximum_connections=1) as http:
            for _ in range(3):
                with pytest.raises(UpstreamError) as caught:
                    await http.send(GET, new_call())
                assert caught.value.kind == outcomes.CONNECTION_LOST


class TestTime:
    async def test_silent_server_is_a_timeout(self) -> None:
        async with RawServer(silence) as server:
            error = await failure(server.url, timeout=0.1)
        assert (error.kind, error.http_status) == (outcomes.TIMEOUT, None)

    async def test_deadline_of_the_caller_takes_precedence(self) -> None:
        async with RawServer(silence) as server, asyncio.timeout(60):
            error = await failure(server.url, seconds=0.1, timeout=600)
        assert error.kind == outcomes.TIMEOUT

    @pytest.mark.parametrize("status", [200, 500])
    async def test_incomplete_body_is_a_timeout(self, status: int) -> None:
        async def behavior(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: 10\r\n\r\nhalf".encode())
            await silence(reader, writer)

        async with RawServer(behavior) as server:
            error = await failure(server.url, timeout=0.1)
        assert (error.kind, error.http_status) == (outcomes.TIMEOUT, status)

    async def test_trickled_data_does_not_extend_the_timeout(self) -> None:
        async def behavior(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.01)

        async with RawServer(behavior) as server:
            assert (await failure(server.url, timeout=0.2)).kind == outcomes.TIMEOUT

    async def test_early_response_is_accepted(self) -> None:
        """The server responds, keeps the connection open, and never reads the rest of a large body."""

        async def behavior(reader: Reader, writer: Writer) -> None:
            await reader.readexactly(1)
            writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
            await asyncio.Event().wait()

        async with RawServer(behavior) as server, client(server.url) as http:
            large = HttpRequest("POST", "/things", body=b"x" * 20_000_000)
            response = await asyncio.wait_for(http.send(large, new_call()), 60)
        assert (response.status, response.body) == (413, b"no")

    async def test_nothing_is_sent_after_the_deadline(self) -> None:
        """Not even over an open idle connection."""
        async with ScriptedUpstream() as upstream, client(upstream.url) as http:
            upstream.answer("GET", "/things")
            await http.send(GET, new_call())
            for seconds in (0.0, -1.0):
                with pytest.raises(UpstreamError) as caught:
                    await http.send(POST, new_call(seconds))
                assert caught.value.kind == outcomes.TIMEOUT
        assert len(upstream.requests) == 1


class TestCancellation:
    async def test_cancellation_closes_the_connection(self) -> None:
        requested, closed = asyncio.Event(), asyncio.Event()

        async def behavior(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            requested.set()
            await silence(reader, writer)
            closed.set()

        async with RawServer(behavior) as server, client(server.url) as http:
            call = new_call()
            task = asyncio.create_task(http.send(GET, call))
            await requested.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(closed.wait(), 60)
        assert [attempt.http_status for attempt in call.attempts] == [None]

    async def test_cancellation_during_the_body_closes_the_connection(self) -> None:
        requested, closed = asyncio.Event(), asyncio.Event()

        async def behavior(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
            await writer.drain()
            requested.set()
            await silence(reader, writer)
            closed.set()

        async with RawServer(behavior) as server, client(server.url, maximum_connections=1) as http:
            task = asyncio.create_task(http.send(GET, new_call()))
            await requested.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(closed.wait(), 60)
