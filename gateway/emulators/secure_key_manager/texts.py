"""Bytes as Secure Key Manager writes them in JSON: hexadecimal lists and Base64.

Knows nothing about what the bytes mean.
"""

import base64
import binascii


class MalformedError(ValueError):
    """A caller's text can't be what it claims to be."""


def hexadecimal(data: bytes) -> str:
    """`0x30, 0x82, …`, as the document prints key material."""
    return ", ".join(f"0x{byte:02x}" for byte in data)


def to_base64(data: bytes) -> str:
    """Standard Base64 with padding, on one line."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """The bytes behind standard Base64, exactly as `to_base64` writes it."""
    try:
        data = base64.b64decode(text.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise MalformedError("not Base64") from error
    # The library lets foreign characters, surplus padding and stray bits pass.
    if to_base64(data) != text:
        raise MalformedError("not Base64 as it is written")
    return data
