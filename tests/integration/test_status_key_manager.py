"""Failures of Secure Key Manager beyond the status table: HTTP 200, message variants, and natural causes."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest
from google.protobuf.message import Message

from keyway.v1 import key_service_pb2 as keys
from tests.support.stack import KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import KEYS, call, valid_request
from tests.support.wire import WireResource, failure_of, parse, requested_retry

PROVIDER = "providers/nhn-keys"
NOT_FOUND = ("NOT_FOUND", "KEY_NOT_FOUND")
NO_VERSION = ("NOT_FOUND", "KEY_VERSION_NOT_FOUND")
INACTIVE = ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE")
INVALID_DATA = ("INVALID_ARGUMENT", "INVALID_USER_DATA")
REJECTED = ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")
NO_API = ("UNIMPLEMENTED", "PROVIDER_API_NOT_FOUND")


class Refusal(NamedTuple):
    """A request that the upstream rejects, and the result."""

    request: Message
    expected: tuple[str, str]
    resource: str = ""


def encrypt(key: str) -> keys.EncryptRequest:
    return keys.EncryptRequest(name=f"{PROVIDER}/keys/{key}", plaintext=b"x")


NATURAL = {
    "no such key": Refusal(encrypt("none"), NOT_FOUND, "keys/none"),
    "a key of the other kind": Refusal(encrypt("demo-rsa"), NOT_FOUND, "keys/demo-rsa"),
    "a secret is no key": Refusal(encrypt("demo-secret"), NOT_FOUND, "keys/demo-secret"),
    "no such secret": Refusal(keys.GetSecretRequest(name=f"{PROVIDER}/secrets/none"), NOT_FOUND, "secrets/none"),
    "no such version": Refusal(
        keys.GetPublicKeyRequest(name=f"{PROVIDER}/keys/demo-rsa/versions/9"), NO_VERSION, "keys/demo-rsa/versions/9"
    ),
    "a version of no key": Refusal(
        keys.GetPublicKeyRequest(name=f"{PROVIDER}/keys/none/versions/0"), NOT_FOUND, "keys/none"
    ),
    "a key not in use": Refusal(encrypt("demo-aes-inactive"), INACTIVE, "keys/demo-aes-inactive"),
    "a version not in use": Refusal(
        keys.GetSymmetricKeyRequest(name=f"{PROVIDER}/keys/demo-aes-inactive-version/versions/0"),
        INACTIVE,
        "keys/demo-aes-inactive-version/versions/0",
    ),
    "a ciphertext that is none": Refusal(
        keys.DecryptRequest(name=f"{PROVIDER}/keys/orders-key", ciphertext="none"), INVALID_DATA
    ),
    "a signature that is none": Refusal(
        keys.VerifyRequest(name=f"{PROVIDER}/keys/demo-rsa", plaintext=b"x", signature="none"), INVALID_DATA
    ),
    "an address that is not let in": Refusal(encrypt("ip-locked-aes"), REJECTED),
    "a MAC address that is not let in": Refusal(encrypt("mac-locked-aes"), REJECTED),
    "a certificate that is not let in": Refusal(encrypt("certificate-locked-aes"), REJECTED),
}


@pytest.fixture(params=[False, True], ids=["HTTP statuses", "all as HTTP 200"])
async def failing_stack(quiet_stack: Stack, request: pytest.FixtureRequest) -> AsyncIterator[Stack]:
    control = quiet_stack.controls[KEY_MANAGER]
    await control.seed({"failures_as_200": request.param})
    yield quiet_stack
    await control.seed({"failures_as_200": False})


@pytest.mark.parametrize("case", NATURAL)
async def test_rejection_by_the_upstream(failing_stack: Stack, case: str) -> None:
    refusal = NATURAL[case]
    method = type(refusal.request).__name__.removesuffix("Request")

    failure = await failure_of(call(failing_stack.gateway, method, refusal.request))

    assert failure.kind == refusal.expected
    assert failure.retry is None
    named = failure.resource.name if failure.resource else ""
    assert named == (f"{PROVIDER}/{refusal.resource}" if refusal.resource else "")


async def test_wrong_app_key_is_an_error_of_the_gateway(failing_stack: Stack) -> None:
    settings = failing_stack.settings(failing_stack.provider(KEYS, app_key="not-the-app-key"))
    async with Gateway(settings) as gateway:
        failure = await failure_of(call(gateway, "Encrypt"))
    assert failure.kind == REJECTED
    assert failure.resource is None
    assert b"not-the-app-key" not in failure.everything


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("invalid key id", NOT_FOUND),
        ("INVALID KEY ID", NOT_FOUND),
        ("Invalid Key ID.", NOT_FOUND),
        (" invalid  key\tversion ", NO_VERSION),
        ("Invalid Key Version Status", INACTIVE),
        ("INVALID KEY STATUS", INACTIVE),
        ("url not found", NO_API),
        ("ipv4 auth failure", REJECTED),
        ("Something Else", ("UNKNOWN", "UNRECOGNIZED_PROVIDER_ERROR")),
        ("", ("UNKNOWN", "UNRECOGNIZED_PROVIDER_ERROR")),
    ],
)
async def test_message_determines_the_error_in_any_letter_case_and_with_http_200(
    quiet_stack: Stack, message: str, expected: tuple[str, str]
) -> None:
    await quiet_stack.controls[KEY_MANAGER].fail(message=message, status=200)
    failure = await failure_of(call(quiet_stack.gateway, "Encrypt"))
    assert failure.kind == expected
    assert failure.metadata["http_status"] == "200"


async def test_batch_item_fails_like_a_single_call(quiet_stack: Stack) -> None:
    good, bad = encrypt("orders-key"), encrypt("none")
    wrong = keys.EncryptRequest(name="nothing", plaintext=b"x")
    other = keys.EncryptRequest(name="providers/elsewhere/keys/k", plaintext=b"x")
    unserved = keys.EncryptRequest(name="providers/asteria/keys/k", plaintext=b"x")
    request = keys.BatchEncryptRequest(requests=[good, bad, wrong, other, unserved, good])

    answer = await quiet_stack.gateway.keys.BatchEncrypt(request)

    assert [result.WhichOneof("result") for result in answer.results] == ["response", *["error"] * 4, "response"]
    failures = [parse(result.error) for result in answer.results[1:5]]
    assert [failure.kind for failure in failures] == [
        NOT_FOUND,
        ("INVALID_ARGUMENT", "INVALID_REQUEST"),
        ("NOT_FOUND", "PROVIDER_NOT_FOUND"),
        ("UNIMPLEMENTED", "METHOD_NOT_SUPPORTED_BY_PROVIDER"),
    ]
    assert failures[0].resource == WireResource("keyway.dev/Key", f"{PROVIDER}/keys/none")
    assert failures[1].fields == ["name"]


async def test_batch_item_contains_retry_info(quiet_stack: Stack) -> None:
    await quiet_stack.controls[KEY_MANAGER].fail(mode="raw", status=503, headers={"Retry-After": "4"})
    answer = await quiet_stack.gateway.keys.BatchEncrypt(valid_request("BatchEncrypt"))
    assert parse(answer.results[0].error).retry == requested_retry(4)
