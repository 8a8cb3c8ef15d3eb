"""Hostile resource names: invalid ones are rejected, and the others are percent-encoded."""

from collections.abc import AsyncIterator

import pytest

from gateway.contract import resource_names
from keyway.v1 import certificate_service_pb2 as certificates
from keyway.v1 import key_service_pb2 as keys
from tests.support.stack import ASTERIA, CERTIFICATE_MANAGER, KEY_MANAGER, Gateway, Stack
from tests.support.valid_requests import call, upstream_targets, valid_request
from tests.support.wire import failure_of

INVALID = ("INVALID_ARGUMENT", "INVALID_REQUEST")

ODD = {
    "%2e": "%252e",
    "%2e%2e": "%252e%252e",
    "..%2f..": "..%252f..",
    "..\\..": "..%5C..",
    "...": "...",
    ".hidden": ".hidden",
    "-": "-",
    "~": "~",
    "a b": "a%20b",
    " a ": "%20a%20",
    "a+b": "a%2Bb",
    "a?b=c": "a%3Fb%3Dc",
    "a#b": "a%23b",
    "a&b=c": "a%26b%3Dc",
    "a;b": "a%3Bb",
    "a:b@c": "a%3Ab%40c",
    "100%": "100%25",
    "*.example.com": "%2A.example.com",
    "\"quoted\" 'and' `so`": "%22quoted%22%20%27and%27%20%60so%60",
    "<script>": "%3Cscript%3E",
    "${jndi:ldap}": "%24%7Bjndi%3Aldap%7D",
    "[a]{b}|c^d": "%5Ba%5D%7Bb%7D%7Cc%5Ed",
    "인증서-예시": "%EC%9D%B8%EC%A6%9D%EC%84%9C-%EC%98%88%EC%8B%9C",
    "🔑": "%F0%9F%94%91",
    "e\u0301": "e%CC%81",
    "\u202etxt.exe": "%E2%80%AEtxt.exe",
    "a\u2028b": "a%E2%80%A8b",
    "\ufeffa": "%EF%BB%BFa",
    "keys": "keys",
}
"""Unusual names, and the expected form of each in a URL path, written by hand."""

REFUSED = [
    "",
    ".",
    "..",
    "a/b",
    "../a",
    "../../secrets/demo-secret",
    "/",
    "a/",
    "/a",
    "a\r\nX-Injected: y",
    "a\nb",
    "a\rb",
    "a\0",
    "a\tb",
    "a\x1bb",
    "a\x7fb",
    "a\x85b",
    "a\x9fb",
]
TOO_LONG = "a" * 1024


@pytest.fixture(autouse=True)
async def keeps_serving(quiet_stack: Stack) -> AsyncIterator[None]:
    yield
    assert (await call(quiet_stack.gateway, "Encrypt")).ciphertext


@pytest.mark.parametrize("segment", [*REFUSED, TOO_LONG], ids=lambda segment: repr(segment[:30]))
async def test_invalid_segment_is_rejected_before_the_upstream_call(quiet_stack: Stack, segment: str) -> None:
    requests = [
        keys.EncryptRequest(name=f"providers/nhn-keys/keys/{segment}"),
        keys.GetSecretRequest(name=f"providers/nhn-keys/secrets/{segment}"),
        certificates.DownloadCertificateRequest(name=f"providers/nhn-certs/certificates/{segment}"),
        certificates.GetTrustedAuthorityRequest(name=f"providers/asteria/trustStores/server/authorities/{segment}"),
        certificates.ListTrustedAuthoritiesRequest(parent=f"providers/asteria/trustStores/{segment}"),
    ]
    for request in requests:
        failure = await failure_of(call(quiet_stack.gateway, type(request).__name__.removesuffix("Request"), request))
        assert failure.kind == INVALID
        assert failure.fields == [request.DESCRIPTOR.fields[0].name]
        assert failure.violations[0].description
    assert not await upstream_targets(quiet_stack)


@pytest.mark.parametrize(
    "version", ["", "-1", "+1", "1.0", "2147483648", "9" * 100, "١", "01", "0x1", " 1", "1\n", "a"]
)
async def test_version_that_is_not_a_number_is_rejected(quiet_stack: Stack, version: str) -> None:
    name = f"providers/nhn-keys/keys/demo-rsa/versions/{version}"
    failure = await failure_of(call(quiet_stack.gateway, "GetPublicKey", keys.GetPublicKeyRequest(name=name)))
    assert failure.kind == INVALID
    assert failure.fields == ["name"]
    assert not await upstream_targets(quiet_stack)


@pytest.mark.parametrize(
    "name", ["", "providers", "provider/a", "projects/a/keys/b", "providers/nhn-keys/secrets/a", "*"]
)
async def test_name_of_a_different_type_is_rejected_with_the_expected_pattern(quiet_stack: Stack, name: str) -> None:
    failure = await failure_of(call(quiet_stack.gateway, "Encrypt", keys.EncryptRequest(name=name)))
    assert failure.kind == INVALID
    assert failure.fields == ["name"]
    assert not name or "providers/{provider}/keys/{key}" in failure.violations[0].description


@pytest.mark.parametrize("segment", ODD, ids=ascii)
async def test_unusual_key_name_is_percent_encoded(quiet_stack: Stack, segment: str) -> None:
    base = "/keymanager/v1.0/appkey/keymanager-demo"
    sent = {
        f"{base}/symmetric-keys/{ODD[segment]}/encrypt": keys.EncryptRequest(
            name=f"providers/nhn-keys/keys/{segment}", plaintext=b"x"
        ),
        f"{base}/secrets/{ODD[segment]}": keys.GetSecretRequest(name=f"providers/nhn-keys/secrets/{segment}"),
        f"{base}/asymmetric-keys/{ODD[segment]}/publicKey?keyVersion=0": keys.GetPublicKeyRequest(
            name=f"providers/nhn-keys/keys/{segment}/versions/0"
        ),
    }
    for target, request in sent.items():
        await quiet_stack.controls[KEY_MANAGER].forget_requests()
        failure = await failure_of(call(quiet_stack.gateway, type(request).__name__.removesuffix("Request"), request))
        assert failure.kind == ("NOT_FOUND", "KEY_NOT_FOUND")
        assert await upstream_targets(quiet_stack) == [target]


@pytest.mark.parametrize("segment", ODD, ids=ascii)
async def test_unusual_certificate_name_is_percent_encoded(quiet_stack: Stack, segment: str) -> None:
    request = certificates.DownloadCertificateRequest(name=f"providers/nhn-certs/certificates/{segment}")
    running = call(quiet_stack.gateway, "DownloadCertificate", request)
    if segment in ("*.example.com", "인증서-예시"):
        assert (await running).certificate_chain
    else:
        assert (await failure_of(running)).kind == ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")
    target = f"/certmanager/v1.2/appkeys/certmanager-demo/certificates/{ODD[segment]}/files"
    assert await upstream_targets(quiet_stack) == [target]


@pytest.mark.parametrize("segment", ODD, ids=ascii)
async def test_unusual_alias_is_encoded_in_the_query(quiet_stack: Stack, segment: str) -> None:
    name = f"providers/asteria/trustStores/client/authorities/{segment}"
    request = certificates.GetTrustedAuthorityRequest(name=name)
    failure = await failure_of(call(quiet_stack.gateway, "GetTrustedAuthority", request))
    assert failure.kind == ("NOT_FOUND", "AUTHORITY_NOT_FOUND")
    is_name = resource_names.decode_segment(segment) is not None
    targets = [f"/mcapi/certificate/client/ca/show?alias={ODD[segment]}"] if is_name else []
    assert await upstream_targets(quiet_stack) == targets


@pytest.mark.parametrize("key", ["a/../b", "a?b", "a b", "%2e", "a&b#c", "키"])
async def test_app_key_cannot_change_the_path(quiet_stack: Stack, key: str) -> None:
    encoded = {
        "a/../b": "a%2F..%2Fb",
        "a?b": "a%3Fb",
        "a b": "a%20b",
        "%2e": "%252e",
        "a&b#c": "a%26b%23c",
        "키": "%ED%82%A4",
    }
    settings = quiet_stack.settings(
        quiet_stack.provider("nhn-keys", app_key=key), quiet_stack.provider("nhn-certs", app_key=key)
    )
    async with Gateway(settings) as gateway:
        for method, provider in (("GetClientInfo", "nhn-keys"), ("DownloadCertificate", "nhn-certs")):
            failure = await failure_of(call(gateway, method, valid_request(method, provider)))
            assert failure.kind == ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")
    assert set(await upstream_targets(quiet_stack)) == {
        f"/keymanager/v1.0/appkey/{encoded[key]}/confirm",
        f"/certmanager/v1.2/appkeys/{encoded[key]}/certificates/www.example.com/files",
    }


async def test_names_of_maximum_length_are_served(quiet_stack: Stack) -> None:
    name = "providers/nhn-keys/keys/".ljust(1024, "a")
    failure = await failure_of(call(quiet_stack.gateway, "Encrypt", keys.EncryptRequest(name=name, plaintext=b"x")))
    assert failure.kind == ("NOT_FOUND", "KEY_NOT_FOUND")
    assert failure.resource is not None
    assert failure.resource.name == name


@pytest.mark.parametrize("side", ["SERVER", "server ", "serv", "%73erver", "both"])
async def test_asteria_is_not_called_for_names_it_cannot_have(quiet_stack: Stack, side: str) -> None:
    request = certificates.GetCertificateRequest(
        name=f"providers/asteria/certificates/{side}", keystore_password="changeit"
    )
    failure = await failure_of(call(quiet_stack.gateway, "GetCertificate", request))
    assert failure.kind == ("NOT_FOUND", "CERTIFICATE_NOT_FOUND")
    assert not await quiet_stack.controls[ASTERIA].requests()
    assert not await quiet_stack.controls[CERTIFICATE_MANAGER].requests()
