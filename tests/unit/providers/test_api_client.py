"""The API client of every adapter on a scripted upstream: success, failure, malformed and signed requests."""

import hashlib
import hmac
import itertools
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from gateway.call_context import CallContext
from gateway.errors import KEY_NOT_FOUND, MALFORMED_PROVIDER_RESPONSE, UpstreamError
from gateway.providers.base.api_client import ApiClient, ApiRequest
from gateway.providers.base.envelope import Envelope
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.status_table import StatusRow, StatusTable
from gateway.redaction import DEFAULT_REDACTION, Redaction
from gateway.upstream import outcomes
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse, HttpSettings
from gateway.upstream.settings import RetrySettings
from tests.support.scripted_upstream import ScriptedUpstream

NAME = "providers/p/keys/k"
PATH = "/keys/k"
REQUEST = ApiRequest("GET", f"{PATH}?x=1", "/keys/{key}", NAME, secrets=("hunter2",))
TABLE = StatusTable(
    (
        StatusRow("BUSY", "the key store is busy", outcomes.RATE_LIMITED),
        StatusRow("NO KEY", "the key does not exist", KEY_NOT_FOUND),
        StatusRow("GONE", "the key does not exist", outcomes.UNRECOGNIZED, at_fault=lambda name: name),
    )
)


def read_envelope(response: HttpResponse) -> Envelope:
    document = JsonObject.parse(response.body)
    if "code" in document:
        return Envelope(successful=False, code=document.text("code"), message=document.text("message", ""))
    return Envelope(successful=True, data=document)


@asynccontextmanager
async def client(upstream: ScriptedUpstream, attempts: int = 1, **options: Any) -> AsyncIterator[ApiClient]:
    settings = HttpSettings(upstream.url, retry=RetrySettings(attempts=attempts, initial_backoff=0.001))
    http = HttpClient("p", settings)
    await http.start()
    try:
        yield ApiClient("p", http, TABLE, read_envelope, **options)
    finally:
        await http.close()


def context() -> CallContext:
    return CallContext("request", time.monotonic() + 10, idempotent=True)


async def failure(upstream: ScriptedUpstream, request: ApiRequest = REQUEST, **options: Any) -> UpstreamError:
    async with client(upstream, **options) as api:
        with pytest.raises(UpstreamError) as caught:
            await api.call(request, lambda data: data.text("value"), context())
    return caught.value


async def test_payload_of_a_success_is_read(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, body={"value": "v"})
    async with client(upstream) as api:
        assert await api.call(REQUEST, lambda data: data.text("value"), context()) == "v"


async def test_known_code_is_reported_with_its_meaning_and_resource(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 400, {"Retry-After": "7"}, {"code": "GONE", "message": "no hunter2"})
    error = await failure(upstream)
    assert error.message == f"{NAME}: the key does not exist"
    assert error.resource == NAME
    assert error.retry_after is None
    assert error.upstream_message == DEFAULT_REDACTION.placeholder("no hunter2")
    assert error.metadata == {"provider": "p", "upstream_code": "GONE", "http_status": "400"}


async def test_retry_after_is_kept_for_a_retryable_code(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 429, {"Retry-After": "7"}, {"code": "BUSY"})
    assert (await failure(upstream)).retry_after == 7


async def test_provider_is_never_the_resource_at_fault(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", "/x", 400, body={"code": "GONE"})
    error = await failure(upstream, ApiRequest("GET", "/x", "/x", "providers/p"))
    assert error.resource is None
    assert error.message == "providers/p: the key does not exist"


async def test_unknown_code_is_reported_with_the_http_status(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 503, body={"code": "E9"})
    error = await failure(upstream)
    assert error.message == f"{NAME}: provider p failed with code E9 (HTTP 503): the service is unavailable"
    assert error.upstream_code == "E9"


async def test_unknown_code_that_equals_a_secret_is_not_reported(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 500, body={"code": "hunter2"})
    error = await failure(upstream)
    assert "hunter2" not in f"{error.message} {error.metadata}"


async def test_unreadable_success_is_malformed(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, body={"other": 1})
    error = await failure(upstream)
    assert error.kind == MALFORMED_PROVIDER_RESPONSE
    assert error.message == f"{NAME}: the response of provider p is malformed: value is missing"


async def test_unreadable_success_with_a_failure_status_is_a_failure(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 502, body={"other": 1})
    assert (await failure(upstream)).kind == outcomes.UNAVAILABLE


@pytest.mark.parametrize(("status", "body"), [(500, b"<html>"), (200, b'{"code": "GONE"}'), (500, b"a file")])
async def test_failure_in_place_of_a_file_is_a_failure(upstream: ScriptedUpstream, status: int, body: bytes) -> None:
    upstream.answer("GET", PATH, status, body=body)
    async with client(upstream) as api:
        with pytest.raises(UpstreamError):
            await api.fetch(REQUEST, lambda response: response.body, context())


async def test_file_is_read(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, body=b"a file")
    async with client(upstream) as api:
        assert await api.fetch(REQUEST, lambda response: response.body, context()) == b"a file"


async def test_each_attempt_is_signed_anew(upstream: ScriptedUpstream) -> None:
    clock = itertools.count(1000)

    def sign(request: HttpRequest) -> Mapping[str, str]:
        timestamp = str(next(clock))
        text = f"{request.method} {request.target}\n{timestamp}"
        return {"X-Timestamp": timestamp, "X-Signature": hmac.new(b"key", text.encode(), hashlib.sha256).hexdigest()}

    for status in (503, 503, 200):
        upstream.answer("GET", PATH, status, body={"value": "v"} if status == 200 else b"")
    async with client(upstream, attempts=3, attempt_headers=sign, headers={"Accept": "application/json"}) as api:
        await api.call(REQUEST, lambda data: data.text("value"), context())
    assert [request.headers["X-Timestamp"] for request in upstream.requests] == ["1000", "1001", "1002"]
    assert len({request.headers["X-Signature"] for request in upstream.requests}) == 3
    assert {request.headers["Accept"] for request in upstream.requests} == {"application/json"}


async def test_unknown_code_of_another_form_is_recorded_by_its_digest(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 500, body={"code": "hunter2", "message": "busy"})
    error = await failure(upstream)
    assert error.upstream_code is None
    placeholder = DEFAULT_REDACTION.placeholder
    assert error.upstream_message == f"code {placeholder('hunter2')} {placeholder('busy')}"


async def test_debug_setting_keeps_the_message(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 400, body={"code": "GONE", "message": "no hunter2"})
    call = context()
    call.redaction = Redaction(keep_text=True)
    async with client(upstream) as api:
        with pytest.raises(UpstreamError) as caught:
            await api.call(REQUEST, lambda data: data.text("value"), call)
    assert caught.value.upstream_message == "no ***"


async def test_phrase_of_http_is_recorded(upstream: ScriptedUpstream) -> None:
    upstream.answer("GET", PATH, 503, body={"code": "E9", "message": "service unavailable."})
    assert (await failure(upstream)).upstream_message == "Service Unavailable"


@pytest.mark.parametrize(
    ("status", "body", "expected", "failures"),
    [
        (200, {"code": "BUSY"}, None, {"PROVIDER_RATE_LIMITED": 1}),
        (200, {"code": "BUSY"}, "BUSY", {}),
        (200, {"other": 1}, None, {"MALFORMED_PROVIDER_RESPONSE": 1}),
        (429, {"code": "BUSY"}, None, {"PROVIDER_RATE_LIMITED": 1}),
        (401, {"other": 1}, None, {"PROVIDER_CREDENTIALS_REJECTED": 1}),
        (404, {"code": "NO KEY"}, None, {}),
    ],
)
async def test_faults_of_the_upstream_are_counted_once_by_reason(
    upstream: ScriptedUpstream, status: int, body: dict[str, Any], expected: str | None, failures: dict[str, int]
) -> None:
    upstream.answer("GET", PATH, status, body=body)
    http = HttpClient("p", HttpSettings(upstream.url))
    await http.start()
    with pytest.raises(UpstreamError):
        await ApiClient("p", http, TABLE, read_envelope).call(
            replace(REQUEST, expected_code=expected), lambda data: data.text("value"), context()
        )
    counts = http.requests.counts()
    await http.close()
    assert (counts.total, counts.failures) == (1, failures)
