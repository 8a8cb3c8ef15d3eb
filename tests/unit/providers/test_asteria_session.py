"""Sessions of an ASTERIA server: a shared login, and a new login after a rejected session."""

import asyncio
from urllib.parse import parse_qsl

import pytest

from gateway.call_context import CallContext
from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from keyway.v1 import certificate_service_pb2 as service
from tests.support.providers.asteria_samples import (
    BASE,
    CLIENT,
    LOGIN,
    LOGOUT,
    a_call,
    exist,
    failure,
    provider_on,
    success,
)
from tests.support.providers.asteria_sessions import ACCOUNT, EXIST, account, check, hold, logged_in, received_requests
from tests.support.scripted_upstream import ScriptedUpstream


async def test_first_call_logs_in_and_close_logs_out(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, body=logged_in(" ABC "))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("GET", EXIST, body=exist(False))
    upstream.answer("POST", LOGOUT, body=success())
    async with account(upstream, timeout_minutes=45) as asteria:
        assert upstream.requests == []
        assert await check(asteria)
        assert not await check(asteria)
    assert received_requests(upstream) == [("login", None), ("exist", "ABC"), ("exist", "ABC"), ("logout", "ABC")]
    login = upstream.requests[0]
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert parse_qsl(login.body.decode("ascii")) == [
        ("userName", ACCOUNT["user_name"]),
        ("password", ACCOUNT["password"]),
        ("timeout", "45"),
    ]


async def test_concurrent_callers_share_one_login(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("POST", LOGOUT, body=success())
    for _ in range(10):
        upstream.answer("GET", EXIST, body=exist(True))
    async with account(upstream) as asteria:
        assert await asyncio.gather(*(check(asteria) for _ in range(10))) == [True] * 10
    assert [path for path, _ in received_requests(upstream)].count("login") == 1


async def test_expired_session_is_renewed_and_the_call_retried(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("OLD"))
    upstream.answer("POST", LOGIN, body=logged_in("NEW"))
    upstream.answer("POST", f"{BASE}/client/delete", status=403, body=failure(3001))
    upstream.answer("POST", f"{BASE}/client/delete", body=success())
    upstream.answer("POST", LOGOUT, body=success())
    async with account(upstream) as asteria:
        request = service.DeleteCertificateRequest(name=CLIENT, keystore_password="123456")
        call = a_call()
        await asteria.delete_certificate(request, call)
        assert len(call.attempts) == 4
        assert not asteria.requests.counts().failures
    assert received_requests(upstream) == [
        ("login", None),
        ("delete", "OLD"),
        ("login", None),
        ("delete", "NEW"),
        ("logout", "NEW"),
    ]
    assert upstream.requests[1].body == upstream.requests[3].body


async def test_concurrent_rejections_cause_one_login(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("OLD"))
    upstream.answer("GET", EXIST, body=exist(True))
    async with account(upstream) as asteria:
        await check(asteria)
        for _ in range(10):
            upstream.answer("GET", EXIST, status=403, body=failure("3001"))
        upstream.answer("POST", LOGIN, body=logged_in("NEW"))
        barrier = asyncio.Event()
        send = HttpClient.send
        refused = 0

        async def together(self: HttpClient, request: HttpRequest, call: CallContext) -> HttpResponse:
            nonlocal refused
            response = await send(self, request, call)
            if b"3001" in response.body:
                refused += 1
                if refused == 10:
                    barrier.set()
                    for _ in range(10):
                        upstream.answer("GET", EXIST, body=exist(True))
                await barrier.wait()
            return response

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(HttpClient, "send", together)
            assert await asyncio.gather(*(check(asteria) for _ in range(10))) == [True] * 10
        upstream.answer("POST", LOGOUT, body=success())
    assert [path for path, _ in received_requests(upstream)].count("login") == 2


async def test_late_rejection_of_the_old_session_uses_the_new_one(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = f"{BASE}/client/exist"
    for name in ("OLD", "NEW"):
        upstream.answer("POST", LOGIN, body=logged_in(name))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("GET", EXIST, status=403, body=failure(3001))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("GET", late, status=403, body=failure(3001))
    upstream.answer("GET", late, body=exist(True))
    upstream.answer("POST", LOGOUT, body=success())
    async with account(upstream) as asteria:
        await check(asteria)
        came, go = hold(monkeypatch, late)
        request = service.CheckCertificateRequest(name=CLIENT)
        slow = asyncio.create_task(asteria.check_certificate(request, a_call()))
        await came.wait()
        assert await check(asteria)
        go.set()
        assert (await slow).exists
    assert [path for path, _ in received_requests(upstream)].count("login") == 2


async def test_session_that_is_rejected_again_is_an_error(upstream: ScriptedUpstream) -> None:
    for name in ("OLD", "NEW"):
        upstream.answer("POST", LOGIN, body=logged_in(name))
        upstream.answer("GET", EXIST, status=403, body=failure(3001))
    upstream.answer("POST", LOGOUT, body=success())
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.kind is outcomes.CREDENTIALS_REJECTED
    assert raised.value.upstream_code == "3001"


async def test_fixed_session_is_neither_started_nor_ended(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("GET", EXIST, status=403, body=failure(3001))
    asteria = provider_on(upstream.url)
    await asteria.start()
    assert await check(asteria)
    with pytest.raises(UpstreamError) as raised:
        await check(asteria)
    assert raised.value.kind is outcomes.CREDENTIALS_REJECTED
    await asteria.close()
    assert [path for path, _ in received_requests(upstream)] == ["exist", "exist"]
