"""The way of a call through the pipeline, seen by a client over a real connection and by the provider behind it."""

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
    """Logs as the command line sets them up; a function that answers all lines so far."""
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


async def test_success() -> None:
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


async def test_request_ids_differ() -> None:
    async with served() as channel:
        calls = [ProviderServiceStub(channel).ListProviders(providers.ListProvidersRequest()) for _ in range(5)]
        ids = {trailers(await call.trailing_metadata())["keyway-request-id"] for call in calls}
    assert len(ids) == 5


@pytest.mark.parametrize("raw", [b"\xff", b"\x0a\x05ab", b"\x0a\x01\xff", SECRET.encode()])
async def test_message_that_does_not_decode(raw: bytes) -> None:
    async with served(Inventory("p")) as channel:
        error = await failure(channel, "CertificateService/GetCertificate", raw)
    assert error.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert info(error).reason == "INVALID_REQUEST"
    assert error.details() == ": the message cannot be decoded as keyway.v1.GetCertificateRequest"
    assert trailers(error.trailing_metadata()).keys() == {"keyway-request-id", "grpc-status-details-bin"}


async def test_request_that_breaks_the_contract_is_not_handed_on() -> None:
    async def get(request: object, call: CallContext) -> None:
        raise AssertionError("an invalid request was handed on")

    async with served(getting(get)) as channel:
        error = await failure(channel, "CertificateService/GetCertificate", b"")
    assert (error.code(), info(error).reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert error.details() == "name: is required"


async def test_failure_of_an_upstream() -> None:
    async def get(request: object, call: CallContext) -> None:
        raise UpstreamError(
            outcomes.RATE_LIMITED, "warp asks for patience", provider="p", http_status=429, retry_after=3
        )

    async with served(getting(get)) as channel:
        error = await failure(channel, "CertificateService/GetCertificate", GET.SerializeToString())
    assert (error.code(), error.details()) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "warp asks for patience")
    assert dict(info(error).metadata) == {"provider": "p", "http_status": "429"}
    found = trailers(error.trailing_metadata())
    assert found.keys() == {"keyway-request-id", "grpc-status-details-bin", "grpc-retry-pushback-ms"}
    assert found["grpc-retry-pushback-ms"] == "3000"


class TestOurOwnBug:
    async def test_hidden_from_the_caller_and_told_to_the_log(self, log_lines: Any) -> None:
        async def get(request: certificates.GetCertificateRequest, call: CallContext) -> None:
            password = request.keystore_password
            raise ZeroDivisionError(f"details for operators, {len(password)}")

        async with served(getting(get)) as channel:
            error = await failure(channel, "CertificateService/GetCertificate", GET.SerializeToString())
        assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
        assert info(error) == error_details_pb2.ErrorInfo(reason="INTERNAL_ERROR", domain="keyway")
        assert "operators" not in str(error) + str(error.trailing_metadata())
        (line,) = (line for line in log_lines() if line["event"] == "internal_error")
        assert line["level"] == "error"
        assert line["method"] == "keyway.v1.CertificateService/GetCertificate"
        assert line["request_id"] == trailers(error.trailing_metadata())["keyway-request-id"]
        assert "ZeroDivisionError: details for operators" in line["exception"]
        assert "in get" in line["exception"]
        assert SECRET not in json.dumps(line)

    @pytest.mark.parametrize("answer", [None, "text", certificates.CheckCertificateResponse(exists=True)])
    async def test_answer_of_the_wrong_type(self, answer: object, log_lines: Any) -> None:
        async def get(request: object, call: CallContext) -> object:
            return answer

        async with served(getting(get)) as channel:
            error = await failure(channel, "CertificateService/GetCertificate", GET.SerializeToString())
        assert (error.code(), error.details()) == (grpc.StatusCode.INTERNAL, "internal error")
        assert info(error).reason == "INTERNAL_ERROR"
        (line,) = (line for line in log_lines() if line["event"] == "internal_error")
        assert "GetCertificate returned a" in line["exception"]


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
async def test_the_callers_id_stands_beside_ours_in_the_log(log_lines: Any, sent: Any, kept: str | None) -> None:
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


class TestCall:
    """What the layers below learn of the call."""

    async def call(self, seconds: float | None = None, **options: Any) -> CallContext:
        calls: list[CallContext] = []

        async def get(request: object, call: CallContext) -> certificates.GetCertificateResponse:
            calls.append(call)
            return certificates.GetCertificateResponse()

        async with served(getting(get), **options) as channel:
            await CertificateServiceStub(channel).GetCertificate(GET, timeout=seconds)
        (call,) = calls
        return call

    async def test_deadline_of_the_caller(self) -> None:
        before = time.monotonic()
        call = await self.call(500, default_deadline=7)
        assert before + 490 < call.deadline < time.monotonic() + 501

    async def test_default_deadline(self) -> None:
        before = time.monotonic()
        call = await self.call(default_deadline=7)
        assert before + 7 <= call.deadline <= time.monotonic() + 7

    async def test_idempotent(self) -> None:
        assert (await self.call()).idempotent

    def test_remaining_is_never_negative(self) -> None:
        assert CallContext("r", time.monotonic() - 5, idempotent=False).remaining() == 0.0


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
async def test_every_method_is_served(method: Any) -> None:
    """With no provider at all, a call that names one finds none; the others answer."""
    request = valid(method.request.DESCRIPTOR).SerializeToString()
    async with served() as channel:
        if method.name_field is None:
            assert method.response.FromString(await raw_call(channel, method.full_name, request)) is not None
        else:
            error = await failure(channel, method.full_name.removeprefix("keyway.v1."), request)
            assert (error.code(), info(error).reason) == (grpc.StatusCode.NOT_FOUND, "PROVIDER_NOT_FOUND")


@pytest.mark.parametrize("character", ["a", "가", "😀"])
async def test_longest_name_comes_back_with_its_details(character: str) -> None:
    """Longer trailers would be refused by the client's own library, and the failure with them."""
    name = "providers/" + character * 1014
    async with served() as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await ProviderServiceStub(channel).GetProvider(providers.GetProviderRequest(name=name))
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    assert info(caught.value).reason == "PROVIDER_NOT_FOUND"
