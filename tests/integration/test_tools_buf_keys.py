"""Every key and provider method, called by `buf curl` over reflection and checked by openssl."""

import re
from pathlib import Path
from typing import Final

import pytest

from gateway.contract.methods import METHODS, Method
from gateway.demo import DEMO_PROVIDERS
from tests.support import openssl
from tests.support.buf_caller import FULL_NAMES, WARP, BufCaller, decoded, encoded, row_of
from tests.support.key_manager import openssl_decrypt, openssl_sign, openssl_unwrap, openssl_verifies, version_of
from tests.support.stack import Stack

CERTS: Final = "providers/nhn-certs"
KEYS: Final = "providers/nhn-keys"
KEY: Final = f"{KEYS}/keys/orders-key"
PAIR: Final = f"{KEYS}/keys/demo-rsa"
TEXT: Final = "안녕, Keyway".encode()


async def get_client_info(call: BufCaller) -> None:
    assert (await call("GetClientInfo", provider=KEYS))["clientIp"] == "127.0.0.1"


async def get_secret(call: BufCaller) -> None:
    answer = await call("GetSecret", name=f"{KEYS}/secrets/demo-secret-unicode")
    assert decoded(answer["payload"]).decode() == "안녕하세요\n키 관리자"


async def material(call: BufCaller) -> bytes:
    return decoded((await call("GetSymmetricKey", name=KEY))["keyMaterial"])


async def encrypt(call: BufCaller) -> None:
    answer = await call("Encrypt", name=KEY, plaintext=encoded(TEXT))
    assert openssl_decrypt(answer["ciphertext"], await material(call)) == TEXT
    assert answer["keyVersion"] == version_of(answer["ciphertext"])


async def decrypt(call: BufCaller) -> None:
    ciphertext = (await call("Encrypt", name=KEY, plaintext=encoded(TEXT)))["ciphertext"]
    answer = await call("Decrypt", name=KEY, ciphertext=ciphertext)
    assert decoded(answer["plaintext"]) == TEXT
    assert answer["keyVersion"] == version_of(ciphertext)


async def generate_data_key(call: BufCaller) -> None:
    answer = await call("GenerateDataKey", name=KEY)
    plaintext = decoded(answer["plaintext"])
    assert len(plaintext) == 32
    assert openssl_unwrap(answer["ciphertext"], await material(call)) == plaintext


async def get_symmetric_key(call: BufCaller) -> None:
    key = await material(call)
    assert len(key) == 32
    assert decoded((await call("GetSymmetricKey", name=f"{KEY}/versions/2"))["keyMaterial"]) == key
    assert decoded((await call("GetSymmetricKey", name=f"{KEY}/versions/1"))["keyMaterial"]) != key


async def sign(call: BufCaller) -> None:
    signature = (await call("Sign", name=PAIR, plaintext=encoded(TEXT)))["signature"]
    pem = (await call("GetPublicKey", name=PAIR))["pem"]
    assert openssl_verifies(signature, pem, TEXT, call.folder)


async def verify(call: BufCaller) -> None:
    private = await call("GetPrivateKey", name=PAIR)
    signature = openssl_sign(TEXT, private["pem"], private["keyVersion"], call.folder)
    assert (await call("Verify", name=PAIR, plaintext=encoded(TEXT), signature=signature))["verified"] is True
    other = await call("Verify", name=PAIR, plaintext=encoded(b"another text"), signature=signature)
    assert "verified" not in other


async def get_private_key(call: BufCaller) -> None:
    answer = await call("GetPrivateKey", name=PAIR)
    public = openssl.run("pkey", "-pubout", data=answer["pem"].encode())
    assert openssl.run("pkey", "-inform", "DER", "-pubout", data=decoded(answer["pkcs8Der"])) == public
    assert public == openssl.run("pkey", "-pubin", data=(await call("GetPublicKey", name=PAIR))["pem"].encode())


async def get_public_key(call: BufCaller) -> None:
    answer = await call("GetPublicKey", name=PAIR)
    options = ("pkey", "-pubin", "-noout", "-text")
    read = openssl.run(*options, data=answer["pem"].encode())
    assert re.match(rb"(RSA )?Public-Key: \(2048 bit\)", read)
    assert openssl.run(*options, "-inform", "DER", data=decoded(answer["spkiDer"])) == read


async def batch_encrypt(call: BufCaller) -> None:
    requests = [
        {"name": KEY, "plaintext": encoded(TEXT)},
        {"name": f"{KEYS}/keys/nothing", "plaintext": encoded(TEXT)},
    ]
    first, second = (await call("BatchEncrypt", requests=requests))["results"]
    assert openssl_decrypt(first["response"]["ciphertext"], await material(call)) == TEXT
    assert second["error"]["code"] == 5


async def batch_decrypt(call: BufCaller) -> None:
    ciphertext = (await call("Encrypt", name=KEY, plaintext=encoded(TEXT)))["ciphertext"]
    requests = [
        {"name": KEY, "ciphertext": ciphertext},
        {"name": f"{KEYS}/keys/nothing", "ciphertext": ciphertext},
    ]
    first, second = (await call("BatchDecrypt", requests=requests))["results"]
    assert decoded(first["response"]["plaintext"]) == TEXT
    assert second["error"]["code"] == 5


async def list_providers(call: BufCaller) -> None:
    names = [provider["name"] for provider in (await call("ListProviders"))["providers"]]
    assert names == sorted(f"providers/{provider['id']}" for provider in DEMO_PROVIDERS)


async def get_provider(call: BufCaller) -> None:
    provider = (await call("GetProvider", name=KEYS))["provider"]
    assert (provider["type"], provider["apiVersion"]) == ("nhn-secure-key-manager", "v1.0")
    assert FULL_NAMES["Encrypt"] in provider["methods"]


async def check_provider(call: BufCaller) -> None:
    provider = (await call("CheckProvider", name=WARP))["provider"]
    assert (provider["name"], provider["state"]) == (WARP, "PROVIDER_STATE_READY")


async def list_status_mappings(call: BufCaller) -> None:
    mappings = (await call("ListStatusMappings", name=CERTS))["mappings"]
    (found,) = (mapping for mapping in mappings if mapping.get("upstreamCode") == "52001")
    assert found["reason"] == "ERROR_REASON_CERTIFICATE_FILE_NOT_FOUND"


ELSEWHERE: Final = {"keyway.v1.CertificateService", "keyway.v1.AuditService"}
OWN: Final = [method for method in METHODS if method.service not in ELSEWHERE]


@pytest.fixture
def call(quiet_stack: Stack, tmp_path: Path) -> BufCaller:
    return BufCaller(quiet_stack, tmp_path)


@pytest.mark.parametrize("method", OWN, ids=lambda method: method.name)
async def test_method_has_its_effect(call: BufCaller, method: Method) -> None:
    await row_of(method, globals())(call)
