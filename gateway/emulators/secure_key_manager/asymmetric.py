"""RSA-2048 operations of asymmetric keys: signatures over the text itself, and keys as DER.

Defines the layout of signatures (see assumptions.py). `routes.py` decides which versions may be used. Keys are passed
as PKCS#8 DER, the form in which the state stores them.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from gateway.emulators.parsing import UnreadableError, parsing
from gateway.emulators.secure_key_manager.assumptions import RSA_BITS, VERSION_PREFIX_BYTES
from gateway.emulators.secure_key_manager.texts import MalformedError, from_base64, to_base64

_RSA_BYTES = RSA_BITS // 8
_PUBLIC_EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed signature."""

    version: int
    value: bytes

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """Parse a Base64 signature. Raises MalformedError for a wrong length."""
        data = from_base64(text)
        if len(data) != VERSION_PREFIX_BYTES + _RSA_BYTES:
            raise MalformedError("a signature cannot have this length")
        return cls(int.from_bytes(data[:VERSION_PREFIX_BYTES]), data[VERSION_PREFIX_BYTES:])


def generate() -> bytes:
    """Return a new private key. Takes tens of milliseconds: call it in a thread."""
    return _pkcs8(rsa.generate_private_key(_PUBLIC_EXPONENT, RSA_BITS))


def private_key_from_pem(pem: str) -> bytes:
    """Load an unencrypted PEM private key. Raises MalformedError if it is not RSA-2048."""
    try:
        with parsing("the private key"):
            key = load_pem_private_key(pem.encode(), password=None)
    except UnreadableError as error:
        raise MalformedError("must be an unencrypted private key in PEM") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != RSA_BITS:
        raise MalformedError(f"must be an RSA key of {RSA_BITS} bits")
    return _pkcs8(key)


def public_key(private_key: bytes) -> bytes:
    """Return the public key as SubjectPublicKeyInfo DER."""
    return _load(private_key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(private_key: bytes, version: int, plaintext: bytes) -> str:
    """Sign a text with one version of a key."""
    value = _load(private_key).sign(plaintext, padding.PKCS1v15(), utils.NoDigestInfo())
    return to_base64(version.to_bytes(VERSION_PREFIX_BYTES) + value)


def matches(private_key: bytes, plaintext: bytes, signature: Signature) -> bool:
    """Return whether the signature of this text was made with this key."""
    # Verified here, because OpenSSL 3.0 does not verify signatures of an empty text made without a digest.
    public = _load(private_key).public_key().public_numbers()
    number = int.from_bytes(signature.value)
    block = pow(number, public.e, public.n).to_bytes(_RSA_BYTES)
    filling = b"\xff" * (_RSA_BYTES - 3 - len(plaintext))
    return number < public.n and block == b"\x00\x01" + filling + b"\x00" + plaintext


def _pkcs8(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _load(private_key: bytes) -> rsa.RSAPrivateKey:
    # The key was checked when it was stored. Another check would take 50 ms per call.
    key = load_der_private_key(private_key, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
