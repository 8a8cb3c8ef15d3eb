"""The parser of HTTP/1.1 responses: framing, size limits, and whether the connection can be reused.

llhttp in strict mode (httptools) parses the framing. It rejects two lengths, a length together with chunks, and invalid
characters in a head. This module adds what llhttp leaves to its users: limits for head and body, rejection of transfer
codings other than `chunked`, bodies that end with the connection, and unexpected bytes.
"""

from typing import Final, Literal

import httptools

MAXIMUM_HEAD_BYTES: Final = 64 * 1024
"""Maximum size of status line and headers, including those of interim responses and trailers."""
_SHORT_HEAD_BYTES: Final = MAXIMUM_HEAD_BYTES // 2
"""Until more bytes arrived, the headers cannot exceed the limit, so their size is not counted."""

_CHECKED_HEADERS: Final = frozenset({b"content-length", b"transfer-encoding", b"content-encoding", b"keep-alive"})

ResponseFault = Literal["not http", "redirect", "cut off", "too long"]


class ResponseParser:
    """Parses the responses of one connection, one after the other.

    status, headers: 0 and empty until the head is complete. body: valid when `complete` is true.
    fault: why the response is rejected; None if it is not. keep_alive: whether the connection can be reused.
    keep_alive_seconds: how long the server keeps an idle connection, if it announced that.
    """

    __slots__ = (
        "_ambiguous", "_bodiless", "_counting", "_excess", "_first_piece", "_head_bytes", "_limit", "_more", "_parser",
        "_raw_head_bytes", "_size", "_until_end", "complete", "fault", "head_done", "headers", "keep_alive",
        "keep_alive_seconds", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.keep_alive_seconds = float("inf")
        self.begin(bodiless=False, limit=0)
        self.complete = self.keep_alive = True  # before the first response the connection is idle
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def begin(self, *, bodiless: bool, limit: int) -> None:
        """Prepare for the next response. bodiless: it has no body (HEAD). limit: maximum bytes of its body."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.fault: ResponseFault | None = None
        self.complete = self.keep_alive = self.head_done = False
        self._first_piece = b""
        self._more = bytearray()  # not a list of pieces, which would be long if the chunks are tiny
        self._size = self._head_bytes = self._raw_head_bytes = 0
        self._until_end = self._excess = self._ambiguous = self._counting = False
        self._bodiless = bodiless
        self._limit = limit

    @property
    def began(self) -> bool:
        """Whether any byte of the current response arrived."""
        return self._raw_head_bytes > 0

    @property
    def body(self) -> bytes:
        """Return the complete body."""
        return self._first_piece + self._more if self._more else self._first_piece

    def feed(self, data: bytes | memoryview) -> None:
        """Parse the next bytes, and update `complete` and `fault`."""
        if self._parser is None:
            return
        if not self.head_done:
            self._raw_head_bytes += len(data)
            if self._raw_head_bytes > _SHORT_HEAD_BYTES:
                self._count_headers()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.keep_alive = False
            if not self.complete and self.fault is None:
                self.fault = self._truncated
        if self._raw_head_bytes > MAXIMUM_HEAD_BYTES and not self.head_done:
            self.fault = "not http"

    def end(self) -> bool:
        """Handle the end of the stream. Return whether it completes the response."""
        self.keep_alive = False
        self.complete = self.complete or (self.head_done and self._until_end and self.fault is None)
        return self.complete

    def release(self) -> None:
        """Break the reference cycle with llhttp, which holds methods of this object."""
        self._parser = None

    @property
    def _truncated(self) -> ResponseFault:
        return "cut off" if self.head_done else "not http"

    def on_message_begin(self) -> None:
        """Handle the start of a response. A second one without a request is excess data."""
        if self.complete:
            self.keep_alive = False
            self._excess = self._counting = True

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """Handle one header. Trailers count toward the limit and are dropped."""
        if not self._counting:
            self.headers.append((name, value or b""))
        elif not self._excess:
            self._on_counted_header(name, value or b"")

    def _count_headers(self) -> None:
        """Count the size of the headers until now, and of all that follow."""
        if not self._counting:
            self._counting = True
            self._head_bytes += sum(_size_of(name, value) for name, value in self.headers)

    def _on_counted_header(self, name: bytes, value: bytes) -> None:
        self._head_bytes += _size_of(name, value)
        if self._head_bytes > MAXIMUM_HEAD_BYTES:
            self.fault = self.fault or self._truncated
        elif not self.head_done:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Check the status and the framing of a complete head."""
        if self._excess:
            return
        assert self._parser is not None
        status = self._parser.get_status_code()
        if 100 <= status <= 199 and status != 101:
            self._count_headers()
            self.headers = []
            return
        self.head_done = True
        self.status = status
        frames = self._check_headers()
        if frames > 1:
            self.fault = "cut off"
        if not 200 <= status <= 299 and status < 400:
            self.fault = "redirect"
        elif self._bodiless:
            self.complete = True  # and no keep-alive: llhttp would parse the next response as the body of this one
            self.fault = None
        self._until_end = frames == 0 and status != 204

    def _check_headers(self) -> int:
        """Evaluate headers about body and connection. Return how many of them define where the body ends."""
        frames = 0
        self.keep_alive_seconds = float("inf")
        for name, value in self.headers:
            lowered = name.lower()
            if lowered in _CHECKED_HEADERS:
                frames += self._check_header(lowered, value)
        return frames

    def _check_header(self, name: bytes, value: bytes) -> int:
        """Evaluate one of `_CHECKED_HEADERS`. Return 1 if it defines where the body ends, otherwise 0."""
        assert self._parser is not None
        if name == b"content-length":
            if value.isdigit() and int(value) > self._limit:
                self.fault = "too long"
            self._ambiguous = self.status == 204 and value.strip() != b"0"
            return 1
        if name == b"transfer-encoding":
            self._count_headers()  # trailers can follow
            if value.strip().lower() != b"chunked":
                self.fault = "cut off"
            # HTTP/1.0 has no chunks, and a 204 has no body: an intermediary may see another end of the response.
            self._ambiguous = self.status == 204 or self._parser.get_http_version() != "1.1"
            return 1
        if name == b"keep-alive":
            self.keep_alive_seconds = _seconds_of(value)
        elif value.strip().lower() not in (b"", b"identity"):  # content-encoding
            self.fault = "cut off"
        return 0

    def on_body(self, piece: bytes) -> None:
        """Handle a chunk of the body."""
        if self.fault is not None or self._bodiless or self._excess:
            return
        self._size += len(piece)
        if self._size > self._limit:
            self.fault = "too long"
        elif self._size == len(piece):
            self._first_piece = piece
        else:
            self._more += piece

    def on_message_complete(self) -> None:
        """Handle the end of a response or of an interim response."""
        if self.head_done and not self.complete and self.fault is None:
            assert self._parser is not None
            self.complete = True
            self.keep_alive = self._parser.should_keep_alive() and not self._ambiguous


def _size_of(name: bytes, value: bytes) -> int:
    """Return the size of a header with its separator and the end of the line."""
    return len(name) + len(value) + 4


def _seconds_of(keep_alive: bytes) -> float:
    """Return the seconds in a header such as `Keep-Alive: timeout=5`; infinity if it has none."""
    for part in keep_alive.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name.strip().lower() == b"timeout" and value.strip().isdigit():
            return float(value)
    return float("inf")
