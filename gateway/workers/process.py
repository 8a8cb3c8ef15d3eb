"""One worker process from the supervisor's side: start, commands, reports, and end."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from gateway.config import grpc_listener
from gateway.config.child_environment import child_environment
from gateway.deliveries.reports import DeliveryReport
from gateway.provider_states.reports import Reports
from gateway.telemetry.instruments import Series
from gateway.watch.messages import Interest, Update
from gateway.workers import messages
from gateway.workers.errors import StartError, StartFailed
from gateway.workers.messages import Assignment

_TELEMETRY: Final = "OTEL_"
"""The prefix of the variables that configure the telemetry of a worker."""
_START_SECONDS: Final = 120.0
_LINE_BYTES: Final = 32 << 20
"""Maximum length of a report; one with metrics can be long."""


@dataclass(frozen=True, slots=True)
class WorkerEvents:
    """What is called when a worker reports something.

    changed: its availability changed. reported: the number of the worker, and what it reports about the providers.
    watched: the worker, and its message about watched certificates. delivered: the worker, and its deliveries.
    """

    changed: Callable[[], None]
    reported: Callable[[int, Reports], None] = lambda _number, _reports: None
    watched: "Callable[[WorkerProcess, Interest | Update], None]" = lambda _worker, _message: None
    delivered: "Callable[[WorkerProcess, DeliveryReport], None]" = lambda _worker, _report: None


class WorkerProcess:
    """A worker process; see `start`. number: of its journal chain. available: it serves, and its journal accepts
    records.

    missed: the number of heartbeats that did not arrive in time since the last one that did; the group counts them.
    ending: whether the supervisor has sent the command to end.
    """

    def __init__(
        self,
        number: int,
        process: asyncio.subprocess.Process,
        events: WorkerEvents,
    ) -> None:
        self.number: Final = number
        self.available = False
        self.missed = 0
        self.ending = False
        self._process = process
        self._events = events
        self._start_error: StartError | None = None
        self._serving = asyncio.Event()
        self._measuring: list[asyncio.Future[Sequence[Series]]] = []
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, assignment: Assignment, events: WorkerEvents) -> Self:
        """Start a worker as a new program: gRPC does not support fork."""
        served = assignment.settings.model_dump(include=set(grpc_listener.KEYS))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.workers",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
            env={**child_environment(_TELEMETRY), **grpc_listener.environment(served)},
        )
        worker = cls(assignment.number, process, events)
        worker._send(assignment.line())
        return worker

    @property
    def pid(self) -> int:
        """Return the process ID."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process has not ended, as far as known."""
        return not self._reading.done()

    @property
    def served(self) -> bool:
        """Whether the worker has begun to serve."""
        return self._serving.is_set()

    async def serving(self) -> None:
        """Wait until the worker serves. Raises StartFailed if it ends before that or does not serve in time."""
        ready = asyncio.create_task(self._serving.wait())
        try:
            await asyncio.wait({ready, self._reading}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self.served:
            return
        if self.alive:
            self.kill()
            raise StartFailed(StartError(1, (f"a worker did not serve within {_START_SECONDS:g} s",)))
        raise StartFailed(
            self._start_error or StartError(1, (f"a worker {described(await self.ended())} before it served",))
        )

    async def ended(self) -> int:
        """Wait for the end. Return the exit code, which is negative for a signal."""
        await asyncio.shield(self._reading)
        return await self._process.wait()

    def drain(self) -> None:
        """Make the worker drain and end."""
        self.ending = True
        self._send(messages.DRAIN)

    def retire(self) -> None:
        """Make the worker end while a successor serves."""
        self.ending = True
        self._send(messages.RETIRE)

    def poll(self) -> None:
        """Make the worker poll the certificates of the providers until it ends."""
        self._send(messages.POLL)

    def share_providers(self, line: bytes) -> None:
        """Send the state of the providers over all workers."""
        self._send(messages.PROVIDERS + line)

    def share_interest(self, interest: Interest) -> None:
        """Send the certificates that a worker watches."""
        self._send(messages.INTEREST + interest.encode() + b"\n")

    def share_update(self, update: Update) -> None:
        """Send new states of watched certificates."""
        self._send(messages.UPDATE + update.encode() + b"\n")

    def share_deliveries(self, report: DeliveryReport) -> None:
        """Send the deliveries of another worker."""
        self._send(messages.DELIVERIES + report.encode() + b"\n")

    def kill(self) -> None:
        """Kill the worker immediately."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def measure(self, seconds: float) -> Sequence[Series]:
        """Return the metrics of the worker; none if it does not respond within `seconds`."""
        answer: asyncio.Future[Sequence[Series]] = asyncio.get_running_loop().create_future()
        self._measuring.append(answer)
        self._send(messages.MEASURE)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return ()
        finally:
            if answer in self._measuring:
                self._measuring.remove(answer)

    def _send(self, line: bytes) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    async def _read(self) -> None:
        """Handle the reports of the worker until it ends."""
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                self._handle(messages.parse(line))
        except ValueError:  # the line is too long: the worker is broken
            self.kill()
        await self._process.wait()
        self._available(now=False)
        for answer in self._measuring:
            if not answer.done():
                answer.set_result(())
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _handle(self, report: messages.WorkerReport) -> None:
        if report.start_error is not None:
            self._start_error = report.start_error
        elif report.metrics is not None:
            if self._measuring and not (answer := self._measuring.pop(0)).done():
                answer.set_result(report.metrics)
        elif report.available is not None:
            self._serving.set()
            self.missed = 0
            self._available(now=report.available)
            self._events.reported(self.number, report.providers or {})
        elif report.watch is not None:
            self._events.watched(self, report.watch)
        elif report.deliveries is not None:
            self._events.delivered(self, report.deliveries)

    def _available(self, *, now: bool) -> None:
        if now != self.available:
            self.available = now
            self._events.changed()


def described(code: int) -> str:
    """Describe an exit code as the predicate of a sentence."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
