"""Secrets in failed calls: no status contains upstream text or request data.

The upstream echoes the whole request in every text field of its response. The tests search everything that the caller
receives, in every spelling.
"""

import json

import grpc
import pytest

from tests.support.secrecy import KEY_TEXT, WORDS, bodies, echo, spellings
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import CERTIFICATES, KEYS, WARP, call, valid_request
from tests.support.wire import failure_of, read

SECRET = 'p&=% "quoted" 비밀번호 marker-4c1d'
KIND = {KEYS: KEY_MANAGER, CERTIFICATES: CERTIFICATE_MANAGER, WARP: ASTERIA}
CALLS = [
    (KEYS, "Encrypt"),
    (KEYS, "Decrypt"),
    (KEYS, "Sign"),
    (KEYS, "Verify"),
    (KEYS, "GetSecret"),
    (CERTIFICATES, "ListCertificates"),
    (CERTIFICATES, "DownloadCertificate"),
    (CERTIFICATES, "GetCertificate"),
    (WARP, "GetCertificate"),
    (WARP, "CreateCertificate"),
    (WARP, "DeleteCertificate"),
    (WARP, "ImportCertificate"),
    (WARP, "InstallSignedCertificate"),
    (WARP, "GetCertificateSigningRequest"),
    (WARP, "DownloadCertificate"),
]


def all_that_was_sent(error: grpc.aio.AioRpcError) -> bytes:
    """Return the status line and every trailer, as the caller receives them."""
    pairs = [*(error.trailing_metadata() or ()), *(error.initial_metadata() or ())]
    values = [value if isinstance(value, bytes) else value.encode() for pair in pairs for value in pair]
    return b"\n".join([str(error.details()).encode(), repr(error).encode(), *values])


async def session_of(stack: Stack) -> str:
    """Return the session id that the gateway uses."""
    await call(stack.gateway, "CheckCertificate")
    requests = await stack.controls[ASTERIA].requests()
    session: str = requests[-1]["headers"]["X-As-SessionId"]
    return session


@pytest.mark.parametrize(("provider", "method"), CALLS)
@pytest.mark.parametrize("status", [200, 400, 500])
async def test_echo_of_an_upstream_does_not_reach_the_caller(
    quiet_stack: Stack, provider: str, method: str, status: int
) -> None:
    session = await session_of(quiet_stack)
    secrets = ["certmanager-demo", "keymanager-demo", "keyway-demo", session, SECRET]
    forbidden = [WORDS, "<b>", "IllegalState", "Internal.java", KEY_TEXT, *secrets]
    for case, body in bodies(echo(secrets)).items():
        await quiet_stack.controls[KIND[provider]].fail(mode="raw", path="^/(?!mcapi/auth)", status=status, body=body)
        request = valid_request(method, provider, SECRET)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call(quiet_stack.gateway, method, request)
        read(caught.value)
        sent = all_that_was_sent(caught.value)
        found = [text for text in forbidden if any(spelling in sent for spelling in spellings(text))]
        assert not found, case


@pytest.mark.parametrize("secret", ["keyway-demo", "marker-password", "1234567890", "session"])
async def test_secret_in_place_of_a_code_is_not_returned(quiet_stack: Stack, secret: str) -> None:
    value = await session_of(quiet_stack) if secret == "session" else secret
    request = valid_request("GetCertificate", WARP, value)
    for code in (value, f"E.{value}", value[:32]):
        body = json.dumps({"result": {"status": "error", "code": code}})
        await quiet_stack.controls[ASTERIA].fail(mode="raw", path="/show$", status=500, body=body)
        failure = await failure_of(call(quiet_stack.gateway, "GetCertificate", request))
        assert failure.kind == ("INTERNAL", "PROVIDER_INTERNAL")
        assert failure.metadata == {"provider": WARP, "http_status": "500"}


async def test_login_that_echoes_the_password_does_not_leak_it(quiet_stack: Stack) -> None:
    login = {"user_name": "/keyway", "password": SECRET}
    for case, body in bodies(echo([SECRET])).items():
        await quiet_stack.controls[ASTERIA].fail(mode="raw", path="/auth/login$", status=400, body=body)
        async with Gateway(quiet_stack.settings(quiet_stack.provider(WARP, login=login))) as gateway:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(gateway, "CheckCertificate")
        sent = all_that_was_sent(caught.value)
        assert not [text for text in (SECRET, WORDS, KEY_TEXT) if any(each in sent for each in spellings(text))], case


async def test_long_names_and_codes_do_not_truncate_the_details(quiet_stack: Stack) -> None:
    """Clients reject trailers of more than 8 KiB, so the details must fit with the longest names."""
    for name in ("가" * 1000, "🔑" * 1000, "a" * 1000):
        request = valid_request("GetCertificate")
        request.name = f"providers/asteria/certificates/{name}"[:1024]
        failure = await failure_of(call(quiet_stack.gateway, "GetCertificate", request))
        assert failure.kind == ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")
        assert failure.resource is not None
        assert failure.resource.name == request.name
    long_code = {"header": {"isSuccessful": False, "resultCode": 10**4000, "resultMessage": "x" * 100_000}}
    await quiet_stack.controls[KEY_MANAGER].fail(mode="raw", status=500, body=json.dumps(long_code))
    failure = await failure_of(call(quiet_stack.gateway, "Encrypt"))
    assert failure.kind == ("INTERNAL", "PROVIDER_INTERNAL")
