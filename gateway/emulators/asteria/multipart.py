"""A strict parser for `multipart/form-data` (RFC 7578): CRLF line ends, a closing delimiter, named parts.

Lenient parsers, such as aiohttp's, accept bodies that a Java server rejects.
"""

import re
from dataclasses import dataclass
from email.message import Message
from itertools import pairwise

_PARAMETER = re.compile(r'[ \t]*;[ \t]*([\w*-]+)=("(?:[^"\\]|\\.)*"|[^\s";]+)')
_DISPOSITION = re.compile(rf"[ \t]*form-data((?:{_PARAMETER.pattern})*)[ \t]*", re.IGNORECASE)
_UNENCODED = frozenset({"", "7bit", "8bit", "binary"})


class MultipartError(ValueError):
    """The body is not well-formed multipart/form-data."""


@dataclass(frozen=True, slots=True)
class Part:
    """One field: its bytes, and the file name if the part has one."""

    content: bytes
    file_name: str | None


def parse(content_type: str, body: bytes) -> dict[str, Part]:
    """Return the parts by field name; a name may occur once."""
    parts: dict[str, Part] = {}
    for headers, content in _split(body, _boundary(content_type)):
        name, file_name = _disposition(headers)
        if name in parts:
            raise MultipartError(f"field {name!r} occurs twice")
        parts[name] = Part(content, file_name)
    return parts


def _boundary(content_type: str) -> bytes:
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_boundary()
    if message.get_content_type() != "multipart/form-data" or not boundary:
        raise MultipartError("the content type is not multipart/form-data with a boundary")
    return boundary.encode("utf-8", "surrogateescape")


def _split(body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
    """Return headers and content of each part."""
    # Spaces after a delimiter are allowed (RFC 2046) and occur in the document's samples.
    delimiter = re.compile(rb"\r\n--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r\n|\Z)")
    data = b"\r\n" + body
    marks = list(delimiter.finditer(data))
    closings = [index for index, mark in enumerate(marks) if mark[1]]
    if not marks or closings != [len(marks) - 1] or len(marks) == 1:
        raise MultipartError("delimiters are missing or out of order")
    return [_headers_and_content(data[mark.end() : end.start()]) for mark, end in pairwise(marks)]


def _headers_and_content(part: bytes) -> tuple[str, bytes]:
    headers, blank_line, content = part.partition(b"\r\n\r\n")
    if not blank_line:
        raise MultipartError("a part has no blank line after its headers")
    try:
        return headers.decode(), content
    except UnicodeDecodeError as error:
        raise MultipartError("the headers of a part are not UTF-8") from error


def _disposition(headers: str) -> tuple[str, str | None]:
    """Return the field name and the file name of a part."""
    fields: dict[str, str] = {}
    for line in headers.split("\r\n")[1:]:
        key, colon, value = line.partition(":")
        if not colon or key != key.strip():
            raise MultipartError("a header line of a part is malformed")
        fields[key.lower()] = value
    match = _DISPOSITION.fullmatch(fields.get("content-disposition", ""))
    if match is None or fields.get("content-transfer-encoding", "").strip().lower() not in _UNENCODED:
        raise MultipartError("a part is not plain form-data")
    parameters = {key.lower(): _unquote(value) for key, value in _PARAMETER.findall(match[1])}
    if not parameters.get("name"):
        raise MultipartError("a part has no name")
    return parameters["name"], parameters.get("filename")


def _unquote(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
