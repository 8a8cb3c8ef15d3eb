"""The workers: so many at a time, each that dies replaced, all replaced by others with another configuration.

Knows processes and the numbers of their chains; not ports, signals, or what else a gateway has beside its workers.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

import structlog

from gateway.workers.faults import StartFailed
from gateway.workers.messages import Assignment
from gateway.workers.process import WorkerProcess, described

_FIRST_PAUSE_SECONDS: Final = 0.25
_MAXIMUM_PAUSE_SECONDS: Final = 15.0
_PROVEN_SECONDS: Final = 10.0
"""A worker that lived so long does not die of its start."""

Assign = Callable[[int], Assignment]
"""Makes what the worker with a chain's number is to do."""

_log = structlog.get_logger(__name__)


class Chains(Protocol):
    """The chains of the journal that no worker has."""

    async def release(self, number: int) -> None:
        """Let a worker have it."""


class _Pauses:
    """None before the first replacement, then longer and longer, until one has lived for a while."""

    def __init__(self) -> None:
        self._next = 0.0

    def after(self, lived: float) -> float:
        if lived >= _PROVEN_SECONDS:
            self._next = 0.0
        pause, self._next = self._next, min(max(self._next * 2, _FIRST_PAUSE_SECONDS), _MAXIMUM_PAUSE_SECONDS)
        return pause


class _Place:
    """Where one worker serves after another."""

    def __init__(self, worker: WorkerProcess) -> None:
        self.worker = worker
        self.changing = asyncio.Lock()


class Group:
    """See `start`. changed: called with every change of what the workers can do. replaced: how many had died."""

    def __init__(self, size: int, assign: Assign, chains: Chains | None, changed: Callable[[], None]) -> None:
        self._size = size
        self._assign = assign
        self._chains = chains
        self._changed = changed
        self._living: dict[int, WorkerProcess] = {}
        self._starting: set[int] = set()
        self._places: Sequence[_Place] = ()
        self._keepers: set[asyncio.Future[None]] = set()
        self._burials: set[asyncio.Future[None]] = set()
        self.replaced = 0

    @property
    def workers(self) -> Sequence[WorkerProcess]:
        """All that live, also those that are about to serve, or to end."""
        return list(self._living.values())

    @property
    def numbers(self) -> set[int]:
        """Of the chains that are taken."""
        return {*self._living, *self._starting}

    @property
    def available(self) -> bool:
        """Whether calls are taken, if perhaps not by all."""
        return any(worker.available for worker in self.workers)

    async def start(self) -> None:
        """Return when all serve; StartFailed where one of them does not."""
        begun = await asyncio.gather(*(self._begin(self._assign) for _ in range(self._size)), return_exceptions=True)
        for one in begun:
            if isinstance(one, BaseException):
                for worker in self.workers:
                    worker.retire()
                raise one
        self._places = [_Place(one) for one in begun if isinstance(one, WorkerProcess)]
        for place in self._places:
            self._spawn(self._keep(place), self._keepers)

    async def replace_all(self, assign: Assign, patience: float) -> None:
        """Replace each worker, one after the other, by one with another assignment that serves already.

        StartFailed where the first of those does not serve: nothing has changed then. patience: for an old one's end.
        """
        previous, self._assign = self._assign, assign
        for place in self._places:
            try:
                old = await self._replace(place)
            except StartFailed:
                if place is self._places[0]:
                    self._assign = previous
                    raise
                # It serves in other places: what fails here passes, or was killed. The place is kept as ever.
                (old := place.worker).retire()
            await self._end(old, patience)

    async def stop(self, patience: float) -> None:
        """Drain all, and kill what has not ended after so many seconds."""
        keepers = list(self._keepers)
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        for worker in self.workers:
            worker.drain()
        await asyncio.gather(*(self._end(worker, patience) for worker in self.workers))

    def kill(self) -> None:
        """End all at once."""
        for worker in self.workers:
            worker.kill()

    async def _begin(self, assign: Assign) -> WorkerProcess:
        """A worker that serves, with the lowest number that is free."""
        number = next(number for number in range(self._size + 1) if number not in self.numbers)
        self._starting.add(number)
        try:
            if self._chains is not None:
                await self._chains.release(number)
            worker = self._living[number] = await WorkerProcess.start(assign(number), self._changed)
        finally:
            self._starting.discard(number)
        self._spawn(self._bury(worker), self._burials)
        _log.info("worker_started", worker=number, pid=worker.pid)
        await worker.serving()
        return worker

    async def _bury(self, worker: WorkerProcess) -> None:
        """Its number is free as soon as it is gone."""
        await worker.ended()
        del self._living[worker.number]

    async def _replace(self, place: _Place) -> WorkerProcess:
        """Put another worker in the place; answers who was there."""
        async with place.changing:
            new = await self._begin(self._assign)
            old, place.worker = place.worker, new
        old.retire()
        return old

    async def _keep(self, place: _Place) -> None:
        """Replace the place's worker each time it dies."""
        loop, pauses = asyncio.get_running_loop(), _Pauses()
        while True:
            worker, began = place.worker, loop.time()
            code = await worker.ended()
            async with place.changing:
                if place.worker is not worker:
                    continue  # it had a successor
                _log.error("worker_died", worker=worker.number, pid=worker.pid, what=described(code))
                pause = pauses.after(loop.time() - began)
                while place.worker is worker:
                    await asyncio.sleep(pause)
                    try:
                        place.worker = await self._begin(self._assign)
                    except (StartFailed, OSError) as error:
                        pause = pauses.after(0)
                        _log.error("worker_not_replaced", problem=str(error), again_in=pause)
                self.replaced += 1

    async def _end(self, worker: WorkerProcess, patience: float) -> None:
        """Wait for a worker that was told to end."""
        try:
            async with asyncio.timeout(patience):
                await worker.ended()
        except TimeoutError:
            _log.warning("worker_killed", worker=worker.number, pid=worker.pid, after_seconds=patience)
            worker.kill()
            await worker.ended()

    def _spawn(self, work: Awaitable[None], tasks: set[asyncio.Future[None]]) -> None:
        task = asyncio.ensure_future(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)
