"""Child processes that end before they receive their settings, on uvloop, which closes the pipe when a process ends."""

import asyncio
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from gateway.audit_query.settings import AuditSection
from gateway.audit_query.verification import JournalVerifier
from gateway.child_process import ChildProcess
from gateway.journal.verify.run import RUNNING
from tests.support.waiting import eventually


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[asyncio.subprocess.Process]:
    """The processes that were started. Each has ended when its start returns."""
    processes = []
    create = asyncio.create_subprocess_exec

    async def created(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        process = await create(*arguments, **options)
        await process.wait()
        processes.append(process)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", created)
    monkeypatch.setattr(sys, "executable", "/bin/true")
    return processes


def on_uvloop(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(work)


def test_child_that_ends_at_once_is_started_again(ended: list[asyncio.subprocess.Process]) -> None:
    async def restarted() -> bool:
        return len(ended) >= 2

    async def scenario() -> None:
        async with ChildProcess("module", b"{}\n", name="child", stop_seconds=1):
            await eventually(restarted)

    on_uvloop(scenario())


def test_verification_that_ends_at_once_is_started_again(
    ended: list[asyncio.subprocess.Process], tmp_path: Path
) -> None:
    audit = AuditSection.model_validate({"directory": str(tmp_path), "query": {"index_directory": str(tmp_path)}})

    async def scenario() -> None:
        verifier = JournalVerifier(audit, lambda: None)
        run, _ = await verifier.run(restart=False)
        assert run.state == RUNNING
        assert (await verifier.run(restart=False))[1] is False
        await verifier.run(restart=True)
        assert len(ended) == 2

    on_uvloop(scenario())


def test_programs_start_without_the_fork_handlers_of_grpc() -> None:
    assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "0"
