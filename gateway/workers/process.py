"""One worker's process, as its supervisor has it: started, told what to do, heard, ended."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Final, Self

from gateway.telemetry.instruments import Series
from gateway.workers import messages
from gateway.workers.errors import Fault, StartFailed
from gateway.workers.messages import Assignment

_START_SECONDS: Final = 120.0
_LINE_BYTES: Final = 32 << 20
"""A line of metrics can be long."""


class WorkerProcess:
    """See `start`. number: its chain's. available: it serves, and its journal takes records.

    missed: beats of its event loop since the last one; whoever expects them counts.
    """

    def __init__(self, number: int, process: asyncio.subprocess.Process, changed: Callable[[], None]) -> None:
        self.number: Final = number
        self.available = False
        self.missed = 0
        self._process = process
        self._changed = changed
        self._fault: Fault | None = None
        self._serving = asyncio.Event()
        self._asked: list[asyncio.Future[Sequence[Series]]] = []
        self._hearing = asyncio.create_task(self._hear())

    @classmethod
    async def start(cls, assignment: Assignment, changed: Callable[[], None]) -> Self:
        """Start one. It is a new program, not a fork: gRPC does not survive one. changed: called with `available`."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gateway.workers",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_BYTES,
        )
        worker = cls(assignment.number, process, changed)
        worker._tell(assignment.line())
        return worker

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return not self._hearing.done()

    @property
    def served(self) -> bool:
        """Whether it has come to serve."""
        return self._serving.is_set()

    async def serving(self) -> None:
        """Return when it serves; StartFailed where it ends before that."""
        ready = asyncio.create_task(self._serving.wait())
        try:
            await asyncio.wait({ready, self._hearing}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self.served:
            return
        if self.alive:
            self.kill()
            raise StartFailed(Fault(1, (f"a worker did not serve within {_START_SECONDS:g} s",)))
        raise StartFailed(self._fault or Fault(1, (f"a worker {described(await self.ended())} before it served",)))

    async def ended(self) -> int:
        """Wait for its end; the exit code, less than 0 for a signal."""
        await asyncio.shield(self._hearing)
        return await self._process.wait()

    def drain(self) -> None:
        """Have it end as a gateway ends."""
        self._tell(messages.DRAIN)

    def retire(self) -> None:
        """Have it end while others serve on."""
        self._tell(messages.RETIRE)

    def kill(self) -> None:
        """End it at once."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def measure(self, seconds: float) -> Sequence[Series]:
        """Its metrics; none where it does not answer in time."""
        answer: asyncio.Future[Sequence[Series]] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._tell(messages.MEASURE)
        try:
            async with asyncio.timeout(seconds):
                return await answer
        except TimeoutError:
            return ()
        finally:
            if answer in self._asked:
                self._asked.remove(answer)

    def _tell(self, line: bytes) -> None:
        assert self._process.stdin is not None
        if not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    async def _hear(self) -> None:
        """All that it says until its end."""
        assert self._process.stdout is not None
        try:
            async for line in self._process.stdout:
                self._heard(messages.parse(line))
        except ValueError:  # a line without an end: whoever writes that is no worker any more
            self.kill()
        await self._process.wait()
        self._available(now=False)
        for answer in self._asked:
            if not answer.done():
                answer.set_result(())
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _heard(self, told: messages.Told) -> None:
        if told.fault is not None:
            self._fault = told.fault
        elif told.metrics is not None:
            if self._asked and not (answer := self._asked.pop(0)).done():
                answer.set_result(told.metrics)
        elif told.available is not None:
            self._serving.set()
            self.missed = 0
            self._available(now=told.available)

    def _available(self, *, now: bool) -> None:
        if now != self.available:
            self.available = now
            self._changed()


def described(code: int) -> str:
    """What an exit code says, after the name of who ended."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
