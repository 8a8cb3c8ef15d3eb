"""An HTTP/1.1 answer as it comes off the wire: its frame, its bounds, and whether another may follow it.

The frame is read by llhttp in its strict mode (httptools), which refuses two lengths, a length beside chunks, and
characters that have no place in a head. What it leaves to its users is done here: the bounds of head and body, codings
other than `chunked`, bodies that end with the connection, bytes that nobody asked for.
"""

from typing import Final, Literal

import httptools

MAXIMUM_HEAD_BYTES: Final = 64 * 1024
"""Of an answer's status line and headers, with those of interim answers and with trailers."""

Fault = Literal["not http", "redirect", "cut off", "too long"]


class Answer:
    """One answer after the other, of one connection.

    status, headers: of the answer, once its head is there; until then 0 and none. body: once it is complete.
    fault: why it can't be taken. lasting: whether another may follow, once it is complete.
    kept_seconds: for how long the server keeps the connection at rest, as far as it said so.
    """

    __slots__ = (
        "_bodiless", "_doubtful", "_excess", "_head_bytes", "_limit", "_parser", "_pieces", "_raw_head_bytes", "_size",
        "_until_end", "complete", "fault", "head_done", "headers", "kept_seconds", "lasting", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.kept_seconds = float("inf")
        self.begin(bodiless=False, limit=0)
        self.complete = self.lasting = True  # there is nothing before the first
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)

    def begin(self, *, bodiless: bool, limit: int) -> None:
        """Make ready for the next. bodiless: it answers HEAD. limit: bytes of its body."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.fault: Fault | None = None
        self.complete = self.lasting = self.head_done = False
        self._pieces: list[bytes] = []
        self._size = self._head_bytes = self._raw_head_bytes = 0
        self._until_end = self._excess = self._doubtful = False
        self._bodiless = bodiless
        self._limit = limit

    @property
    def body(self) -> bytes:
        """All of it."""
        return self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)

    def take(self, data: bytes) -> None:
        """The next bytes. `complete` and `fault` tell what they make of it."""
        if self._parser is None:
            return
        if not self.head_done:
            self._raw_head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.lasting = False
            if not self.complete and self.fault is None:
                self.fault = self._broken_off
        if self._raw_head_bytes > MAXIMUM_HEAD_BYTES and not self.head_done:
            self.fault = "not http"

    def end(self) -> bool:
        """No more bytes will come: whether that is the answer's proper end."""
        self.lasting = False
        self.complete = self.complete or (self.head_done and self._until_end and self.fault is None)
        return self.complete

    def let_go(self) -> None:
        """No other answer follows. The parser holds this object's methods."""
        self._parser = None

    @property
    def _broken_off(self) -> Fault:
        return "cut off" if self.head_done else "not http"

    def on_message_begin(self) -> None:
        """The first byte of an answer, which must be the only one."""
        if self.complete:
            self.lasting = False
            self._excess = True

    def on_header(self, name: bytes, value: bytes | None) -> None:
        """One header, or a trailer, which nobody has a use for."""
        if self._excess:
            return
        value = value or b""
        self._head_bytes += len(name) + len(value) + 4
        if self._head_bytes > MAXIMUM_HEAD_BYTES:
            self.fault = self.fault or self._broken_off
        elif not self.head_done:
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        """The head is there: what follows it, and whether it is wanted."""
        if self._excess:
            return
        assert self._parser is not None
        status = self._parser.get_status_code()
        if 100 <= status <= 199 and status != 101:
            self.headers = []
            return
        self.head_done = True
        self.status = status
        frames = self._look_through_headers()
        if frames > 1:
            self.fault = "cut off"
        if not 200 <= status <= 299 and status < 400:
            self.fault = "redirect"
        elif self._bodiless:
            self.complete = True  # and not lasting: the parser would take the next answer for this one's body
            self.fault = None
        self._until_end = frames == 0 and status != 204

    def _look_through_headers(self) -> int:
        """Note what the headers say of the body and the connection; how many of them say where the body ends."""
        assert self._parser is not None
        frames = 0
        self.kept_seconds = float("inf")
        for name, value in self.headers:
            lowered = name.lower()
            if lowered == b"content-length":
                frames += 1
                if value.isdigit() and int(value) > self._limit:
                    self.fault = "too long"
                self._doubtful = self.status == 204 and value.strip() != b"0"
            elif lowered == b"transfer-encoding":
                frames += 1
                if value.strip().lower() != b"chunked":
                    self.fault = "cut off"
                # HTTP/1.0 knows no chunks, and a 204 has none: somebody on the way may see another end than we do.
                self._doubtful = self.status == 204 or self._parser.get_http_version() != "1.1"
            elif lowered == b"content-encoding":
                if value.strip().lower() not in (b"", b"identity"):
                    self.fault = "cut off"
            elif lowered == b"keep-alive":
                self.kept_seconds = _seconds_of(value)
        return frames

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self.fault is not None or self._bodiless or self._excess:
            return
        self._size += len(piece)
        if self._size > self._limit:
            self.fault = "too long"
        else:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self.head_done and not self.complete and self.fault is None:
            assert self._parser is not None
            self.complete = True
            self.lasting = self._parser.should_keep_alive() and not self._doubtful


def _seconds_of(keep_alive: bytes) -> float:
    """How long a server keeps a connection at rest, as its header `Keep-Alive: timeout=5` says."""
    for part in keep_alive.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name.strip().lower() == b"timeout" and value.strip().isdigit():
            return float(value)
    return float("inf")
