"""Key material out of the text that Secure Key Manager writes it in: hexadecimal bytes, Base64, PKCS#8 and SPKI.

Tolerant of layout (white space, line breaks, case, a trailing comma, no `0x`), exact about content: a byte that can't
be read, two forms that differ, or DER of another type is a FormatError, never a guess. Errors quote no material.
"""

import base64
import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from gateway.providers.base.formats import FormatError, JsonObject
from gateway.providers.nhn_secure_key_manager.encoding import decode_base64

AES_256_BYTES: Final = 32
MAXIMUM_CHARACTERS: Final = 256 * 1024
"""Of one key in either form. RSA with 16,384 bits takes about 60,000 as hexadecimal bytes."""

_PREFIXED = re.compile(r"0[xX]([0-9a-fA-F]{1,2})")
_BARE = re.compile(r"(?:[0-9a-fA-F]{2})+")
_INTEGER_TAG: Final = 0x02
_SEQUENCE_TAG: Final = 0x30


def parse_hex(text: str) -> bytes:
    """The bytes of `0x00, 0x20, …`.

    Bytes are divided by a comma, white space or both; one comma may follow the last. With `0x` a byte has one or two
    digits; without it two, and bytes may then follow each other directly.
    """
    _check_length(text)
    parts = text.split(",")
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    octets = bytearray()
    for part in parts:
        tokens = part.split()
        if not tokens:
            raise FormatError("the hexadecimal key has a gap")
        for token in tokens:
            octets += _octets(token)
    return bytes(octets)


def _octets(token: str) -> bytes:
    prefixed = _PREFIXED.fullmatch(token)
    if prefixed is not None:
        return bytes((int(prefixed[1], 16),))
    if _BARE.fullmatch(token) is None:
        raise FormatError("the hexadecimal key holds something else than bytes")
    return bytes.fromhex(token)


def parse_base64(text: str) -> bytes:
    """The bytes of Base64 that may be broken into lines."""
    _check_length(text)
    return decode_base64("".join(text.split()))


def _check_length(text: str) -> None:
    if len(text) > MAXIMUM_CHARACTERS:
        raise FormatError(f"the key is longer than {MAXIMUM_CHARACTERS} characters")


def aes_256(key: bytes) -> bytes:
    """`key`, which must have 32 bytes: the only length that is documented, and a wrong key is worse than none."""
    if len(key) != AES_256_BYTES:
        raise FormatError(f"the symmetric key has {len(key)} bytes instead of {AES_256_BYTES}")
    return key


def asymmetric_der(body: JsonObject) -> bytes:
    """The DER in `encodedKey` (Base64) or `key` (hexadecimal); where both are there they must agree."""
    encoded, hexadecimal = body.text("encodedKey", "").strip(), body.text("key", "").strip()
    if not encoded and not hexadecimal:
        raise FormatError("body has neither encodedKey nor key")
    if not encoded:
        return parse_hex(hexadecimal)
    der = parse_base64(encoded)
    if hexadecimal and parse_hex(hexadecimal) != der:
        raise FormatError("body.encodedKey and body.key differ")
    return der


def check_pkcs8(der: bytes) -> bytes:
    """`der`, which must be an unencrypted PKCS#8 PrivateKeyInfo of any algorithm.

    RSA's own arithmetic is left unchecked: it takes a third of a second for 4096 bits, and the key is only passed on.
    """
    try:
        load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm:
        pass  # well-formed, of an algorithm that this library does not know
    except (ValueError, TypeError):
        raise FormatError("the private key is not PKCS#8") from None
    content = _content(der)
    # The library reads PKCS#1 and SEC 1 too, where the version is not followed by the SEQUENCE of an algorithm.
    if content[0] != _INTEGER_TAG or content[2 + content[1]] != _SEQUENCE_TAG:
        raise FormatError("the private key is not PKCS#8")
    return der


def check_spki(der: bytes) -> bytes:
    """`der`, which must be a SubjectPublicKeyInfo of any algorithm."""
    try:
        load_der_public_key(der)
    except UnsupportedAlgorithm:
        pass  # well-formed, of an algorithm that this library does not know
    except ValueError:
        raise FormatError("the public key is not SubjectPublicKeyInfo") from None
    if _content(der)[0] != _SEQUENCE_TAG:  # a PKCS#1 key begins with its modulus
        raise FormatError("the public key is not SubjectPublicKeyInfo")
    return der


def _content(der: bytes) -> bytes:
    """What is inside the outermost element of valid DER."""
    long_form = der[1] & 0x80
    return der[2 + (der[1] & 0x7F if long_form else 0) :]


def pem(der: bytes, label: str) -> str:
    """`der` as PEM, in lines of 64 characters."""
    text = base64.b64encode(der).decode("ascii")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""))
