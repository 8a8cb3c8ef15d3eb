"""Cryptography of Secure Key Manager, compared with local computation and the `openssl` command."""

import base64
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from tests.support.emulators.secure_key_manager import KeyManager
from tests.support.openssl import run as openssl

ENCRYPT, DECRYPT = "symmetric-keys/orders-key/encrypt", "symmetric-keys/orders-key/decrypt"
LOCAL_KEY = "symmetric-keys/orders-key/create-local-key"
SIGN, VERIFY = "asymmetric-keys/demo-rsa/sign", "asymmetric-keys/demo-rsa/verify"
TEXTS = ["", "data", "x" * 15, "x" * 16, "안녕하세요\n", "\x00\u2028😀"]


async def fetched_key(key_manager: KeyManager, number: int) -> bytes:
    """Return one version of `orders-key`."""
    path, parameters = "symmetric-keys/orders-key/symmetric-key", {"keyVersion": str(number)}
    text = (await key_manager.get(path, version="v1.1", params=parameters))["symmetricKey"]
    return bytes(int(byte, 16) for byte in text.split(", "))


def cbc(key: bytes, iv: bytes, blocks: bytes) -> bytes:
    """Decrypt with AES-CBC and keep the padding."""
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).decryptor()
    return decryptor.update(blocks) + decryptor.finalize()


def flipped(text: str, position: int) -> str:
    """Return the Base64 text with one bit flipped in the byte at this position."""
    data = bytearray(base64.b64decode(text))
    data[position] ^= 0x01
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("text", TEXTS)
async def test_encrypted_text_decrypts_to_the_same_text(key_manager: KeyManager, text: str) -> None:
    ciphertext = (await key_manager.post(ENCRYPT, {"plaintext": text}))["ciphertext"]
    assert (await key_manager.post(DECRYPT, {"ciphertext": ciphertext}))["plaintext"] == text


@pytest.mark.parametrize("text", TEXTS)
async def test_ciphertext_can_be_decrypted_locally_with_the_fetched_key(key_manager: KeyManager, text: str) -> None:
    data = base64.b64decode((await key_manager.post(ENCRYPT, {"plaintext": text}))["ciphertext"])
    assert data[:4] == bytes([0, 0, 0, 2])
    padded = cbc(await fetched_key(key_manager, 2), data[4:20], data[20:])
    assert padded == text.encode() + bytes([padded[-1]] * padded[-1])
    assert 1 <= padded[-1] <= 16


async def test_local_key_can_be_decrypted_locally_with_the_fetched_key(key_manager: KeyManager) -> None:
    body = await key_manager.post(LOCAL_KEY)
    data = base64.b64decode(body["localKeyCiphertext"])
    opened = cbc(await fetched_key(key_manager, 2), data[:16], data[16:])
    assert opened == base64.b64decode(body["localKeyPlaintext"])


async def test_encryption_is_randomized(key_manager: KeyManager) -> None:
    ciphertexts = {(await key_manager.post(ENCRYPT, {"plaintext": "data"}))["ciphertext"] for _ in range(5)}
    assert len(ciphertexts) == 5


async def test_ciphertexts_of_older_versions_decrypt_after_rotation(key_manager: KeyManager) -> None:
    made = []
    for number in (2, 3):
        encrypted, local = await key_manager.post(ENCRYPT, {"plaintext": "data"}), await key_manager.post(LOCAL_KEY)
        assert encrypted["keyVersion"] == local["keyVersion"] == number
        made.append((number, encrypted["ciphertext"], "data"))
        made.append((number, local["localKeyCiphertext"], local["localKeyPlaintext"]))
        await key_manager.seed({"rotate": ["orders-key"]})
    for number, ciphertext, plaintext in made:
        body = await key_manager.post(DECRYPT, {"ciphertext": ciphertext})
        assert body == {"plaintext": plaintext, "keyVersion": number}


async def test_ciphertext_of_another_key_is_rejected(key_manager: KeyManager) -> None:
    other = "symmetric-keys/demo-aes"
    for ciphertext in (
        (await key_manager.post(f"{other}/encrypt", {"plaintext": "x" * 100}))["ciphertext"],
        (await key_manager.post(f"{other}/create-local-key"))["localKeyCiphertext"],
    ):
        assert await key_manager.refusal("POST", DECRYPT, {"ciphertext": ciphertext}) == "Invalid User Data"


@pytest.mark.parametrize("position", [0, 15, 16, 47])
async def test_changed_local_key_is_rejected(key_manager: KeyManager, position: int) -> None:
    ciphertext = flipped((await key_manager.post(LOCAL_KEY))["localKeyCiphertext"], position)
    assert await key_manager.refusal("POST", DECRYPT, {"ciphertext": ciphertext}) == "Invalid User Data"


async def test_ciphertext_of_an_unknown_version_is_rejected(key_manager: KeyManager) -> None:
    ciphertext = flipped((await key_manager.post(ENCRYPT, {"plaintext": "data"}))["ciphertext"], 0)
    assert await key_manager.refusal("POST", DECRYPT, {"ciphertext": ciphertext}) == "Invalid User Data"


@pytest.mark.parametrize("text", ["한" * 10922 + "xx", "x" * 32 * 1024])
async def test_plaintext_limit_is_32_kilobytes(key_manager: KeyManager, text: str) -> None:
    assert len(text.encode()) == 32 * 1024
    ciphertext = (await key_manager.post(ENCRYPT, {"plaintext": text}))["ciphertext"]
    assert (await key_manager.post(DECRYPT, {"ciphertext": ciphertext}))["plaintext"] == text
    assert await key_manager.refusal("POST", ENCRYPT, {"plaintext": text + "x"}) == "Invalid User Data"


@pytest.mark.parametrize("text", ["한" * 81 + "xx", "x" * 245])
async def test_signing_limit_is_245_bytes(key_manager: KeyManager, text: str) -> None:
    assert len(text.encode()) == 245
    signature = (await key_manager.post(SIGN, {"plaintext": text}))["signature"]
    assert (await key_manager.post(VERIFY, {"plaintext": text, "signature": signature}))["result"] is True
    longer = {"plaintext": text + "x"}
    assert await key_manager.refusal("POST", SIGN, longer) == "Invalid User Data"
    assert await key_manager.refusal("POST", VERIFY, {**longer, "signature": signature}) == "Invalid User Data"


@pytest.mark.parametrize("text", TEXTS)
async def test_texts_of_any_kind_are_signed(key_manager: KeyManager, text: str) -> None:
    signature = (await key_manager.post(SIGN, {"plaintext": text}))["signature"]
    assert (await key_manager.post(VERIFY, {"plaintext": text, "signature": signature}))["result"] is True
    other = {"plaintext": text + "?", "signature": signature}
    assert await key_manager.post(VERIFY, other) == {"result": False, "keyVersion": 1}


@pytest.mark.parametrize("text", ["data", "안녕하세요", "x" * 245])
async def test_openssl_verifies_with_the_public_key(key_manager: KeyManager, tmp_path: Path, text: str) -> None:
    signature = base64.b64decode((await key_manager.post(SIGN, {"plaintext": text}))["signature"])
    assert signature[:4] == bytes([0, 0, 0, 1])
    key, value = tmp_path / "public.der", tmp_path / "signature"
    key.write_bytes(base64.b64decode((await key_manager.get("asymmetric-keys/demo-rsa/publicKey"))["encodedKey"]))
    value.write_bytes(signature[4:])
    recover = ("pkeyutl", "-verifyrecover", "-pubin", "-inkey", key, "-keyform", "DER", "-in", value)
    assert openssl(*recover) == text.encode()
    if len(text.encode()) <= 64:  # `openssl pkeyutl -verify` rejects longer input because it is not a hash.
        verify = ("pkeyutl", "-verify", "-pubin", "-inkey", key, "-keyform", "DER", "-sigfile", value)
        assert b"Verified Successfully" in openssl(*verify, data=text.encode())


async def test_openssl_derives_the_public_key_from_the_private_key(key_manager: KeyManager, tmp_path: Path) -> None:
    for number in ("0", "1"):
        key = tmp_path / f"private{number}.der"
        parameters = {"keyVersion": number}
        private = await key_manager.get("asymmetric-keys/demo-rsa/privateKey", params=parameters)
        public = await key_manager.get("asymmetric-keys/demo-rsa/publicKey", params=parameters)
        key.write_bytes(base64.b64decode(private["encodedKey"]))
        openssl("pkey", "-inform", "DER", "-in", key, "-check", "-noout")
        derived = openssl("pkey", "-inform", "DER", "-in", key, "-pubout", "-outform", "DER")
        assert derived == base64.b64decode(public["encodedKey"])


@pytest.mark.parametrize("number", [0, 1])
async def test_signature_by_the_fetched_private_key_is_valid(key_manager: KeyManager, number: int) -> None:
    parameters = {"keyVersion": str(number)}
    private = await key_manager.get("asymmetric-keys/demo-rsa/privateKey", params=parameters)
    key = load_der_private_key(base64.b64decode(private["encodedKey"]), password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    value = number.to_bytes(4) + key.sign(b"data", padding.PKCS1v15(), utils.NoDigestInfo())
    data = {"plaintext": "data", "signature": base64.b64encode(value).decode()}
    assert await key_manager.post(VERIFY, data) == {"result": True, "keyVersion": number}


async def test_signature_is_valid_for_one_version_only(key_manager: KeyManager) -> None:
    signature = flipped((await key_manager.post(SIGN, {"plaintext": "data"}))["signature"], 3)
    body = await key_manager.post(VERIFY, {"plaintext": "data", "signature": signature})
    assert body == {"result": False, "keyVersion": 0}


@pytest.mark.parametrize("position", [0, 4, 131, 259])
async def test_changed_signature_is_invalid(key_manager: KeyManager, position: int) -> None:
    signature = flipped((await key_manager.post(SIGN, {"plaintext": "data"}))["signature"], position)
    body = await key_manager.post(VERIFY, {"plaintext": "data", "signature": signature})
    assert body == {"result": False, "keyVersion": 1}


async def test_signature_larger_than_the_modulus_is_invalid(key_manager: KeyManager) -> None:
    public = await key_manager.get("asymmetric-keys/demo-rsa/publicKey")
    key = load_der_public_key(base64.b64decode(public["encodedKey"]))
    assert isinstance(key, rsa.RSAPublicKey)
    for text in map(str, range(30)):
        valid = base64.b64decode((await key_manager.post(SIGN, {"plaintext": text}))["signature"])
        # RSA treats this as the same number. About every third such number fits into 256 bytes.
        number = min(int.from_bytes(valid[4:]) + key.public_numbers().n, (1 << 2048) - 1)
        signature = base64.b64encode(valid[:4] + number.to_bytes(256)).decode()
        assert (await key_manager.post(VERIFY, {"plaintext": text, "signature": signature}))["result"] is False


async def test_rotation_keeps_older_signatures_valid(key_manager: KeyManager) -> None:
    old = await key_manager.post(SIGN, {"plaintext": "data"})
    await key_manager.seed({"rotate": ["demo-rsa"]})
    assert (await key_manager.post(SIGN, {"plaintext": "data"}))["keyVersion"] == 2
    body: Any = await key_manager.post(VERIFY, {"plaintext": "data", "signature": old["signature"]})
    assert body == {"result": True, "keyVersion": 1}
