"""The workers: so many at a time, each that dies replaced, all replaced by others with another configuration.

Knows processes and the numbers of their chains; not ports, signals, or what else a gateway has beside its workers.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import structlog

from gateway.workers import messages
from gateway.workers.errors import Fault, StartFailed
from gateway.workers.messages import Assignment
from gateway.workers.process import WorkerProcess, described

_FIRST_PAUSE_SECONDS: Final = 0.25
_MAXIMUM_PAUSE_SECONDS: Final = 15.0
_MISSED_BEATS: Final = 30
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
    """See `start`. changed: called with every change of what the workers can do. replaced: how many had died.

    patience: how many beats in a row a worker may miss before it is killed.
    """

    def __init__(
        self,
        size: int,
        assign: Assign,
        chains: Chains | None,
        changed: Callable[[], None],
        *,
        patience: int = _MISSED_BEATS,
    ) -> None:
        self._patience = patience
        self._size = size
        self._assign = assign
        self._chains = chains
        self._changed = changed
        self._begun: list[WorkerProcess] = []
        self._starting: set[int] = set()
        self._places: Sequence[_Place] = ()
        self._keepers: set[asyncio.Task[None]] = set()
        self.replaced = 0

    @property
    def workers(self) -> Sequence[WorkerProcess]:
        """All that live, also those that are about to serve, or to end."""
        self._begun = [worker for worker in self._begun if worker.alive]
        return list(self._begun)

    @property
    def numbers(self) -> set[int]:
        """Of the chains that are taken."""
        return {*self._starting, *(worker.number for worker in self.workers)}

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
            self._keepers.add(asyncio.create_task(self._keep(place)))
        self._keepers.add(asyncio.create_task(self._listen()))

    async def replace_all(self, assign: Assign, patience: float) -> None:
        """Replace each worker, one after the other, by one with another assignment that serves already.

        StartFailed or OSError where the first of those does not serve: nothing has changed then.
        patience: for the end of an old one.
        """
        for place in self._places:
            old = place.worker
            try:
                async with place.changing:
                    old = place.worker
                    place.worker = await self._begin(assign)
            except (StartFailed, OSError):
                if place is self._places[0]:
                    raise
                # It serves in another place, so what fails here passes: the place will be filled as after a death.
            self._assign = assign
            old.retire()
            await self._end(old, patience)

    async def stop(self, patience: float) -> None:
        """Drain all, and kill what has not ended after so many seconds."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for worker in self.workers:
            worker.drain()
        await asyncio.gather(*(self._end(worker, patience) for worker in self.workers))

    def kill(self) -> None:
        """End all at once."""
        for worker in self.workers:
            worker.kill()

    async def _begin(self, assign: Assign) -> WorkerProcess:
        """A worker that serves, with the lowest number that is free."""
        number = next((number for number in range(self._size + 1) if number not in self.numbers), None)
        if number is None:  # what was killed can stay, such as where a disk does not answer
            raise StartFailed(Fault(1, ("every chain of the journal still has a worker",)))
        self._starting.add(number)
        try:
            if self._chains is not None:
                await self._chains.release(number)
            worker = await WorkerProcess.start(assign(number), self._changed)
            self._begun.append(worker)
        finally:
            self._starting.discard(number)
        _log.info("worker_started", worker=number, pid=worker.pid)
        await worker.serving()
        return worker

    async def _keep(self, place: _Place) -> None:
        """Replace the place's worker each time it dies."""
        loop, pauses = asyncio.get_running_loop(), _Pauses()
        while True:
            worker, began = place.worker, loop.time()
            code = await worker.ended()
            if place.worker is not worker:
                continue  # it had a successor
            _log.error("worker_died", worker=worker.number, pid=worker.pid, what=described(code))
            pause = pauses.after(loop.time() - began)
            while place.worker is worker:
                await asyncio.sleep(pause)
                pause = pauses.after(0)
                await self._fill(place, worker, pause)

    async def _listen(self) -> None:
        """Kill workers whose event loop stands still: their callers would wait for nothing.

        Beats are counted, not time: where all was stopped, as a virtual machine can be, the first ones after it count.
        """
        while True:
            await asyncio.sleep(messages.BEAT_SECONDS)
            for worker in self.workers:
                worker.missed += worker.served
                if worker.missed > self._patience:
                    _log.error("worker_hangs", worker=worker.number, pid=worker.pid)
                    worker.kill()

    async def _fill(self, place: _Place, dead: WorkerProcess, pause: float) -> None:
        """Put a worker where one has died, unless a new configuration has brought one; pause: before another try."""
        async with place.changing:
            if place.worker is not dead:
                return
            try:
                place.worker = await self._begin(self._assign)
            except Exception as error:  # noqa: BLE001 - whatever it is, the place must not stay empty for good
                _log.error("worker_not_replaced", problem=str(error) or repr(error), again_in_seconds=pause)
            else:
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
