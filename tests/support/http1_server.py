"""A raw server with scripted responses, and a client of the HTTP/1.1 transport, for tests."""

import contextlib
from collections.abc import AsyncIterator

from gateway.upstream.client import HttpClient
from gateway.upstream.http1.transport import Http1Transport
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.upstream_client import client


def connections(http: HttpClient) -> int:
    assert isinstance(http._transport, Http1Transport)
    return http._transport.connections


@contextlib.asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[tuple[RawServer, HttpClient]]:
    """Yield a server that sends these responses in turn, on any connection, and a client of it."""
    left = list(answers)

    async def behavior(reader: Reader, writer: Writer) -> None:
        while left:
            await read_request(reader)
            writer.write(left.pop(0))
            await writer.drain()
        await reader.read()

    async with RawServer(behavior) as server, client(server.url) as http:
        yield server, http
