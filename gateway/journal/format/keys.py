"""Keys of the journal: the Ed25519 key that signs checkpoints, and the key of the HMACs that replace secret values.

A key that is not configured is generated in the journal directory. The directory keeps every public key that ever
signed, as `public-key-<id>.pem`, and the present one as `public-key.pem`. No error message contains a key.
"""

import base64
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gateway.config.base import ConfigError
from gateway.journal.format.durable_files import create, replace
from gateway.journal.format.regular_files import read_file

PUBLIC_KEY: Final = "public-key.pem"
_SIGNING_KEY: Final = "signing-key.pem"
_DIGEST_KEY: Final = "digest-key"
_DIGEST_KEY_BYTES: Final = 32
_ID_DIGITS: Final = 16
_MAXIMUM_BYTES: Final = 1 << 16


class JournalPublicKey:
    """A public key that verifies checkpoints. id: the first digits of the SHA-256 of its DER form."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self._der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = sha256(self._der).hexdigest()[:_ID_DIGITS]

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read a key in PEM. ValueError if it is not an Ed25519 public key."""
        try:
            key = serialization.load_pem_public_key(pem)
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("not a public key in PEM") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - of a file's content, not of an argument
        return cls(key)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read a key in the form of `text`. Raises ValueError."""
        key = serialization.load_der_public_key(base64.b64decode(text, validate=True))
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - of a file's content, not of an argument
        return cls(key)

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the key."""
        return self._key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)

    @property
    def text(self) -> str:
        """The DER form in base64."""
        return base64.b64encode(self._der).decode()

    @property
    def pem(self) -> bytes:
        """The key in PEM."""
        return self._key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Return whether this key made the signature of the message."""
        try:
            self._key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


class SigningKey:
    """A private key that signs checkpoints, with its public key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = JournalPublicKey(key.public_key())

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        return self._key.sign(message)


def signing_key_path(directory: Path, configured: Path | None) -> Path:
    """Return the file of the signing key: the configured one, or the one in the directory."""
    return configured if configured is not None else directory / _SIGNING_KEY


def load_signing_key(path: Path) -> SigningKey:
    """Return the key in a file. ConfigError if it is invalid, FileNotFoundError, and other OSErrors."""
    try:
        key = serialization.load_pem_private_key(read_file(path, _MAXIMUM_BYTES, follow=True), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(f"{path}: not a private key in PKCS#8 PEM without a password") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"{path}: not an Ed25519 key")
    return SigningKey(key)


def create_signing_key(path: Path) -> None:
    """Generate a key, unless the file exists."""
    create(path, _private_pem(Ed25519PrivateKey.generate()))


def publish(directory: Path, key: JournalPublicKey) -> None:
    """Write the public key to the directory, for verification."""
    kept = directory / f"public-key-{key.id}.pem"
    if not kept.exists():
        create(kept, key.pem)
    present = directory / PUBLIC_KEY
    if not present.exists() or _read(present) != key.pem:
        replace(present, key.pem)


def digest_key(directory: Path, configured: bytes | None) -> bytes:
    """Return the configured digest key, or the directory's own, which is generated if missing.

    Raises ConfigError or OSError.
    """
    if configured is not None:
        return configured
    path = digest_key_path(directory)
    if not path.exists():
        create(path, secrets.token_bytes(_DIGEST_KEY_BYTES))
    if len(key := _read(path)) != _DIGEST_KEY_BYTES:
        raise ConfigError(f"{path}: not a valid digest key: it must have {_DIGEST_KEY_BYTES} bytes")
    return key


def digest_key_path(directory: Path) -> Path:
    """Return the file of the generated digest key."""
    return directory / _DIGEST_KEY


def digest_key_id(key: bytes) -> str:
    """Return the id of a generated digest key. It does not reveal the key, because that is random."""
    return sha256(b"keyway-audit-digest-key-1\n" + key).hexdigest()[:_ID_DIGITS]


def temporary_digest_key() -> bytes:
    """Return a key to use while the directory is not accessible. No record with its digests is ever written."""
    return secrets.token_bytes(_DIGEST_KEY_BYTES)


def _read(path: Path) -> bytes:
    """Return the content of a key file in the directory of the journal. Raises OSError."""
    return read_file(path, _MAXIMUM_BYTES)


def _private_pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
