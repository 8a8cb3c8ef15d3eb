"""The steps of the drain: NOT_SERVING, the delay, no new calls, and a response for every earlier call."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc

from gateway.contract.methods import SERVICES
from gateway.server import gateway_server
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import certificate_service_pb2_grpc, key_service_pb2_grpc
from keyway.v1 import key_service_pb2 as keys
from tests.support.draining import accepts, listener_closed, stoppable, until_refused
from tests.support.processes import Process, write_config
from tests.support.stack import CERTIFICATE_MANAGER, KEY_MANAGER, Stack
from tests.support.valid_requests import valid_request
from tests.support.waiting import eventually

REQUEST = keys.GetClientInfoRequest(provider="providers/nhn-keys")
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


@asynccontextmanager
async def channel_to(address: str) -> AsyncIterator[grpc.aio.Channel]:
    """Yield a channel with its own connection."""
    async with grpc.aio.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield channel


def keys_at(channel: grpc.aio.Channel) -> "key_service_pb2_grpc.KeyServiceAsyncStub":
    return key_service_pb2_grpc.KeyServiceStub(channel)


def details(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """Return the details of an error by type."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    found: dict[str, Any] = {"pushback": trailers.get("grpc-retry-pushback-ms")}
    for detail in status.details:
        for kind in (error_details_pb2.ErrorInfo, error_details_pb2.RetryInfo, error_details_pb2.RequestInfo):
            message = kind()
            if detail.Unpack(message):
                found[kind.__name__] = message
    assert found["RequestInfo"].request_id == trailers["keyway-request-id"]
    return found


async def test_watchers_see_not_serving_while_calls_are_still_served(quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, drain_delay=600)
    async with Process(tmp_path, "serve", "--config", config) as process:
        address = await process.address()
        async with channel_to(address) as channel, channel_to(address) as late:
            watches = await _watches(channel)

            process.send(signal.SIGTERM)

            assert [(await watch.read()).status for watch in watches] == [NOT_SERVING] * len(watches)
            await keys_at(channel).GetClientInfo(REQUEST, timeout=20)
            await keys_at(late).GetClientInfo(REQUEST, timeout=20)
            assert await accepts(address)


async def test_listener_closes_after_the_delay_despite_watchers(quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack, drain_delay=1, drain_timeout=600)
    async with Process(tmp_path, "serve", "--config", config) as process:
        address = await process.address()
        async with channel_to(address) as channel:
            await _watches(channel)
            started = time.monotonic()
            process.send(signal.SIGTERM)
            await listener_closed(address)
            assert time.monotonic() - started >= 1
            ended = await process.ended()

    assert ended.code == 0


async def _watches(channel: grpc.aio.Channel) -> list[Any]:
    """Return a Watch stream for each service. All of them report SERVING."""
    health: Any = health_pb2_grpc.HealthStub(channel)  # the published type has no methods
    watches = [health.Watch(health_pb2.HealthCheckRequest(service=service)) for service in ("", *SERVICES)]
    assert [(await watch.read()).status for watch in watches] == [SERVING] * len(watches)
    return watches


async def test_call_in_progress_succeeds_while_new_calls_are_rejected(quiet_stack: Stack, tmp_path: Path) -> None:
    config = write_config(tmp_path / "keyway.yaml", quiet_stack)
    async with Process(tmp_path, "serve", "--config", config) as process:
        address = await process.address()
        async with channel_to(address) as channel, channel_to(address) as late:
            await quiet_stack.controls[KEY_MANAGER].fail(mode=None, delay=2)
            running = asyncio.ensure_future(keys_at(channel).GetClientInfo(REQUEST, timeout=20))
            await _reached(quiet_stack, KEY_MANAGER)

            process.send(signal.SIGTERM)
            await listener_closed(address)

            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await keys_at(late).GetClientInfo(REQUEST, timeout=20)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            assert not running.done()
            assert (await running).client_ip == "127.0.0.1"
        ended = await process.ended()

    assert ended.code == 0


async def test_calls_over_the_drain_timeout_get_an_error(quiet_stack: Stack) -> None:
    settings = quiet_stack.settings(
        quiet_stack.provider("nhn-certs", api_version="v1.0"), quiet_stack.provider("nhn-keys"), drain_timeout=0.3
    )
    await quiet_stack.controls[KEY_MANAGER].fail(mode="stall")
    await quiet_stack.controls[CERTIFICATE_MANAGER].fail(mode="stall")
    async with stoppable(settings) as gateway, channel_to(gateway.address) as channel:
        certificate_stub = certificate_service_pb2_grpc.CertificateServiceStub(channel)
        upload: certificates.UploadCertificateRequest = valid_request("UploadCertificate")
        calls = [
            asyncio.ensure_future(keys_at(channel).GetClientInfo(REQUEST, timeout=20)),
            asyncio.ensure_future(certificate_stub.UploadCertificate(upload, timeout=20)),
        ]
        await _reached(quiet_stack, KEY_MANAGER)
        await _reached(quiet_stack, CERTIFICATE_MANAGER)
        gateway.begin()
        started = time.monotonic()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        await gateway.ended
        assert time.monotonic() - started >= 0.3

    for outcome in outcomes:
        assert isinstance(outcome, grpc.aio.AioRpcError)
        assert outcome.code() is grpc.StatusCode.UNAVAILABLE
    read, changed = (details(outcome) for outcome in outcomes if isinstance(outcome, grpc.aio.AioRpcError))
    assert {read["ErrorInfo"].reason, changed["ErrorInfo"].reason} == {"SERVER_DRAINING"}
    assert read["RetryInfo"].retry_delay.ToMilliseconds() == int(read["pushback"]) > 0
    # The upload can have succeeded, so the error does not allow a retry.
    assert "RetryInfo" not in changed
    assert changed["pushback"] is None


async def test_late_call_on_an_open_connection_gets_server_draining(
    quiet_stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Extend the time between the last call and the close of the listener, so that the late call arrives in it.
    monkeypatch.setattr(gateway_server, "_QUIET_SECONDS", 2.0)
    monkeypatch.setattr(gateway_server, "_MAXIMUM_QUIET_SECONDS", 4.0)
    async with stoppable(quiet_stack.settings()) as gateway, channel_to(gateway.address) as channel:
        await keys_at(channel).GetClientInfo(REQUEST, timeout=20)
        gateway.begin()
        refused = await until_refused(lambda: keys_at(channel).GetClientInfo(REQUEST, timeout=20))
        before = len(await quiet_stack.controls[KEY_MANAGER].requests())
        again = await until_refused(lambda: keys_at(channel).GetClientInfo(REQUEST, timeout=20))
        assert await accepts(gateway.address)
        await gateway.ended

    assert len(await quiet_stack.controls[KEY_MANAGER].requests()) == before
    for error in (refused, again):
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        found = details(error)
        assert found["ErrorInfo"].reason == "SERVER_DRAINING"
        assert found["RetryInfo"].retry_delay.ToMilliseconds() == int(found["pushback"]) > 0


async def test_drain_without_calls_ends_immediately(quiet_stack: Stack) -> None:
    async with stoppable(quiet_stack.settings(drain_timeout=600)) as gateway, channel_to(gateway.address) as channel:
        await keys_at(channel).GetClientInfo(REQUEST, timeout=20)
        gateway.begin()
        async with asyncio.timeout(60):
            await gateway.ended
        assert not await accepts(gateway.address)


async def _reached(quiet_stack: Stack, kind: str) -> None:
    """Return when the armed faults of the emulator have matched their requests."""

    async def found() -> bool:
        answer = await quiet_stack.controls[kind].call("GET", "/faults")
        return bool(answer["armed"] == 0)

    await eventually(found)
