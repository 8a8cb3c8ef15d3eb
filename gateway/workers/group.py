"""The group of workers: starts them, replaces workers that die, and replaces all of them for a new configuration.

Manages processes and the numbers of their journal chains, but not ports, signals, or endpoints.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from gateway.workers import messages
from gateway.workers.errors import StartError, StartFailed
from gateway.workers.messages import Assignment
from gateway.workers.process import WorkerEvents, WorkerProcess, described

_FIRST_PAUSE_SECONDS: Final = 0.25
_MAXIMUM_PAUSE_SECONDS: Final = 15.0
_MAXIMUM_MISSED: Final = 30
_RESET_SECONDS: Final = 10.0
"""A worker that lived this long did not fail because of its start."""

Assign = Callable[[int], Assignment]
"""Creates the assignment of the worker with the number of a chain."""

_log = structlog.get_logger(__name__)


class Chains(Protocol):
    """The journal chains that no worker uses."""

    async def release(self, number: int) -> None:
        """Release a chain for a worker."""


class _RestartBackoff:
    """Pauses before restarts: none before the first, then doubling, reset after a worker has lived for a while."""

    def __init__(self) -> None:
        self._next = 0.0

    def pause_after(self, lifetime: float) -> float:
        if lifetime >= _RESET_SECONDS:
            self._next = 0.0
        pause, self._next = self._next, min(max(self._next * 2, _FIRST_PAUSE_SECONDS), _MAXIMUM_PAUSE_SECONDS)
        return pause


class _Slot:
    """One position in the group, filled by one worker after another."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.changing = asyncio.Lock()


class Group:
    """A group of workers; see `start`. events: called for each worker.

    replaced: number of workers that died and were replaced. maximum_missed: heartbeats that a worker may miss.
    """

    def __init__(
        self,
        size: int,
        assign: Assign,
        chains: Chains | None,
        events: WorkerEvents,
        *,
        maximum_missed: int = _MAXIMUM_MISSED,
    ) -> None:
        self._maximum_missed = maximum_missed
        self._size = size
        self._assign = assign
        self._chains = chains
        self._events = events
        self._begun: list[WorkerProcess] = []
        self._starting: set[int] = set()
        self._slots: Sequence[_Slot] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        self.replaced = 0

    @property
    def workers(self) -> Sequence[WorkerProcess]:
        """Return all live workers, including those that start or end."""
        self._begun = [worker for worker in self._begun if worker.alive]
        return list(self._begun)

    @property
    def numbers(self) -> set[int]:
        """Return the numbers of the chains in use."""
        return {*self._starting, *(worker.number for worker in self.workers)}

    @property
    def available(self) -> bool:
        """Whether at least one worker accepts calls."""
        return any(worker.available for worker in self.workers)

    async def start(self) -> None:
        """Start all workers, and return when they serve. Raises StartFailed if one does not."""
        begun = await asyncio.gather(*(self._begin(self._assign) for _ in range(self._size)), return_exceptions=True)
        for one in begun:
            if isinstance(one, BaseException):
                for worker in self.workers:
                    worker.retire()
                raise one
        self._slots = [_Slot(one) for one in begun if isinstance(one, WorkerProcess)]
        for slot in self._slots:
            self._tasks.add(asyncio.create_task(self._keep(slot)))
        self._tasks.add(asyncio.create_task(self._monitor()))

    async def replace_all(self, assign: Assign, seconds: float) -> None:
        """Replace the workers one after the other. Each successor serves before its predecessor ends.

        Raises StartFailed or OSError if the first successor does not serve; then nothing has changed.
        seconds: the time for an old worker to end before it is killed.
        """
        for slot in self._slots:
            old = slot.worker
            try:
                async with slot.changing:
                    old = slot.worker
                    slot.worker = await self._begin(assign)
            except (StartFailed, OSError):
                if slot is self._slots[0]:
                    raise
                # The configuration works in another slot, so this failure is transient: fill the slot as after a death.
            self._assign = assign
            old.retire()
            await self._end(old, seconds)

    async def stop(self, seconds: float) -> None:
        """Drain all workers, and kill those that have not ended after `seconds`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self.workers:
            worker.drain()
        await asyncio.gather(*(self._end(worker, seconds) for worker in self.workers))

    def kill(self) -> None:
        """Kill all workers immediately."""
        for worker in self.workers:
            worker.kill()

    async def _begin(self, assign: Assign) -> WorkerProcess:
        """Start a worker with the lowest free number, and return it when it serves."""
        number = next((number for number in range(self._size + 1) if number not in self.numbers), None)
        if number is None:  # a killed worker can remain, for example while a disk does not respond
            raise StartFailed(StartError(1, ("every chain of the journal is still in use",)))
        self._starting.add(number)
        try:
            if self._chains is not None:
                await self._chains.release(number)
            worker = await WorkerProcess.start(assign(number), self._events)
            self._begun.append(worker)
        finally:
            self._starting.discard(number)
        _log.info("worker_started", worker=number, pid=worker.pid)
        await worker.serving()
        return worker

    async def _keep(self, slot: _Slot) -> None:
        """Replace the worker of a slot each time it dies."""
        loop, backoff = asyncio.get_running_loop(), _RestartBackoff()
        while True:
            worker, began = slot.worker, loop.time()
            code = await worker.ended()
            if slot.worker is not worker:
                continue  # it was replaced on purpose
            _log.error("worker_died", worker=worker.number, pid=worker.pid, error=described(code))
            pause = backoff.pause_after(loop.time() - began)
            while slot.worker is worker:
                await asyncio.sleep(pause)
                pause = backoff.pause_after(0)
                await self._fill(slot, worker, pause)

    async def _monitor(self) -> None:
        """Kill workers whose event loop hangs, because their callers would wait forever.

        Counts heartbeats instead of time: after a suspended virtual machine resumes, heartbeats arrive again in time.
        """
        while True:
            await asyncio.sleep(messages.HEARTBEAT_SECONDS)
            for worker in self.workers:
                worker.missed += worker.served
                if worker.missed > self._maximum_missed:
                    _log.error("worker_hangs", worker=worker.number, pid=worker.pid)
                    worker.kill()

    async def _fill(self, slot: _Slot, dead: WorkerProcess, pause: float) -> None:
        """Replace a dead worker, unless a reload has replaced it already. pause: seconds before the next attempt."""
        async with slot.changing:
            if slot.worker is not dead:
                return
            try:
                slot.worker = await self._begin(self._assign)
            except Exception as error:  # noqa: BLE001 - the slot must be filled whatever fails
                _log.error("worker_not_replaced", error=str(error) or repr(error), retry_in_seconds=pause)
            else:
                self.replaced += 1

    async def _end(self, worker: WorkerProcess, seconds: float) -> None:
        """Wait for the end of a worker, and kill it after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await worker.ended()
        except TimeoutError:
            _log.warning("worker_killed", worker=worker.number, pid=worker.pid, after_seconds=seconds)
            worker.kill()
            await worker.ended()
