"""Encodings of bytes in Secure Key Manager's JSON: hexadecimal lists and Base64."""

import base64
import binascii


class MalformedError(ValueError):
    """The text does not have the required format."""


def hexadecimal(data: bytes) -> str:
    """`0x30, 0x82, …`, as the document prints key material."""
    return ", ".join(f"0x{byte:02x}" for byte in data)


def to_base64(data: bytes) -> str:
    """Return the bytes as standard Base64 with padding, on one line."""
    return base64.b64encode(data).decode()


def from_base64(text: str) -> bytes:
    """Decode standard Base64 in exactly the form that `to_base64` writes."""
    try:
        data = base64.b64decode(text.encode("ascii"))
    except (UnicodeEncodeError, binascii.Error) as error:
        raise MalformedError("not Base64") from error
    # The library accepts foreign characters, excess padding, and stray bits.
    if to_base64(data) != text:
        raise MalformedError("not standard Base64 with padding")
    return data
