"""Secure Key Manager without the gateway: direct calls of its HTTP API, and its formats in openssl."""

import base64
from pathlib import Path
from typing import Any

from tests.support import openssl
from tests.support.stack import KEY_MANAGER, Stack

PROVIDER = "providers/nhn-keys"
APP_KEY = "keymanager-demo"

_VERSION_BYTES = 4
_IV_BYTES = 16


class DirectKeyUser:
    """A program that calls the upstream directly, with the app key of the gateway."""

    def __init__(self, stack: Stack) -> None:
        self._session = stack.session
        self._base = f"{stack.emulators[KEY_MANAGER].url}/keymanager"

    async def call(self, method: str, path: str, fields: Any = None, *, version: str = "v1.0") -> dict[str, Any]:
        """Make a call that succeeds, and return the body."""
        url = f"{self._base}/{version}/appkey/{APP_KEY}/{path}"
        async with self._session.request(method, url, json=fields) as response:
            envelope = await response.json()
        assert envelope["header"]["isSuccessful"], envelope
        body: dict[str, Any] = envelope["body"]
        return body


def openssl_decrypt(ciphertext: str, key: bytes) -> bytes:
    """Decrypt the ciphertext of a text with `openssl enc`: version, IV, AES-256-CBC with PKCS#7 padding."""
    data = base64.b64decode(ciphertext, validate=True)[_VERSION_BYTES:]
    return _decrypt(data, key)


def openssl_unwrap(ciphertext: str, key: bytes) -> bytes:
    """Decrypt the ciphertext of a data key with `openssl enc`: IV, AES-256-CBC without padding."""
    return _decrypt(base64.b64decode(ciphertext, validate=True), key, "-nopad")


def openssl_encrypt(plaintext: bytes, key: bytes, iv: bytes, version: int) -> str:
    """Encrypt with `openssl enc`, in the format of the upstream."""
    blocks = openssl.run("enc", "-aes-256-cbc", "-K", key.hex(), "-iv", iv.hex(), data=plaintext)
    return base64.b64encode(version.to_bytes(_VERSION_BYTES) + iv + blocks).decode()


def version_of(text: str) -> int:
    """Return the key version at the start of a ciphertext or a signature."""
    return int.from_bytes(base64.b64decode(text, validate=True)[:_VERSION_BYTES])


def openssl_recover(signature: str, public_key_pem: str, folder: Path) -> bytes:
    """Return the signed bytes that `openssl pkeyutl -verifyrecover` recovers (RSA PKCS#1 v1.5, no digest)."""
    value, key = _signature_files(signature, public_key_pem, folder)
    return openssl.run("pkeyutl", "-verifyrecover", "-pubin", "-inkey", key, "-in", value)


def openssl_verifies(signature: str, public_key_pem: str, data: bytes, folder: Path) -> bool:
    """Return whether `openssl pkeyutl -verify` accepts the signature of these bytes."""
    value, key = _signature_files(signature, public_key_pem, folder)
    signed = folder / "signed"
    signed.write_bytes(data)
    done = openssl.attempt("pkeyutl", "-verify", "-pubin", "-inkey", key, "-sigfile", value, "-in", signed)
    return done.returncode == 0 and b"Verified Successfully" in done.stdout


def openssl_sign(data: bytes, private_key_pem: str, version: int, folder: Path) -> str:
    """Sign with `openssl pkeyutl -sign`, in the format of the upstream."""
    key = folder / "private.pem"
    key.write_text(private_key_pem)
    value = openssl.run("pkeyutl", "-sign", "-inkey", key, data=data)
    return base64.b64encode(version.to_bytes(_VERSION_BYTES) + value).decode()


def _decrypt(data: bytes, key: bytes, *options: str) -> bytes:
    iv, blocks = data[:_IV_BYTES], data[_IV_BYTES:]
    return openssl.run("enc", "-d", "-aes-256-cbc", "-K", key.hex(), "-iv", iv.hex(), *options, data=blocks)


def _signature_files(signature: str, public_key_pem: str, folder: Path) -> tuple[Path, Path]:
    value, key = folder / "signature", folder / "public.pem"
    value.write_bytes(base64.b64decode(signature, validate=True)[_VERSION_BYTES:])
    key.write_text(public_key_pem)
    return value, key
