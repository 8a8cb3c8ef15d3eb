"""Shipping of a real journal during writes, rotation, and retention."""

from pathlib import Path

import orjson

from gateway.audit.events import unknown_outcome
from gateway.journal.format.segments import read_records, segment_starts
from gateway.journal.settings import AuditSettings
from gateway.journal.write.entries import EventEntry
from gateway.journal.write.journal import Journal
from tests.support.journals import stored_cursor
from tests.support.scripted_collector import ScriptedCollector
from tests.support.shipping import shipping
from tests.support.waiting import eventually


async def test_journal_is_shipped_across_rotation_retention_and_restart(tmp_path: Path) -> None:
    settings = AuditSettings(directory=tmp_path / "audit", segment_bytes=4096, checkpoint_records=20, retention=0)
    async with ScriptedCollector() as collector, shipping(settings.directory, collector.endpoint, rewind=0.1):
        for _ in range(2):
            journal = await Journal.open(settings, 0, unknown_outcome=unknown_outcome)
            await write(journal, 60)

            async def shipped() -> bool:
                cursor = stored_cursor(journal.folder)  # noqa: B023 - awaited at once
                return cursor is not None and cursor.sequence == journal.stats.sequence  # noqa: B023

            await eventually(shipped)
            before = segment_starts(journal.folder)
            cursor = stored_cursor(journal.folder)
            assert cursor is not None
            removed = await journal.remove_shipped(cursor)
            assert segment_starts(journal.folder)[: len(before) - removed] == before[removed:]
            assert removed > 3
            await write(journal, 10)
            await eventually(shipped)
            await journal.close()
        last = [stored.record.sequence for stored in read_records(journal.folder)][-1]
        await eventually(lambda: collector.has(*range(1, last + 1)))


async def write(journal: Journal, count: int) -> None:
    """A segment can end between two syncs."""
    for number in range(count):
        receipt = journal.append(EventEntry(orjson.dumps({"time": 1, "number": number, "text": "x" * 300})))
        if number % 5 == 4:
            await journal.commit(receipt)
