"""Whatever goes wrong with an upstream: an adapter raises GatewayError and nothing else, leaves nothing behind when a
call is given up, and shows no secret in anything that it raises.
"""

import asyncio
import base64
import dataclasses
import json
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any, Final

import pytest

from gateway.call_context import CallContext
from gateway.errors import INTERNAL_ERROR, MALFORMED_PROVIDER_RESPONSE, GatewayError, UpstreamError
from gateway.upstream.client import HttpClient, HttpRequest, HttpResponse
from tests.contract.suite import REQUEST_SECRET, SUITES, Suite, invocations, new_call
from tests.support.raw_server import RawServer, Reader, Writer, answering
from tests.support.stack import Stack
from tests.support.valid_requests import PASSWORD

EVERY_SUITE = pytest.mark.parametrize("suite", SUITES, ids=str)
NOT_THE_LOGIN = "^/(?!mcapi/auth)"
DEADLINE_SECONDS = 0.4

SUCCESSES: Final = ("raw 11", "raw 12")
"""These say success: a call that only has to succeed may take them for what they are."""

NHN_DATA: Final = {"header": {"isSuccessful": True, "resultCode": 0, "resultMessage": "ok"}, "body": {"data": [{}]}}
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
                '{"header": null, "result": null}',
                '{"header": {"isSuccessful": "maybe"}, "result": {"status": 1}}',
                '{"header": {"isSuccessful": false, "resultCode": 1e999}, "result": {"code": 1e999}}',
                '{"header": {"isSuccessful": false, "resultCode": "\\ud800"}, "result": {"code": "\\ud800"}}',
                json.dumps({**NHN_DATA, "result": {"status": "success", "data": {"certificate": [{}]}}}),
                json.dumps({**NHN_DATA, "result": {"status": "success", "data": {"exist": "\ud800"}}}),
                "PK\x03\x04 and no archive",
                "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
            ]
        )
    },
    "a length that lies": {"mode": "raw", "body": "{}", "headers": {"Content-Encoding": "br"}},
    "a status that nobody has": {"mode": "raw", "status": 599, "body": "{}"},
    "no content": {"mode": "raw", "status": 204},
}


async def outcomes_of(suite: Suite, endpoint: str, *, seconds: float) -> dict[str, Any]:
    """How every operation of a fresh adapter ends: its result, or what it raised."""
    provider = suite.create(endpoint, timeout=1)
    await provider.start()
    try:
        ready = invocations(provider, PASSWORD)
        ended = await asyncio.gather(*(run(new_call(seconds)) for run in ready.values()), return_exceptions=True)
    finally:
        await provider.close()
    return dict(zip(ready, ended, strict=True))


@EVERY_SUITE
@pytest.mark.parametrize("fault", FAULTS)
async def test_every_operation_raises_gateway_errors_alone(quiet_stack: Stack, suite: Suite, fault: str) -> None:
    await quiet_stack.controls[suite.type].fail(path=NOT_THE_LOGIN, count=1000, **FAULTS[fault])
    ended = await outcomes_of(suite, quiet_stack.emulators[suite.type].url, seconds=DEADLINE_SECONDS)
    for operation, outcome in ended.items():
        if fault not in SUCCESSES or isinstance(outcome, BaseException):
            assert isinstance(outcome, GatewayError), f"{operation}: {outcome!r}"


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_login_that_fails_in_any_way_is_a_gateway_error(quiet_stack: Stack, fault: str) -> None:
    (suite,) = (each for each in SUITES if "login" in each.settings)
    await quiet_stack.controls[suite.type].fail(path="/auth/login$", count=1000, **FAULTS[fault])
    ended = await outcomes_of(suite, quiet_stack.emulators[suite.type].url, seconds=DEADLINE_SECONDS)
    for operation, outcome in ended.items():
        assert isinstance(outcome, GatewayError), f"{operation}: {outcome!r}"


@EVERY_SUITE
async def test_nothing_is_asked_after_the_deadline(quiet_stack: Stack, suite: Suite) -> None:
    ended = await outcomes_of(suite, quiet_stack.emulators[suite.type].url, seconds=0)
    assert all(isinstance(outcome, UpstreamError) for outcome in ended.values()), ended
    served = [request["target"] for request in await quiet_stack.controls[suite.type].requests()]
    assert not [target for target in served if "/auth/" not in target]


class Hole:
    """A server that takes requests and answers none: how many connections are open, and the first request of one."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.deserted = asyncio.Event()
        self._open = 0

    async def __call__(self, reader: Reader, _writer: Writer) -> None:
        self._open += 1
        self.deserted.clear()
        try:
            while await reader.read(65_536):
                self.asked.set()
        finally:
            self._open -= 1
            if self._open == 0:
                self.deserted.set()


def without_login(suite: Suite) -> dict[str, Any]:
    return {"login": None, "session_id": "a-session"} if "login" in suite.settings else {}


@EVERY_SUITE
async def test_a_call_that_is_cancelled_leaves_no_task_and_no_connection(suite: Suite) -> None:
    hole = Hole()
    async with RawServer(hole) as server:
        provider = suite.create(server.url, **without_login(suite))
        await provider.start()
        for operation, run in invocations(provider, PASSWORD).items():
            hole.asked.clear()
            before = asyncio.all_tasks()
            task = asyncio.ensure_future(run(new_call()))
            await asyncio.wait_for(hole.asked.wait(), 60)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(hole.deserted.wait(), 60)
            await until_gone(before)
            assert task.cancelled(), operation
        await provider.close()


async def until_gone(before: set[asyncio.Task[Any]]) -> None:
    """Wait until no task is left that was not there before."""
    async with asyncio.timeout(60):
        while left := asyncio.all_tasks() - before:
            await asyncio.wait(left)


async def test_a_login_that_nobody_waits_for_any_more_ends_with_the_provider() -> None:
    (suite,) = (each for each in SUITES if "login" in each.settings)
    hole = Hole()
    async with RawServer(hole) as server:
        before = asyncio.all_tasks()
        provider = suite.create(server.url, timeout=0.3)
        await provider.start()
        task = asyncio.ensure_future(provider.check(new_call()))
        await asyncio.wait_for(hole.asked.wait(), 60)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await provider.close()
        await asyncio.wait_for(hole.deserted.wait(), 60)
        await until_gone(before)


@EVERY_SUITE
@pytest.mark.parametrize("status", [200, 500])
@pytest.mark.parametrize("kind", ["envelope", "text", "success", "unreachable", "close", "cut_off", "redirect"])
async def test_no_secret_is_in_anything_that_is_raised(
    quiet_stack: Stack, suite: Suite, kind: str, status: int
) -> None:
    secrets = [*suite.secrets, REQUEST_SECRET]
    text = " ".join(secrets)
    bodies = {
        "envelope": {
            "header": {"isSuccessful": False, "resultCode": 7, "resultMessage": text},
            "result": {"status": "error", "code": 9999, "message": text},
        },
        "success": {
            "header": {"isSuccessful": True, "resultMessage": text},
            "body": {"data": text, "ciphertext": [text], "key": text, "encodedKey": text, "secret": [text]},
            "result": {"status": "success", "data": text},
        },
    }
    control = quiet_stack.controls[suite.type]
    endpoint = "http://127.0.0.1:1" if kind == "unreachable" else quiet_stack.emulators[suite.type].url
    fault: dict[str, Any] = {"mode": kind}
    if kind in ("envelope", "success", "text"):
        fault = {"mode": "raw", "status": status, "body": json.dumps(bodies[kind]) if kind in bodies else text}
    if kind != "unreachable":
        await control.fail(path=NOT_THE_LOGIN, count=1000, **fault)
    provider = suite.create(endpoint)
    await provider.start()
    raised = 0
    for operation, run in invocations(provider, REQUEST_SECRET).items():
        await control.forget_requests()
        error = (await asyncio.gather(run(new_call()), return_exceptions=True))[0]
        if isinstance(error, BaseException):
            raised += 1
            # An upstream can't echo what it was not sent, and an adapter can't know such text for a secret.
            known = secrets if was_sent(await control.requests()) else suite.secrets
            shown = "\n".join(all_that_shows(error))
            assert not [secret for secret in known if secret in shown], f"{operation}: {shown}"
    await provider.close()
    assert raised


@EVERY_SUITE
async def test_no_secret_is_in_the_repr_of_what_is_sent(
    quiet_stack: Stack, suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    send = HttpClient.send

    async def recording(client: HttpClient, request: HttpRequest, call: CallContext) -> HttpResponse:
        frame: FrameType | None = sys._getframe()
        while frame is not None:
            asked = frame.f_locals.values() if frame.f_globals["__name__"].startswith("gateway.providers.") else ()
            shown.extend(repr(value) for value in asked if dataclasses.is_dataclass(value))
            frame = frame.f_back
        return await send(client, request, call)

    monkeypatch.setattr(HttpClient, "send", recording)
    provider = suite.create(quiet_stack.emulators[suite.type].url)
    await provider.start()
    ready = invocations(provider, REQUEST_SECRET)
    await asyncio.gather(*(run(new_call()) for run in ready.values()), return_exceptions=True)
    await provider.close()
    assert shown
    assert not [text for text in shown if any(secret in text for secret in (*suite.secrets, REQUEST_SECRET))]


def was_sent(requests: list[dict[str, Any]]) -> bool:
    """Whether the secret of the request went to the upstream."""
    return any(REQUEST_SECRET.encode() in base64.b64decode(request["body_base64"]) for request in requests)


def all_that_shows(error: BaseException) -> Iterator[str]:
    """The text of an exception and of every one behind it; of our own, all that they carry."""
    following: BaseException | None = error
    while following is not None:
        yield from (repr(following), str(following), *map(repr, following.args))
        if isinstance(following, GatewayError):
            yield from map(repr, vars(following).values())
        following = following.__cause__ or following.__context__


def test_the_search_for_secrets_looks_behind_an_exception() -> None:
    outer = GatewayError(INTERNAL_ERROR, "x", metadata={"a": "carried"})
    outer.__cause__ = ValueError("behind")
    outer.__cause__.__context__ = KeyError("before")
    shown = "".join(all_that_shows(outer))
    assert all(word in shown for word in ("carried", "behind", "before"))


@EVERY_SUITE
async def test_a_huge_answer_is_refused_unread(suite: Suite) -> None:
    body = json.dumps({"header": {"isSuccessful": True}, "body": {"data": [""] * 800_000}}).encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    async with RawServer(answering(answer)) as server:
        provider = suite.create(server.url, **without_login(suite))
        await provider.start()
        for operation, run in invocations(provider, PASSWORD).items():
            with pytest.raises(GatewayError, match="the response is longer than") as caught:
                await run(new_call())
            assert caught.value.kind == MALFORMED_PROVIDER_RESPONSE, operation
        await provider.close()
