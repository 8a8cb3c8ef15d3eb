"""Malformed messages and unknown values, sent as raw bytes."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.stack import Stack
from tests.support.valid_requests import call, upstream_targets, valid_request
from tests.support.wire import failure_of, trailers_of

INVALID = ("INVALID_ARGUMENT", "INVALID_REQUEST")
MAXIMUM = 16 * 1024 * 1024
ENCRYPT = "/keyway.v1.KeyService/Encrypt"


@pytest.fixture(autouse=True)
async def keeps_serving(quiet_stack: Stack) -> AsyncIterator[None]:
    """After each test, a call of another caller succeeds."""
    yield
    assert (await call(quiet_stack.gateway, "Encrypt")).ciphertext


async def raw(stack: Stack, method: str, data: bytes) -> bytes:
    send: Any = stack.gateway.channel.unary_unary(method)
    answer: bytes = await send(data)
    return answer


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",
        b"\x0a\x05abc",
        b"\x0a\xff\xff\xff\xff\x0f",
        b"\x0a\x02\xff\xfe",
        b"\x0b\x0b\x0b\x0b",
        b"\x00\x00",
        b"{}",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=[
        "half a tag",
        "cut off",
        "a length of 4 GiB",
        "text that is not UTF-8",
        "open groups",
        "field 0",
        "JSON",
        "HTTP",
    ],
)
async def test_undecodable_bytes_are_rejected(quiet_stack: Stack, data: bytes) -> None:
    failure = await failure_of(raw(quiet_stack, ENCRYPT, data))
    assert failure.kind == INVALID
    assert failure.violations[0].description == "the message cannot be decoded as keyway.v1.EncryptRequest"
    assert not await upstream_targets(quiet_stack)


async def test_unknown_fields_are_ignored(quiet_stack: Stack) -> None:
    data = valid_request("Encrypt").SerializeToString() + b"\xba\x3e\x03abc" + b"\xc0\x3e\x01"
    answer = keys.EncryptResponse.FromString(await raw(quiet_stack, ENCRYPT, data))
    assert answer.ciphertext


async def test_empty_message_reports_the_required_fields(quiet_stack: Stack) -> None:
    failure = await failure_of(raw(quiet_stack, "/keyway.v1.KeyService/Verify", b""))
    assert failure.kind == INVALID
    assert sorted(failure.fields) == ["name", "signature"]


@pytest.mark.parametrize("number", [-1, 10, 99, 2**31 - 1])
async def test_unknown_enum_number_is_rejected(quiet_stack: Stack, number: Any) -> None:
    certificate = "providers/nhn-certs/certificates/www.example.com"
    requests = {
        "encoding": keys.EncryptRequest(name="providers/nhn-keys/keys/orders-key", encoding=number),
        "format": certificates.DownloadCertificateRequest(name=certificate, format=number),
        "view": certificates.GetCertificateRequest(name=certificate, view=number),
        "state": certificates.ListCertificatesRequest(parent="providers/-", state=number),
    }
    for field, request in requests.items():
        failure = await failure_of(call(quiet_stack.gateway, type(request).__name__.removesuffix("Request"), request))
        assert failure.kind == INVALID
        assert failure.fields == [field]
    assert not await upstream_targets(quiet_stack)


@pytest.mark.parametrize(("field", "value"), [("page_size", -1), ("page_size", 1001), ("page_size", 2**31 - 1)])
async def test_rejected_page_size_reports_the_limits(quiet_stack: Stack, field: str, value: int) -> None:
    for request in (
        certificates.ListCertificatesRequest(parent="providers/-", page_size=value),
        providers.ListProvidersRequest(page_size=value),
    ):
        failure = await failure_of(call(quiet_stack.gateway, type(request).__name__.removesuffix("Request"), request))
        assert failure.kind == INVALID
        assert failure.fields == [field]
        assert "1000" in failure.violations[0].description


@pytest.mark.parametrize("count", [0, 1001])
@pytest.mark.parametrize("method", ["BatchEncrypt", "BatchDecrypt"])
async def test_rejected_batch_reports_the_limit_of_items(quiet_stack: Stack, method: str, count: int) -> None:
    request = valid_request(method)
    item = request.requests.pop()
    request.requests.extend([item] * count)

    failure = await failure_of(call(quiet_stack.gateway, method, request))

    assert failure.kind == INVALID
    assert failure.fields == ["requests"]
    assert "1 to 1000" in failure.violations[0].description
    assert not await upstream_targets(quiet_stack)


def message_of(size: int) -> bytes:
    """Return an ImportTrustedAuthority request with this size in bytes."""
    empty = certificates.ImportTrustedAuthorityRequest(
        parent="providers/asteria/trustStores/server", content=b"x" * size
    )
    excess = empty.ByteSize() - size
    empty.content = b"x" * (size - excess)
    assert empty.ByteSize() == size
    return empty.SerializeToString()


async def test_message_is_limited_to_16_mebibytes_if_configured(
    quiet_stack: Stack,
) -> None:
    method = "/keyway.v1.CertificateService/ImportTrustedAuthority"
    failure = await failure_of(raw(quiet_stack, method, message_of(MAXIMUM)))
    assert failure.kind == ("INVALID_ARGUMENT", "INVALID_REQUEST")
    assert failure.fields == ["content"]

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(quiet_stack, method, message_of(MAXIMUM + 1))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "grpc-status-details-bin" not in trailers_of(caught.value)


async def test_unknown_method_is_unimplemented(quiet_stack: Stack) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await raw(quiet_stack, "/keyway.v1.KeyService/Destroy", b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize(
    "metadata",
    [
        (("x-request-id", "a" * 2000),),
        (("x-request-id", "one"), ("x-request-id", "two")),
        (("keyway-request-id", "mine"),),
        (("x-request-id-bin", b"\x00\xff\r\n"),),
    ],
    ids=["long", "twice", "ours", "binary"],
)
async def test_caller_metadata_does_not_change_the_response(
    quiet_stack: Stack, metadata: tuple[tuple[str, str | bytes], ...]
) -> None:
    running = call(quiet_stack.gateway, "Encrypt", metadata=metadata)
    assert (await running).ciphertext
    trailers = dict(await running.trailing_metadata())
    assert trailers["keyway-request-id"] not in ("mine", "one", "two")
