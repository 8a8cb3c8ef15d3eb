"""The worker group: workers that hang, and reloads while a worker cannot start."""

import contextlib
import errno
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from gateway import gateway_settings
from gateway.gateway_settings import GatewaySettings, LogSettings
from gateway.journal.errors import JournalCorrupt
from gateway.providers.catalog import SETTINGS
from gateway.server.transport.port import Reservation
from gateway.workers.errors import StartFailed
from gateway.workers.group import Group
from gateway.workers.messages import Assignment
from gateway.workers.process import WorkerEvents
from tests.support.waiting import eventually

Assign = Callable[[int], Assignment]


def assigning(settings: GatewaySettings) -> Assign:
    return lambda number: Assignment(number, settings, LogSettings(level="error"))


class Stubborn:
    """Chains whose first release fails for an unexpected reason."""

    def __init__(self, *problems: Exception | None) -> None:
        self.problems = list(problems)

    async def release(self, _number: int) -> None:
        if self.problems and (problem := self.problems.pop(0)) is not None:
            raise problem


@contextlib.asynccontextmanager
async def group_of(size: int = 1, **options: Any) -> AsyncIterator[tuple[Group, GatewaySettings]]:
    with Reservation("127.0.0.1:0") as port:
        settings = gateway_settings.parse({"listen": port.address, "drain_delay": 0}, SETTINGS)
        group = Group(size, assigning(settings), None, WorkerEvents(lambda: None), **options)
        try:
            await group.start()
            yield group, settings
        finally:
            await group.stop(20)
            assert group.workers == []


async def replaced(group: Group, times: int) -> None:
    async def reached() -> bool:
        return group.replaced == times

    await eventually(reached)


async def test_hanging_worker_is_killed_and_replaced() -> None:
    async with group_of(maximum_missed=1) as (group, _):
        (hanging,) = group.workers
        os.kill(hanging.pid, signal.SIGSTOP)
        await replaced(group, 1)
        (other,) = group.workers

        assert await hanging.ended() == -signal.SIGKILL
        assert other.pid != hanging.pid
        assert group.available


async def test_worker_is_replaced_even_if_the_release_of_its_chain_fails() -> None:
    async with group_of() as (group, _):
        (dead,) = group.workers
        group._chains = chains = Stubborn(JournalCorrupt("worker-0", 0, 1, "damaged"), RuntimeError("a bug"))
        os.kill(dead.pid, signal.SIGKILL)
        await replaced(group, 1)
        assert chains.problems == []
        assert group.available


async def test_reload_that_the_first_worker_accepts_applies_to_all() -> None:
    async with group_of(2) as (group, settings):
        before = group.workers
        group._chains = Stubborn(None, OSError(errno.EAGAIN, "no process can be started"))
        await group.replace_all(assigning(settings), 20)
        await replaced(group, 1)
        assert len(group.workers) == 2
        assert not {*before} & {*group.workers}


async def test_no_worker_starts_if_all_chains_are_in_use() -> None:
    async with group_of() as (group, settings):
        group._starting.add(1)
        with pytest.raises(StartFailed, match="every chain"):
            await group.replace_all(assigning(settings), 20)
        assert group.available
        group._starting.clear()


async def test_configuration_that_fails_to_start_changes_nothing_and_a_valid_one_applies(
    tmp_path: Path,
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    async with group_of() as (group, settings):
        (before,) = group.workers
        audit = gateway_settings.parse({"audit": {"directory": str(tmp_path / "taken")}}, SETTINGS).audit
        with pytest.raises(StartFailed, match="Not a directory"):
            await group.replace_all(assigning(settings.model_copy(update={"audit": audit})), 20)
        assert group.workers == [before]
        assert before.available

        await group.replace_all(assigning(settings), 20)
        (after,) = group.workers
        assert after.number == 1
        assert await before.ended() == 0
        os.kill(after.pid, signal.SIGKILL)
        await replaced(group, 1)
        assert [worker.number for worker in group.workers] == [0]
