"""Responses that take long to parse: the event loop does other work meanwhile, and deadlines are kept."""

import asyncio
import ssl
import time
from pathlib import Path

import pytest

from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from tests.support.chunk_flood import chunk_flood, measured_turns
from tests.support.openssl import OpensslAuthority
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.upstream_client import GET, client, new_call

pytestmark = pytest.mark.asyncio(loop_scope="module")

TINY = b"1\r\nx\r\n"
LIMIT = 2 * 1024 * 1024
LONGEST_TURN = 0.05


async def test_tiny_chunks_do_not_delay_other_work() -> None:
    with chunk_flood(TINY * 16_384, LIMIT // 16_384) as url:
        async with client(url) as http:
            with measured_turns() as turns:
                response = await http.send(GET, new_call(60, repeatable=True))
            assert response.body == b"x" * LIMIT
            assert (await http.send(GET, new_call(60, repeatable=True))).body == response.body
    assert turns.longest < LONGEST_TURN


async def test_tiny_chunks_on_many_connections_do_not_delay_other_work() -> None:
    with chunk_flood(TINY * 16_384, None) as url:
        async with client(url) as http:
            with measured_turns() as turns:
                calls = (http.send(GET, new_call(2)) for _ in range(20))
                errors = await asyncio.gather(*calls, return_exceptions=True)
    assert {error.kind for error in errors if isinstance(error, UpstreamError)} == {outcomes.TIMEOUT}
    assert turns.longest < LONGEST_TURN


@pytest.mark.parametrize("block", [TINY * 16_384, b"1;" + b"e" * 60_000 + b"\r\nx\r\n"], ids=["chunks", "extensions"])
async def test_deadline_is_kept_during_an_endless_response(block: bytes) -> None:
    with chunk_flood(block, None) as url:
        async with client(url, maximum_response_bytes=1 << 40) as http:
            began = time.monotonic()
            with pytest.raises(UpstreamError) as caught:
                await http.send(GET, new_call(0.5))
            assert 0.49 < time.monotonic() - began < 0.7
    assert caught.value.kind == outcomes.TIMEOUT


async def test_tiny_chunks_over_tls_do_not_delay_other_work(tmp_path: Path) -> None:
    authority = OpensslAuthority(tmp_path)
    pair = authority.issue("server")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(pair.certificate, pair.key)
    trust = ssl.create_default_context(cafile=authority.pair.certificate)
    with chunk_flood(TINY * 16_384, 64, server) as url:
        async with client(url, tls=trust) as http:
            with measured_turns() as turns:
                assert len((await http.send(GET, new_call(60))).body) == 64 * 16_384
    assert turns.longest < LONGEST_TURN


async def test_end_of_the_connection_is_handled_after_the_bytes_before_it() -> None:
    body = bytes(range(256)) * 2000

    async def behavior(reader: Reader, writer: Writer) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        await writer.drain()

    async with RawServer(behavior) as server, client(server.url) as http:
        for _ in range(20):
            assert (await http.send(GET, new_call())).body == body


async def test_unexpected_bytes_after_a_long_response_close_the_connection() -> None:
    body = bytes(100_000)

    async def behavior(reader: Reader, writer: Writer) -> None:
        while True:
            await read_request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body + b"HTTP/1.1 200 OK\r\n\r\n")

    async with RawServer(behavior) as server, client(server.url) as http:
        for _ in range(3):
            assert (await http.send(GET, new_call(repeatable=True))).body == body
        assert server.connections == 3
