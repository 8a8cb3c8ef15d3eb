"""Logout from an ASTERIA server: it neither fails nor delays."""

import asyncio

import pytest

from gateway.errors import GatewayError
from gateway.providers.asteria import session
from tests.support.providers.asteria_samples import LOGIN, LOGOUT, exist, provider_on, success
from tests.support.providers.asteria_sessions import ACCOUNT, EXIST, account, check, hold, logged_in, received_requests
from tests.support.scripted_upstream import ScriptedUpstream


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_failed_logout_is_ignored(upstream: ScriptedUpstream, status: int) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("POST", LOGOUT, status=status, body=b"<html>")
    async with account(upstream) as asteria:
        await check(asteria)


async def test_hanging_logout_does_not_delay_close(upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("GET", EXIST, body=exist(True))
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 0.01)
    async with asyncio.timeout(60), account(upstream) as asteria:
        await check(asteria)
        hold(monkeypatch, LOGOUT)  # never released


async def test_close_during_a_login_logs_out_afterwards(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("POST", LOGOUT, body=success())
    came, go = hold(monkeypatch, LOGIN)
    asteria = provider_on(upstream.url, session_id=None, login=ACCOUNT)
    await asteria.start()
    caller = asyncio.create_task(check(asteria))
    await came.wait()
    caller.cancel()
    closing = asyncio.create_task(asteria.close())
    go.set()
    await closing
    assert received_requests(upstream) == [("login", None), ("logout", "ABC")]


async def test_close_does_not_wait_for_a_hanging_login(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 0.01)
    came, _ = hold(monkeypatch, LOGIN)
    asteria = provider_on(upstream.url, session_id=None, login=ACCOUNT)
    await asteria.start()
    caller = asyncio.create_task(check(asteria))
    await came.wait()
    await asteria.close()
    with pytest.raises(GatewayError, match="shutting down"):
        await caller


async def test_close_without_start_succeeds() -> None:
    await provider_on("http://127.0.0.1:1", session_id=None, login=ACCOUNT).close()
