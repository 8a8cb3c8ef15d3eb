"""The index of the audit journal: how fast, how large, and whether it counts correctly.

`python -m tests.bench.audit_index --records 1000000` writes a journal with the real writer and real events, without
gRPC, while the indexer follows it in its process. Then it queries the index, compares the answers with what it wrote,
and prints the figures. It fails if an answer is wrong, or if a figure exceeds ten times its target.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.audit_query.index import schema
from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.index.rollups import UNIT_MS
from gateway.audit_query.source import Scope
from gateway.journal.format.segments import chain_folders, open_segment, segment_path, segment_starts
from keyway.v1.audit_record_pb2 import AuditFilter
from keyway.v1.audit_service_pb2 import (
    AUDIT_DIMENSION_ACTION,
    AUDIT_DIMENSION_CALLER,
    AUDIT_DIMENSION_DAY,
    AUDIT_DIMENSION_RESOURCE,
)
from tests.support.audit_history import BEGIN, DAY_SECONDS, Past, PastCall, history, history_journal, write
from tests.support.audit_indexer import index_of, indexer_process, until_indexed

_DAYS: Final = 30
_EVERYTHING: Final = Scope()
_LARGEST_PAGE: Final = 1000
_TOLERANCE: Final = 10
_SAMPLES: Final = 20
_CAUGHT_UP_SECONDS: Final = 3600
_MIB: Final = 1 << 20


@dataclass
class Known:
    """What the journal contains, by caller, certificate, or caller and day."""

    calls: int = 0
    records: int = 0
    denied: Counter[str] = field(default_factory=Counter)
    private: Counter[str] = field(default_factory=Counter)
    days: Counter[tuple[str, str]] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)

    def counted(self, calls: Iterable[Past]) -> Iterator[Past]:
        """Yield the calls, and count them."""
        for past in calls:
            if isinstance(past, PastCall):
                self._count(past)
            else:
                count = past.count + (past.count % 3 == 0)
                self._add("unknown", past.first, count)
                self.records += 1
            yield past

    def _count(self, past: PastCall) -> None:
        caller = past.details.caller.name
        self._add(caller, past.began.epoch, 1)
        self.records += 1 if past.result is None else 2
        self.denied[caller] += not past.details.decisions[0].allowed
        if past.details.request:
            self.private[past.details.resources[0][1]] += 1
        if self.calls % 1000 == 0:
            self.requests.append(past.details.request_id)

    def _add(self, caller: str, seconds: float, calls: int) -> None:
        self.calls += calls
        self.days[caller, datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%d")] += calls


async def measure(directory: Path, calls: int) -> bool:
    """Write, index, and query; print the figures. Returns whether all answers are correct and no figure is far off."""
    folder = index_of(directory)
    source = LocalSource(directory, folder)
    known = Known()
    with indexer_process(directory) as process:
        async with history_journal(directory) as journal:
            began = time.monotonic()
            await write(journal, known.counted(history(calls, days=_DAYS)))
            written = time.monotonic() - began
            await until_indexed(source, _CAUGHT_UP_SECONDS)
            lag = time.monotonic() - began - written
            await _until_rolled_up(folder)
            is_good = await _query(source, known)
            _print_sizes(directory, folder, known)
        is_alive = process.poll() is None
    await source.close()
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"write              {written:8.1f} s   {known.records / written:,.0f} records/s, with the indexer beside it")
    print(f"then until indexed {lag:8.1f} s   {known.records / (written + lag):,.0f} records/s")
    print(f"indexer            {cpu.ru_utime + cpu.ru_stime:8.1f} s   processor time, {cpu.ru_maxrss >> 10} MiB")
    return is_good and is_alive


async def _until_rolled_up(folder: Path) -> None:
    """Wait until the hours are counted, which happens an hour after they passed in practice."""
    last = (BEGIN + _DAYS * DAY_SECONDS) * 1000 // UNIT_MS[1] * UNIT_MS[1]
    while True:
        with closing(schema.open_reader(folder)) as connection:
            built = schema.state(connection, "built-1")
        if isinstance(built, int) and built >= last:
            return
        await asyncio.sleep(0.2)


async def _query(source: LocalSource, known: Known) -> bool:
    caller = known.denied.most_common(1)[0][0]
    denials = AuditFilter(caller=caller, denied=True)
    denials.start_time.FromSeconds(BEGIN)
    denials.end_time.FromSeconds(BEGIN + _DAYS * DAY_SECONDS)
    by_day = (AUDIT_DIMENSION_CALLER, AUDIT_DIMENSION_DAY)
    checks = [
        await _timed("by request ID", 0.1, lambda: _requests(source, known.requests[:: len(known.requests) // 10])),
        await _timed("one caller's denials, 30 days", 2, lambda: _pages(source, denials, known.denied[caller])),
        await _timed("by caller and day", 5, lambda: _days(source, by_day, known)),
        await _timed("by resource and action", None, lambda: _groups(source, known.calls)),
        await _timed("a certificate's private keys, all pages", None, lambda: _private_keys(source, known)),
    ]
    return all(checks)


async def _timed(name: str, target: float | None, query: Callable[[], Awaitable[tuple[bool, int]]]) -> bool:
    """Run a query, which returns whether the answer is correct, and how many times it was asked."""
    began = time.monotonic()
    is_correct, count = await query()
    seconds = (time.monotonic() - began) / count
    limit = f"target {target} s" if target is not None else ""
    print(f"{name:40} {seconds:8.3f} s   {limit}{'' if is_correct else '  WRONG ANSWER'}")
    return is_correct and (target is None or seconds <= target * _TOLERANCE)


async def _requests(source: LocalSource, requests: list[str]) -> tuple[bool, int]:
    found = [await source.get(_EVERYTHING, request_id=request) for request in requests]
    correct = [each is not None and each.record.request_id for each in found]
    return correct == requests, len(requests)


async def _pages(source: LocalSource, criteria: AuditFilter, expected: int) -> tuple[bool, int]:
    """Read all pages of a list."""
    found, after = 0, None
    while True:
        page = await source.list(criteria, _EVERYTHING, limit=_LARGEST_PAGE, after=after)
        found += len(page.records)
        if (after := page.next) is None:
            return found == expected, 1


async def _days(source: LocalSource, dimensions: Any, known: Known) -> tuple[bool, int]:
    summary = await source.summarize(AuditFilter(), _EVERYTHING, group_by=dimensions, limit=1_000_000)
    return {tuple(group.values): group.calls for group in summary.groups} == known.days, 1


async def _groups(source: LocalSource, calls: int) -> tuple[bool, int]:
    dimensions = (AUDIT_DIMENSION_RESOURCE, AUDIT_DIMENSION_ACTION)
    summary = await source.summarize(AuditFilter(), _EVERYTHING, group_by=dimensions, limit=1_000_000)
    return sum(group.calls for group in summary.groups) == calls, 1


async def _private_keys(source: LocalSource, known: Known) -> tuple[bool, int]:
    certificate, expected = known.private.most_common(1)[0]
    return await _pages(source, AuditFilter(private_material=True, resource=certificate), expected)


def _print_sizes(directory: Path, folder: Path, known: Known) -> None:
    journal = sum(_uncompressed(path) for path in chain_folders(directory))
    index = schema.size(folder)
    print(f"{known.records:,} records, {known.calls:,} calls")
    print(f"journal            {journal / _MIB:8.0f} MiB uncompressed, {journal / known.records:.0f} bytes a record")
    print(f"index              {index / _MIB:8.0f} MiB, {index / journal:.1%} of the journal; target 15 %")


def _uncompressed(chain: Path) -> int:
    size = 0
    for start in segment_starts(chain):
        with open_segment(segment_path(chain, start)) as file:
            size += file.seek(0, 2)
    return size


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000, help="journal records to write, two for each call")
    parser.add_argument("--directory", type=Path, help="where to write the journal, and keep it; default: temporary")
    arguments = parser.parse_args()
    calls = arguments.records // 2
    if arguments.directory is not None:
        return 0 if asyncio.run(measure(arguments.directory, calls)) else 1
    with tempfile.TemporaryDirectory(prefix="keyway-bench-") as directory:
        return 0 if asyncio.run(measure(Path(directory) / "audit", calls)) else 1


if __name__ == "__main__":
    sys.exit(main())
