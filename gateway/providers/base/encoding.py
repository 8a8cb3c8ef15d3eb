"""Base64 and UTF-8 conversion between the bytes of the contract and the text of an upstream."""

import base64
import binascii

from gateway.errors import InvalidRequest, Violation
from gateway.providers.base.errors import FormatError
from keyway.v1 import key_service_pb2 as keys


def encode_plaintext(plaintext: bytes, encoding: keys.Encoding.ValueType, maximum: int) -> str:
    """Return the text that represents `plaintext` in `encoding`.

    maximum: the largest number of bytes of this text in UTF-8.
    Raises InvalidRequest if the text is longer, or if ENCODING_UTF8 is requested and `plaintext` is not UTF-8.
    """
    is_base64 = encoding == keys.ENCODING_BASE64
    size = (len(plaintext) + 2) // 3 * 4 if is_base64 else len(plaintext)
    if size > maximum:
        raise InvalidRequest([Violation("plaintext", _too_long(size, maximum, is_base64=is_base64))])
    if is_base64:
        return base64.b64encode(plaintext).decode("ascii")
    text = _utf8(plaintext)
    if text is None:
        raise InvalidRequest([Violation("plaintext", "must be UTF-8 text; use ENCODING_BASE64 for other data")])
    return text


def _too_long(size: int, maximum: int, *, is_base64: bool) -> str:
    if is_base64:
        return f"must have at most {maximum // 4 * 3} bytes ({maximum} in Base64), but has {size} in Base64"
    return f"must have at most {maximum} bytes, but has {size}"


def _utf8(data: bytes) -> str | None:
    """Return the text, or None: the exception of `decode` would carry the data."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def decode_base64(text: str) -> bytes:
    """Return the bytes of Base64: padded, no stray bits, and no other characters than white space. Raises FormatError.

    Encoders break lines, and programs add a line feed at the end.
    """
    compact = "".join(text.split())
    try:
        data = binascii.a2b_base64(compact, strict_mode=True)
    except ValueError:
        data = None
    if data is None or base64.b64encode(data).decode("ascii") != compact:
        raise FormatError("the text is not Base64")
    return data
