"""The ten documented calls of Secure Key Manager, in every API version."""

import asyncio
import base64
import re

import pytest

from tests.support.emulators.secure_key_manager import KeyManager

# Samples from the vendor documentation.
SAMPLE_CIPHERTEXT = "AAAAABzGwQniNneKXmcOLhWnxEqC1rNY+UdVb3lyeX/4wSrP"
SAMPLE_LOCAL_KEY_CIPHERTEXT = "v1s1WkiIj3KR+AafnupNv9xcX/JhL4GUzUr8mzLRpjbGuoAwU/GgboM/6QdRRY24"
SAMPLE_SYMMETRIC_KEY = (
    "0x00, 0x20, 0x00, 0x41, 0x00, 0x20, 0x00, 0x73, 0x00, 0x69, 0x00, 0x6d, 0x00, 0x70, 0x00, 0x6c, "
    "0x00, 0x65, 0x00, 0x20, 0x00, 0x4a, 0x00, 0x61, 0x00, 0x76, 0x00, 0x61, 0x00, 0x2e, 0x00, 0x20"
)
SAMPLE_PUBLIC_KEY_START = (
    "0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, "
    "0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00, "
)
SAMPLE_ENCODED_PUBLIC_KEY_START = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"
PRIVATE_KEY_START = re.compile(
    "0x30, 0x82, 0x04, 0x.., 0x02, 0x01, 0x00, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, "
    "0x01, 0x01, 0x01, 0x05, 0x00, 0x04, 0x82, 0x04, 0x.., 0x30, 0x82, 0x04, 0x.., 0x02, 0x01, 0x00, "
)


def length(text: str) -> int:
    """Return the decoded size of a Base64 text in bytes."""
    return len(base64.b64decode(text, validate=True))


async def test_confirm_returns_the_observed_client_attributes(key_manager: KeyManager) -> None:
    headers = {"X-TOAST-CLIENT-MAC-ADDR": "00:00:00:00:00:00"}
    assert await key_manager.get("confirm", headers=headers) == {
        "clientIp": "127.0.0.1",
        "clientMacHeader": "00:00:00:00:00:00",
        "clientSentCerfificate": False,
    }


async def test_confirm_without_a_mac_address(key_manager: KeyManager) -> None:
    assert (await key_manager.get("confirm"))["clientMacHeader"] == ""


@pytest.mark.parametrize(
    ("target", "header", "answer"),
    [
        ("v1.0/appkey/keymanager-demo/confirm", "X-TOAST-CLIENT-MAC-ADDR", '"clientMacHeader": "ÿ"'),
        ("v1.2/appkey/keymanager-demo/confirm", "X-TC-AUTHENTICATION-ID", "Invalid User Access Key"),
        ("v1.3/appkey/keymanager-demo/confirm", "X-NHN-Authorization", "Invalid Access Token"),
    ],
)
async def test_non_utf8_headers_are_handled(key_manager: KeyManager, target: str, header: str, answer: str) -> None:
    host, _, port = key_manager.host.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    request = f"GET /keymanager/{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}: \xff\r\n\r\n"
    writer.write(request.encode("latin-1"))
    assert answer in (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(
    ("identifier", "secret"),
    [("demo-secret", "hello from the secure key manager"), ("demo-secret-unicode", "안녕하세요\n키 관리자")],
)
async def test_secret_is_returned(key_manager: KeyManager, identifier: str, secret: str) -> None:
    assert await key_manager.get(f"secrets/{identifier}") == {"secret": secret}


async def test_sample_is_encrypted_and_decrypted(key_manager: KeyManager) -> None:
    encrypted = await key_manager.post("symmetric-keys/orders-key/encrypt", {"plaintext": "data"})
    assert encrypted.keys() == {"ciphertext", "keyVersion"}
    assert encrypted["keyVersion"] == 2
    assert length(encrypted["ciphertext"]) == length(SAMPLE_CIPHERTEXT)
    ciphertext = encrypted["ciphertext"]
    decrypted = await key_manager.post("symmetric-keys/orders-key/decrypt", {"ciphertext": ciphertext})
    assert decrypted == {"plaintext": "data", "keyVersion": 2}


async def test_ciphertexts_of_the_documented_samples_are_rejected(key_manager: KeyManager) -> None:
    for sample in (SAMPLE_CIPHERTEXT, SAMPLE_LOCAL_KEY_CIPHERTEXT):
        path = "symmetric-keys/orders-key/decrypt"
        assert await key_manager.refusal("POST", path, {"ciphertext": sample}) == "Invalid User Data"


@pytest.mark.parametrize("options", [{}, {"json": {}}, {"data": b"ignored"}], ids=["nothing", "object", "text"])
async def test_local_key_can_be_decrypted(key_manager: KeyManager, options: dict[str, object]) -> None:
    body = await key_manager.post("symmetric-keys/orders-key/create-local-key", **options)
    assert body.keys() == {"localKeyPlaintext", "localKeyCiphertext", "keyVersion"}
    assert length(body["localKeyPlaintext"]) == 32
    assert length(body["localKeyCiphertext"]) == length(SAMPLE_LOCAL_KEY_CIPHERTEXT)
    ciphertext = {"ciphertext": body["localKeyCiphertext"]}
    decrypted = await key_manager.post("symmetric-keys/orders-key/decrypt", ciphertext)
    assert decrypted == {"plaintext": body["localKeyPlaintext"], "keyVersion": 2}


async def test_local_keys_are_unique(key_manager: KeyManager) -> None:
    path = "symmetric-keys/orders-key/create-local-key"
    assert len({(await key_manager.post(path))["localKeyPlaintext"] for _ in range(3)}) == 3


async def test_symmetric_key_has_the_documented_format(key_manager: KeyManager) -> None:
    material = "".join(byte.removeprefix("0x") for byte in SAMPLE_SYMMETRIC_KEY.split(", "))
    await key_manager.seed({"symmetric_keys": [{"id": "sample", "versions": [{}, {"material": material}]}]})
    path = "symmetric-keys/sample/symmetric-key"
    assert await key_manager.get(path) == {"symmetricKey": SAMPLE_SYMMETRIC_KEY}
    with_version = {"symmetricKey": SAMPLE_SYMMETRIC_KEY, "keyVersion": 1}
    assert await key_manager.get(path, version="v1.1") == with_version
    assert await key_manager.get(path, version="v1.1", params={"keyVersion": "1"}) == with_version


async def test_v1_0_has_no_symmetric_key_versions(key_manager: KeyManager) -> None:
    path = "symmetric-keys/orders-key/symmetric-key"
    current = await key_manager.get(path)
    assert current.keys() == {"symmetricKey"}
    for ignored in ("0", "99", "nonsense"):
        assert await key_manager.get(path, params={"keyVersion": ignored}) == current


async def test_v1_1_returns_every_version_of_a_symmetric_key(key_manager: KeyManager) -> None:
    path = "symmetric-keys/orders-key/symmetric-key"
    bodies = [await key_manager.get(path, version="v1.1", params={"keyVersion": str(n)}) for n in range(3)]
    assert [body["keyVersion"] for body in bodies] == [0, 1, 2]
    assert len({body["symmetricKey"] for body in bodies}) == 3
    assert await key_manager.get(path, version="v1.1") == bodies[2]


async def test_signature_is_verified(key_manager: KeyManager) -> None:
    signed = await key_manager.post("asymmetric-keys/demo-rsa/sign", {"plaintext": "data"})
    assert signed.keys() == {"signature", "keyVersion"}
    assert signed["keyVersion"] == 1
    assert length(signed["signature"]) == 4 + 256
    data = {"plaintext": "data", "signature": signed["signature"]}
    assert await key_manager.post("asymmetric-keys/demo-rsa/verify", data) == {"result": True, "keyVersion": 1}


async def test_public_key_has_the_documented_format(key_manager: KeyManager) -> None:
    for parameters, version in (({}, 1), ({"keyVersion": "0"}, 0), ({"keyVersion": "1"}, 1)):
        body = await key_manager.get("asymmetric-keys/demo-rsa/publicKey", params=parameters)
        assert body.keys() == {"keyType", "key", "encodedKey", "keyVersion"}
        assert (body["keyType"], body["keyVersion"]) == ("PublicKey", version)
        assert body["key"].startswith(SAMPLE_PUBLIC_KEY_START)
        assert body["encodedKey"].startswith(SAMPLE_ENCODED_PUBLIC_KEY_START)


async def test_private_key_has_the_documented_format(key_manager: KeyManager) -> None:
    for parameters, version in (({}, 1), ({"keyVersion": "0"}, 0), ({"keyVersion": "1"}, 1)):
        body = await key_manager.get("asymmetric-keys/demo-rsa/privateKey", params=parameters)
        assert body.keys() == {"keyType", "key", "encodedKey", "keyVersion"}
        assert (body["keyType"], body["keyVersion"]) == ("PrivateKey", version)
        assert PRIVATE_KEY_START.match(body["key"])
        assert body["encodedKey"].startswith("MIIE")


@pytest.mark.parametrize("part", ["privateKey", "publicKey"])
async def test_both_forms_of_an_asymmetric_key_are_the_same_bytes(key_manager: KeyManager, part: str) -> None:
    body = await key_manager.get(f"asymmetric-keys/demo-rsa/{part}")
    assert re.fullmatch("0x[0-9a-f]{2}(, 0x[0-9a-f]{2})*", body["key"])
    assert bytes(int(byte, 16) for byte in body["key"].split(", ")) == base64.b64decode(body["encodedKey"])


@pytest.mark.parametrize("version", ["v1.0", "v1.1", "v1.2", "v1.3"])
async def test_every_call_exists_in_every_version(key_manager: KeyManager, version: str) -> None:
    key_manager.headers = {
        "v1.2": {"X-TC-AUTHENTICATION-ID": "demo-access-key", "X-TC-AUTHENTICATION-SECRET": "demo-access-secret"},
        "v1.3": {"X-NHN-Authorization": "Bearer demo-token"},
    }.get(version, {})
    await key_manager.get("confirm", version=version)
    await key_manager.get("secrets/demo-secret", version=version)
    symmetric, asymmetric = "symmetric-keys/demo-aes", "asymmetric-keys/demo-rsa"
    text = {"plaintext": "data"}
    ciphertext = (await key_manager.post(f"{symmetric}/encrypt", text, version=version))["ciphertext"]
    await key_manager.post(f"{symmetric}/decrypt", {"ciphertext": ciphertext}, version=version)
    await key_manager.post(f"{symmetric}/create-local-key", version=version)
    key = await key_manager.get(f"{symmetric}/symmetric-key", version=version)
    assert ("keyVersion" in key) == (version != "v1.0")
    signature = (await key_manager.post(f"{asymmetric}/sign", text, version=version))["signature"]
    await key_manager.post(f"{asymmetric}/verify", {**text, "signature": signature}, version=version)
    await key_manager.get(f"{asymmetric}/privateKey", version=version)
    await key_manager.get(f"{asymmetric}/publicKey", version=version)
