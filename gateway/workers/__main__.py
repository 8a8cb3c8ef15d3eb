"""A worker's process, as the supervisor starts it: told by lines on standard input, ends when that is closed.

It closes when the supervisor ends, in whatever way: no worker outlives it for longer than its own drain.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from typing import Final

import uvloop

from gateway import app, logs
from gateway.telemetry.metrics import Metrics
from gateway.workers import messages
from gateway.workers.errors import fault_of
from gateway.workers.messages import Assignment

_RETIRE_SECONDS: Final = 0.25
"""Between NOT_SERVING and the end of connections, where a successor serves: for clients that watch health."""
_ORPHAN_SECONDS: Final = 30.0
"""What an orphan may take beyond its drain."""


class Line:
    """The way to the supervisor. metrics: what it may ask for."""

    def __init__(self, assignment: Assignment, orders: Iterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._assignment = assignment
        self._orders = orders
        self._loop = loop
        self._telling = threading.Lock()
        self._beat: asyncio.TimerHandle | None = None
        self.metrics: Metrics | None = None
        self.delay: asyncio.Future[float] = loop.create_future()
        """Done when the worker is to end: the seconds for others to move on."""
        threading.Thread(target=self._obey, name="Orders", daemon=True).start()

    def tell(self, line: bytes) -> None:
        """Say something. Nobody hears it where the supervisor is gone."""
        with self._telling, contextlib.suppress(OSError):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def serving(self, available: bool) -> None:
        """Say so, now and again and again, until something else is true. On the event loop."""
        if self._beat is not None:
            self._beat.cancel()
        self.tell(messages.serving(available=available))
        self._beat = self._loop.call_later(messages.BEAT_SECONDS, self.serving, available)

    def end(self, delay: float) -> None:
        """Have the worker end. On the event loop."""
        if not self.delay.done():
            self.delay.set_result(delay)

    def _obey(self) -> None:
        """Take orders, on a thread of its own."""
        settings = self._assignment.settings
        for order in self._orders:
            if order == messages.MEASURE:
                metrics = self.metrics
                self.tell(messages.measured(metrics.read() if metrics is not None else ()))
            else:
                self._from_here(settings.drain_delay if order == messages.DRAIN else _RETIRE_SECONDS)
        self._from_here(_RETIRE_SECONDS)
        time.sleep(settings.drain_delay + settings.drain_timeout + _ORPHAN_SECONDS)
        os._exit(1)  # nobody is left to end a worker that hangs

    def _from_here(self, delay: float) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self.end, delay)


def main() -> int:
    """Serve until told to end."""
    # A Ctrl-C at the terminal and its end reach the supervisor too, which knows what to do.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    orders = _lines(sys.stdin.fileno())
    if (first := next(orders, None)) is None:
        return 0
    assignment = Assignment.parse(first)
    logs.configure(assignment.log, worker=assignment.number)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(assignment, orders))


def _lines(file: int) -> Iterator[bytes]:
    """What comes through a pipe. Not by a buffered file, whose lock a waiting thread would hold at the end."""
    rest = b""
    while data := os.read(file, 1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in lines)


async def _work(assignment: Assignment, orders: Iterator[bytes]) -> int:
    loop = asyncio.get_running_loop()
    line = Line(assignment, orders, loop)
    # From a person: the supervisor puts another worker in its place.
    loop.add_signal_handler(signal.SIGTERM, line.end, _RETIRE_SECONDS)

    try:
        async with app.gateway(assignment.settings, app.Place(assignment.number, line.serving)) as server:
            line.metrics = server.metrics
            app.settle()
            server.drain_delay = await line.delay
    except Exception as error:
        if (fault := fault_of(error)) is None:
            raise
        line.tell(messages.failed(fault))
        return fault.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
