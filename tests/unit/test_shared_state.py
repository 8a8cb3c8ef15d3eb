"""The worker that polls: exactly one, and after its end another one."""

import asyncio
from typing import Any, cast

import pytest

from gateway.workers import messages
from gateway.workers.process import WorkerProcess
from gateway.workers.shared_state import SharedState
from tests.support.waiting import eventually


class Worker:
    """A worker that serves."""

    served = True

    def __init__(self, number: int) -> None:
        self.number = self.pid = number
        self.ending = False
        self.polls = 0
        self.lines: list[bytes] = []

    def poll(self) -> None:
        self.polls += 1

    def share_providers(self, line: bytes) -> None:
        self.lines.append(line)


async def test_newest_worker_polls_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "HEARTBEAT_SECONDS", 0.001)
    workers = [Worker(0), Worker(1)]

    async def shared(number: int) -> None:
        async def received() -> bool:
            return all(len(worker.lines) > number + 3 for worker in workers)

        await eventually(received)

    state: Any = SharedState()
    task = asyncio.create_task(state.share(lambda: cast("list[WorkerProcess]", workers)))
    try:
        await shared(0)
        assert [worker.polls for worker in workers] == [0, 1]
        # A reload: the successor of a worker is newer than all workers that are still to be replaced.
        workers[1].ending = True
        workers.append(Worker(2))
        await shared(10)
        assert [worker.polls for worker in workers] == [0, 1, 1]
    finally:
        task.cancel()
