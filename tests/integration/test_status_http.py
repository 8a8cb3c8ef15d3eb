"""Failures without a known code: the HTTP status determines the error, and the method determines the RetryInfo."""

from collections.abc import AsyncIterator, Mapping
from typing import NamedTuple

import pytest

from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import CERTIFICATES, KEYS, WARP, call, valid_request
from tests.support.wire import DEFAULT_RETRY, failure_of, requested_retry

HTML = "<html><body><h1>Trouble</h1></body></html>"
NOT_JSON = {"Content-Type": "text/html"}


class Target(NamedTuple):
    """An upstream call: its emulator, and the method of the gateway that makes it."""

    kind: str
    provider: str
    method: str
    path: str = ""


REPEATABLE = (
    Target(CERTIFICATE_MANAGER, CERTIFICATES, "ListCertificates"),
    Target(CERTIFICATE_MANAGER, CERTIFICATES, "DownloadCertificate"),
    Target(KEY_MANAGER, KEYS, "Encrypt"),
    Target(KEY_MANAGER, KEYS, "GetPrivateKey"),
    Target(ASTERIA, WARP, "GetCertificate", "/show$"),
    Target(ASTERIA, WARP, "DownloadCertificate", "/export$"),
)
CHANGING = (
    Target(CERTIFICATE_MANAGER, CERTIFICATES, "UploadCertificate"),
    Target(ASTERIA, WARP, "CreateCertificate", "/create$"),
    Target(ASTERIA, WARP, "ImportCertificate", "/import$"),
    Target(ASTERIA, WARP, "DeleteTrustedAuthority", "/ca/delete$"),
)


class Answer(NamedTuple):
    """An HTTP response without a code, and its result. retry: seconds, for idempotent and for other methods."""

    status: int
    expected: tuple[str, str]
    retry: tuple[float | None, float | None] = (None, None)
    headers: Mapping[str, str] = NOT_JSON
    body: str = HTML


REJECTED = ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")
NO_API = ("UNIMPLEMENTED", "PROVIDER_API_NOT_FOUND")
LIMITED = ("RESOURCE_EXHAUSTED", "PROVIDER_RATE_LIMITED")
UNAVAILABLE = ("UNAVAILABLE", "PROVIDER_UNAVAILABLE")
INTERNAL = ("INTERNAL", "PROVIDER_INTERNAL")
UNKNOWN = ("UNKNOWN", "UNRECOGNIZED_PROVIDER_ERROR")

ANSWERS = {
    "400": Answer(400, UNKNOWN),
    "400 with other JSON": Answer(400, UNKNOWN, body='{"error": "bad request"}', headers={}),
    "401": Answer(401, REJECTED),
    "402": Answer(402, UNKNOWN),
    "403": Answer(403, REJECTED),
    "404": Answer(404, NO_API),
    "404 without a body": Answer(404, NO_API, body="", headers={}),
    "418": Answer(418, UNKNOWN),
    "429": Answer(429, LIMITED, (DEFAULT_RETRY, DEFAULT_RETRY)),
    "429 with Retry-After": Answer(429, LIMITED, (requested_retry(7), requested_retry(7)), {"Retry-After": "7"}),
    "429 with a Retry-After that is no time": Answer(
        429, LIMITED, (DEFAULT_RETRY, DEFAULT_RETRY), {"Retry-After": "soon"}
    ),
    "429 with a Retry-After of a year": Answer(429, LIMITED, (3600, 3600), {"Retry-After": "31536000"}),
    "500": Answer(500, INTERNAL),
    "501": Answer(501, INTERNAL),
    "502": Answer(502, UNAVAILABLE, (DEFAULT_RETRY, None)),
    "502 with Retry-After": Answer(502, UNAVAILABLE, (requested_retry(5), None), {"Retry-After": "5"}),
    "503": Answer(503, UNAVAILABLE, (DEFAULT_RETRY, None)),
    "503 with Retry-After": Answer(503, UNAVAILABLE, (requested_retry(9), requested_retry(9)), {"Retry-After": "9"}),
    "504": Answer(504, UNAVAILABLE, (DEFAULT_RETRY, None)),
    "599": Answer(599, INTERNAL),
}


@pytest.fixture(scope="module")
async def gateway(seeded_stack: Stack) -> AsyncIterator[Gateway]:
    """Yield a gateway whose Certificate Manager supports uploads."""
    stack = seeded_stack
    first = stack.provider(CERTIFICATES, api_version="v1.0")
    async with Gateway(stack.settings(first, stack.provider(KEYS), stack.provider(WARP))) as served:
        yield served


@pytest.mark.parametrize("target", REPEATABLE + CHANGING, ids=lambda target: f"{target.provider}-{target.method}")
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
async def test_http_status_determines_the_error_without_a_code(
    quiet_stack: Stack, gateway: Gateway, target: Target, answer: Answer
) -> None:
    control = quiet_stack.controls[target.kind]
    await control.fail(
        mode="raw", path=target.path or None, status=answer.status, headers=answer.headers, body=answer.body
    )

    failure = await failure_of(call(gateway, target.method, valid_request(target.method, target.provider)))

    assert failure.kind == answer.expected
    assert failure.retry == answer.retry[0 if target in REPEATABLE else 1]
    assert failure.metadata == {"provider": target.provider, "http_status": str(answer.status)}
    assert failure.resource is None
    assert "Trouble" not in failure.everything.decode(errors="replace")


UNKNOWN_CODES = {REPEATABLE[1]: "52099", CHANGING[0]: "52099", REPEATABLE[2]: "-49999", REPEATABLE[4]: "9999"}


@pytest.mark.parametrize("target", UNKNOWN_CODES, ids=lambda target: f"{target.provider}-{target.method}")
@pytest.mark.parametrize(("status", "expected"), [(200, UNKNOWN), (404, UNKNOWN), (500, INTERNAL), (403, REJECTED)])
async def test_unknown_code_is_reported_and_the_http_status_determines_the_error(
    quiet_stack: Stack, gateway: Gateway, target: Target, status: int, expected: tuple[str, str]
) -> None:
    code = UNKNOWN_CODES[target]
    await quiet_stack.controls[target.kind].fail(code=code, path=target.path or None, status=status)

    failure = await failure_of(call(gateway, target.method, valid_request(target.method, target.provider)))

    assert failure.kind == expected
    assert failure.metadata == {"provider": target.provider, "upstream_code": code, "http_status": str(status)}
    assert failure.resource is None
