"""One connection of the lean transport: requests out, answers in, one after the other, each within its time.

What an answer is, `response_parser.py` says; what a failure means, `transport.py`.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Final, Literal, cast

from gateway.upstream.http1.response_parser import Answer, Fault

_SMALL_BODY_BYTES: Final = 64 * 1024
_PIECE_BYTES: Final = 64 * 1024


class Broken(Exception):
    """An exchange without a complete answer. The connection's answer has its status and headers, where they came."""

    def __init__(self, kind: Fault | Literal["lost", "late"], cause: BaseException | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.__cause__ = cause


class Connection(asyncio.Protocol):
    """A connection. answer: the last one.

    on_end: told once when the connection has ended. read_timeout: seconds of silence within an exchange.
    idle_until: when its rest ends, in the loop's time, for the pool to note.
    """

    __slots__ = (
        "_deadline", "_heard", "_loop", "_on_end", "_paused", "_poll", "_read_timeout", "_timer", "_transport",
        "_unsent", "_waiter", "answer", "ended", "idle_until",
    )  # fmt: skip

    def __init__(
        self, loop: asyncio.AbstractEventLoop, on_end: Callable[["Connection"], None], read_timeout: float | None
    ) -> None:
        self._loop = loop
        self._on_end = on_end
        self._read_timeout = read_timeout if read_timeout is not None else float("inf")
        self._transport: asyncio.Transport | None = None
        self._poll: select.poll | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._unsent: memoryview | None = None
        self._paused = False
        self.answer = Answer()
        self.ended = False
        self.idle_until = 0.0

    @property
    def reusable(self) -> bool:
        """Whether another request may follow: the last answer was read to its end, and nothing speaks against it."""
        return self.answer.complete and self.answer.lasting and self._unsent is None and not self._closing()

    def rested_well(self) -> bool:
        """Whether a connection that was at rest still stands, also by what the loop has not seen yet."""
        if not self.reusable:
            return False
        return self._poll is None or not self._poll.poll(0)  # its end could be read, or bytes that nobody asked for

    def ask(
        self, head: bytes, body: bytes | None, *, bodiless: bool, limit: int, seconds: float
    ) -> "asyncio.Future[None]":
        """Send a request. The future ends when `answer` is complete, or with Broken. bodiless: the answer to HEAD."""
        loop = self._loop
        self.answer.begin(bodiless=bodiless, limit=limit)
        self._waiter = waiter = loop.create_future()
        self._heard = now = loop.time()
        self._deadline = now + seconds
        self._timer = loop.call_later(min(seconds, self._read_timeout), self._tick)
        if self._transport is None:  # it ended between its making and its use
            self._end(Broken("lost"))
        elif body is None:
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
        self.answer.lasting = False
        self._unsent = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """End a connection at rest, in order."""
        self.answer.lasting = False
        if self._transport is not None:
            self._transport.close()

    def _send_on(self) -> None:
        """Write what is left of a large body, as far as the connection takes it."""
        while self._unsent is not None and not self._paused and self._transport is not None and not self._closing():
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
        if waiter is not None and not waiter.done():
            if broken is None:
                waiter.set_result(None)
            else:
                waiter.set_exception(broken)

    def _stream_ended(self, cause: Exception | None) -> None:
        """Which is the end of some answers, and the loss of all others."""
        if self._waiter is None:
            self.answer.lasting = False
        elif cause is None and self.answer.end():
            self._end()
        else:
            self._end(Broken("cut off" if self.answer.head_done else "lost", cause))

    def _closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands, TLS included."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no common class
        wire = transport.get_extra_info("socket")
        if wire is not None:
            self._poll = select.poll()
            self._poll.register(wire.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection has ended."""
        self.ended = True
        self._stream_ended(exc)
        self._transport = self._poll = self._unsent = None
        self.answer.let_go()
        self._on_end(self)

    def eof_received(self) -> bool:
        """The server sends nothing more; the connection is closed."""
        self._stream_ended(None)
        return False

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer; before a request there can be none."""
        if self._waiter is None:
            self.abort()
            return
        answer = self.answer
        self._heard = self._loop.time()
        answer.take(data)
        if answer.fault is not None:
            self._end(Broken(answer.fault))
        elif answer.complete:
            self._end()

    def pause_writing(self) -> None:
        """The kernel takes no more for now."""
        self._paused = True

    def resume_writing(self) -> None:
        """It does again."""
        self._paused = False
        self._heard = self._loop.time()
        self._send_on()
