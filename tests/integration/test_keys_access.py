"""Credentials of the gateway for Secure Key Manager: API versions, MAC address, and certificate; and secrets."""

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.emulators.secure_key_manager import SecureKeyManagerEmulator
from gateway.emulators.secure_key_manager.tls import server_context
from keyway.v1 import key_service_pb2 as keys
from tests.support import openssl
from tests.support.key_manager import PROVIDER
from tests.support.openssl import KeyPair, OpensslAuthority
from tests.support.stack import KEY_MANAGER, ControlClient, Gateway, Stack
from tests.support.valid_requests import call, valid_request
from tests.support.wire import failure_of

MAC = "00:00:5e:00:53:01"
REJECTED = ("FAILED_PRECONDITION", "PROVIDER_CREDENTIALS_REJECTED")

ID_HEADER, SECRET_HEADER = "X-TC-AUTHENTICATION-ID", "X-TC-AUTHENTICATION-SECRET"
TOKEN_HEADER, MAC_HEADER = "X-NHN-AUTHORIZATION", "X-TOAST-CLIENT-MAC-ADDR"
CREDENTIAL_HEADERS = (ID_HEADER, SECRET_HEADER, TOKEN_HEADER, MAC_HEADER)
USER_ACCESS_KEY = {"id": "demo-access-key", "secret": "demo-access-secret"}
EVERY_CREDENTIAL = {"user_access_key": USER_ACCESS_KEY, "bearer_token": "demo-token", "mac_address": MAC}


def sent_credentials(request: dict[str, Any]) -> dict[str, str]:
    """Return the credential headers of a request that the emulator received, by their uppercase names."""
    headers = {name.upper(): value for name, value in request["headers"].items()}
    return {name: headers[name] for name in CREDENTIAL_HEADERS if name in headers}


class Version(NamedTuple):
    """An API version and the credential headers of its requests."""

    name: str
    headers: dict[str, str]


KEY_HEADERS = {ID_HEADER: "demo-access-key", SECRET_HEADER: "demo-access-secret", MAC_HEADER: MAC}
VERSIONS = (
    Version("v1.0", {MAC_HEADER: MAC}),
    Version("v1.1", KEY_HEADERS),
    Version("v1.2", KEY_HEADERS),
    Version("v1.3", {TOKEN_HEADER: "Bearer demo-token", MAC_HEADER: MAC}),
)
UPSTREAM_CALLS = {
    "GetClientInfo": "confirm",
    "GetSecret": "secrets/demo-secret",
    "Encrypt": "symmetric-keys/orders-key/encrypt",
    "GenerateDataKey": "symmetric-keys/orders-key/create-local-key",
    "GetSymmetricKey": "symmetric-keys/orders-key/symmetric-key",
    "Sign": "asymmetric-keys/demo-rsa/sign",
    "GetPrivateKey": "asymmetric-keys/demo-rsa/privateKey",
    "GetPublicKey": "asymmetric-keys/demo-rsa/publicKey",
    "BatchEncrypt": "symmetric-keys/orders-key/encrypt",
}
"""Methods that succeed with the default seed. Decrypt and Verify need the results of other methods."""


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.name)
async def test_every_method_works_in_every_api_version_with_its_credentials_and_no_others(
    quiet_stack: Stack, version: Version
) -> None:
    provider = quiet_stack.provider("nhn-keys", api_version=version.name, **EVERY_CREDENTIAL)
    async with Gateway(quiet_stack.settings(provider)) as gateway:
        answers = {method: await call(gateway, method) for method in UPSTREAM_CALLS}
        name = valid_request("Encrypt").name
        for encrypted in (answers["Encrypt"], answers["BatchEncrypt"].results[0].response):
            opened = await gateway.keys.Decrypt(keys.DecryptRequest(name=name, ciphertext=encrypted.ciphertext))
            assert opened.plaintext == valid_request("Encrypt").plaintext
        signed = valid_request("Verify")
        signed.signature = answers["Sign"].signature
        assert (await gateway.keys.Verify(signed)).verified

    requests = await quiet_stack.controls[KEY_MANAGER].requests()
    base = f"/keymanager/{version.name}/appkey/keymanager-demo"
    decrypt, verify = "symmetric-keys/orders-key/decrypt", "asymmetric-keys/demo-rsa/verify"
    paths = [*UPSTREAM_CALLS.values(), decrypt, decrypt, verify]
    assert [request["target"] for request in requests] == [f"{base}/{path}" for path in paths]
    assert [sent_credentials(request) for request in requests] == [version.headers] * len(paths)
    assert answers["GetSymmetricKey"].HasField("key_version") == (version.name != "v1.0")


@pytest.mark.parametrize("version", ["v1.1", "v1.2", "v1.3"])
async def test_wrong_credential_is_an_error_of_the_gateway_configuration(quiet_stack: Stack, version: str) -> None:
    wrong = {"user_access_key": {"id": "demo-access-key", "secret": "wrong-secret"}, "bearer_token": "wrong-token"}
    async with Gateway(quiet_stack.settings(quiet_stack.provider("nhn-keys", api_version=version, **wrong))) as gateway:
        failure = await failure_of(call(gateway, "Encrypt"))

    assert failure.kind == REJECTED
    assert b"wrong-" not in failure.everything


async def test_symmetric_key_version_of_a_v1_0_provider_is_read_through_v1_1(
    quiet_stack: Stack,
) -> None:
    provider = quiet_stack.provider("nhn-keys", **EVERY_CREDENTIAL)
    async with Gateway(quiet_stack.settings(provider)) as gateway:
        request = keys.GetSymmetricKeyRequest(name=f"{PROVIDER}/keys/orders-key/versions/0")
        assert (await gateway.keys.GetSymmetricKey(request)).key_version == 0

    (seen,) = await quiet_stack.controls[KEY_MANAGER].requests()
    assert sent_credentials(seen) == KEY_HEADERS


async def test_mac_locked_key_store_accepts_the_configured_mac_address(quiet_stack: Stack) -> None:
    request = keys.GetSecretRequest(name=f"{PROVIDER}/secrets/mac-locked-secret")
    info = keys.GetClientInfoRequest(provider=PROVIDER)
    refused = await failure_of(quiet_stack.gateway.keys.GetSecret(request))
    without_mac = await quiet_stack.gateway.keys.GetClientInfo(info)
    async with Gateway(quiet_stack.settings(quiet_stack.provider("nhn-keys", mac_address=MAC))) as gateway:
        secret = await gateway.keys.GetSecret(request)
        with_mac = await gateway.keys.GetClientInfo(info)

    assert refused.kind == REJECTED
    assert secret.payload == b"kept in mac-locked"
    assert (without_mac.client_mac_address, with_mac.client_mac_address) == ("", MAC)


async def test_address_locked_key_store_accepts_the_address_of_the_gateway(quiet_stack: Stack) -> None:
    stub, request = quiet_stack.gateway.keys, keys.GetSecretRequest(name=f"{PROVIDER}/secrets/ip-locked-secret")
    refused = await failure_of(stub.GetSecret(request))
    info = await stub.GetClientInfo(keys.GetClientInfoRequest(provider=PROVIDER))
    store = {"name": "ip-locked", "ipv4_addresses": [info.client_ip]}
    await quiet_stack.controls[KEY_MANAGER].seed({"key_stores": [store]})

    assert refused.kind == REJECTED
    assert info == keys.GetClientInfoResponse(client_ip="127.0.0.1")
    assert (await stub.GetSecret(request)).payload == b"kept in ip-locked"


@pytest.mark.parametrize(
    ("secret", "payload"),
    [("demo-secret", "hello from the secure key manager"), ("demo-secret-unicode", "안녕하세요\n키 관리자")],
)
async def test_secret_is_returned_as_utf8(quiet_stack: Stack, secret: str, payload: str) -> None:
    response = await quiet_stack.gateway.keys.GetSecret(keys.GetSecretRequest(name=f"{PROVIDER}/secrets/{secret}"))

    assert response.payload.decode() == payload


async def test_empty_secret_is_returned(quiet_stack: Stack) -> None:
    await quiet_stack.controls[KEY_MANAGER].seed({"secrets": [{"id": "빈 비밀", "secret": ""}]})
    response = await quiet_stack.gateway.keys.GetSecret(keys.GetSecretRequest(name=f"{PROVIDER}/secrets/빈 비밀"))

    assert response.payload == b""


FAILURES = {
    "secrets/none": ("NOT_FOUND", "KEY_NOT_FOUND"),
    "secrets/orders-key": ("NOT_FOUND", "KEY_NOT_FOUND"),
    "secrets/demo-secret-inactive": ("FAILED_PRECONDITION", "KEY_NOT_ACTIVE"),
    "secrets/certificate-locked-secret": REJECTED,
}


@pytest.mark.parametrize("as_200", [False, True], ids=["with an HTTP status of their own", "with HTTP 200"])
async def test_failure_does_not_depend_on_the_http_status(quiet_stack: Stack, as_200: bool) -> None:
    control, stub = quiet_stack.controls[KEY_MANAGER], quiet_stack.gateway.keys
    await control.seed({"failures_as_200": as_200})
    try:
        failures = [
            await failure_of(stub.GetSecret(keys.GetSecretRequest(name=f"{PROVIDER}/{name}"))) for name in FAILURES
        ]
        seen = await control.requests()
    finally:
        await control.seed({"failures_as_200": False})

    assert [failure.kind for failure in failures] == list(FAILURES.values())
    assert {request["status"] for request in seen} == ({200} if as_200 else {400, 403})
    assert [failure.metadata["http_status"] for failure in failures] == [str(request["status"]) for request in seen]


class Tls(NamedTuple):
    """A Secure Key Manager behind mutual TLS, and the files of both sides."""

    host: EmulatorHost
    control: ControlClient
    authority: OpensslAuthority
    client: KeyPair


@pytest.fixture(scope="module")
async def tls(seeded_stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Tls]:
    folder = tmp_path_factory.mktemp("mutual-tls")
    authority = OpensslAuthority(folder)
    server, client = authority.issue("server"), authority.issue("gateway")
    context = server_context(server.certificate, server.key, authority.pair.certificate)
    async with EmulatorHost(SecureKeyManagerEmulator, HostOptions(tls=context)) as host:
        control = ControlClient(host.control_url, seeded_stack.session)
        await control.seed(
            {"key_stores": [{"name": "certificate-locked", "certificates": [client.certificate.read_text()]}]}
        )
        yield Tls(host, control, authority, client)


def client_certificate(form: str, pair: KeyPair, folder: Path) -> dict[str, Any]:
    """Return the setting in one of its forms."""
    if form == "PEM":
        return {"certificate": {"file": str(pair.certificate)}, "private_key": {"file": str(pair.key)}}
    if form == "PEM with an encrypted key":
        key = openssl.encrypted_key(pair, "tls-password", folder / "encrypted.key")
        return {
            "certificate": {"file": str(pair.certificate)},
            "private_key": {"file": str(key)},
            "password": "tls-password",
        }
    return {
        "pkcs12": {"file": str(openssl.pkcs12(pair, "tls-password", folder / "pair.p12"))},
        "password": "tls-password",
    }


def tls_provider(stack: Stack, tls: Tls, **changes: Any) -> dict[str, Any]:
    """Return the provider with its HTTPS address and the authority of its certificate."""
    return stack.provider(
        "nhn-keys",
        endpoint=tls.host.url.replace("127.0.0.1", "localhost"),
        ca_certificates={"file": str(tls.authority.pair.certificate)},
        **changes,
    )


@pytest.mark.parametrize("form", ["PEM", "PEM with an encrypted key", "PKCS#12"])
async def test_certificate_locked_key_store_accepts_the_configured_certificate(
    quiet_stack: Stack, tls: Tls, tmp_path: Path, form: str
) -> None:
    certificate = client_certificate(form, tls.client, tmp_path)
    provider = tls_provider(quiet_stack, tls, client_certificate=certificate)
    async with Gateway(quiet_stack.settings(provider)) as gateway:
        info = await gateway.keys.GetClientInfo(keys.GetClientInfoRequest(provider=PROVIDER))
        secret = await gateway.keys.GetSecret(
            keys.GetSecretRequest(name=f"{PROVIDER}/secrets/certificate-locked-secret")
        )

    assert info.client_certificate_sent
    assert secret.payload == b"kept in certificate-locked"


async def test_certificate_locked_key_store_rejects_missing_and_other_certificates(
    quiet_stack: Stack, tls: Tls, tmp_path: Path
) -> None:
    request = keys.GetSecretRequest(name=f"{PROVIDER}/secrets/certificate-locked-secret")
    other = client_certificate("PEM", tls.authority.issue("other"), tmp_path)
    sent = []
    for certificate in ({}, {"client_certificate": other}):
        async with Gateway(quiet_stack.settings(tls_provider(quiet_stack, tls, **certificate))) as gateway:
            assert (await failure_of(gateway.keys.GetSecret(request))).kind == REJECTED
            info = await gateway.keys.GetClientInfo(keys.GetClientInfoRequest(provider=PROVIDER))
            sent.append(info.client_certificate_sent)

    assert sent == [False, True]


async def test_plaintext_is_sent_only_in_the_request_body(quiet_stack: Stack) -> None:
    await call(quiet_stack.gateway, "Encrypt", valid_request("Encrypt", secret="카드 4111"))

    (seen,) = await quiet_stack.controls[KEY_MANAGER].requests()
    assert base64.b64decode(seen["body_base64"]).decode() == '{"plaintext":"카드 4111"}'
    assert "4111" not in seen["target"] + str(seen["headers"])
