"""The client of the central store: failures, timeouts, and cancellation, against a real HTTP server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from gateway.audit_query.central.settings import CentralSettings
from gateway.audit_query.central.source import CentralSource
from gateway.audit_query.central.store import CentralStore
from gateway.audit_query.source import Scope
from gateway.errors import AUDIT_QUERY_TIMEOUT, AUDIT_QUERY_UNAVAILABLE, GatewayError
from keyway.v1.audit_record_pb2 import AuditFilter
from tests.support.ports import free_port
from tests.support.waiting import eventually

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
TEXT_OF_THE_STORE = "text-of-the-store"
PASSWORD = "s3cret-word"


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[CentralSettings]:
    """Serve a handler as the store."""
    application = web.Application()
    application.router.add_post("/select/logsql/query", handler)
    runner = web.AppRunner(application, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield settings(port)
    finally:
        await runner.cleanup()


def settings(port: int) -> CentralSettings:
    tree = {"endpoint": f"http://127.0.0.1:{port}", "username": "keyway", "password": PASSWORD}
    return CentralSettings.model_validate(tree)


async def failure(settings: CentralSettings, seconds: float = 5.0) -> GatewayError:
    """Return the error of a list. Neither it nor the log contains what the store said, or the password."""
    source = CentralSource(settings, seconds)
    with pytest.raises(GatewayError) as caught:
        await source.list(AuditFilter(), Scope(), limit=10, after=None)
    await source.close()
    assert TEXT_OF_THE_STORE not in repr(caught.value)
    return caught.value


async def rejecting(_: web.Request) -> web.Response:
    return web.Response(status=400, text=TEXT_OF_THE_STORE)


async def redirecting(_: web.Request) -> web.Response:
    raise web.HTTPFound("http://127.0.0.1:1/")


async def ending_with_an_error(_: web.Request) -> web.Response:
    return web.Response(text=f'{{"a":"1"}}\n{TEXT_OF_THE_STORE}\n')


async def cutting_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b'{"a":"1"}\n{"a":')
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize("handler", [rejecting, redirecting, ending_with_an_error, cutting_off])
async def test_failure_of_the_store_is_reported_without_its_text(
    handler: Handler, capsys: pytest.CaptureFixture[str]
) -> None:
    async with answering(handler) as settings:
        error = await failure(settings)
    assert error.kind == AUDIT_QUERY_UNAVAILABLE
    printed = capsys.readouterr()
    assert "audit_store_failed" in printed.out + printed.err
    assert TEXT_OF_THE_STORE not in printed.out + printed.err
    assert PASSWORD not in printed.out + printed.err


async def test_unreachable_store_is_unavailable() -> None:
    assert (await failure(settings(free_port()))).kind == AUDIT_QUERY_UNAVAILABLE


async def test_slow_store_is_a_timeout() -> None:
    async def hanging(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async with answering(hanging) as settings:
        error = await failure(settings, seconds=0.1)
    assert (error.kind, error.kind.retryable) == (AUDIT_QUERY_TIMEOUT, False)


async def test_canceled_query_ends_the_request() -> None:
    arrived, canceled = asyncio.Event(), asyncio.Event()

    async def hanging(_: web.Request) -> web.Response:
        arrived.set()
        try:
            await asyncio.Event().wait()
        finally:
            canceled.set()
        raise AssertionError

    async with answering(hanging) as settings:
        source = CentralSource(settings, 60.0)
        query = asyncio.create_task(source.list(AuditFilter(), Scope(), limit=10, after=None))
        await arrived.wait()
        query.cancel()
        with pytest.raises(asyncio.CancelledError):
            await query

        async def ended() -> bool:
            return canceled.is_set()

        await eventually(ended)
        await source.close()


async def test_rows_are_split_at_newlines_of_any_chunk() -> None:
    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for chunk in (b'{"a":', b'"1"}', b'\n{"a":"2"}\n\n', b'{"a":"3"}'):
            await response.write(chunk)
            await asyncio.sleep(0)
        return response

    async with answering(chunked) as settings:
        store = CentralStore(settings, 5.0)
        assert [row["a"] for row in await store.rows("*")] == ["1", "2", "3"]
        await store.close()
