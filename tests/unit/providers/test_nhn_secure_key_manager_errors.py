"""Failures of Secure Key Manager: each row of its table, the HTTP status, and the message for the caller."""

import json

import pytest
from google.rpc import code_pb2

from gateway.errors import UpstreamError
from gateway.providers.nhn_secure_key_manager.adapter import SecureKeyManager
from gateway.providers.nhn_secure_key_manager.status_table import STATUS_TABLE, code_of
from gateway.redaction import DEFAULT_REDACTION
from gateway.upstream import outcomes
from keyway.v1 import error_reason_pb2 as reasons
from keyway.v1 import key_service_pb2 as keys
from tests.support.providers.secure_key_manager import (
    APP_KEY,
    ASYMMETRIC,
    BASE,
    KEY,
    SECRET,
    call,
    connected,
    failure,
    success,
)
from tests.support.providers.secure_key_manager_calls import CALLS, ENCRYPT, refused
from tests.support.scripted_upstream import ScriptedUpstream

EXPECTED = {
    "Invalid Key ID": ("NOT_FOUND", "KEY_NOT_FOUND"),
    "Invalid Key Version": ("NOT_FOUND", "KEY_VERSION_NOT_FOUND"),
    "Invalid User Data": ("INVALID_ARGUMENT", "INVALID_USER_DATA"),
    "Invalid Key Status": ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"),
    "Invalid Key Version Status": ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"),
    "Invalid Appkey": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "IPv4 Auth Failure": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "MAC Auth Failure": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "Certificate Auth Failure": ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED"),
    "URL NOT FOUND": ("UNIMPLEMENTED", "PROVIDER_API_NOT_FOUND"),
}


def names(error: UpstreamError) -> tuple[str, str]:
    reason = reasons.ErrorReason.Name(error.kind.reason).removeprefix("ERROR_REASON_")
    return code_pb2.Code.Name(error.kind.code), reason


# The table


@pytest.mark.parametrize("operation", CALLS)
@pytest.mark.parametrize("message", EXPECTED)
async def test_known_message_has_its_kind_in_each_call(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, message: str, operation: str
) -> None:
    method, path, _ = CALLS[operation]
    upstream.answer(method, path, body=failure(message, code=-7))
    error = await refused(adapter, operation)
    assert names(error) == EXPECTED[message]
    assert error.metadata == {"provider": "nhn-keys", "upstream_code": message, "http_status": "200"}
    assert error.upstream_message == f"{message} (code -7)"
    assert error.provider == "nhn-keys"


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 429, 500, 503])
@pytest.mark.parametrize("message", EXPECTED)
async def test_message_takes_precedence_over_the_http_status(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, message: str, status: int
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, body=failure(message))
    error = await refused(adapter)
    assert names(error) == EXPECTED[message]
    assert error.http_status == status


@pytest.mark.parametrize(
    ("message", "row"),
    [
        ("INVALID KEY ID", "Invalid Key ID"),
        ("invalid keyid", None),
        ("  Invalid  Key\tID. ", "Invalid Key ID"),
        ("Invalid Key ID: k1", "Invalid Key ID"),
        ("Invalid Key ID (k1)", "Invalid Key ID"),
        ("Invalid Key IDs", None),
        ("Invalid Key Version Status", "Invalid Key Version Status"),
        ("invalid key version status: stop", "Invalid Key Version Status"),
        ("Invalid Key Version 9", "Invalid Key Version"),
        ("invalid AppKey.", "Invalid Appkey"),
        ("ipv4 auth failure", "IPv4 Auth Failure"),
        ("url not found", "URL NOT FOUND"),
        ("plaintext 'Invalid Key ID' is too long", None),
        ("Invalid", None),
        ("", None),
        ("...", None),
    ],
)
def test_only_known_messages_are_matched(message: str, row: str | None) -> None:
    assert code_of(message) == row


def test_status_table_has_every_message_and_the_shared_rows() -> None:
    rows = STATUS_TABLE.rows
    codes = [row.upstream_code for row in rows]
    assert codes[: len(EXPECTED)] == list(EXPECTED)
    assert {"HTTP 401", "HTTP 404", "HTTP 429", "HTTP 503"} <= set(codes)
    assert len(set(codes)) == len(codes)
    assert all(row.meaning for row in rows)


# Which resource is at fault


async def test_missing_secret_is_the_resource_at_fault(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("GET", f"{BASE}/secrets/s1", body=failure("Invalid Key ID"))
    error = await refused(adapter, "secrets")
    assert error.resource == SECRET
    assert SECRET in error.message


async def test_missing_key_of_a_version_is_reported_as_the_key(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    upstream.answer("GET", f"{ASYMMETRIC}/publicKey", body=failure("Invalid Key ID"))
    upstream.answer("GET", f"{ASYMMETRIC}/publicKey", body=failure("Invalid Key Version"))
    request = keys.GetPublicKeyRequest(name=f"{KEY}/versions/9")
    with pytest.raises(UpstreamError) as missing_key:
        await adapter.get_public_key(request, call())
    with pytest.raises(UpstreamError) as missing_version:
        await adapter.get_public_key(request, call())
    assert missing_key.value.resource == KEY
    assert missing_version.value.resource == f"{KEY}/versions/9"


async def test_rejected_credentials_name_no_resource(upstream: ScriptedUpstream, adapter: SecureKeyManager) -> None:
    upstream.answer("POST", ENCRYPT, body=failure("MAC Auth Failure"))
    assert (await refused(adapter)).resource is None


# Without a known message


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, outcomes.UNRECOGNIZED),
        (400, outcomes.UNRECOGNIZED),
        (401, outcomes.CREDENTIALS_REJECTED),
        (403, outcomes.CREDENTIALS_REJECTED),
        (404, outcomes.UNRECOGNIZED),
        (429, outcomes.RATE_LIMITED),
        (500, outcomes.INTERNAL),
        (502, outcomes.UNAVAILABLE),
        (503, outcomes.UNAVAILABLE),
        (504, outcomes.UNAVAILABLE),
    ],
)
@pytest.mark.parametrize("message", ["Something new", "", None])
async def test_http_status_determines_the_kind_of_an_unknown_message(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, status: int, outcome: object, message: str
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, body=failure(message, code=90001))
    error = await refused(adapter)
    assert error.kind == outcome
    assert error.upstream_code == "90001"


@pytest.mark.parametrize(
    "body", ["", "<html><h1>Oops</h1></html>", "{", "[]", "null", '{"message": "x"}', '{"header": 1}']
)
@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (400, outcomes.UNRECOGNIZED),
        (401, outcomes.CREDENTIALS_REJECTED),
        (403, outcomes.CREDENTIALS_REJECTED),
        (404, outcomes.API_NOT_FOUND),
        (418, outcomes.UNRECOGNIZED),
        (429, outcomes.RATE_LIMITED),
        (500, outcomes.INTERNAL),
        (501, outcomes.INTERNAL),
        (502, outcomes.UNAVAILABLE),
        (503, outcomes.UNAVAILABLE),
        (504, outcomes.UNAVAILABLE),
    ],
)
async def test_http_status_determines_the_kind_without_an_envelope(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, status: int, outcome: object, body: str
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, body=body)
    error = await refused(adapter)
    assert error.kind == outcome
    assert error.metadata == {"provider": "nhn-keys", "http_status": str(status)}


@pytest.mark.parametrize("body", ["busy", json.dumps(failure("Too many requests"))])
@pytest.mark.parametrize(("status", "retry_after"), [(429, 30.0), (502, 30.0), (503, 30.0)])
async def test_retry_after_is_kept(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, body: str, status: int, retry_after: float
) -> None:
    upstream.answer("POST", ENCRYPT, status=status, headers={"Retry-After": "30"}, body=body)
    assert (await refused(adapter)).retry_after == retry_after


@pytest.mark.parametrize("rest", [{}, {"body": None}, {"body": {}}, {"body": "x"}, {"extra": 1}])
async def test_failure_needs_no_body(
    upstream: ScriptedUpstream, adapter: SecureKeyManager, rest: dict[str, object]
) -> None:
    upstream.answer("POST", ENCRYPT, body=failure("Invalid User Data", code=None, **rest))
    error = await refused(adapter)
    assert names(error) == EXPECTED["Invalid User Data"]
    assert error.upstream_message == "Invalid User Data"


# The header decides


async def test_successful_header_takes_precedence_over_the_http_status(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    upstream.answer("POST", ENCRYPT, status=500, body=success(ciphertext="c", keyVersion=1))
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY), call())
    assert response == keys.EncryptResponse(ciphertext="c", key_version=1)


async def test_incomplete_success_with_a_failure_status_is_a_failure(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    upstream.answer("POST", ENCRYPT, status=503, body=success())
    assert (await refused(adapter)).kind == outcomes.UNAVAILABLE


async def test_extra_fields_and_other_types_are_tolerated(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    header = {"resultCode": "0", "resultMessage": "SUCCESS", "isSuccessful": "true", "traceId": "t"}
    answer = {"header": header, "body": {"ciphertext": "c", "keyVersion": "2", "more": [1]}, "links": {}}
    upstream.answer(
        "POST", ENCRYPT, headers={"Content-Type": "text/plain"}, body=b"\xef\xbb\xbf" + json.dumps(answer).encode()
    )
    response = await adapter.encrypt(keys.EncryptRequest(name=KEY), call())
    assert response == keys.EncryptResponse(ciphertext="c", key_version=2)


# Messages to callers


async def test_echo_of_the_request_is_replaced(upstream: ScriptedUpstream) -> None:
    values = {
        "api_version": "v1.2",
        "app_key": "app/key-1",
        "user_access_key": {"id": "uak-id-1", "secret": "uak-secret-1"},
    }
    path = "/keymanager/v1.2/appkey/app%2Fkey-1/symmetric-keys/k1/encrypt"
    echo = "<b>No</b> app/key-1 app%2Fkey-1 uak-id-1 uak-secret-1 the plaintext\nat com.Foo.bar(Foo.java:1)"
    upstream.answer("POST", path, body=failure(echo, code=5))
    async with connected(upstream, **values) as adapter:
        with pytest.raises(UpstreamError) as caught:
            await adapter.encrypt(keys.EncryptRequest(name=KEY, plaintext=b"the plaintext"), call())
    assert caught.value.upstream_message == f"{DEFAULT_REDACTION.placeholder(echo)} (code 5)"
    assert "No" not in caught.value.message


async def test_upstream_message_is_not_returned_to_the_caller(
    upstream: ScriptedUpstream, adapter: SecureKeyManager
) -> None:
    upstream.answer("POST", ENCRYPT, body=failure("Invalid User Data: marker-1"))
    error = await refused(adapter)
    assert "marker-1" not in f"{error} {error.metadata} {error.resource}"
    assert APP_KEY not in f"{error} {error.metadata}"
