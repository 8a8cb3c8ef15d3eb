"""A check that a test leaves no task, file, or socket open in this process."""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator

from tests.support.waiting import eventually


@contextlib.asynccontextmanager
async def nothing_left() -> AsyncIterator[None]:
    """Raise AssertionError if there are more tasks or open files after the block than before it."""
    tasks, files = asyncio.all_tasks(), _open_files()
    yield

    async def all_gone() -> bool:
        return asyncio.all_tasks() <= tasks and _open_files() <= files

    try:
        await eventually(all_gone, 5)
    except AssertionError:
        more = [task.get_name() for task in asyncio.all_tasks() - tasks]
        raise AssertionError(f"left behind: tasks {more}, {_open_files() - files} files") from None


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))
