"""Failures of ASTERIA beyond the status table: error formats, sessions, roles, and natural causes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from keyway.v1 import certificate_service_pb2 as certificates
from tests.support.stack import ASTERIA, Gateway, Stack
from tests.support.valid_requests import WARP, call
from tests.support.wire import failure_of

SHOW = "/server/show$"
NOT_FOUND = ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")
REJECTED = ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")
INTERNAL = ("INTERNAL", "PROVIDER_INTERNAL")
UNKNOWN = ("UNKNOWN", "UNRECOGNIZED_PROVIDER_ERROR")

SHAPES: dict[str, object] = {
    "result, a number": {"result": {"status": "error", "code": 4012, "message": "x"}},
    "result, text": {"result": {"status": "error", "code": "4012"}},
    "result, no status": {"result": {"code": 4012}},
    "result.error": {"result": {"status": "error", "error": {"code": 4012, "message": "x"}}},
    "result.data": {"result": {"status": "error", "data": {"code": "4012"}}},
    "result, errorCode": {"result": {"status": "error", "errorCode": 4012, "errorMessage": "x"}},
    "the root": {"status": "error", "code": 4012},
    "the root, errorCode": {"errorCode": "4012"},
    "error": {"error": {"code": 4012}},
    "XML": "<result><status>error</status><code>4012</code><message>x</message></result>",
    "XML with a prolog": '<?xml version="1.0"?>\n<result><error><errorCode>4012</errorCode></error></result>',
    "XML attributes": '<result status="error" code="4012"/>',
}
NO_CODE: dict[str, object] = {
    "HTML": "<html><body>Error 4012</body></html>",
    "a doctype": "<!DOCTYPE html><html><code>4012</code></html>",
    "text": "4012",
    "nothing": "",
    "an empty object": {},
    "no code": {"result": {"status": "error", "message": "4012"}},
    "a code that is none": {"result": {"status": "error", "code": [4012]}},
}


def body(shape: object) -> str:
    return shape if isinstance(shape, str) else json.dumps(shape)


@pytest.mark.parametrize("status", [400, 403, 404, 500])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_code_in_any_format_takes_precedence_over_the_http_status(
    quiet_stack: Stack, shape: object, status: int
) -> None:
    await quiet_stack.controls[ASTERIA].fail(mode="raw", path=SHOW, status=status, body=body(shape))

    failure = await failure_of(call(quiet_stack.gateway, "GetCertificate"))

    assert failure.kind == NOT_FOUND
    assert failure.metadata == {"provider": WARP, "upstream_code": "4012", "http_status": str(status)}


@pytest.mark.parametrize(("status", "expected"), [(403, REJECTED), (500, INTERNAL), (400, UNKNOWN)])
@pytest.mark.parametrize("shape", NO_CODE.values(), ids=NO_CODE)
async def test_http_status_determines_the_error_without_a_code(
    quiet_stack: Stack, shape: object, status: int, expected: tuple[str, str]
) -> None:
    await quiet_stack.controls[ASTERIA].fail(mode="raw", path=SHOW, status=status, body=body(shape))

    failure = await failure_of(call(quiet_stack.gateway, "GetCertificate"))

    assert failure.kind == expected
    assert failure.metadata == {"provider": WARP, "http_status": str(status)}


async def paths(stack: Stack) -> list[str]:
    return [request["target"].removeprefix("/mcapi/") for request in await stack.controls[ASTERIA].requests()]


async def test_lost_session_is_renewed_without_an_error_for_the_caller(quiet_stack: Stack) -> None:
    await quiet_stack.controls[ASTERIA].fail(code="3001", path=SHOW)
    await call(quiet_stack.gateway, "GetCertificate")
    assert await paths(quiet_stack) == ["certificate/server/show", "auth/login", "certificate/server/show"]


async def test_rejected_session_is_renewed_only_once(quiet_stack: Stack) -> None:
    await quiet_stack.controls[ASTERIA].fail(code="3001", path=SHOW, count=2)

    failure = await failure_of(call(quiet_stack.gateway, "GetCertificate"))

    assert failure.kind == REJECTED
    assert failure.metadata["upstream_code"] == "3001"
    assert await paths(quiet_stack) == ["certificate/server/show", "auth/login", "certificate/server/show"]


@pytest.mark.parametrize("user", ["/keyway", "/nobody"])
async def test_rejected_login_is_an_error_of_the_gateway(quiet_stack: Stack, user: str) -> None:
    login = {"user_name": user, "password": "wrong-one"}
    async with Gateway(quiet_stack.settings(quiet_stack.provider(WARP, login=login))) as gateway:
        failure = await failure_of(call(gateway, "CheckCertificate"))
    assert failure.kind == REJECTED
    assert b"wrong-one" not in failure.everything


async def test_rejected_fixed_session_is_not_renewed(quiet_stack: Stack) -> None:
    settings: dict[str, Any] = quiet_stack.provider(WARP, session_id="nobody-began-this")
    del settings["login"]
    async with Gateway(quiet_stack.settings(settings)) as gateway:
        failure = await failure_of(call(gateway, "CheckCertificate"))
    assert failure.kind == REJECTED
    assert b"nobody-began-this" not in failure.everything
    assert await paths(quiet_stack) == ["certificate/server/exist"]


@pytest.fixture
async def as_developer(quiet_stack: Stack) -> AsyncIterator[Gateway]:
    login = {"user_name": "/developer", "password": "developer-demo"}
    async with Gateway(quiet_stack.settings(quiet_stack.provider(WARP, login=login))) as gateway:
        yield gateway


@pytest.mark.parametrize(
    "method", ["CreateCertificate", "DeleteCertificate", "DownloadCertificate", "DeleteTrustedAuthority"]
)
async def test_insufficient_role_is_a_rejected_credential(as_developer: Gateway, method: str) -> None:
    failure = await failure_of(call(as_developer, method))
    assert failure.kind == REJECTED
    assert failure.metadata == {"provider": WARP, "http_status": "403"}


async def test_role_with_read_permission_can_read(as_developer: Gateway) -> None:
    assert (await call(as_developer, "CheckCertificate")).exists


CLIENT = "providers/asteria/certificates/client"
NATURAL = {
    "a wrong password": (
        certificates.GetCertificateRequest(
            name="providers/asteria/certificates/server", keystore_password="not-it-at-all"
        ),
        ("PERMISSION_DENIED", "KEYSTORE_PASSWORD_INCORRECT"),
    ),
    "no certificate": (certificates.GetCertificateRequest(name=CLIENT, keystore_password="changeit"), NOT_FOUND),
    "no such side": (
        certificates.GetCertificateRequest(name=f"{CLIENT}s", keystore_password="changeit"),
        NOT_FOUND,
    ),
    "no such authority": (
        certificates.GetTrustedAuthorityRequest(name="providers/asteria/trustStores/server/authorities/none"),
        ("NOT_FOUND", "AUTHORITY_NOT_FOUND"),
    ),
    "no such trust store": (
        certificates.ListTrustedAuthoritiesRequest(parent="providers/asteria/trustStores/other"),
        ("NOT_FOUND", "AUTHORITY_NOT_FOUND"),
    ),
    "not a certificate": (
        certificates.ImportTrustedAuthorityRequest(parent="providers/asteria/trustStores/server", content=b"text"),
        ("INVALID_ARGUMENT", "UNPARSABLE_CERTIFICATE"),
    ),
}


@pytest.mark.parametrize("case", NATURAL)
async def test_rejection_by_the_server(quiet_stack: Stack, case: str) -> None:
    request, expected = NATURAL[case]
    method = type(request).__name__.removesuffix("Request")
    failure = await failure_of(call(quiet_stack.gateway, method, request))
    assert failure.kind == expected
    if expected[0] == "NOT_FOUND":
        assert failure.resource is not None
        assert failure.resource.name == getattr(request, "name", getattr(request, "parent", ""))
        assert failure.resource.type.startswith("keyway.dev/")


async def test_failure_of_one_provider_does_not_affect_others(quiet_stack: Stack) -> None:
    await quiet_stack.controls[ASTERIA].fail(code="5102", count=50)
    failure = await failure_of(call(quiet_stack.gateway, "CheckCertificate"))
    assert failure.kind == INTERNAL
    assert (await call(quiet_stack.gateway, "Encrypt")).ciphertext
