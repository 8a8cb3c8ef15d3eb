"""The journal's keys: the Ed25519 key that signs checkpoints, and the key of the digests that stand for secrets.

Both are made in the journal's directory where none is configured. Every public key that ever signed stays there, as
`public-key-<id>.pem`; `public-key.pem` is the present one. No key is ever printed.
"""

import base64
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.config.base import ConfigError, content
from gateway.journal.format.durable_files import create, replace
from gateway.journal.settings import AuditSettings

PUBLIC_KEY: Final = "public-key.pem"
_SIGNING_KEY: Final = "signing-key.pem"
_DIGEST_KEY: Final = "digest-key"
_DIGEST_KEY_BYTES: Final = 32
_ID_DIGITS: Final = 16


class VerifyingKey:
    """A public key; `id` is the beginning of the SHA-256 of its DER form."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self._der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = sha256(self._der).hexdigest()[:_ID_DIGITS]

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """ValueError where it is no public Ed25519 key."""
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("not a public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - of a file's content, not of an argument
        return cls(key)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Of what `text` gives; ValueError where it is something else."""
        key = serialization.load_der_public_key(base64.b64decode(text, validate=True))
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - of a file's content, not of an argument
        return cls(key)

    @property
    def text(self) -> str:
        """The DER form in base64."""
        return base64.b64encode(self._der).decode()

    @property
    def pem(self) -> bytes:
        """The key in PEM."""
        return self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def signed(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature of the message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A private key, with the public one that belongs to it."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = VerifyingKey(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """The signature."""
        return self._key.sign(message)


def signing_key(settings: AuditSettings) -> SigningKey:
    """The configured key, or the directory's own, made where there is none; its public part is written beside it."""
    if settings.signing_key_file is not None:
        key = _load(settings.signing_key_file)
    else:
        path = settings.directory / _SIGNING_KEY
        if not path.exists():
            create(path, _private_pem(Ed25519PrivateKey.generate()))
        key = _load(path)
    _publish(settings.directory, key.public)
    return key


def digest_key(settings: AuditSettings) -> bytes:
    """The configured key, or the directory's own, made now where there is none."""
    if (configured := content(settings.digest_key)) is not None:
        return configured
    path = settings.directory / _DIGEST_KEY
    if not path.exists():
        create(path, secrets.token_bytes(_DIGEST_KEY_BYTES))
    if len(key := path.read_bytes()) != _DIGEST_KEY_BYTES:
        raise ConfigError(f"{path}: not a digest key: it must have {_DIGEST_KEY_BYTES} bytes")
    return key


def passing_digest_key(settings: AuditSettings) -> bytes:
    """A key for as long as none can be read or made: no record that holds its digests is ever written."""
    return content(settings.digest_key) or secrets.token_bytes(_DIGEST_KEY_BYTES)


def _load(path: Path) -> SigningKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: not a private key in PKCS#8 PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: not an Ed25519 key")
    return SigningKey(key)


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _publish(directory: Path, key: VerifyingKey) -> None:
    create_missing = directory / f"public-key-{key.id}.pem"
    if not create_missing.exists():
        create(create_missing, key.pem)
    present = directory / PUBLIC_KEY
    if not present.exists() or present.read_bytes() != key.pem:
        replace(present, key.pem)
