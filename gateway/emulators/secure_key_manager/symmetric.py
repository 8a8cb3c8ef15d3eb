"""AES-256 operations of symmetric keys: encrypted texts, and data keys wrapped with a stored key.

Defines the layout of ciphertexts (see assumptions.py). `routes.py` decides which versions may be used.
"""

import hmac
import os
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from gateway.emulators.secure_key_manager.assumptions import VERSION_PREFIX_BYTES
from gateway.emulators.secure_key_manager.texts import MalformedError, from_base64, to_base64

KEY_BYTES = 32
_BLOCK_BYTES = 16
_BLOCK_BITS = 8 * _BLOCK_BYTES
_DATA_KEY_CIPHERTEXT_BYTES = _BLOCK_BYTES + KEY_BYTES
_DATA_KEY_LABEL = b"secure-key-manager data key"


@dataclass(frozen=True, slots=True)
class Ciphertext:
    """A parsed ciphertext; `version` None means a wrapped data key, which does not state its version."""

    version: int | None
    iv: bytes
    blocks: bytes

    @classmethod
    def parse(cls, text: str) -> "Ciphertext":
        """Parse a Base64 ciphertext. Raises MalformedError if the length fits neither layout."""
        data = from_base64(text)
        if len(data) == _DATA_KEY_CIPHERTEXT_BYTES:
            return cls(None, data[:_BLOCK_BYTES], data[_BLOCK_BYTES:])
        prefix, rest = data[:VERSION_PREFIX_BYTES], data[VERSION_PREFIX_BYTES:]
        if len(rest) < 2 * _BLOCK_BYTES or len(rest) % _BLOCK_BYTES:
            raise MalformedError("a ciphertext cannot have this length")
        return cls(int.from_bytes(prefix), rest[:_BLOCK_BYTES], rest[_BLOCK_BYTES:])


def generate() -> bytes:
    """Return a new AES-256 key."""
    return os.urandom(KEY_BYTES)


def encrypt(key: bytes, version: int, plaintext: bytes) -> str:
    """Encrypt a text under one version of a key."""
    padder = PKCS7(_BLOCK_BITS).padder()
    padded = padder.update(plaintext) + padder.finalize()
    iv = os.urandom(_BLOCK_BYTES)
    return to_base64(version.to_bytes(VERSION_PREFIX_BYTES) + iv + _cbc_encrypt(key, iv, padded))


def decrypt(key: bytes, ciphertext: Ciphertext) -> str:
    """Decrypt a ciphertext of `encrypt`. Raises MalformedError if it was not encrypted with this key."""
    padded = _cbc_decrypt(key, ciphertext)
    unpadder = PKCS7(_BLOCK_BITS).unpadder()
    try:
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError as error:
        raise MalformedError("not a ciphertext of this key") from error


def wrap_data_key(key: bytes, data_key: bytes) -> str:
    """Encrypt a data key under a stored key."""
    iv = _data_key_iv(key, data_key)
    return to_base64(iv + _cbc_encrypt(key, iv, data_key))


def unwrap_data_key(key: bytes, ciphertext: Ciphertext) -> bytes | None:
    """Return the data key, or None if it was not wrapped with this key."""
    data_key = _cbc_decrypt(key, ciphertext)
    return data_key if hmac.compare_digest(_data_key_iv(key, data_key), ciphertext.iv) else None


def _data_key_iv(key: bytes, data_key: bytes) -> bytes:
    # A MAC as IV identifies the version: 48 bytes leave no room for padding or a version number.
    return hmac.digest(key, _DATA_KEY_LABEL + data_key, sha256)[:_BLOCK_BYTES]


def _cbc_encrypt(key: bytes, iv: bytes, padded: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES256(key), modes.CBC(iv)).encryptor()
    return encryptor.update(padded) + encryptor.finalize()


def _cbc_decrypt(key: bytes, ciphertext: Ciphertext) -> bytes:
    decryptor = Cipher(algorithms.AES256(key), modes.CBC(ciphertext.iv)).decryptor()
    return decryptor.update(ciphertext.blocks) + decryptor.finalize()
