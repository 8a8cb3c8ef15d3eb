"""Encryption of a key store at rest: a private key and its chain, under a key store and a private key password.

Passwords are not stored: a password is wrong if it does not decrypt.
"""

import base64
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.emulators.asteria import certificates

_SALT_BYTES, _NONCE_BYTES = 16, 12
# Fast on purpose: an emulator's secrets have little value.
_SCRYPT_COST = 2**12


class WrongPasswordError(Exception):
    """The password opens neither the key store nor the private key in it."""


class DamagedError(Exception):
    """The password opened the key store, but its content is invalid."""


@dataclass(frozen=True, slots=True)
class Passwords:
    """The two passwords of a key store."""

    store: str
    private_key: str

    def __repr__(self) -> str:
        return "Passwords(…)"


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A key store opened with its password. The private key is still encrypted."""

    chain: tuple[x509.Certificate, ...]
    _sealed_key: bytes

    def private_key(self, password: str) -> PrivateKeyTypes:
        """Return the private key, if the password is correct."""
        encoded = _open(self._sealed_key, password)
        try:
            return serialization.load_der_private_key(encoded, None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise DamagedError("private key") from error


def seal(key: PrivateKeyTypes, chain: Sequence[x509.Certificate], passwords: Passwords) -> bytes:
    """Return a key store with the key and its chain, leaf first."""
    encoded = key.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    content = {
        "key": base64.b64encode(_seal(encoded, passwords.private_key)).decode(),
        "chain": [base64.b64encode(certificates.to_der(each)).decode() for each in chain],
    }
    return _seal(json.dumps(content).encode(), passwords.store)


def open_store(sealed: bytes, password: str) -> OpenStore:
    """Return the key store, if its password is correct."""
    content = _open(sealed, password)
    try:
        fields = json.loads(content)
        chain = tuple(certificates.parse(base64.b64decode(each)) for each in fields["chain"])
        return OpenStore(chain, base64.b64decode(fields["key"]))
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError("certificates") from error


def _seal(content: bytes, password: str) -> bytes:
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    return salt + nonce + AESGCM(_key(password, salt)).encrypt(nonce, content, None)


def _open(sealed: bytes, password: str) -> bytes:
    salt, nonce = sealed[:_SALT_BYTES], sealed[_SALT_BYTES : _SALT_BYTES + _NONCE_BYTES]
    try:
        return AESGCM(_key(password, salt)).decrypt(nonce, sealed[_SALT_BYTES + _NONCE_BYTES :], None)
    except InvalidTag as error:
        raise WrongPasswordError from error


def _key(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=_SCRYPT_COST, r=8, p=1, dklen=32)
