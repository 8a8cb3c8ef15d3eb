"""Logins to an ASTERIA server that are canceled, are rejected, or fail."""

import asyncio
import time
from dataclasses import replace
from unittest.mock import Mock

import pytest
from google.rpc import code_pb2

from gateway.errors import MalformedResponse, UpstreamError
from gateway.providers.asteria import session
from gateway.redaction import DEFAULT_REDACTION
from gateway.upstream import outcomes
from keyway.v1 import certificate_service_pb2 as service
from tests.support.providers.asteria_samples import LOGIN, LOGOUT, SERVER, a_call, exist, failure, success
from tests.support.providers.asteria_sessions import ACCOUNT, EXIST, account, check, hold, logged_in, received_requests
from tests.support.scripted_upstream import Body, ScriptedUpstream


async def test_login_continues_when_one_caller_gives_up(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("POST", LOGOUT, body=success())
    came, go = hold(monkeypatch, LOGIN)
    async with account(upstream) as asteria:
        first = asyncio.create_task(check(asteria))
        await came.wait()
        second = asyncio.create_task(check(asteria))
        with pytest.raises(UpstreamError) as raised:
            await check(asteria, seconds=0)
        assert raised.value.kind is outcomes.TIMEOUT
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go.set()
        assert await second


async def test_login_can_fail_after_its_caller_has_left(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "REJECTION_SECONDS", 0)
    upstream.answer("POST", LOGIN, status=403, body=failure(3001))
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("POST", LOGOUT, body=success())
    came, go = hold(monkeypatch, LOGIN)
    async with account(upstream) as asteria:
        first = asyncio.create_task(check(asteria))
        await came.wait()
        first.cancel()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await first
        with pytest.raises(UpstreamError):
            await check(asteria)
        assert await check(asteria)


async def test_caller_logs_in_again_after_a_login_for_a_background_call_failed(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer("POST", LOGIN, status=503)
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("POST", LOGOUT, body=success())
    came, go = hold(monkeypatch, LOGIN)
    async with account(upstream) as asteria:
        background = replace(a_call(), background=True)
        request = service.CheckCertificateRequest(name=SERVER)
        poll = asyncio.create_task(asteria.check_certificate(request, background))
        await came.wait()
        caller = asyncio.create_task(check(asteria))
        await asyncio.sleep(0)
        go.set()
        with pytest.raises(UpstreamError):
            await poll
        assert await caller


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, failure(3001)),
        (200, failure(2401)),
        (500, failure(2401)),
        (404, failure(4001)),
        (401, b""),
        (400, "bad"),
        (403, "<html></html>"),
    ],
)
async def test_rejected_login_is_a_credentials_error(upstream: ScriptedUpstream, status: int, body: Body) -> None:
    upstream.answer("POST", LOGIN, status=status, body=body)
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.kind is outcomes.CREDENTIALS_REJECTED
    assert raised.value.message == "providers/asteria: the server rejected the gateway's login"
    assert (raised.value.resource, raised.value.http_status) == (None, status)


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (500, failure(5102), code_pb2.INTERNAL),
        (500, b"", code_pb2.INTERNAL),
        (503, b"", code_pb2.UNAVAILABLE),
        (429, b"", code_pb2.RESOURCE_EXHAUSTED),
        (404, "<html></html>", code_pb2.UNIMPLEMENTED),
    ],
)
async def test_login_failure_of_the_server_keeps_its_kind(
    upstream: ScriptedUpstream, status: int, body: Body, code: int
) -> None:
    upstream.answer("POST", LOGIN, status=status, body=body)
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.kind.code == code


async def test_each_waiting_caller_gets_a_separate_error(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, status=403, body=failure(3001, f"no: {ACCOUNT['password']}"))
    async with account(upstream) as asteria:
        errors = await asyncio.gather(*(check(asteria) for _ in range(3)), return_exceptions=True)
    assert len({id(error) for error in errors}) == 3
    for error in errors:
        assert isinstance(error, UpstreamError)
        assert error.upstream_message == DEFAULT_REDACTION.placeholder(f"no: {ACCOUNT['password']}")
        assert error.metadata == {"provider": "asteria", "upstream_code": "3001", "http_status": "403"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        success(),
        logged_in(""),
        logged_in(None),
        logged_in(7),
        logged_in("a b"),
        logged_in("a\r\nX: y"),
        logged_in("é"),
        logged_in("x" * 4097),
        "<html>",
    ],
)
async def test_login_without_a_valid_session_id_is_malformed(upstream: ScriptedUpstream, body: Body) -> None:
    upstream.answer("POST", LOGIN, body=body)
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.kind == MalformedResponse("", provider="").kind


async def test_rejected_login_is_not_retried_immediately(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer("POST", LOGIN, 401)
    async with account(upstream) as asteria:
        for _ in range(3):
            with pytest.raises(UpstreamError) as caught:
                await check(asteria)
            assert caught.value.kind == outcomes.CREDENTIALS_REJECTED
            assert caught.value.retry_after is None
        assert received_requests(upstream) == [("login", None)]
        monkeypatch.setattr(session, "time", Mock(monotonic=lambda: time.monotonic() + session.REJECTION_SECONDS))
        upstream.answer("POST", LOGIN, body=logged_in("ABC"))
        upstream.answer("GET", EXIST, body=exist(True))
        upstream.answer("POST", LOGOUT, body=success())
        assert await check(asteria)
