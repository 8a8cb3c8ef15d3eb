"""Authentication of the Secure Key Manager emulator: IPv4 and MAC addresses, certificates, access keys, and tokens."""

import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from gateway.emulators.host import EmulatorHost, HostOptions
from gateway.emulators.secure_key_manager import SecureKeyManagerEmulator
from gateway.emulators.secure_key_manager.tls import server_context
from tests.support.emulators.secure_key_manager import KeyManager
from tests.support.openssl import run as openssl

MAC = {"X-TOAST-CLIENT-MAC-ADDR": "00:00:5e:00:53:01"}
ACCESS_KEY = {"X-TC-AUTHENTICATION-ID": "demo-access-key", "X-TC-AUTHENTICATION-SECRET": "demo-access-secret"}
TOKEN = {"X-NHN-Authorization": "Bearer demo-token"}


def calls(store: str) -> tuple[tuple[str, str, Mapping[str, str] | None], ...]:
    """Return every call that requires the authentication of a locked key store."""
    return (
        ("GET", f"secrets/{store}-secret", None),
        ("POST", f"symmetric-keys/{store}-aes/encrypt", {"plaintext": "data"}),
        ("POST", f"symmetric-keys/{store}-aes/decrypt", {"ciphertext": "AAAA"}),
        ("POST", f"symmetric-keys/{store}-aes/create-local-key", None),
        ("GET", f"symmetric-keys/{store}-aes/symmetric-key", None),
        ("POST", f"asymmetric-keys/{store}-rsa/sign", {"plaintext": "data"}),
        ("POST", f"asymmetric-keys/{store}-rsa/verify", {"plaintext": "data", "signature": "AAAA"}),
        ("GET", f"asymmetric-keys/{store}-rsa/privateKey", None),
    )


async def add_rsa_key(key_manager: KeyManager, store: str) -> None:
    """Add an asymmetric key, which locked key stores do not have by default."""
    pem = openssl("genrsa", "2048").decode()
    key = {"id": f"{store}-rsa", "key_store": store, "versions": [{"private_key": pem}]}
    await key_manager.seed({"asymmetric_keys": [key]})


@pytest.mark.parametrize(
    ("store", "message"),
    [
        ("ip-locked", "IPv4 Auth Failure"),
        ("mac-locked", "MAC Auth Failure"),
        ("certificate-locked", "Certificate Auth Failure"),
    ],
)
async def test_locked_key_store_rejects_all_calls_except_public_key(
    key_manager: KeyManager, store: str, message: str
) -> None:
    await add_rsa_key(key_manager, store)
    for method, path, data in calls(store):
        answer = await key_manager.call(method, path, data)
        assert (answer.status, answer.message) == (403, message)
    assert (await key_manager.get(f"asymmetric-keys/{store}-rsa/publicKey"))["keyType"] == "PublicKey"


async def test_allowed_address_is_accepted(key_manager: KeyManager) -> None:
    await key_manager.seed({"key_stores": [{"name": "ip-locked", "ipv4_addresses": ["192.0.2.1", "127.0.0.1"]}]})
    assert await key_manager.get("secrets/ip-locked-secret") == {"secret": "kept in ip-locked"}


@pytest.mark.parametrize("sent", ["00:00:5e:00:53:01", "00:00:5E:00:53:01"])
async def test_allowed_mac_address_is_accepted(key_manager: KeyManager, sent: str) -> None:
    headers = {"X-TOAST-CLIENT-MAC-ADDR": sent}
    assert await key_manager.get("secrets/mac-locked-secret", headers=headers) == {"secret": "kept in mac-locked"}


@pytest.mark.parametrize("sent", ["", "00:00:5e:00:53:02", "00-00-5e-00-53-01", "00005e005301"])
async def test_other_mac_address_is_rejected(key_manager: KeyManager, sent: str) -> None:
    headers = {"X-TOAST-CLIENT-MAC-ADDR": sent}
    assert await key_manager.refusal("GET", "secrets/mac-locked-secret", headers=headers) == "MAC Auth Failure"


async def test_all_configured_authentications_must_pass(key_manager: KeyManager) -> None:
    store = {"name": "both", "ipv4_addresses": ["127.0.0.1"], "mac_addresses": ["00:00:5E:00:53:01"]}
    await key_manager.seed({"key_stores": [store], "secrets": [{"id": "s", "secret": "x", "key_store": "both"}]})
    assert await key_manager.refusal("GET", "secrets/s") == "MAC Auth Failure"
    await key_manager.get("secrets/s", headers=MAC)
    await key_manager.seed({"key_stores": [{**store, "ipv4_addresses": ["192.0.2.1"]}]})
    assert await key_manager.refusal("GET", "secrets/s", headers=MAC) == "IPv4 Auth Failure"


async def test_rejected_caller_does_not_learn_the_key_status(key_manager: KeyManager) -> None:
    await key_manager.seed({"states": [{"id": "mac-locked-secret", "state": "inactive"}]})
    assert await key_manager.refusal("GET", "secrets/mac-locked-secret") == "MAC Auth Failure"
    assert await key_manager.refusal("GET", "secrets/mac-locked-secret", headers=MAC) == "Invalid Key Status"


@pytest.mark.parametrize("path", ["confirm", "secrets/demo-secret", "asymmetric-keys/demo-rsa/publicKey"])
async def test_v1_2_requires_a_user_access_key(key_manager: KeyManager, path: str) -> None:
    refused: list[dict[str, str]] = [
        {},
        TOKEN,
        {name: value for name, value in ACCESS_KEY.items() if name.endswith("ID")},
        {name: value for name, value in ACCESS_KEY.items() if name.endswith("SECRET")},
        {**ACCESS_KEY, "X-TC-AUTHENTICATION-SECRET": "wrong"},
        {**ACCESS_KEY, "X-TC-AUTHENTICATION-ID": "wrong\udcff"},
    ]
    for headers in refused:
        answer = await key_manager.call("GET", path, version="v1.2", headers=headers)
        assert (answer.status, answer.message) == (401, "Invalid User Access Key")
    await key_manager.get(path, version="v1.2", headers=ACCESS_KEY)


@pytest.mark.parametrize("path", ["confirm", "symmetric-keys/demo-aes/symmetric-key"])
async def test_v1_1_checks_a_user_access_key_if_present(key_manager: KeyManager, path: str) -> None:
    await key_manager.get(path, version="v1.1")
    await key_manager.get(path, version="v1.1", headers=ACCESS_KEY)
    for name, right in ACCESS_KEY.items():
        headers = {**ACCESS_KEY, name: "wrong"}
        assert await key_manager.refusal("GET", path, version="v1.1", headers=headers) == "Invalid User Access Key"
        only = {name: right}
        assert await key_manager.refusal("GET", path, version="v1.1", headers=only) == "Invalid User Access Key"


async def test_v1_0_ignores_credentials(key_manager: KeyManager) -> None:
    await key_manager.get("confirm", headers=dict.fromkeys((*ACCESS_KEY, *TOKEN), "wrong"))


@pytest.mark.parametrize("sent", [None, "", "demo-token", "Bearer", "Bearer ", "Bearer other", "Basic demo-token"])
async def test_v1_3_requires_a_bearer_token(key_manager: KeyManager, sent: str | None) -> None:
    headers = ACCESS_KEY if sent is None else {"X-NHN-Authorization": sent}
    answer = await key_manager.call("GET", "confirm", version="v1.3", headers=headers)
    assert (answer.status, answer.message) == (401, "Invalid Access Token")
    await key_manager.get("confirm", version="v1.3", headers=TOKEN)


async def test_v1_3_ignores_the_standard_authorization_header(key_manager: KeyManager) -> None:
    headers = {"Authorization": "Bearer demo-token"}
    assert await key_manager.refusal("GET", "confirm", version="v1.3", headers=headers) == "Invalid Access Token"


async def test_bearer_token_expires(key_manager: KeyManager) -> None:
    await key_manager.seed({"bearer_tokens": [{"token": "short", "lifetime_seconds": 3600}]})
    headers = {"X-NHN-Authorization": "Bearer short"}
    await key_manager.get("confirm", version="v1.3", headers=headers)
    await key_manager.control("POST", "/clock", {"offset_seconds": 3600})
    assert await key_manager.refusal("GET", "confirm", version="v1.3", headers=headers) == "Invalid Access Token"
    await key_manager.get("confirm", version="v1.3", headers=TOKEN)


@dataclass(frozen=True)
class Pki:
    """A directory of openssl certificates: two clients of the trusted authority, and one of an untrusted authority."""

    directory: Path

    def client(self, name: str | None) -> ssl.SSLContext:
        """Return the TLS context of a client. None sends no certificate."""
        context = ssl.create_default_context(cafile=self.directory / "server.pem")
        if name is not None:
            context.load_cert_chain(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        return context


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Return the certificates, created once per module because key generation is slow."""
    directory = tmp_path_factory.mktemp("pki")

    def make(name: str, *options: str) -> None:
        files = ("-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem")
        curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
        openssl("req", "-x509", *curve, "-subj", f"/CN={name}", *files, *options)

    make("server", "-addext", "subjectAltName=IP:127.0.0.1")
    make("untrusted")
    make("authority")
    for name in ("allowed", "other"):
        issuer = ("-CA", str(directory / "authority.pem"), "-CAkey", str(directory / "authority.key"))
        request = openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
            "-keyout", directory / f"{name}.key",
        )  # fmt: skip
        certificate = openssl("x509", "-req", *issuer, "-CAcreateserial", "-days", "2", data=request)
        (directory / f"{name}.pem").write_bytes(certificate)
    return Pki(directory)


@pytest_asyncio.fixture
async def tls_key_manager(pki: Pki) -> AsyncIterator[KeyManager]:
    """Yield a TLS emulator with one secret that requires the `allowed` certificate."""
    files = (pki.directory / name for name in ("server.pem", "server.key", "authority.pem"))
    options = HostOptions(tls=server_context(*files))
    host = EmulatorHost(SecureKeyManagerEmulator, options)
    await host.start(seed=False)
    # A connection keeps its client certificate, so each call uses a new connection.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        key_manager = KeyManager(host, session, tls=pki.client(None))
        store = {"name": "locked", "certificates": [(pki.directory / "allowed.pem").read_text()]}
        secret = {"id": "s", "secret": "x", "key_store": "locked"}
        await key_manager.seed({"key_stores": [store], "secrets": [secret]})
        yield key_manager
    await host.stop()


async def test_allowed_certificate_is_accepted(tls_key_manager: KeyManager, pki: Pki) -> None:
    tls_key_manager.tls = pki.client("allowed")
    assert await tls_key_manager.get("secrets/s") == {"secret": "x"}
    assert (await tls_key_manager.get("confirm"))["clientSentCerfificate"] is True


@pytest.mark.parametrize("name", [None, "other"])
async def test_other_certificates_are_rejected(tls_key_manager: KeyManager, pki: Pki, name: str | None) -> None:
    tls_key_manager.tls = pki.client(name)
    assert await tls_key_manager.refusal("GET", "secrets/s") == "Certificate Auth Failure"
    assert (await tls_key_manager.get("confirm"))["clientSentCerfificate"] is (name is not None)


async def test_untrusted_certificate_fails_the_handshake(tls_key_manager: KeyManager, pki: Pki) -> None:
    tls_key_manager.tls = pki.client("untrusted")
    with pytest.raises(aiohttp.ClientError):
        await tls_key_manager.call("GET", "confirm")


@pytest.mark.parametrize("colons", [True, False])
async def test_certificate_is_identified_by_its_fingerprint(
    tls_key_manager: KeyManager, pki: Pki, colons: bool
) -> None:
    printed = openssl("x509", "-in", pki.directory / "other.pem", "-noout", "-fingerprint", "-sha256").decode()
    fingerprint = printed.strip().partition("=")[2]
    store: dict[str, Any] = {
        "name": "locked",
        "certificates": [fingerprint if colons else fingerprint.replace(":", "")],
    }
    await tls_key_manager.seed({"key_stores": [store]})
    tls_key_manager.tls = pki.client("other")
    assert await tls_key_manager.get("secrets/s") == {"secret": "x"}
    tls_key_manager.tls = pki.client("allowed")
    assert await tls_key_manager.refusal("GET", "secrets/s") == "Certificate Auth Failure"
