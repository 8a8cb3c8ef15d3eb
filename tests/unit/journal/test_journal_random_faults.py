"""Random failures of the disk: no acknowledged record is lost."""

import asyncio
import contextlib
import errno
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.journal.errors import JournalUnavailable
from gateway.journal.format.records import Receipt
from gateway.journal.write.journal import Journal
from tests.support.failing_calls import change_results, kernel_error, without_aio_fdatasync
from tests.support.journals import (
    intent,
    journal_in,
    outcome,
    records,
    until_available,
    verified,
)


@pytest.mark.parametrize("kernel", [True, False], ids=["kernel", "thread"])
async def test_random_faults_lose_no_acknowledged_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    seed = random.randrange(1 << 32)
    randomness = random.Random(seed)
    acknowledged: list[Receipt] = []
    failing = True

    def replace(name: str, probability: float, codes: Sequence[int]) -> None:
        real: Callable[..., Any] = getattr(os, name)

        def call(*arguments: Any) -> Any:
            if failing and randomness.random() < probability:
                if name == "pwrite":
                    real(arguments[0], arguments[1][: randomness.randrange(len(arguments[1]))], *arguments[2:])
                raise OSError(randomness.choice(codes), "by chance")
            return real(*arguments)

        monkeypatch.setattr(os, name, call)

    def by_chance(result: int) -> int:
        return kernel_error(errno.EIO) if failing and randomness.random() < 0.1 else result

    async def call(journal: Journal, request: str) -> None:
        with contextlib.suppress(JournalUnavailable):
            journal.append(intent(request, pad="x" * randomness.randrange(900)))
            await asyncio.sleep(0.001)
            receipt = journal.append(outcome(request, pad="x" * randomness.randrange(900)))
            await journal.commit(receipt)
            acknowledged.append(receipt)

    async def calls(journal: Journal, name: int) -> None:
        for number in range(60):
            await call(journal, f"r{name}-{number}")
            await asyncio.sleep(0.001)

    if not kernel:
        without_aio_fdatasync(monkeypatch)
    async with journal_in(tmp_path, segment_bytes=20_000, checkpoint_records=40, retry_seconds=0.001) as journal:
        replace("pwrite", 0.02, (errno.ENOSPC, errno.EIO))
        replace("fdatasync", 0.1, (errno.EIO,))
        change_results(monkeypatch, by_chance)
        replace("ftruncate", 0.2, (errno.EIO,))
        replace("posix_fallocate", 0.1, (errno.ENOSPC,))
        await asyncio.gather(*(calls(journal, name) for name in range(8)))
        failing = False
        await until_available(journal)
    report = verified(tmp_path)
    assert report.open == (), seed
    assert {record.receipt for record in records(tmp_path)}.issuperset(acknowledged), seed
