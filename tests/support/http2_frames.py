"""HTTP/2 frames as bytes, for peers that do what no HTTP/2 library does."""

from collections.abc import Sequence
from enum import IntEnum

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
ACK = END_STREAM = 0x1
END_HEADERS = 0x4

Headers = Sequence[tuple[bytes, bytes]]


class FrameKind(IntEnum):
    """Frame types."""

    DATA = 0
    HEADERS = 1
    PRIORITY = 2
    RST_STREAM = 3
    SETTINGS = 4
    PING = 6
    WINDOW_UPDATE = 8
    CONTINUATION = 9


def frame(kind: FrameKind, stream: int = 0, payload: bytes = b"", flags: int = 0) -> bytes:
    """Return one frame."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def priority(stream: int = 1) -> bytes:
    """Return a PRIORITY frame."""
    return frame(FrameKind.PRIORITY, stream, (0).to_bytes(4) + b"\x10")


def window_update(stream: int = 0, increment: int = 1) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return frame(FrameKind.WINDOW_UPDATE, stream, increment.to_bytes(4))


def settings(values: Sequence[tuple[int, int]] = ()) -> bytes:
    """Return a SETTINGS frame."""
    return frame(FrameKind.SETTINGS, payload=b"".join(key.to_bytes(2) + value.to_bytes(4) for key, value in values))


def call_headers(path: bytes, metadata: Headers = (), scheme: bytes = b"https") -> Headers:
    """Return the headers of a gRPC call."""
    own = [(b":method", b"POST"), (b":scheme", scheme), (b":path", path), (b":authority", b"localhost")]
    return [*own, (b"content-type", b"application/grpc"), (b"te", b"trailers"), *metadata]


def headers(stream: int, fields: Headers, *, flags: int = END_HEADERS) -> bytes:
    """Return a HEADERS frame."""
    return frame(FrameKind.HEADERS, stream, _encoded(fields), flags)


def continuation(stream: int, fields: Headers = ()) -> bytes:
    """Return a CONTINUATION frame that does not end the headers."""
    return frame(FrameKind.CONTINUATION, stream, _encoded(fields))


def data(stream: int, payload: bytes, *, size: int = 16_384) -> bytes:
    """Return the payload in DATA frames of at most `size` bytes, without the end of the stream."""
    parts = [payload[start : start + size] for start in range(0, len(payload), size)]
    return b"".join(frame(FrameKind.DATA, stream, part) for part in parts)


def message_start(length: int) -> bytes:
    """Return the prefix of a gRPC message with this length."""
    return b"\0" + length.to_bytes(4)


def _encoded(fields: Headers) -> bytes:
    """Return header fields. Each is a literal that is not added to the dynamic table."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in fields)


def _text(text: bytes) -> bytes:
    """Return a string without Huffman coding. Its length is a 7-bit prefix integer."""
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, encoded = len(text) - 127, b"\x7f"
    while rest >= 128:
        encoded += bytes([rest % 128 + 128])
        rest //= 128
    return encoded + bytes([rest]) + text
