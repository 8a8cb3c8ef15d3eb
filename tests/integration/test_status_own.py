"""The gateway's own statuses, the trailers of every response, and internal errors."""

import uuid
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from keyway.v1 import provider_service_pb2 as providers
from tests.support.stack import Gateway, Stack
from tests.support.valid_requests import WARP, call, upstream_targets, valid_request
from tests.support.wire import REQUEST_ID, WireResource, failure_of, parse

INVALID = ("INVALID_ARGUMENT", "INVALID_REQUEST")


async def test_all_violations_of_a_request_are_reported(quiet_stack: Stack) -> None:
    request = certificates.CreateCertificateRequest(
        parent="providers/a/b", subject=certificate_pb2.DistinguishedName(country="KR"), key_size=-1, validity_days=-1
    )

    failure = await failure_of(call(quiet_stack.gateway, "CreateCertificate", request))

    assert failure.kind == INVALID
    assert sorted(failure.fields) == [
        *("certificate_id", "key_size", "keystore_password", "parent", "private_key_password"),
        *("subject.common_name", "validity_days"),
    ]
    assert all(violation.description for violation in failure.violations)
    assert failure.metadata == {}
    assert not await upstream_targets(quiet_stack)


async def test_limits_of_an_upstream_have_their_own_reason(quiet_stack: Stack) -> None:
    request = valid_request("CreateCertificate", WARP, "short")
    failure = await failure_of(call(quiet_stack.gateway, "CreateCertificate", request))
    assert failure.kind == ("INVALID_ARGUMENT", "PASSWORD_TOO_SHORT")
    assert failure.metadata == {"provider": "asteria"}
    assert [(violation.field, violation.reason) for violation in failure.violations] == [
        ("keystore_password", "PASSWORD_TOO_SHORT"),
        ("private_key_password", "PASSWORD_TOO_SHORT"),
    ]
    assert "short" not in failure.message.replace("PASSWORD_TOO_SHORT", "")
    assert not await upstream_targets(quiet_stack)


async def test_invalid_page_token_is_rejected(quiet_stack: Stack) -> None:
    gateway = quiet_stack.gateway
    parent = "providers/nhn-certs"
    request = certificates.ListCertificatesRequest(parent=parent, page_size=2)
    first = await gateway.certificates.ListCertificates(request)
    token = first.next_page_token
    assert token
    foreign = [
        certificates.ListCertificatesRequest(parent="providers/-", page_token=token),
        certificates.ListCertificatesRequest(
            parent=parent, page_token=token, state=certificates.CERTIFICATE_STATE_FILTER_ALL
        ),
        certificates.ListCertificatesRequest(parent=parent, page_token=token[:-1]),
        certificates.ListCertificatesRequest(parent=parent, page_token="한글"),
        certificates.ListCertificatesRequest(parent=parent, page_token="A" * 100_000),
        providers.ListProvidersRequest(page_token=token),
    ]
    for other in foreign:
        failure = await failure_of(call(gateway, type(other).__name__.removesuffix("Request"), other))
        assert failure.kind == ("INVALID_ARGUMENT", "INVALID_PAGE_TOKEN")
        assert failure.fields == ["page_token"]


async def test_unknown_provider_is_not_found(quiet_stack: Stack) -> None:
    for method in ("Encrypt", "GetCertificate", "GetProvider", "CheckProvider", "ListStatusMappings"):
        failure = await failure_of(call(quiet_stack.gateway, method, valid_request(method, "nowhere")))
        assert failure.kind == ("NOT_FOUND", "PROVIDER_NOT_FOUND")
        assert failure.resource == WireResource("keyway.dev/Provider", "providers/nowhere")


async def test_existing_certificate_is_not_replaced_by_default(quiet_stack: Stack) -> None:
    for method in ("CreateCertificate", "ImportCertificate"):
        request = valid_request(method)
        request.replace = False
        if method == "CreateCertificate":
            request.certificate_id = "server"
        failure = await failure_of(call(quiet_stack.gateway, method, request))
        assert failure.kind == ("ALREADY_EXISTS", "CERTIFICATE_ALREADY_EXISTS")
        assert failure.resource == WireResource("keyway.dev/Certificate", "providers/asteria/certificates/server")
        assert failure.metadata == {"provider": "asteria"}
    assert set(await upstream_targets(quiet_stack)) == {"/mcapi/certificate/server/exist"}


async def test_private_key_that_a_provider_does_not_return_is_unsupported(quiet_stack: Stack) -> None:
    request = valid_request("DownloadCertificate")
    request.include_private_key = True
    failure = await failure_of(call(quiet_stack.gateway, "DownloadCertificate", request))
    assert failure.kind == ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER")
    assert not await upstream_targets(quiet_stack)


async def test_plaintext_that_is_not_base64_is_reported(quiet_stack: Stack) -> None:
    service = quiet_stack.gateway.keys
    name = "providers/nhn-keys/keys/orders-key"
    encrypted = await service.Encrypt(keys.EncryptRequest(name=name, plaintext="한글, not Base64".encode()))
    request = keys.DecryptRequest(name=name, ciphertext=encrypted.ciphertext, encoding=keys.ENCODING_BASE64)

    failure = await failure_of(service.Decrypt(request))

    assert failure.kind == ("FAILED_PRECONDITION", "PLAINTEXT_NOT_BASE64")
    assert failure.metadata == {"provider": "nhn-keys"}
    assert "한글".encode() not in failure.everything


async def test_every_response_has_a_unique_request_id(quiet_stack: Stack) -> None:
    ids = []
    for _ in range(2):
        running = call(quiet_stack.gateway, "Encrypt")
        await running
        trailers = dict(await running.trailing_metadata())
        assert set(trailers) == {REQUEST_ID}
        ids.append(uuid.UUID(trailers[REQUEST_ID]))
    failure = await failure_of(call(quiet_stack.gateway, "Encrypt", keys.EncryptRequest()))
    ids.append(uuid.UUID(failure.request_id))
    assert len(set(ids)) == 3


@pytest.mark.parametrize("method", ["Encrypt", "BatchEncrypt"])
async def test_internal_error_reveals_nothing_to_the_caller(
    quiet_stack: Stack, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("the-inner-secret")

    monkeypatch.setattr(SecureKeyManager, "encrypt", broken)
    with capture_logs() as logged:
        async with Gateway(quiet_stack.settings()) as gateway:
            if method == "Encrypt":
                failure = await failure_of(call(gateway, method))
            else:
                failure = parse((await call(gateway, method)).results[0].error)
            after = await call(gateway, "GetClientInfo")
    (entry,) = (entry for entry in logged if entry["log_level"] == "error")
    assert entry["request_id"] == failure.request_id
    assert entry["error"] == "RuntimeError"
    assert "the-inner-secret" not in str(logged)
    assert failure.kind == ("INTERNAL", "INTERNAL_ERROR")
    assert failure.message == "internal error"
    assert failure.metadata == {}
    assert failure.retry is None
    assert b"the-inner-secret" not in failure.everything
    assert b"RuntimeError" not in failure.everything
    assert after.client_ip
