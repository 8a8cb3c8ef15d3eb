"""A provider that logs in to a scripted ASTERIA server, and the requests that the server received."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.call_context import CallContext
from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from keyway.v1 import certificate_service_pb2 as service
from tests.support.providers.asteria_samples import BASE, SERVER, a_call, provider_on, success
from tests.support.scripted_upstream import ScriptedUpstream

ACCOUNT = {"user_name": "/keyway 管理", "password": "s3cr&t=ü"}
EXIST = f"{BASE}/server/exist"


def logged_in(session_id: object) -> dict[str, object]:
    return success({"sessionId": session_id})


@asynccontextmanager
async def account(upstream: ScriptedUpstream, **settings: object) -> AsyncIterator[AsteriaProvider]:
    adapter = provider_on(upstream.url, session_id=None, login={**ACCOUNT, **settings})
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


async def check(asteria: AsteriaProvider, seconds: float = 10.0) -> bool:
    request = service.CheckCertificateRequest(name=SERVER)
    return (await asteria.check_certificate(request, a_call(seconds))).exists


def received_requests(upstream: ScriptedUpstream) -> list[tuple[str, str | None]]:
    """Return the last path segment and the session of every request."""
    return [(request.path.rpartition("/")[2], request.headers.get("X-As-SessionId")) for request in upstream.requests]


def hold(monkeypatch: pytest.MonkeyPatch, path: str) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold requests for `path` until the second event is set. The first event reports that a request arrived."""
    came, go = asyncio.Event(), asyncio.Event()
    send = HttpClient.send

    async def held(self: HttpClient, request: HttpRequest, call: CallContext) -> HttpResponse:
        if request.target == path:
            came.set()
            await go.wait()
        return await send(self, request, call)

    monkeypatch.setattr(HttpClient, "send", held)
    return came, go
