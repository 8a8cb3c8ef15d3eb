"""Failures of an ASTERIA server: every documented code in every accepted format, and failures without a code."""

import pytest
from google.rpc import code_pb2

from gateway.errors import Code, GatewayError, MalformedResponse, Reason, UpstreamError
from gateway.providers.asteria.adapter import AsteriaProvider
from gateway.providers.asteria.status_table import STATUS_TABLE
from gateway.redaction import DEFAULT_REDACTION
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons
from tests.support.providers.asteria_samples import (
    BASE,
    PASSWORD,
    SERVER,
    SERVER_STORE,
    SESSION_ID,
    a_call,
    exist,
    failure,
    success,
)
from tests.support.scripted_upstream import Body, ScriptedUpstream

SHOW = f"{BASE}/server/show"
INVALID, NOT_FOUND, INTERNAL = code_pb2.INVALID_ARGUMENT, code_pb2.NOT_FOUND, code_pb2.INTERNAL
PRECONDITION, UNKNOWN, UNAVAILABLE = code_pb2.FAILED_PRECONDITION, code_pb2.UNKNOWN, code_pb2.UNAVAILABLE
CODES = [
    ("2002", INVALID, "MISSING_PARAMETER"),
    ("2003", INVALID, "INVALID_PARAMETER"),
    ("2004", INVALID, "PASSWORD_TOO_SHORT"),
    ("2101", INVALID, "INVALID_PARAMETER"),
    ("2102", INVALID, "MISSING_PARAMETER"),
    ("2103", INVALID, "INVALID_PARAMETER"),
    ("2107", INVALID, "PASSWORD_TOO_SHORT"),
    ("2202", INVALID, "INVALID_UPLOAD"),
    ("2203", INVALID, "INVALID_UPLOAD"),
    ("2204", INVALID, "UNPARSABLE_CERTIFICATE"),
    ("2301", INVALID, "INVALID_UPLOAD"),
    ("2401", code_pb2.PERMISSION_DENIED, "KEYSTORE_PASSWORD_INCORRECT"),
    ("2801", PRECONDITION, "PUBLIC_KEY_MISMATCH"),
    ("2802", PRECONDITION, "CERTIFICATE_EXPIRED"),
    ("3001", PRECONDITION, "PROVIDER_CREDENTIALS_REJECTED"),
    ("4012", NOT_FOUND, "CERTIFICATE_NOT_FOUND"),
    ("5001", INTERNAL, "PROVIDER_STORAGE"),
    ("5002", INTERNAL, "PROVIDER_STORAGE"),
    ("5006", INTERNAL, "PROVIDER_STORAGE"),
    ("5101", UNAVAILABLE, "PROVIDER_INTERNAL_COMMUNICATION"),
    ("5102", INTERNAL, "PROVIDER_INTERNAL"),
    ("5303", INTERNAL, "PROVIDER_CERTIFICATE_UNREADABLE"),
    ("5304", INTERNAL, "PROVIDER_CERTIFICATE_UNREADABLE"),
    ("5305", INTERNAL, "PROVIDER_KEYSTORE"),
    ("5306", INTERNAL, "PROVIDER_KEYSTORE"),
    ("5307", INTERNAL, "PROVIDER_KEY_GENERATION"),
    ("5308", INTERNAL, "PROVIDER_KEY_GENERATION"),
    ("5309", INTERNAL, "PROVIDER_KEY_GENERATION"),
    ("5310", NOT_FOUND, "CSR_NOT_FOUND"),
]


def reason(name: str) -> Reason:
    return reasons.ErrorReason.Value(f"ERROR_REASON_{name}")


async def show(asteria: AsteriaProvider) -> UpstreamError:
    """Call `show`, and return its error."""
    request = service.GetCertificateRequest(name=SERVER, keystore_password=PASSWORD)
    with pytest.raises(UpstreamError) as raised:
        await asteria.get_certificate(request, a_call())
    return raised.value


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize(("code", "grpc", "name"), CODES)
async def test_known_code_takes_precedence_over_the_http_status(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, *, code: str, grpc: Code, name: str, status: int
) -> None:
    upstream.answer("POST", SHOW, status=status, headers={"Retry-After": "7"}, body=failure(code, "too bad"))
    error = await show(asteria)
    assert (error.kind.code, error.kind.reason) == (grpc, reason(name))
    assert error.metadata == {"provider": "asteria", "upstream_code": code, "http_status": str(status)}
    assert error.message.startswith(f"{SERVER}: ")
    assert "too bad" not in error.message
    assert error.upstream_message == DEFAULT_REDACTION.placeholder("too bad")
    assert error.resource == (SERVER if grpc == NOT_FOUND else None)
    assert error.retry_after is None


async def test_4012_in_calls_about_authorities_is_authority_not_found(
    upstream: ScriptedUpstream, asteria: AsteriaProvider
) -> None:
    name = f"{SERVER_STORE}/authorities/a"
    upstream.answer("GET", f"{BASE}/server/ca/show", status=403, body=failure("4012"))
    upstream.answer("POST", f"{BASE}/server/ca/delete", status=403, body=failure("4012"))
    for call in (
        asteria.get_trusted_authority(service.GetTrustedAuthorityRequest(name=name), a_call()),
        asteria.delete_trusted_authority(service.DeleteTrustedAuthorityRequest(name=name), a_call()),
    ):
        with pytest.raises(GatewayError) as raised:
            await call
        assert (raised.value.kind.code, raised.value.kind.reason) == (NOT_FOUND, reason("AUTHORITY_NOT_FOUND"))
        assert raised.value.resource == name


SHAPES: list[Body] = [
    {"result": {"status": "error", "code": 4012, "message": "m"}},
    {"result": {"status": "error", "code": "4012", "message": "m"}},
    {"result": {"status": "ERROR", "code": " 4012 ", "message": " m "}},
    {"result": {"status": "error", "errorCode": 4012, "errorMessage": "m"}},
    {"result": {"status": "error", "error": {"code": 4012, "message": "m"}}},
    {"result": {"status": "error", "error": [{"code": 4012, "message": "m"}]}},
    {"result": {"status": "error", "data": {"errorCode": "4012", "message": "m"}}},
    {"result": {"code": 4012, "message": "m"}},
    {"status": "error", "code": 4012, "message": "m"},
    {"errorCode": "4012", "message": "m"},
    {"error": {"code": 4012, "message": "m"}},
    '\ufeff{"result":{"status":"error","code":4012,"message":"m"}}',
    '<?xml version="1.0"?><result><status>error</status><code>4012</code><message>m</message></result>',
    '<result status="error" errorCode="4012"><message lang="ja">m</message></result>',
    "<Result><Error><ErrorCode> 4012 </ErrorCode><ErrorMessage>m</ErrorMessage></Error></Result>",
]


@pytest.mark.parametrize("status", [200, 403, 404, 500])
@pytest.mark.parametrize("body", SHAPES)
async def test_code_is_found_in_similar_formats(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, body: Body, status: int
) -> None:
    upstream.answer("POST", SHOW, status=status, headers={"Content-Type": "text/plain"}, body=body)
    error = await show(asteria)
    assert (error.kind.reason, error.upstream_code) == (reason("CERTIFICATE_NOT_FOUND"), "4012")
    assert error.upstream_message == DEFAULT_REDACTION.placeholder("m")


WITHOUT_CODE = [
    (400, UNKNOWN, "UNRECOGNIZED_PROVIDER_ERROR"),
    (401, PRECONDITION, "PROVIDER_CREDENTIALS_REJECTED"),
    (403, PRECONDITION, "PROVIDER_CREDENTIALS_REJECTED"),
    (404, code_pb2.UNIMPLEMENTED, "PROVIDER_API_NOT_FOUND"),
    (429, code_pb2.RESOURCE_EXHAUSTED, "PROVIDER_RATE_LIMITED"),
    (500, INTERNAL, "PROVIDER_INTERNAL"),
    (502, UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
    (503, UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
    (504, UNAVAILABLE, "PROVIDER_UNAVAILABLE"),
]
NO_CODE: list[Body] = [
    b"",
    b"\x8f\xad\xff",
    "<!DOCTYPE html><html><body><code>4012</code></body></html>",
    "<html><h1>HTTP Status</h1></html>",
    "[]",
    "null",
    '{"status": 404, "error": "Not Found", "path": "/mcapi"}',
    '{"code": true, "error": {"code": null}}',
    "{" * 2000,
]


@pytest.mark.parametrize("body", NO_CODE)
@pytest.mark.parametrize(("status", "grpc", "name"), WITHOUT_CODE)
async def test_http_status_determines_the_kind_without_a_code(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, *, status: int, grpc: Code, name: str, body: Body
) -> None:
    upstream.answer("POST", SHOW, status=status, headers={"Retry-After": "7"}, body=body)
    error = await show(asteria)
    assert (error.kind.code, error.kind.reason) == (grpc, reason(name))
    assert error.upstream_code is None
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("status", "grpc", "name"),
    [
        (200, UNKNOWN, "UNRECOGNIZED_PROVIDER_ERROR"),
        (403, PRECONDITION, "PROVIDER_CREDENTIALS_REJECTED"),
        (404, UNKNOWN, "UNRECOGNIZED_PROVIDER_ERROR"),
        (500, INTERNAL, "PROVIDER_INTERNAL"),
    ],
)
async def test_unknown_code_is_reported_with_the_kind_of_the_http_status(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, status: int, grpc: Code, name: str
) -> None:
    upstream.answer("POST", SHOW, status=status, body=failure(9999))
    error = await show(asteria)
    assert (error.kind.code, error.kind.reason) == (grpc, reason(name))
    assert error.upstream_code == "9999"


@pytest.mark.parametrize(
    "body", [failure(None), {"result": {"status": "warning"}}, "<result><status>error</status></result>"]
)
async def test_http_success_without_a_success_status_is_a_failure(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, body: Body
) -> None:
    upstream.answer("POST", SHOW, body=body)
    assert (await show(asteria)).kind.reason == reason("UNRECOGNIZED_PROVIDER_ERROR")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        "<html></html>",
        "<result><status>success</status></result>",
        {},
        {"result": {"data": {}}},
        {"result": []},
        success(),
        success({"certificate": {}}),
        {"result": {"status": "success", "data": []}},
    ],
)
async def test_unreadable_success_is_malformed(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, body: Body
) -> None:
    upstream.answer("POST", SHOW, body=body)
    error = await show(asteria)
    assert isinstance(error, MalformedResponse)
    assert error.http_status == 200


@pytest.mark.parametrize("body", [success(), "<result><status>success</status></result>"])
@pytest.mark.parametrize(("status", "name"), [(403, "PROVIDER_CREDENTIALS_REJECTED"), (500, "PROVIDER_INTERNAL")])
async def test_http_error_is_a_failure_even_with_a_success_body(
    upstream: ScriptedUpstream, asteria: AsteriaProvider, status: int, name: str, *, body: Body
) -> None:
    upstream.answer("POST", f"{BASE}/server/delete", status=status, body=body)
    request = service.DeleteCertificateRequest(name=SERVER, keystore_password="x")
    with pytest.raises(UpstreamError) as raised:
        await asteria.delete_certificate(request, a_call())
    assert raised.value.kind.reason == reason(name)


async def test_truncated_response_is_malformed(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", SHOW, body=success({"certificate": {}}), cut_after=20)
    assert isinstance(await show(asteria), MalformedResponse)


@pytest.mark.parametrize("body", [exist(True), {"result": {"status": "SUCCESS", "data": {"exist": "True"}}, "time": 1}])
async def test_success_in_similar_formats(upstream: ScriptedUpstream, asteria: AsteriaProvider, body: Body) -> None:
    upstream.answer("GET", f"{BASE}/server/exist", headers={"Content-Type": "application/json"}, body=body)
    assert (await asteria.check_certificate(service.CheckCertificateRequest(name=SERVER), a_call())).exists


async def test_delete_needs_no_data_in_the_response(upstream: ScriptedUpstream, asteria: AsteriaProvider) -> None:
    upstream.answer("POST", f"{BASE}/server/delete", body={"result": {"status": "success"}})
    await asteria.delete_certificate(service.DeleteCertificateRequest(name=SERVER, keystore_password="x"), a_call())


@pytest.mark.parametrize(
    "echo",
    [
        PASSWORD,
        "password=pass+word%26%3D%C3%A9",
        "password=pass%20word%26%3D%C3%A9",
        'password="pass word&=\\u00e9"',
        "password=pass word&amp;=é",
        f"session {SESSION_ID}",
        f"<b>{PASSWORD}</b>\n\tat com.example.Servlet(Servlet.java:1)",
    ],
)
async def test_echoed_secret_is_replaced(upstream: ScriptedUpstream, asteria: AsteriaProvider, echo: str) -> None:
    upstream.answer("POST", SHOW, status=500, body=failure(5102, f"wrong: {echo}"))
    error = await show(asteria)
    printed = f"{error} {error!r} {error.upstream_message} {error.metadata}"
    assert DEFAULT_REDACTION.placeholder(f"wrong: {echo}") in printed
    for secret in (PASSWORD, "word", SESSION_ID, "com.example", "<b>"):
        assert secret not in printed


def test_every_documented_code_is_in_the_published_table() -> None:
    rows = STATUS_TABLE.rows
    published = {(row.upstream_code, row.kind.code, row.kind.reason) for row in rows}
    assert {(code, grpc, reason(name)) for code, grpc, name in CODES} <= published
    assert ("4012", NOT_FOUND, reason("AUTHORITY_NOT_FOUND")) in published
    exact = [row for row in WITHOUT_CODE if row[0] not in (400, 500)]
    assert {(f"HTTP {status}", grpc, reason(name)) for status, grpc, name in exact} <= published
    assert all(row.meaning for row in rows)
    assert len([row for row in rows if row.upstream_code.isdigit()]) == len(CODES) + 1
