"""RSA-2048 as Secure Key Manager's asymmetric keys use it: signatures over the text itself, and keys as DER.

Responsible for the layout of signatures (see assumptions.py); which versions may be used is decided elsewhere.
Keys are passed as PKCS#8 DER, the form in which the state keeps them.
"""

from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_pem_private_key,
)

from gateway.emulators.secure_key_manager.assumptions import RSA_BITS, VERSION_PREFIX_BYTES
from gateway.emulators.secure_key_manager.texts import MalformedError, from_base64, to_base64

_RSA_BYTES = RSA_BITS // 8
_PUBLIC_EXPONENT = 65537


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature taken apart."""

    version: int
    value: bytes

    @classmethod
    def parse(cls, text: str) -> "Signature":
        """Take Base64 apart; MalformedError where the length isn't a signature's."""
        data = from_base64(text)
        if len(data) != VERSION_PREFIX_BYTES + _RSA_BYTES:
            raise MalformedError("impossible length of a signature")
        return cls(int.from_bytes(data[:VERSION_PREFIX_BYTES]), data[VERSION_PREFIX_BYTES:])


def generate() -> bytes:
    """A new private key. Takes tens of milliseconds: call it in a thread."""
    return _pkcs8(rsa.generate_private_key(_PUBLIC_EXPONENT, RSA_BITS))


def private_key_from_pem(pem: str) -> bytes:
    """The private key in an unencrypted PEM text; MalformedError where it isn't one of RSA-2048."""
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise MalformedError("not an unencrypted private key in PEM") from error
    if not isinstance(key, rsa.RSAPrivateKey) or key.key_size != RSA_BITS:
        raise MalformedError(f"not an RSA key of {RSA_BITS} bits")
    return _pkcs8(key)


def public_key(private_key: bytes) -> bytes:
    """The public half, as SubjectPublicKeyInfo DER."""
    return _load(private_key).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign(private_key: bytes, version: int, plaintext: bytes) -> str:
    """Sign a text under one version of a key."""
    value = _load(private_key).sign(plaintext, padding.PKCS1v15(), utils.NoDigestInfo())
    return to_base64(version.to_bytes(VERSION_PREFIX_BYTES) + value)


def matches(private_key: bytes, plaintext: bytes, signature: Signature) -> bool:
    """Whether the signature is one of this text, by this key."""
    # By hand: OpenSSL 3.0 doesn't verify signatures of an empty text made without a digest.
    public = _load(private_key).public_key().public_numbers()
    number = int.from_bytes(signature.value)
    block = pow(number, public.e, public.n).to_bytes(_RSA_BYTES)
    filling = b"\xff" * (_RSA_BYTES - 3 - len(plaintext))
    return number < public.n and block == b"\x00\x01" + filling + b"\x00" + plaintext


def _pkcs8(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _load(private_key: bytes) -> rsa.RSAPrivateKey:
    # What the state keeps was checked when it came in; checking again would cost 50 ms a call.
    key = load_der_private_key(private_key, password=None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key
