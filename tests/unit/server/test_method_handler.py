"""Calls through all interceptors, as the client sees them over a real connection, and as the provider sees them."""

import asyncio
import io
import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from gateway.call_context import CallContext
from gateway.contract.methods import METHODS
from gateway.errors import UpstreamError
from gateway.upstream import outcomes
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import provider_service_pb2 as providers
from keyway.v1.certificate_service_pb2_grpc import CertificateServiceStub
from keyway.v1.provider_service_pb2_grpc import ProviderServiceStub
from tests.support.contract_messages import valid
from tests.support.fake_providers import Inventory, served
from tests.support.logs import configured_log

NAME = "providers/p/certificates/c"
SECRET = "hunter2-marker"
GET = certificates.GetCertificateRequest(name=NAME, keystore_password=SECRET)


@pytest.fixture
def log_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Configure the log as the command line does. Return a function that returns all lines so far."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    with configured_log():
        yield lambda: [json.loads(line) for line in written.getvalue().splitlines()]


def getting(get: Any) -> Inventory:
    provider = Inventory("p")
    provider.get = get
    return provider


async def raw_call(channel: grpc.aio.Channel, method: str, raw: bytes) -> bytes:
    call: Any = channel.unary_unary(f"/{method}")
    answer: bytes = await call(raw)
    return answer


async def failure(channel: grpc.aio.Channel, method: str, raw: bytes) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw_call(channel, f"keyway.v1.{method}", raw)
    return caught.value


def trailers(metadata: Any) -> dict[str, Any]:
    found = dict(metadata)
    assert len(found) == len(list(metadata))
    return found


def info(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    status = status_pb2.Status.FromString(trailers(error.trailing_metadata())["grpc-status-details-bin"])
    assert (status.code, status.message) == (error.code().value[0], error.details())
    found = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(found)
    return found


async def test_response_and_request_id_reach_the_caller() -> None:
    seen: list[Any] = []

    async def get(
        request: certificates.GetCertificateRequest, call: CallContext
    ) -> certificates.GetCertificateResponse:
        seen.extend((request, call))
        return certificates.GetCertificateResponse(certificate=certificate_pb2.Certificate(name=request.name))

    async with served(getting(get)) as channel:
        call = CertificateServiceStub(channel).GetCertificate(GET)
        answer = await call
        found = trailers(await call.trailing_metadata())
    assert answer.certificate.name == NAME
    assert seen[0] == GET
    assert found == {"keyway-request-id": seen[1].request_id}
    assert str(uuid.UUID(seen[1].request_id)) == seen[1].request_id


async def test_request_ids_are_unique() -> None:
    async with served() as channel:
        calls = [ProviderServiceStub(channel).ListProviders(providers.ListProvidersRequest()) for _ in range(5)]
        ids = {trailers(await call.trailing_metadata())["keyway-request-id"] for call in calls}
    assert len(ids) == 5


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05ab", b"\x0a\x01\xff", SECRET.encode()])
async def test_undecodable_message_is_rejected(raw: bytes) -> None:
    async with served(Inventory("p")) as channel:
        error = await failure(channel, "CertificateService/GetCertificate", raw)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert info(error).reason == "INVALID_REQUEST"
    assert error.details() == "the message cannot be decoded as keyway.v1.GetCertificateRequest"
    assert trailers(error.trailing_metadata()).keys() == {"keyway-request-id", "grpc-status-details-bin"}


async def test_invalid_request_does_not_reach_the_provider() -> None:
    async def get(request: object, call: CallContext) -> None:
        raise AssertionError("an invalid request reached the provider")

    async with served(getting(get)) as channel:
        error = await failure(channel, "CertificateService/GetCertificate", b"")
    assert (error.code(), info(error).reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert error.details() == "name: is required"


async def test_upstream_failure_reaches_the_caller() -> None:
    async def get(request: object, call: CallContext) -> None:
        raise UpstreamError(outcomes.RATE_LIMITED, "too many requests", provider="p", http_status=429, retry_after=3)

    async with served(getting(get)) as channel:
        error = await failure(channel, "CertificateService/GetCertificate", GET.SerializeToString())
    assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "too many requests")
    assert dict(info(error).metadata) == {"provider": "p", "http_status": "429"}
    found = trailers(error.trailing_metadata())
    assert found.keys() == {"keyway-request-id", "grpc-status-details-bin", "grpc-retry-pushback-ms"}
    assert 3000 <= int(found["grpc-retry-pushback-ms"]) <= 3750


class TestInternalError:
    async def test_bug_is_logged_and_hidden_from_the_caller(self, log_lines: Any) -> None:
        async def get(request: certificates.GetCertificateRequest, call: CallContext) -> None:
            password = request.keystore_password
            raise ZeroDivisionError(f"details with {password}")

        async with served(getting(get)) as channel:
            error = await failure(channel, "CertificateService/GetCertificate", GET.SerializeToString())
        assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
        assert info(error) == error_details_pb2.ErrorInfo(reason="INTERNAL_ERROR", domain="keyway")
        assert "details with" not in str(error) + str(error.trailing_metadata())
        (line,) = (line for line in log_lines() if line["event"] == "internal_error")
        assert line["level"] == "error"
        assert line["method"] == "keyway.v1.CertificateService/GetCertificate"
        assert line["request_id"] == trailers(error.trailing_metadata())["keyway-request-id"]
        assert line["error"] == "ZeroDivisionError"
        assert line["frames"][-1].endswith(" get")
        assert "details" not in json.dumps(line)

    @pytest.mark.parametrize("answer", [None, "text", certificates.CheckCertificateResponse(exists=True)])
    async def test_response_of_the_wrong_type_is_an_internal_error(self, answer: object, log_lines: Any) -> None:
        async def get(request: object, call: CallContext) -> object:
            return answer

        async with served(getting(get)) as channel:
            error = await failure(channel, "CertificateService/GetCertificate", GET.SerializeToString())
        assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
        assert info(error).reason == "INTERNAL_ERROR"
        (line,) = (line for line in log_lines() if line["event"] == "internal_error")
        assert line["error"] == "TypeError"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ([("x-request-id", "order 66/a")], "order 66/a"),
        ([("x-request-id", "a" * 128)], "a" * 128),
        ([("x-request-id", "one"), ("x-request-id", "two")], "one"),
        ([("x-request-id", "a" * 129)], None),
        ([("x-request-id-bin", b"one")], None),
        ([], None),
    ],
    ids=["usual", "longest", "two", "too long", "binary", "none"],
)
async def test_log_lines_have_the_callers_request_id(log_lines: Any, sent: Any, kept: str | None) -> None:
    async def get(request: object, call: CallContext) -> None:
        raise UpstreamError(outcomes.UNREACHABLE, "away", provider="p")

    async with served(getting(get)) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await CertificateServiceStub(channel).GetCertificate(GET, metadata=sent)
    (line,) = (line for line in log_lines() if line["event"] == "provider_failed")
    assert line.get("x_request_id") == kept
    assert line["request_id"] == trailers(caught.value.trailing_metadata())["keyway-request-id"]


async def test_cancellation_reaches_the_provider(log_lines: Any) -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def get(request: object, call: CallContext) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with served(getting(get)) as channel:
        call = CertificateServiceStub(channel).GetCertificate(GET)
        task = asyncio.ensure_future(call)
        await asyncio.wait_for(started.wait(), 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(cancelled.wait(), 60)
    assert [line["event"] for line in log_lines() if line["level"] == "error"] == []


class TestCallContext:
    """The context that providers receive."""

    async def call(self, seconds: float | None = None, **options: Any) -> CallContext:
        calls: list[CallContext] = []

        async def get(request: object, call: CallContext) -> certificates.GetCertificateResponse:
            calls.append(call)
            return certificates.GetCertificateResponse()

        async with served(getting(get), **options) as channel:
            await CertificateServiceStub(channel).GetCertificate(GET, timeout=seconds)
        (call,) = calls
        return call

    async def test_deadline_is_that_of_the_caller(self) -> None:
        before = time.monotonic()
        call = await self.call(500, default_deadline=7)
        assert before + 490 < call.deadline < time.monotonic() + 501

    async def test_default_deadline_applies_without_one(self) -> None:
        before = time.monotonic()
        call = await self.call(default_deadline=7)
        assert before + 7 <= call.deadline <= time.monotonic() + 7

    async def test_idempotent_is_that_of_the_method(self) -> None:
        assert (await self.call()).idempotent

    def test_remaining_is_never_negative(self) -> None:
        assert CallContext("r", time.monotonic() - 5, idempotent=False).remaining() == 0.0


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_every_method_is_served(method: Any) -> None:
    """Without providers, methods that name one return NOT_FOUND. Audit queries are not configured. The others
    succeed.
    """
    request = valid(method.request.DESCRIPTOR).SerializeToString()
    async with served() as channel:
        if method.name_field is None:
            assert method.response.FromString(await raw_call(channel, method.full_name, request)) is not None
        else:
            error = await failure(channel, method.full_name.removeprefix("keyway.v1."), request)
            audit = method.service == "keyway.v1.AuditService" and method.name != "ListSecretDeliveries"
            expected = "AUDIT_QUERY_NOT_CONFIGURED" if audit else "PROVIDER_NOT_FOUND"
            assert info(error).reason == expected


@pytest.mark.parametrize("character", ["a", "가", "😀"])
async def test_error_details_fit_the_longest_name(character: str) -> None:
    """The client library rejects trailers that are too long, and the error with them."""
    name = "providers/" + character * 1014
    async with served() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ProviderServiceStub(channel).GetProvider(providers.GetProviderRequest(name=name))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert info(caught.value).reason == "PROVIDER_NOT_FOUND"
