"""Failures of upstreams: adapters raise only GatewayError, and release everything when a call is canceled.

No exception and no request shows a secret.
"""

import asyncio
import base64
import dataclasses
import json
import re
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, Final

import pytest

from gateway.call_context import CallContext
from gateway.errors import INTERNAL_ERROR, MALFORMED_PROVIDER_RESPONSE, GatewayError, UpstreamError
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from tests.contract.suite import REQUEST_SECRET, Suite, distorted, every_suite, invocations, new_call
from tests.support.raw_server import RawServer, Reader, Writer, answering
from tests.support.secrecy import Secret, leaks, spellings
from tests.support.stack import Stack
from tests.support.valid_requests import PASSWORD

SUITES = every_suite()
EVERY_SUITE = pytest.mark.parametrize("suite", SUITES, ids=str)
WITH_LOGIN = pytest.mark.parametrize("suite", [suite for suite in SUITES if suite.login_path], ids=str)
DEADLINE_SECONDS = 0.4

WRONG_DATA: Final = {"success with incomplete items": [{}], "success with a lone surrogate": "\ud800"}
"""Data of successful responses. A call that needs no data can accept it."""

FAULTS: Final[dict[str, dict[str, Any]]] = {
    "error": {"mode": "error"},
    "error with HTTP 200": {"mode": "error", "status": 200},
    "unknown code": {"mode": "error", "code": "123456"},
    "cut_off": {"mode": "cut_off"},
    "html": {"mode": "html"},
    "html with HTTP 200": {"mode": "html", "status": 200},
    "close": {"mode": "close"},
    "reset": {"mode": "reset"},
    "redirect": {"mode": "redirect"},
    "stall": {"mode": "stall"},
    "late": {"mode": "error", "delay": DEADLINE_SECONDS * 2},
    **{
        f"raw {number}": {"mode": "raw", "body": body}
        for number, body in enumerate(
            [
                "",
                "null",
                "[]",
                "{}",
                "\ufeff{}",
                "\0",
                "[" * 50_000,
                "PK\x03\x04 and no archive",
                "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
            ]
        )
    },
    "unsupported content encoding": {"mode": "raw", "body": "{}", "headers": {"Content-Encoding": "br"}},
    "unassigned status": {"mode": "raw", "status": 599, "body": "{}"},
    "no content": {"mode": "raw", "status": 204},
}


async def outcomes_of(suite: Suite, endpoint: str, *, seconds: float) -> dict[str, Any]:
    """Return the result or the exception of every operation of a new adapter."""
    provider = suite.create(endpoint, timeout=1)
    await provider.start()
    try:
        ready = invocations(provider, PASSWORD)
        ended = await asyncio.gather(*(run(new_call(seconds)) for run in ready.values()), return_exceptions=True)
    finally:
        await provider.close()
    return dict(zip(ready, ended, strict=True))


@EVERY_SUITE
@pytest.mark.parametrize("fault", [*FAULTS, *WRONG_DATA])
async def test_every_operation_raises_only_gateway_errors(quiet_stack: Stack, suite: Suite, fault: str) -> None:
    success = {"mode": "raw", "body": json.dumps(suite.success(suite.payload(WRONG_DATA.get(fault))))}
    await quiet_stack.controls[suite.type].fail(path=suite.api_paths, count=1000, **FAULTS.get(fault, success))
    ended = await outcomes_of(suite, quiet_stack.emulators[suite.type].url, seconds=DEADLINE_SECONDS)
    for operation, outcome in ended.items():
        if fault not in WRONG_DATA or isinstance(outcome, BaseException):
            assert isinstance(outcome, GatewayError), f"{operation}: {outcome!r}"


@EVERY_SUITE
async def test_distorted_envelope_raises_only_gateway_errors(quiet_stack: Stack, suite: Suite) -> None:
    control, endpoint = quiet_stack.controls[suite.type], quiet_stack.emulators[suite.type].url
    for body in {*distorted(suite.success(suite.payload(None))), *distorted(suite.failure("text"))}:
        await control.fail(path=suite.api_paths, count=1000, mode="raw", body=body)
        ended = await outcomes_of(suite, endpoint, seconds=5)
        await control.call("DELETE", "/faults")
        raised = {operation: outcome for operation, outcome in ended.items() if isinstance(outcome, BaseException)}
        assert raised, body
        for operation, outcome in raised.items():
            assert isinstance(outcome, GatewayError), f"{operation} with {body}: {outcome!r}"


@WITH_LOGIN
@pytest.mark.parametrize("fault", FAULTS)
async def test_failed_login_raises_a_gateway_error(quiet_stack: Stack, suite: Suite, fault: str) -> None:
    await quiet_stack.controls[suite.type].fail(path=f"^{suite.login_path}", count=1000, **FAULTS[fault])
    ended = await outcomes_of(suite, quiet_stack.emulators[suite.type].url, seconds=DEADLINE_SECONDS)
    for operation, outcome in ended.items():
        assert isinstance(outcome, GatewayError), f"{operation}: {outcome!r}"


@EVERY_SUITE
async def test_no_request_is_sent_after_the_deadline(quiet_stack: Stack, suite: Suite) -> None:
    ended = await outcomes_of(suite, quiet_stack.emulators[suite.type].url, seconds=0)
    assert all(isinstance(outcome, UpstreamError) for outcome in ended.values()), ended
    served = [request["target"] for request in await quiet_stack.controls[suite.type].requests()]
    assert not [target for target in served if re.search(suite.api_paths, target)]


class SilentServer:
    """A server that never responds. requested: set when a request arrives. closed: set when no connection is open."""

    def __init__(self) -> None:
        self.requested = asyncio.Event()
        self.closed = asyncio.Event()
        self._open = 0

    async def __call__(self, reader: Reader, _writer: Writer) -> None:
        self._open += 1
        self.closed.clear()
        try:
            while await reader.read(65_536):
                self.requested.set()
        finally:
            self._open -= 1
            if self._open == 0:
                self.closed.set()


@EVERY_SUITE
async def test_canceled_call_leaves_no_task_and_no_connection(suite: Suite) -> None:
    silent = SilentServer()
    async with RawServer(silent) as server:
        provider = suite.create(server.url, **suite.without_login)
        await provider.start()
        for operation, run in invocations(provider, PASSWORD).items():
            silent.requested.clear()
            before = asyncio.all_tasks()
            task = asyncio.ensure_future(run(new_call()))
            await asyncio.wait_for(silent.requested.wait(), 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(silent.closed.wait(), 60)
            await until_gone(before)
            assert task.cancelled(), operation
        await provider.close()


async def until_gone(before: set[asyncio.Task[Any]]) -> None:
    """Wait until all new tasks have ended."""
    async with asyncio.timeout(60):
        while left := asyncio.all_tasks() - before:
            await asyncio.wait(left)


@WITH_LOGIN
async def test_abandoned_login_ends_when_the_provider_closes(suite: Suite) -> None:
    silent = SilentServer()
    async with RawServer(silent) as server:
        before = asyncio.all_tasks()
        provider = suite.create(server.url, timeout=0.3)
        await provider.start()
        task = asyncio.ensure_future(provider.check(new_call()))
        await asyncio.wait_for(silent.requested.wait(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await provider.close()
        await asyncio.wait_for(silent.closed.wait(), 60)
        await until_gone(before)


@EVERY_SUITE
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize(
    "kind", ["envelope", "text", "success", "success with a list", "unreachable", "close", "cut_off", "redirect"]
)
async def test_no_secret_is_in_any_exception(quiet_stack: Stack, suite: Suite, kind: str, status: int) -> None:
    secrets = [*suite.secrets, REQUEST_SECRET]
    text = " ".join([*secrets, *(base64.b64encode(secret.encode()).decode() for secret in secrets)])
    bodies = {
        "envelope": suite.failure(text),
        "success": suite.success(suite.payload(text)),
        "success with a list": suite.success(suite.payload([text])),
    }
    control = quiet_stack.controls[suite.type]
    endpoint = "http://127.0.0.1:1" if kind == "unreachable" else quiet_stack.emulators[suite.type].url
    fault: dict[str, Any] = {"mode": kind}
    if kind in bodies or kind == "text":
        fault = {"mode": "raw", "status": status, "body": json.dumps(bodies[kind]) if kind in bodies else text}
    if kind != "unreachable":
        await control.fail(path=suite.api_paths, count=1000, **fault)
    provider = suite.create(endpoint)
    await provider.start()
    raised = 0
    for operation, run in invocations(provider, REQUEST_SECRET).items():
        await control.forget_requests()
        error = (await asyncio.gather(run(new_call()), return_exceptions=True))[0]
        if isinstance(error, BaseException):
            raised += 1
            # An adapter cannot recognize a secret of the request that it has not sent.
            expected = secrets if was_sent(await control.requests()) else suite.secrets
            text = "\n".join(texts_of(error))
            assert not secrets_in(text, expected), f"{operation}: {text}"
    await provider.close()
    assert raised


@EVERY_SUITE
async def test_no_secret_is_in_the_repr_of_a_request(
    quiet_stack: Stack, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts: list[str] = []
    send = HttpClient.send

    async def recording(client: HttpClient, request: HttpRequest, call: CallContext) -> HttpResponse:
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            values = frame.f_locals.values() if frame.f_globals["__name__"].startswith("gateway.providers.") else ()
            texts.extend(repr(value) for value in values if dataclasses.is_dataclass(value))
            frame = frame.f_back
        return await send(client, request, call)

    monkeypatch.setattr(HttpClient, "send", recording)
    provider = suite.create(quiet_stack.emulators[suite.type].url)
    await provider.start()
    ready = invocations(provider, REQUEST_SECRET)
    await asyncio.gather(*(run(new_call()) for run in ready.values()), return_exceptions=True)
    await provider.close()
    assert texts
    assert not [text for text in texts if secrets_in(text, (*suite.secrets, REQUEST_SECRET))]


def was_sent(requests: list[dict[str, Any]]) -> bool:
    """Return whether the secret of the request was sent to the upstream, in any form."""
    forms = spellings(REQUEST_SECRET)
    return any(form in base64.b64decode(request["body_base64"]) for request in requests for form in forms)


def secrets_in(text: str, secrets: Iterable[str]) -> list[str]:
    """Return the secrets that the text contains in any form, such as Base64."""
    return leaks({Secret(secret, secret) for secret in secrets}, text.encode(errors="replace"))


def texts_of(error: BaseException) -> Iterator[str]:
    """Yield the texts of an exception and of its causes, with all attributes of gateway errors."""
    cause: BaseException | None = error
    while cause is not None:
        yield from (repr(cause), str(cause), *map(repr, cause.args))
        if isinstance(cause, GatewayError):
            yield from map(repr, vars(cause).values())
        cause = cause.__cause__ or cause.__context__


def test_search_for_secrets_includes_the_causes_of_an_exception() -> None:
    outer = GatewayError(INTERNAL_ERROR, "x", metadata={"a": "carried"})
    outer.__cause__ = ValueError("behind")
    outer.__cause__.__context__ = KeyError("before")
    text = "".join(texts_of(outer))
    assert all(word in text for word in ("carried", "behind", "before"))


@EVERY_SUITE
async def test_response_that_is_too_long_is_rejected(suite: Suite) -> None:
    body = json.dumps(suite.success({"padding": [""] * 800_000})).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with RawServer(answering(answer)) as server:
        provider = suite.create(server.url, **suite.without_login)
        await provider.start()
        for operation, run in invocations(provider, PASSWORD).items():
            with pytest.raises(GatewayError, match="the response is longer than") as caught:
                await run(new_call())
            assert caught.value.kind == MALFORMED_PROVIDER_RESPONSE, operation
        await provider.close()
