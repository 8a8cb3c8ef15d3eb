"""Bytes to the text that Secure Key Manager takes, and its text back to bytes, within its limits.

Source: the v1.0 guide gives 32 KB for encrypt and 245 bytes for sign; verify takes what sign took (assumed). Both are
counted here in UTF-8 bytes of the text that is sent, which is Base64 where that was asked for.
"""

import base64
import binascii
from typing import Final

from gateway.errors import InvalidRequest, Violation
from gateway.providers.base.formats import FormatError
from keyway.v1 import key_service_pb2 as keys

MAXIMUM_ENCRYPT_BYTES: Final = 32 * 1024
MAXIMUM_SIGN_BYTES: Final = 245


def upstream_text(plaintext: bytes, encoding: keys.Encoding.ValueType, maximum: int) -> str:
    """The text to send for `plaintext`; InvalidRequest where it is longer than `maximum` bytes, or not UTF-8."""
    is_base64 = encoding == keys.ENCODING_BASE64
    size = (len(plaintext) + 2) // 3 * 4 if is_base64 else len(plaintext)
    if size > maximum:
        raise InvalidRequest([Violation("plaintext", _too_long(size, maximum, is_base64=is_base64))])
    if is_base64:
        return base64.b64encode(plaintext).decode("ascii")
    text = _utf8(plaintext)
    if text is None:
        raise InvalidRequest([Violation("plaintext", "must be UTF-8 text, or sent with ENCODING_BASE64")])
    return text


def _too_long(size: int, maximum: int, *, is_base64: bool) -> str:
    if is_base64:
        return f"must have at most {maximum // 4 * 3} bytes ({maximum} in Base64); this has {size} in Base64"
    return f"must have at most {maximum} bytes; this has {size}"


def _utf8(data: bytes) -> str | None:
    """None rather than an exception, which would carry the data."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def decode_base64(text: str) -> bytes:
    """The bytes of canonical Base64: padded, no other characters, no stray bits; FormatError for anything else."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data).decode("ascii") != text:
        raise FormatError("it is not Base64")
    return data
