"""The connection pool of the HTTP/1.1 transport: when it reuses, closes, and replaces connections."""

import asyncio
import os
import socket
from collections.abc import Callable

import pytest

from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.http1 import connection_pool
from gateway.upstream.http1.transport import Http1Transport
from tests.support.faulty_upstream import FaultyUpstream, hang_up, saying
from tests.support.http1_server import connections, serving
from tests.support.raw_server import RawServer, Reader, Writer, keeping_alive, read_request
from tests.support.upstream_client import GET, OK, POST, client, new_call

pytestmark = pytest.mark.asyncio(loop_scope="module")


def at_once(server: RawServer, act: Callable[[socket.socket], object]) -> None:
    """Act on the server's side of each connection, without an iteration of the event loop."""
    for writer in server.writers:
        with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as wire:
            act(wire)


class TestPool:
    async def test_most_recently_used_connection_is_reused_first(self) -> None:
        served: list[int] = []

        async def behavior(reader: Reader, writer: Writer) -> None:
            number = server.connections
            while True:
                await read_request(reader)
                served.append(number)
                writer.write(OK)

        async with RawServer(behavior) as server, client(server.url) as http:
            await asyncio.gather(*(http.send(GET, new_call(repeatable=True)) for _ in range(3)))
            served.clear()
            for _ in range(5):
                await http.send(GET, new_call(repeatable=True))
            assert connections(http) == 3
        assert len(set(served)) == 1

    async def test_closed_idle_connection_is_detected_before_reuse(self) -> None:
        """The event loop has had no iteration in which it could detect the end."""
        async with serving(OK, OK) as (server, http):
            await http.send(POST, new_call(repeatable=True))
            at_once(server, lambda wire: wire.shutdown(socket.SHUT_WR))
            call = new_call(repeatable=True)
            assert (await http.send(POST, call)).body == b"ok"
            assert len(call.attempts) == 1
        assert server.connections == 2

    async def test_unexpected_bytes_close_an_idle_connection(self) -> None:
        async with serving(OK, OK) as (server, http):
            await http.send(GET, new_call(repeatable=True))
            at_once(server, lambda wire: wire.sendall(OK.replace(b"ok", b"NO")))
            call = new_call(repeatable=True)
            assert (await http.send(GET, call)).body == b"ok"
            assert len(call.attempts) == 1
        assert server.connections == 2

    async def test_connection_that_is_lost_after_the_response_began_is_a_failure(self) -> None:
        begun = saying(b"HTTP/1.1 2", hang_up)
        async with FaultyUpstream(saying(OK), begun, then=saying(OK)) as upstream, client(upstream.url) as http:
            await http.send(GET, new_call(repeatable=True))
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call(repeatable=True))
            assert caught.value.kind == outcomes.CONNECTION_LOST
            assert len(upstream.heads) == 2

    async def test_connection_that_is_idle_for_too_long_is_closed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection_pool, "IDLE_SECONDS", 0.05)
        ended = asyncio.Event()

        async def behavior(reader: Reader, writer: Writer) -> None:
            await read_request(reader)
            writer.write(OK)
            await reader.read()
            ended.set()

        async with RawServer(behavior) as server, client(server.url) as http:
            await http.send(GET, new_call(repeatable=True))
            await asyncio.wait_for(ended.wait(), 10)
            await asyncio.sleep(0)
            assert connections(http) == 0

    @pytest.mark.parametrize(("header", "kept"), [("timeout=1", False), ("timeout=60, max=5", True), ("max=5", True)])
    async def test_keep_alive_timeout_of_the_server_is_respected(self, header: str, *, kept: bool) -> None:
        async with serving(OK.replace(b"\r\n\r\n", f"\r\nKeep-Alive: {header}\r\n\r\n".encode()), OK) as (
            server,
            http,
        ):
            await http.send(GET, new_call(repeatable=True))
            await http.send(GET, new_call(repeatable=True))
        assert server.connections == (1 if kept else 2)

    async def test_closing_the_pool_closes_all_connections(self) -> None:
        async with RawServer(keeping_alive(OK)) as server:
            async with client(server.url) as http:
                await asyncio.gather(*(http.send(GET, new_call(repeatable=True)) for _ in range(5)))
                assert connections(http) == 5
                transport = http._transport
                assert isinstance(transport, Http1Transport)
                assert transport._pool is not None
                pool = transport._pool
            assert pool.open == 0


async def test_read_timeout_limits_silence_during_a_response() -> None:
    async def behavior(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        for _ in range(5):
            writer.write(b"x")
            await asyncio.sleep(0.05)
        await reader.read()

    async with RawServer(behavior) as server, client(server.url, read_timeout=0.2) as http:
        call = new_call(repeatable=True)
        with pytest.raises(UpstreamError) as caught:
            await http.send(GET, call)
    assert (caught.value.kind, caught.value.http_status) == (outcomes.TIMEOUT, 200)
    assert 0.35 < call.attempts[0].seconds < 3
