"""The shared session of an ASTERIA provider: one login, one renewal, and a logout at shutdown."""

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest

from gateway.emulators.asteria import AsteriaEmulator
from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.providers.asteria import session
from keyway.v1 import certificate_service_pb2 as service
from tests.support.asteria import BASE, LOGIN, LOGOUT, SEEDED, SESSION, Warp, certificate_name
from tests.support.raw_server import RawServer, Reader, Writer, read_request
from tests.support.stack import Gateway
from tests.support.wire import failure_of

CALLERS = 100
EXIST = f"GET {BASE}/server/exist"
REJECTED = ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")
MALFORMED = ("INTERNAL", "MALFORMED_PROVIDER_RESPONSE")
HALF_AN_HOUR = 30 * 60
BODY = b'{"result":{"status":"success","data":{"sessionId":"ABC","exist":true}}}'
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(BODY), BODY)


def check(gateway: Gateway) -> Awaitable[service.CheckCertificateResponse]:
    call: Awaitable[service.CheckCertificateResponse] = gateway.certificates.CheckCertificate(
        service.CheckCertificateRequest(name=certificate_name("server"))
    )
    return call


def gateway_of(warp: Warp, **settings: Any) -> Gateway:
    """Return a separate gateway that is not logged in yet."""
    return Gateway(warp.stack.settings(warp.stack.provider("asteria", **settings)))


async def test_concurrent_first_calls_share_one_login(warp: Warp) -> None:
    async with gateway_of(warp) as gateway:
        answers = await asyncio.gather(*(check(gateway) for _ in range(CALLERS)))
    assert all(answer.exists for answer in answers)

    first, *calls, last = await warp.sent()
    assert (first.call, last.call) == (f"POST {LOGIN}", f"POST {LOGOUT}")
    assert [call.call for call in calls] == [EXIST] * CALLERS
    assert len({call.session for call in calls}) == 1


async def test_concurrent_calls_with_an_expired_session_share_one_login(warp: Warp) -> None:
    async with gateway_of(warp) as gateway:
        await check(gateway)
        await warp.control.forget_requests()
        await warp.control.advance(HALF_AN_HOUR + 1)
        answers = await asyncio.gather(*(check(gateway) for _ in range(CALLERS)))
        sent = await warp.sent()
    assert all(answer.exists for answer in answers)

    calls = [request for request in sent if request.call == EXIST]
    assert [request.call for request in sent if request not in calls] == [f"POST {LOGIN}"]
    assert [request.status for request in calls].count(200) == CALLERS
    refused = {request.session for request in calls if request.status == 403}
    renewed = {request.session for request in calls if request.status == 200}
    assert len(refused) == len(renewed) == 1
    assert refused != renewed


async def test_session_in_use_is_kept_alive(warp: Warp) -> None:
    async with gateway_of(warp, login={"user_name": "/keyway", "password": "keyway-demo", "timeout_minutes": 2}) as own:
        for minute in range(5):
            await warp.control.advance(minute * 60)
            await check(own)
    assert (await warp.calls()).count(f"POST {LOGIN}") == 1


async def test_state_changing_call_runs_once_despite_an_expired_session(warp: Warp) -> None:
    await warp.control.advance(HALF_AN_HOUR + 1)
    request = service.DeleteCertificateRequest(name=certificate_name("server"), **SEEDED)
    await warp.certificates.DeleteCertificate(request)
    delete = f"POST {BASE}/server/delete"
    assert [(sent.call, sent.status) for sent in await warp.sent()] == [
        (delete, 403),
        (f"POST {LOGIN}", 200),
        (delete, 200),
    ]


async def test_rejected_login_is_failed_precondition_for_every_caller(
    warp: Warp, monkeypatch: pytest.MonkeyPatch
) -> None:
    login = {"user_name": "/keyway", "password": "not the password"}
    async with gateway_of(warp, login=login) as gateway:
        failures = await asyncio.gather(*(failure_of(check(gateway)) for _ in range(10)))
        assert {failure.kind for failure in failures} == {REJECTED}
        assert all(b"not the password" not in failure.everything for failure in failures)
        await warp.control.seed(
            {"users": [{"name": "/keyway", "password": "not the password", "role": "administrator"}]}
        )
        assert (await failure_of(check(gateway))).kind == REJECTED  # for a moment, so that the account isn't locked
        assert (await warp.calls()).count(f"POST {LOGIN}") == 1
        monkeypatch.setattr(session, "REJECTION_SECONDS", 0)
        assert (await check(gateway)).exists  # the account works again, without a restart


async def test_caller_that_disconnects_does_not_cancel_the_shared_login(warp: Warp) -> None:
    await warp.control.fail(mode=None, delay=0.5, path=LOGIN)
    async with gateway_of(warp) as gateway:
        name = service.CheckCertificateRequest(name=certificate_name("server"))
        canceled = gateway.certificates.CheckCertificate(name)
        await warp.faults_taken()
        patient = [check(gateway) for _ in range(5)]
        canceled.cancel()
        assert all(answer.exists for answer in await asyncio.gather(*patient))
        with pytest.raises(asyncio.CancelledError):
            await canceled
    assert (await warp.calls()).count(f"POST {LOGIN}") == 1


async def test_hanging_login_ends_with_the_first_deadline_and_blocks_no_later_call(warp: Warp) -> None:
    await warp.control.fail(mode="stall", path=LOGIN)
    async with gateway_of(warp, timeout=0.5) as gateway:
        failure = await failure_of(check(gateway))
        assert failure.kind == ("DEADLINE_EXCEEDED", "PROVIDER_TIMEOUT")
        assert (await check(gateway)).exists


async def live_session(warp: Warp) -> str:
    """Log in outside the gateway, and return the session."""
    form = {"userName": "/operator", "password": "operator-demo"}
    async with warp.stack.session.post(f"{warp.url}{LOGIN}", data=form) as response:
        answer = await response.json()
    session_id: str = answer["result"]["data"]["sessionId"]
    return session_id


async def test_fixed_session_is_used_without_login_renewal_or_logout(warp: Warp) -> None:
    session_id = await live_session(warp)
    await warp.control.forget_requests()
    async with gateway_of(warp, login=None, session_id=session_id) as gateway:
        assert (await check(gateway)).exists
        await warp.control.advance(HALF_AN_HOUR + 1)
        failure = await failure_of(check(gateway))
        assert failure.kind == REJECTED
        assert failure.metadata == {"provider": "asteria", "upstream_code": "3001", "http_status": "403"}
    assert [(sent.call, sent.session, sent.status) for sent in await warp.sent()] == [
        (EXIST, session_id, 200),
        (EXIST, session_id, 403),
    ]


async def test_logout_ends_the_session_on_the_server(warp: Warp) -> None:
    async with gateway_of(warp) as gateway:
        await check(gateway)
    ended = (await warp.sent())[-1].session
    assert ended is not None
    url = f"{warp.url}{BASE}/server/exist"
    async with warp.stack.session.get(url, headers={SESSION: ended}) as response:
        assert response.status == 403


async def test_unreachable_server_does_not_delay_shutdown(warp: Warp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 600)
    async with EmulatorHost(AsteriaEmulator, HostOptions()) as other:
        gateway = gateway_of(warp, endpoint=other.url, timeout=600)
        await gateway.__aenter__()
        await check(gateway)
    async with asyncio.timeout(60):
        await gateway.__aexit__()


async def test_hanging_server_delays_shutdown_only_briefly(warp: Warp, monkeypatch: pytest.MonkeyPatch) -> None:
    assert session.LOGOUT_SECONDS <= 5
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 0.1)
    await warp.control.fail(mode="stall", path=LOGOUT)
    async with asyncio.timeout(60), gateway_of(warp, timeout=600) as gateway:
        await check(gateway)
    await warp.faults_taken()


async def test_logouts_of_all_servers_run_concurrently(warp: Warp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "LOGOUT_SECONDS", 600)
    ids = [f"warp-{number}" for number in range(6)]
    together = asyncio.Barrier(len(ids))

    async def answer(reader: Reader, writer: Writer) -> None:
        """The servers answer no logout before all have arrived, so sequential logouts would never end."""
        while True:
            head, _ = await read_request(reader)
            if LOGOUT.encode() in head:
                await together.wait()
            writer.write(ANSWER)

    async with RawServer(answer) as server, asyncio.timeout(60):
        providers = [{**warp.stack.provider("asteria", endpoint=server.url, timeout=600), "id": each} for each in ids]
        async with Gateway(warp.stack.settings(*providers)) as gateway:
            for provider in ids:
                name = f"providers/{provider}/certificates/server"
                await gateway.certificates.CheckCertificate(service.CheckCertificateRequest(name=name))


ODD_LOGINS = {
    "spaces around it": ('{"result":{"status":"success","data":{"sessionId":" ABC "}}}', None),
    "other letters": ('{"RESULT":{"status":"success"}}', MALFORMED),
    "no id": ('{"result":{"status":"success","data":{}}}', MALFORMED),
    "null": ('{"result":{"status":"success","data":{"sessionId":null}}}', MALFORMED),
    "a number": ('{"result":{"status":"success","data":{"sessionId":5}}}', MALFORMED),
    "empty": ('{"result":{"status":"success","data":{"sessionId":""}}}', MALFORMED),
    "a second header": ('{"result":{"status":"success","data":{"sessionId":"A\\r\\nX: y"}}}', MALFORMED),
    "not ASCII": ('{"result":{"status":"success","data":{"sessionId":"é"}}}', MALFORMED),
    "a list": ("[]", MALFORMED),
    "nothing": ("", MALFORMED),
    "a page": ("<html><body>Log in</body></html>", MALFORMED),
    "a failure as 200": ('{"result":{"status":"error","code":3002}}', REJECTED),
    "a failure as 200 without a code": ('{"result":{"status":"error","message":"no"}}', REJECTED),
    "XML": ("<result><status>error</status><code>3002</code></result>", REJECTED),
}


@pytest.mark.parametrize(("body", "expected"), ODD_LOGINS.values(), ids=ODD_LOGINS)
async def test_unusual_login_responses_are_handled(
    warp: Warp, monkeypatch: pytest.MonkeyPatch, body: str, expected: tuple[str, str] | None
) -> None:
    monkeypatch.setattr(session, "REJECTION_SECONDS", 0)
    await warp.control.fail(mode="raw", path=LOGIN, body=body)
    async with gateway_of(warp) as gateway:
        if expected is None:
            await warp.control.fail(
                mode="raw", path="/exist$", body='{"result":{"status":"success","data":{"exist":true}}}'
            )
            assert (await check(gateway)).exists
            assert (await warp.sent())[-1].session == "ABC"
        else:
            assert (await failure_of(check(gateway))).kind == expected
            assert (await check(gateway)).exists  # the next call logs in again
