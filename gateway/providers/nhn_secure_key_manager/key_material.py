"""Parsers for the key material that Secure Key Manager returns: hexadecimal bytes, Base64, PKCS#8, and SPKI.

Parsers accept any layout (white space, line breaks, case, a trailing comma, a missing `0x`). Invalid bytes, two forms
that differ, and DER of another type raise FormatError. Errors quote no key material.
"""

import re
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_private_key, load_der_public_key

from gateway.providers.base.encoding import decode_base64
from gateway.providers.base.errors import FormatError
from gateway.providers.base.json_object import JsonObject
from gateway.x509_reader import der
from gateway.x509_reader.der import X509Error

AES_256_BYTES: Final = 32
MAXIMUM_CHARACTERS: Final = 256 * 1024
"""Maximum length of one key in either form. A 16,384-bit RSA key has about 60,000 characters as hexadecimal bytes."""

_PREFIXED = re.compile(r"0[xX]([0-9a-fA-F]{1,2})")
_DIGITS = re.compile(r"(?:[0-9a-fA-F]{2})+")
_PKCS8_START: Final = (der.INTEGER, der.SEQUENCE)  # the version, and the algorithm
_SPKI_START: Final = (der.SEQUENCE,)  # the algorithm


def parse_hex(text: str) -> bytes:
    """Return the bytes of `0x00, 0x20, …`.

    Bytes are separated by a comma, white space, or both. A comma can follow the last byte. A byte with `0x` has one or
    two digits. A byte without `0x` has two digits and needs no separator.
    """
    _check_length(text)
    parts = text.split(",")
    if len(parts) > 1 and not parts[-1].strip():
        parts.pop()
    octets = bytearray()
    for part in parts:
        tokens = part.split()
        if not tokens:
            raise FormatError("the hexadecimal key has an empty element")
        for token in tokens:
            octets += _octets(token)
    return bytes(octets)


def _octets(token: str) -> bytes:
    prefixed = _PREFIXED.fullmatch(token)
    if prefixed is not None:
        return bytes((int(prefixed[1], 16),))
    if _DIGITS.fullmatch(token) is None:
        raise FormatError("the hexadecimal key contains an invalid byte")
    return bytes.fromhex(token)


def parse_base64(text: str) -> bytes:
    """Return the bytes of Base64."""
    _check_length(text)
    return decode_base64(text)


def _check_length(text: str) -> None:
    if len(text) > MAXIMUM_CHARACTERS:
        raise FormatError(f"the key is longer than {MAXIMUM_CHARACTERS} characters")


def aes_256(key: bytes) -> bytes:
    """Return `key`. Raises FormatError unless it has 32 bytes, the only documented length."""
    if len(key) != AES_256_BYTES:
        raise FormatError(f"the symmetric key has {len(key)} bytes instead of {AES_256_BYTES}")
    return key


def asymmetric_der(body: JsonObject) -> bytes:
    """Return the DER in `encodedKey` (Base64) or `key` (hexadecimal). If both are present, they must be equal."""
    encoded, hexadecimal = body.text("encodedKey", "").strip(), body.text("key", "").strip()
    if not encoded and not hexadecimal:
        raise FormatError("body has neither encodedKey nor key")
    if not encoded:
        return parse_hex(hexadecimal)
    decoded = parse_base64(encoded)
    if hexadecimal and parse_hex(hexadecimal) != decoded:
        raise FormatError("body.encodedKey and body.key differ")
    return decoded


def check_pkcs8(encoded: bytes) -> bytes:
    """Return `encoded`. Raises FormatError unless it is the DER of an unencrypted PKCS#8 key of any algorithm.

    The numbers of an RSA key are not validated: this takes 0.3 seconds for 4096 bits, and the key is only passed on.
    """
    try:
        load_der_private_key(encoded, None, unsafe_skip_rsa_key_validation=True)
    except UnsupportedAlgorithm:
        pass  # well-formed, but the library does not support the algorithm
    except (ValueError, TypeError):
        raise FormatError("the private key is not PKCS#8") from None
    # The library also reads PKCS#1 and SEC 1. There, no algorithm SEQUENCE follows the version.
    if not _starts_with(encoded, _PKCS8_START):
        raise FormatError("the private key is not PKCS#8")
    return encoded


def check_spki(encoded: bytes) -> bytes:
    """Return `encoded`. Raises FormatError unless it is the DER of a SubjectPublicKeyInfo of any algorithm."""
    try:
        load_der_public_key(encoded)
    except UnsupportedAlgorithm:
        pass  # well-formed, but the library does not support the algorithm
    except ValueError:
        raise FormatError("the public key is not SubjectPublicKeyInfo") from None
    if not _starts_with(encoded, _SPKI_START):  # a PKCS#1 key starts with its modulus
        raise FormatError("the public key is not SubjectPublicKeyInfo")
    return encoded


def _starts_with(encoded: bytes, tags: tuple[int, ...]) -> bool:
    """Return whether the elements in a SEQUENCE begin with these tags."""
    try:
        found = der.single(encoded, der.SEQUENCE).children()
    except X509Error:
        return False
    return tuple(element.tag for element in found[: len(tags)]) == tags
