"""Sessions of an ASTERIA server: one login for all, another when it is needed, none for nothing, and a way out."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

import pytest
from google.rpc import code_pb2
from pydantic import ValidationError

from gateway.errors import GatewayError, MalformedResponse, UpstreamError
from gateway.providers.asteria import SETTINGS, create, session
from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.upstream import outcomes
from gateway.upstream.call import Call
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from keyway.v1 import certificate_service_pb2 as service
from tests.support.scripted_upstream import Body, ScriptedUpstream
from tests.unit.providers.asteria_samples import (
    BASE,
    CLIENT,
    LOGIN,
    LOGOUT,
    SERVER,
    a_call,
    exist,
    failure,
    provider_on,
    success,
)

ACCOUNT = {"user_name": "/keyway 管理", "password": "s3cr&t=ü"}
EXIST = f"{BASE}/server/exist"


def logged_in(session_id: object) -> dict[str, object]:
    return success({"sessionId": session_id})


@pytest.fixture
async def upstream() -> AsyncIterator[ScriptedUpstream]:
    async with ScriptedUpstream() as server:
        yield server


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


def asked(upstream: ScriptedUpstream) -> list[tuple[str, str | None]]:
    """Every request: the last part of its path, and its session."""
    return [(request.path.rpartition("/")[2], request.headers.get("X-As-SessionId")) for request in upstream.requests]


def hold(monkeypatch: pytest.MonkeyPatch, path: str) -> tuple[asyncio.Event, asyncio.Event]:
    """Hold requests for `path` back until the second event is set; the first says that one has come."""
    came, go = asyncio.Event(), asyncio.Event()
    send = HttpClient.send

    async def held(self: HttpClient, request: HttpRequest, call: Call) -> HttpResponse:
        if request.target == path:
            came.set()
            await go.wait()
        return await send(self, request, call)

    monkeypatch.setattr(HttpClient, "send", held)
    return came, go


async def test_the_first_call_logs_in_and_the_end_logs_out(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, body=logged_in(" ABC "))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("GET", EXIST, body=exist(False))
    upstream.answer("POST", LOGOUT, body=success())
    async with account(upstream, timeout_minutes=45) as asteria:
        assert upstream.requests == []
        assert await check(asteria)
        assert not await check(asteria)
    assert asked(upstream) == [("login", None), ("exist", "ABC"), ("exist", "ABC"), ("logout", "ABC")]
    login = upstream.requests[0]
    assert login.headers["Content-Type"] == "application/x-www-form-urlencoded; charset=UTF-8"
    assert parse_qsl(login.body.decode("ascii")) == [
        ("userName", ACCOUNT["user_name"]),
        ("password", ACCOUNT["password"]),
        ("timeout", "45"),
    ]


async def test_callers_at_once_share_one_login(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("POST", LOGOUT, body=success())
    for _ in range(10):
        upstream.answer("GET", EXIST, body=exist(True))
    async with account(upstream) as asteria:
        assert await asyncio.gather(*(check(asteria) for _ in range(10))) == [True] * 10
    assert [path for path, _ in asked(upstream)].count("login") == 1


async def test_a_refused_session_is_renewed_and_the_call_repeated(upstream: ScriptedUpstream) -> None:
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
    assert asked(upstream) == [
        ("login", None),
        ("delete", "OLD"),
        ("login", None),
        ("delete", "NEW"),
        ("logout", "NEW"),
    ]
    assert upstream.requests[1].body == upstream.requests[3].body


async def test_many_refusals_at_once_cause_one_login(upstream: ScriptedUpstream) -> None:
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

        async def together(self: HttpClient, request: HttpRequest, call: Call) -> HttpResponse:
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
    assert [path for path, _ in asked(upstream)].count("login") == 2


async def test_a_late_refusal_of_the_old_session_uses_the_new_one(
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
    assert [path for path, _ in asked(upstream)].count("login") == 2


async def test_a_session_that_is_refused_again_is_an_error(upstream: ScriptedUpstream) -> None:
    for name in ("OLD", "NEW"):
        upstream.answer("POST", LOGIN, body=logged_in(name))
        upstream.answer("GET", EXIST, status=403, body=failure(3001))
    upstream.answer("POST", LOGOUT, body=success())
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.outcome is outcomes.CREDENTIALS_REJECTED
    assert raised.value.upstream_code == "3001"


async def test_a_fixed_session_is_neither_begun_nor_ended_here(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("GET", EXIST, status=403, body=failure(3001))
    asteria = provider_on(upstream.url)
    await asteria.start()
    assert await check(asteria)
    with pytest.raises(UpstreamError) as raised:
        await check(asteria)
    assert raised.value.outcome is outcomes.CREDENTIALS_REJECTED
    await asteria.close()
    assert [path for path, _ in asked(upstream)] == ["exist", "exist"]


async def test_a_caller_that_gives_up_leaves_the_login_to_the_others(
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
        assert raised.value.outcome is outcomes.TIMEOUT
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        go.set()
        assert await second


async def test_nobody_has_to_be_left_when_a_login_fails(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
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
async def test_a_refused_login_is_the_gateways_own_trouble(upstream: ScriptedUpstream, status: int, body: Body) -> None:
    upstream.answer("POST", LOGIN, status=status, body=body)
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.outcome is outcomes.CREDENTIALS_REJECTED
    assert raised.value.message == "providers/asteria: the server refused the gateway's login"
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
async def test_a_login_that_fails_for_another_reason(
    upstream: ScriptedUpstream, status: int, body: Body, code: int
) -> None:
    upstream.answer("POST", LOGIN, status=status, body=body)
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.outcome.code == code


async def test_all_who_wait_get_an_error_of_their_own(upstream: ScriptedUpstream) -> None:
    upstream.answer("POST", LOGIN, status=403, body=failure(3001, f"no: {ACCOUNT['password']}"))
    async with account(upstream) as asteria:
        errors = await asyncio.gather(*(check(asteria) for _ in range(3)), return_exceptions=True)
    assert len({id(error) for error in errors}) == 3
    for error in errors:
        assert isinstance(error, UpstreamError)
        assert error.upstream_message == "no: ***"
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
async def test_a_login_that_gives_no_usable_session(upstream: ScriptedUpstream, body: Body) -> None:
    upstream.answer("POST", LOGIN, body=body)
    async with account(upstream) as asteria:
        with pytest.raises(UpstreamError) as raised:
            await check(asteria)
    assert raised.value.outcome == MalformedResponse("", provider="").outcome


@pytest.mark.parametrize("status", [200, 403, 500])
async def test_a_logout_that_fails_does_not_matter(upstream: ScriptedUpstream, status: int) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("GET", EXIST, body=exist(True))
    upstream.answer("POST", LOGOUT, status=status, body=b"<html>")
    async with account(upstream) as asteria:
        await check(asteria)


async def test_a_logout_that_hangs_does_not_hold_the_end_up(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    upstream.answer("POST", LOGIN, body=logged_in("ABC"))
    upstream.answer("GET", EXIST, body=exist(True))
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 0.01)
    async with account(upstream) as asteria:
        await check(asteria)
        hold(monkeypatch, LOGOUT)
        started = time.monotonic()
    assert time.monotonic() - started < 2


async def test_an_end_during_a_login_logs_out_after_it(
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
    assert asked(upstream) == [("login", None), ("logout", "ABC")]


async def test_an_end_during_a_login_that_hangs(upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 0.01)
    came, _ = hold(monkeypatch, LOGIN)
    asteria = provider_on(upstream.url, session_id=None, login=ACCOUNT)
    await asteria.start()
    caller = asyncio.create_task(check(asteria))
    await came.wait()
    await asteria.close()
    with pytest.raises(GatewayError, match="shutting down"):
        await caller


async def test_it_can_be_closed_without_having_been_started() -> None:
    await provider_on("http://127.0.0.1:1", session_id=None, login=ACCOUNT).close()


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"login": ACCOUNT, "session_id": "ABC"},
        {"session_id": ""},
        {"session_id": "a b"},
        {"session_id": "é"},
        {"login": {"user_name": "", "password": "x"}},
        {"login": {**ACCOUNT, "timeout_minutes": 0}},
        {"login": ACCOUNT, "api_version": "v1"},
        {"login": ACCOUNT, "endpoint": None},
    ],
)
def test_settings_that_can_not_be_used(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.model_validate({"id": "asteria", "type": "asteria", "endpoint": "http://127.0.0.1:1", **values})


def test_settings_have_defaults_and_hide_secrets() -> None:
    values = {"id": "warp", "type": "asteria", "endpoint": "http://127.0.0.1:1", "login": ACCOUNT}
    settings = SETTINGS.model_validate(values)
    assert settings.timezone.key == "Asia/Tokyo"
    assert settings.login is not None
    assert settings.login.timeout_minutes == 30
    assert ACCOUNT["password"] not in repr(settings)
    adapter = create(settings)
    assert (adapter.id, adapter.type, adapter.api_version) == ("warp", "asteria", "")
