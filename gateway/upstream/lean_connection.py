"""One HTTP/1.1 connection of the lean transport: requests out, answers in, one after the other.

Responsible for what is on the wire: whether an answer is whole, within its bounds and free of tricks, and whether
another may follow on the same connection. What a failure means is `lean_transport.py`'s business.

An answer's frame is read by llhttp in its strict mode (httptools), which refuses two lengths, a length beside chunks,
and characters that have no place in a head. What it leaves to its users is done here: the bounds of head and body,
codings other than `chunked`, bodies that end with the connection, bytes that nobody asked for.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final, Literal, cast

import httptools

MAXIMUM_HEAD_BYTES: Final = 64 * 1024
"""Of an answer's status line and headers, with those of interim answers and with trailers."""

_SMALL_BODY_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 64 * 1024

Kind = Literal["lost", "late", "not http", "redirect", "cut off", "too long"]


class Broken(Exception):
    """An exchange without a complete answer. The connection has the status and headers, where they came."""

    def __init__(self, kind: Kind, cause: BaseException | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.__cause__ = cause


class Connection(asyncio.Protocol):
    """A connection. `status`, `headers` and `body` are those of the last answer.

    on_end: told once when the connection has ended. read_timeout: seconds of silence within an exchange.
    kept_seconds: for how long the server keeps it at rest, as far as it said so. idle_until: when that ends, in the
    loop's time, for the pool to note.
    """

    __slots__ = (
        "_bodiless", "_complete", "_deadline", "_excess", "_fault", "_head_done", "_headers_bytes", "_heard",
        "_keep_alive", "_limit", "_loop", "_on_end", "_parser", "_paused", "_pieces", "_poll", "_raw", "_read_timeout",
        "_size", "_timer", "_transport", "_unsent", "_until_end", "_waiter",
        "body", "ended", "headers", "idle_until", "kept_seconds", "status",
    )  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_end: Callable[["Connection"], None], read_timeout: float | None
    ) -> None:
        self._loop = loop
        self._on_end = on_end
        self._read_timeout = read_timeout if read_timeout is not None else float("inf")
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._poll: select.poll | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsent: memoryview | None = None
        self._paused = False
        self._complete = True
        self._keep_alive = True
        self.ended = False
        self.idle_until = 0.0
        self.kept_seconds = float("inf")
        self._forget()

    # The exchange

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: the last answer was read to its end, and nothing speaks against it."""
        return self._complete and self._keep_alive and self._unsent is None and not self.ended and not self._closing()

    def rested_well(self) -> bool:
        """Whether a connection that was at rest still stands, also by what the loop has not seen yet."""
        if not self.reusable:
            return False
        return self._poll is None or not self._poll.poll(0)  # its end could be read, or bytes that nobody asked for

    def ask(
        self, head: bytes, body: bytes | None, *, bodiless: bool, limit: int, seconds: float
    ) -> "asyncio.Future[None]":
        """Send a request. The future ends with its answer, or with Broken. bodiless: the answer to HEAD."""
        loop = self._loop
        self._forget()
        self._complete = self._keep_alive = False
        self._bodiless = bodiless
        self._limit = limit
        self._waiter = waiter = loop.create_future()
        self._heard = now = loop.time()
        self._deadline = now + seconds
        self._timer = loop.call_later(min(seconds, self._read_timeout), self._tick)
        assert self._transport is not None
        if body is None:
            self._transport.write(head)
        elif len(body) <= _SMALL_BODY_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._send_on()
        return waiter

    def abort(self) -> None:
        """End the connection at once, whatever is on its way."""
        self._keep_alive = False
        self._unsent = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End a connection at rest, in order."""
        self._keep_alive = False
        if self._transport is not None:
            self._transport.close()

    def _forget(self) -> None:
        """Make ready for an answer."""
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self._pieces: list[bytes] = []
        self._size = self._headers_bytes = self._raw = 0
        self._head_done = self._until_end = self._bodiless = self._excess = False
        self._fault: Kind | None = None

    def _send_on(self) -> None:
        """Write what is left of a large body, as far as the connection takes it."""
        assert self._transport is not None
        while self._unsent is not None and not self._paused and not self._closing():
            piece, rest = self._unsent[:_PIECE_BYTES], self._unsent[_PIECE_BYTES:]
            self._unsent = rest if len(rest) else None
            self._transport.write(piece)

    def _tick(self) -> None:
        """The deadline, or a silence that is too long; unless bytes have come in the meantime."""
        self._timer = None
        now = self._loop.time()
        due = min(self._deadline, self._heard + self._read_timeout)
        if now < due - 0.001:
            self._timer = self._loop.call_later(due - now, self._tick)
        else:
            self._end(Broken("late"))

    def _end(self, broken: Broken | None = None) -> None:
        """End the exchange: with the answer, or without."""
        waiter, self._waiter = self._waiter, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if broken is not None:
            self.abort()
        else:
            self.body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = []
        if waiter is not None and not waiter.done():
            if broken is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(broken)

    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    # asyncio's side

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS included."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no common class
        self._parser = httptools.HttpResponseParser(self)
        wire = transport.get_extra_info("socket")
        if wire is not None:
            self._poll = select.poll()
            self._poll.register(wire.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self.ended = True
        if self._waiter is not None:
            self._finish(exc)
        self._parser = self._transport = self._poll = self._unsent = None  # the parser holds this object's methods
        self._on_end(self)

    def eof_received(self) -> bool:
        """The server sends nothing more; the connection is closed."""
        self._keep_alive = False
        if self._waiter is not None:
            self._finish(None)
        return False

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; before a request there can be none."""
        parser = self._parser
        if self._waiter is None or parser is None:
            self.abort()
            return
        self._heard = self._loop.time()
        if not self._head_done:
            self._raw += len(data)
        try:
            parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._keep_alive = False
            if not self._complete and self._fault is None:
                self._fault = "cut off" if self._head_done else "not http"
        if self._fault is not None:
            self._end(Broken(self._fault))
        elif self._complete:
            self._end()
        elif self._raw > MAXIMUM_HEAD_BYTES and not self._head_done:
            self._end(Broken("not http"))

    def pause_writing(self) -> None:
        """The kernel takes no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._paused = False
        self._heard = self._loop.time()
        self._send_on()

    def _finish(self, cause: Exception | None) -> None:
        """The stream of an answer has ended: which is the end of some, and the loss of all others."""
        if self._head_done and self._until_end and cause is None:
            self._complete = True
            self._end()
        else:
            self._end(Broken("cut off" if self._head_done else "lost", cause))

    # httptools' side

    def on_message_begin(self) -> None:
        """The first byte of an answer, which must be the only one."""
        if self._complete:
            self._keep_alive = False
            self._excess = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or a trailer, which nobody has a use for."""
        if self._excess:
            return
        self._headers_bytes += len(name) + len(value or b"") + 4
        if self._headers_bytes > MAXIMUM_HEAD_BYTES:
            self._fault = self._fault or ("cut off" if self._head_done else "not http")
        elif not self._head_done:
            self.headers.append((name, value or b""))

    def on_headers_complete(self) -> None:
        """The head is there: what follows it, and whether it is wanted."""
        if self._excess:
            return
        assert self._parser is not None
        status = self._parser.get_status_code()
        if 100 <= status <= 199 and status != 101:
            self.headers = []
            return
        self._head_done = True
        self.status = status
        frames = self._look_through_headers()
        if frames > 1:
            self._fault = "cut off"
        if not 200 <= status <= 299 and status < 400:
            self._fault = "redirect"
        elif self._bodiless:
            self._complete = True  # and no other request: the parser would take its answer for this one's body
            self._fault = None
        self._until_end = frames == 0 and status != 204

    def _look_through_headers(self) -> int:
        """Note what the headers say of the body and the connection; how many of them say where the body ends."""
        frames = 0
        self.kept_seconds = float("inf")
        for name, value in self.headers:
            lowered = name.lower()
            if lowered == b"content-length":
                frames += 1
                if value.isdigit() and int(value) > self._limit:
                    self._fault = "too long"
            elif lowered == b"transfer-encoding":
                frames += 1
                if value.strip().lower() != b"chunked":
                    self._fault = "cut off"
            elif lowered == b"content-encoding":
                if value.strip().lower() not in (b"", b"identity"):
                    self._fault = "cut off"
            elif lowered == b"keep-alive":
                self.kept_seconds = _seconds_of(value)
        return frames

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        if self._fault is not None or self._bodiless or self._excess:
            return
        self._size += len(piece)
        if self._size > self._limit:
            self._fault = "too long"
        else:
            self._pieces.append(piece)

    def on_message_complete(self) -> None:
        """The end of an answer, or of an interim one."""
        if self._head_done and not self._complete and self._fault is None:
            assert self._parser is not None
            self._complete = True
            self._keep_alive = self._parser.should_keep_alive()


def _seconds_of(keep_alive: bytes) -> float:
    """How long a server keeps a connection at rest, as its header `Keep-Alive: timeout=5` says."""
    for part in keep_alive.split(b","):
        name, _, value = part.strip().partition(b"=")
        if name.strip().lower() == b"timeout" and value.strip().isdigit():
            return float(value)
    return float("inf")
