"""The audit journal by its number of records: start, verification, index, and queries."""

import statistics
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.source import Scope
from gateway.journal.verify.verification import verify
from keyway.v1.audit_record_pb2 import AuditFilter
from keyway.v1.audit_service_pb2 import AUDIT_DIMENSION_CALLER, AUDIT_DIMENSION_DAY
from tests.bench.growth.cpu import Stopwatch
from tests.bench.growth.curve import Costed, Experiment, in_own_folder
from tests.support.audit_history import Past, PastCall, history, history_journal, write
from tests.support.audit_indexer import index_now, index_of

_EVERYTHING: Final = Scope()
_LARGEST_PAGE: Final = 1000
_ROUNDS: Final = 7
_REQUESTS: Final = 50


@dataclass
class _Written:
    """What queries ask for. denied: denials by caller."""

    denied: Counter[str] = field(default_factory=Counter)
    requests: list[str] = field(default_factory=list)

    def noted(self, calls: Iterable[Past], every: int) -> Iterator[Past]:
        for number, past in enumerate(calls):
            if isinstance(past, PastCall):
                self.denied[past.details.caller.name] += not past.details.decisions[0].allowed
                if number % every == 0:
                    self.requests.append(past.details.request_id)
            yield past


@contextmanager
def _journals(folder: Path, _seconds: float) -> Iterator[Callable[[int], Costed]]:
    yield in_own_folder(folder, _measured)


async def _measured(directory: Path, records: int) -> Costed:
    """Write a journal of two records a call, and measure everything in ms of CPU time."""
    written, calls = _Written(), records // 2
    async with history_journal(directory) as journal:
        with Stopwatch() as writing:
            await write(journal, written.noted(history(calls), max(1, calls // _REQUESTS)))
    start = await _median(lambda: _start(directory))
    with Stopwatch() as verification:
        assert verify(directory).good
    with Stopwatch() as indexing:
        index_now(directory)
    source = LocalSource(directory, index_of(directory))
    try:
        return {
            "write": writing.seconds * 1e3,
            "start": start,
            "verify": verification.seconds * 1e3,
            "build the index": indexing.seconds * 1e3,
            **await _queries(source, written),
        }
    finally:
        await source.close()


async def _start(directory: Path) -> None:
    async with history_journal(directory):
        pass


async def _queries(source: LocalSource, written: _Written) -> Costed:
    caller = written.denied.most_common(1)[0][0]
    denials = AuditFilter(caller=caller, denied=True)
    by_day = (AUDIT_DIMENSION_CALLER, AUDIT_DIMENSION_DAY)

    async def lookups() -> None:
        for request in written.requests:
            assert await source.get(_EVERYTHING, request_id=request) is not None

    async def newest_page() -> None:
        await source.list(AuditFilter(), _EVERYTHING, limit=50, after=None)

    async def all_denials() -> None:
        page = await source.list(denials, _EVERYTHING, limit=_LARGEST_PAGE, after=None)
        while page.next is not None:
            page = await source.list(denials, _EVERYTHING, limit=_LARGEST_PAGE, after=page.next)

    async def summary() -> None:
        await source.summarize(AuditFilter(), _EVERYTHING, group_by=by_day, limit=100_000)

    return {
        "query by request ID": await _median(lookups) / len(written.requests),
        "query: newest page of 50": await _median(newest_page),
        "query: all denials of one caller": await _median(all_denials),
        "query: summary by caller and day": await _median(summary),
    }


async def _median(work: Callable[[], Awaitable[None]]) -> float:
    """Return the CPU time in ms: the median of several runs."""
    times = []
    for _ in range(_ROUNDS):
        with Stopwatch() as watch:
            await work()
        times.append(watch.seconds * 1e3)
    return statistics.median(times)


JOURNAL: Final = Experiment(
    name="journal",
    title="Audit journal",
    axis="records",
    unit="CPU ms",
    lines={
        "write": 1,
        "start": 0,
        "verify": 1,
        "build the index": 1,
        "query by request ID": 0,
        "query: newest page of 50": 0,
        "query: all denials of one caller": 1,
        "query: summary by caller and day": 0,
    },
    sizes=(1_000, 10_000, 100_000, 1_000_000, 10_000_000),
    few=(200, 400),
    setup=_journals,
)
