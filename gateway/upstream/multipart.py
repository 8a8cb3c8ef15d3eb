"""Encoder for multipart/form-data bodies (RFC 7578): fields and files in, bytes out.

aiohttp's `FormData` is not used, because it changes the bytes: it adds a `Content-Type` to every text field, and writes
file names that are not ASCII either percent-encoded or with backslash escapes. The upstreams document plain UTF-8 names
and text fields without a content type. It is also a stream, and the HTTP/1.1 transport and retries need bytes.

A name cannot break out of its header: characters that end a quoted string or a line are percent-encoded, as browsers
do. The boundary is random and does not occur in any part.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

_UNSAFE: Final = re.compile(r'["\\\x00-\x1f\x7f]')


@dataclass(frozen=True, slots=True)
class TextPart:
    """A text field, encoded as UTF-8."""

    name: str
    value: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file field with its file name."""

    name: str
    filename: str
    content: bytes = field(repr=False)
    media_type: str = "application/octet-stream"


Part = TextPart | FilePart


def encode(parts: Sequence[Part]) -> tuple[bytes, str]:
    """Return the body with the parts in their order, and its content type."""
    sections = [_section(part) for part in parts]
    boundary = _boundary(sections)
    delimiter = f"--{boundary}\r\n".encode()
    body = b"".join(delimiter + section + b"\r\n" for section in sections)
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def _section(part: Part) -> bytes:
    """Return the headers and the content of one part."""
    disposition = f'Content-Disposition: form-data; name="{_quoted(part.name)}"'
    if isinstance(part, FilePart):
        headers = f'{disposition}; filename="{_quoted(part.filename)}"\r\nContent-Type: {part.media_type}'
        return headers.encode() + b"\r\n\r\n" + part.content
    charset = "" if part.value.isascii() else "\r\nContent-Type: text/plain; charset=UTF-8"
    return f"{disposition}{charset}\r\n\r\n{part.value}".encode()


def _quoted(text: str) -> str:
    return _UNSAFE.sub(lambda match: f"%{ord(match[0]):02X}", text)


def _boundary(sections: Sequence[bytes]) -> str:
    while True:
        boundary = f"keyway-{secrets.token_hex(16)}"
        if not any(boundary.encode() in section for section in sections):
            return boundary
