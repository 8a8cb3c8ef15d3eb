"""The worker process: the supervisor starts it, and sends commands as lines on standard input.

The worker ends when standard input closes, which happens whenever the supervisor ends, so that no worker outlives the
supervisor for longer than its own drain.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import orjson
import uvloop

from gateway import app, logs
from gateway.deliveries.reports import DeliveryReport, in_parts
from gateway.provider_states.reports import parse_snapshots
from gateway.server.gateway_server import GatewayServer
from gateway.watch.exchange import WatchExchange
from gateway.workers import messages
from gateway.workers.errors import start_error_of
from gateway.workers.messages import Assignment

_RETIRE_SECONDS: Final = 0.25
"""Seconds between NOT_SERVING and closing connections when a successor serves, for clients that watch health."""
_ORPHAN_SECONDS: Final = 30.0
"""Seconds after the drain until a worker without a supervisor exits."""


class SupervisorChannel:
    """The connection to the supervisor: receives its commands, and sends reports.

    server: the gateway once it serves. exchange: of messages about watched certificates.
    """

    def __init__(self, assignment: Assignment, commands: Iterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._assignment = assignment
        self._commands = commands
        self._loop = loop
        self._write_lock = threading.Lock()
        self._heartbeat: asyncio.TimerHandle | None = None
        self.server: GatewayServer | None = None
        self.delay: asyncio.Future[float] = loop.create_future()
        """Set when the worker must end: seconds for clients to move to other workers."""
        self.exchange = WatchExchange(lambda message: self.send(messages.watched(message)))
        self.poll = asyncio.Event()
        """Set when the worker must begin to poll the providers."""
        threading.Thread(target=self._execute, name="Commands", daemon=True).start()

    def send(self, line: bytes) -> None:
        """Send a report. It is lost if the supervisor has ended."""
        with self._write_lock, contextlib.suppress(OSError):
            sys.stdout.buffer.write(line)
            sys.stdout.buffer.flush()

    def serving(self, available: bool) -> None:
        """Report availability, now and with every heartbeat. Runs on the event loop."""
        if self._heartbeat is not None:
            self._heartbeat.cancel()
        reports = self.server.provider_states.collect() if self.server is not None else {}
        self.send(messages.serving(reports, available=available))
        if self.server is not None:
            for report in in_parts(os.getpid(), self.server.deliveries.collect()):
                self.send(messages.delivered(report))
        self._heartbeat = self._loop.call_later(messages.HEARTBEAT_SECONDS, self.serving, available)

    def end(self, delay: float) -> None:
        """Make the worker end. Runs on the event loop."""
        if not self.delay.done():
            self.delay.set_result(delay)

    def _execute(self) -> None:
        """Execute commands, in a separate thread."""
        settings = self._assignment.settings
        for command in self._commands:
            server = self.server
            if command == messages.MEASURE:
                metrics = server.metrics if server is not None else None
                self.send(messages.measured(metrics.read() if metrics is not None else ()))
            elif command == messages.POLL:
                self._on_loop(self.poll.set)
            elif command.startswith(messages.INTEREST):
                self._on_loop(self.exchange.receive_interest, command.removeprefix(messages.INTEREST))
            elif command.startswith(messages.UPDATE):
                self._on_loop(self.exchange.receive_update, command.removeprefix(messages.UPDATE))
            elif command.startswith(messages.DELIVERIES):
                report = DeliveryReport.of(orjson.loads(command.removeprefix(messages.DELIVERIES)))
                self._on_loop(self._receive_deliveries, report)
            elif command.startswith(messages.PROVIDERS):
                if server is not None:
                    snapshots = parse_snapshots(command.removeprefix(messages.PROVIDERS))
                    self._on_loop(server.provider_states.receive, snapshots)
            else:
                self._request_end(settings.drain_delay if command == messages.DRAIN else _RETIRE_SECONDS)
        self._request_end(_RETIRE_SECONDS)
        time.sleep(settings.drain_delay + settings.drain_timeout + _ORPHAN_SECONDS)
        os._exit(1)  # no supervisor is left to kill a hanging worker

    def _receive_deliveries(self, report: DeliveryReport) -> None:
        """Take deliveries of another worker. They can arrive just before the gateway is complete."""
        if self.server is None:
            self._loop.call_later(messages.HEARTBEAT_SECONDS, self._receive_deliveries, report)
        else:
            self.server.deliveries.receive(report.worker, None if report.ended else report.changes)

    def _request_end(self, delay: float) -> None:
        self._on_loop(self.end, delay)

    def _on_loop(self, function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the event loop has ended already
            self._loop.call_soon_threadsafe(function, *arguments)


def main() -> int:
    """Serve until the supervisor ends the worker. Return the exit code."""
    # Ctrl-C and the end of the terminal also reach the supervisor, which drains the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    commands = _lines(sys.stdin.fileno())
    if (first := next(commands, None)) is None:
        return 0
    assignment = Assignment.parse(first)
    logs.configure(assignment.log, worker=assignment.number)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_work(assignment, commands))


def _lines(file: int) -> Iterator[bytes]:
    """Yield lines from a pipe. A buffered file is not used, because a waiting thread holds its lock at exit."""
    rest = b""
    while data := os.read(file, 1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line + b"\n" for line in lines)


async def _work(assignment: Assignment, commands: Iterator[bytes]) -> int:
    loop = asyncio.get_running_loop()
    channel = SupervisorChannel(assignment, commands, loop)
    # Sent by a person: the supervisor starts another worker instead.
    loop.add_signal_handler(signal.SIGTERM, channel.end, _RETIRE_SECONDS)

    try:
        async with app.gateway(
            assignment.settings,
            app.WorkerRole(assignment.number, channel.serving, channel.poll.wait, channel.exchange),
        ) as server:
            channel.server = server
            app.freeze_startup_objects()
            server.drain_delay = await channel.delay
    except Exception as error:
        if (failure := start_error_of(error)) is None:
            raise
        channel.send(messages.failed(failure))
        return failure.code
    return 0


if __name__ == "__main__":
    sys.exit(main())
