"""One HTTP/1.1 connection: sends requests one after the other, and receives each response before its deadline.

`response_parser.py` parses the responses; `transport.py` converts failures into errors.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final, Literal, cast

from gateway.upstream.http1.response_parser import ResponseFault, ResponseParser
from gateway.upstream.http1.turn_queue import TurnQueue

_SMALL_BODY_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 64 * 1024
_DIRECT_BYTES: Final = 8 * 1024
"""The first bytes of a response are parsed when they arrive; the rest in turns, PARSED_BYTES at a time."""
PARSED_BYTES: Final = 8 * 1024
"""Parsing takes up to about 0.5 ms, if the bytes are chunks of one byte."""


class ExchangeFailed(Exception):
    """An exchange without a complete response. The parser of the connection has status and headers, if they arrived."""

    def __init__(self, kind: ResponseFault | Literal["lost", "timeout"], cause: BaseException | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.__cause__ = cause


class HttpConnection(asyncio.Protocol):
    """A connection. response: the parser with the current or the last response.

    on_end: called once when the connection has ended. read_timeout: maximum seconds without data during an exchange.
    turns: parses long responses piece by piece, so that no response delays other work of the event loop.
    idle_until: when the pool closes the idle connection, in the time of the event loop; the pool sets it.
    """

    __slots__ = (
        "_backlog", "_deadline", "_last_data", "_loop", "_on_end", "_paused", "_poll", "_read_timeout", "_received",
        "_stream_end", "_tick_at", "_timer", "_transport", "_turns", "_unsent", "_waiter", "ended", "idle_until",
        "response",
    )  # fmt: skip

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_end: Callable[["HttpConnection"], None],
        read_timeout: float | None,
        turns: TurnQueue,
    ) -> None:
        self._loop = loop
        self._on_end = on_end
        self._read_timeout = read_timeout if read_timeout is not None else float("inf")
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._tick_at = 0.0
        self._unsent: memoryview | None = None
        self._turns = turns
        self._backlog = memoryview(b"")
        self._stream_end: tuple[Exception | None] | None = None
        self._received = 0
        self._paused = False
        self.response = ResponseParser()
        self.ended = False
        self.idle_until = 0.0

    @property
    def can_be_pooled(self) -> bool:
        """Whether another request can follow: the last response is complete, and the server keeps the connection."""
        return self.response.complete and self.response.keep_alive and self._unsent is None and not self._closing()

    def is_reusable(self) -> bool:
        """Return whether an idle connection is open; polls the socket for events that the loop has not seen yet."""
        if not self.can_be_pooled:
            return False
        return self._poll is None or not self._poll.poll(0)  # readable: end of stream, or unexpected bytes

    def send(
        self, head: bytes, body: bytes | None, *, bodiless: bool, limit: int, seconds: float
    ) -> "asyncio.Future[None]":
        """Send a request. Return a future that ends when `response` is complete, or with ExchangeFailed.

        bodiless: the response has no body (HEAD). limit: maximum bytes of its body. seconds: until the deadline.
        """
        loop = self._loop
        self.response.begin(bodiless=bodiless, limit=limit)
        self._received = 0
        self._waiter = waiter = loop.create_future()
        self._last_data = now = loop.time()
        self._deadline = now + seconds
        self._check_at(now + min(seconds, self._read_timeout))
        if self._transport is None:  # the connection ended before its first use
            self._end(ExchangeFailed("lost"))
        elif body is None:
            self._transport.write(head)
        elif len(body) <= _SMALL_BODY_BYTES:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._send_rest()
        return waiter

    def abort(self) -> None:
        """Close the connection immediately and discard data in flight."""
        self.response.keep_alive = False
        self._unsent = self._stream_end = None
        self._backlog = memoryview(b"")
        self._stop_timer()
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close an idle connection gracefully."""
        self.response.keep_alive = False
        if self._transport is not None:
            self._transport.close()

    def _send_rest(self) -> None:
        """Write the rest of a large body until the transport pauses."""
        while self._unsent is not None and not self._paused and self._transport is not None and not self._closing():
            piece, rest = self._unsent[:_PIECE_BYTES], self._unsent[_PIECE_BYTES:]
            self._unsent = rest if len(rest) else None
            self._transport.write(piece)

    def _check_at(self, due: float) -> None:
        """Make sure that `_tick` runs at this time or earlier.

        The timer of an earlier exchange stays: it costs less that `_tick` runs too early once in a while than that
        every exchange creates and cancels a timer.
        """
        if self._timer is not None and self._tick_at <= due:
            return
        self._stop_timer()
        self._tick_at = due
        self._timer = self._loop.call_at(due, self._tick)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        """Fail the exchange at its deadline or read timeout; otherwise schedule the next check."""
        self._timer = None
        if self._waiter is None:
            return
        due = min(self._deadline, self._last_data + self._read_timeout)
        if self._loop.time() < due - 0.001:
            self._check_at(due)
        else:
            self._end(ExchangeFailed("timeout"))

    def _end(self, failure: ExchangeFailed | None = None) -> None:
        """End the exchange, with the response or with a failure."""
        waiter, self._waiter = self._waiter, None
        if self.ended:
            self._stop_timer()
        if failure is not None:
            self.abort()
        if waiter is not None and not waiter.done():
            if failure is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(failure)

    def _stream_ended(self, cause: Exception | None) -> None:
        """Handle the end of the stream: it completes some responses, and breaks off all others."""
        if self._backlog:
            self._stream_end = (cause,)  # after the bytes that arrived before it
        elif self._waiter is None:
            self.response.keep_alive = False
        elif cause is None and self.response.end():
            self._end()
        else:
            self._end(ExchangeFailed("cut off" if self.response.head_done else "lost", cause))

    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport and register the socket for polling; the TLS handshake is complete."""
        self._transport = cast("asyncio.Transport", transport)  # transports of uvloop have no common base class
        wire = transport.get_extra_info("socket")
        if wire is not None:
            self._poll = select.poll()
            self._poll.register(wire.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail the running exchange and notify the pool."""
        self.ended = True
        self._stream_ended(exc)
        if self._waiter is None:
            self._stop_timer()
        self._transport = self._poll = self._unsent = None
        if not self._backlog:
            self.response.release()
        self._on_end(self)

    def eof_received(self) -> bool:
        """End the exchange and close the connection, because the server closed its side."""
        self._stream_ended(None)
        return False

    def data_received(self, data: bytes) -> None:
        """Parse bytes of a response; bytes before a request close the connection."""
        if self._waiter is None:
            self.abort()
            return
        self._last_data = self._loop.time()
        self._received += len(data)
        if self._received > _DIRECT_BYTES:
            self._parse_in_turns(data)
        else:
            self._parse(data)

    def _parse(self, data: bytes | memoryview) -> None:
        response = self.response
        response.feed(data)
        if response.fault is not None:
            self._end(ExchangeFailed(response.fault))
        elif response.complete:
            self._end()

    def _parse_in_turns(self, data: bytes) -> None:
        """Parse bytes when it is the turn of this connection, and read nothing before that."""
        if self._backlog:  # TLS can deliver bytes that it had decrypted before the pause
            self._backlog = memoryview(bytes(self._backlog) + data)
            return
        self._backlog = memoryview(data)
        assert self._transport is not None
        self._transport.pause_reading()
        self._turns.add(self._parse_piece)

    def _parse_piece(self) -> bool:
        """Parse the next piece. Return whether any bytes are left."""
        piece, self._backlog = self._backlog[:PARSED_BYTES], self._backlog[PARSED_BYTES:]
        if self._waiter is not None:
            self._last_data = self._loop.time()
            self._parse(piece)
        if self._backlog and self._waiter is None:  # unexpected bytes after the response
            self.abort()
        if self._backlog:
            return True
        if self._stream_end is not None:
            (cause,), self._stream_end = self._stream_end, None
            self._stream_ended(cause)
        if self.ended:
            self.response.release()
        elif not self._closing():
            cast("asyncio.Transport", self._transport).resume_reading()
        return False

    def pause_writing(self) -> None:
        """Stop writing: the write buffer is full."""
        self._paused = True

    def resume_writing(self) -> None:
        """Continue writing: the write buffer has space again."""
        self._paused = False
        self._last_data = self._loop.time()
        self._send_rest()
