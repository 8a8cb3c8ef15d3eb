"""Many gateways and one central store: `python -m tests.bench.central_store`, or `make check-central`.

Three gateways with two workers each serve calls and ship their journals, while the collector is killed and started
again. Checks that the store then has exactly the records of the journals, after deduplication; that every gateway lists
the same calls; and that altered and missing records are found. Prints figures. The exit code is 1 if a check fails.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from gateway.audit_query.central import logsql
from gateway.audit_query.central.verification import verify_central
from gateway.journal.format.keys import PUBLIC_KEY
from gateway.journal.format.segments import chain_folders, read_records
from gateway.journal.verify.verification import verify
from keyway.v1 import audit_service_pb2 as service
from keyway.v1 import key_service_pb2 as keys
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import AuditDimension
from tests.bench.central_costs import central_costs
from tests.support.audit_queries import ALL_LOGS, FULL_AUDITOR, queryable
from tests.support.central import Central, central_store
from tests.support.processes import Process
from tests.support.stack import Stack
from tests.support.trusted import AUDITOR, ORDERS, CallerStubs, Trusted

GATEWAYS: Final = 3
WORKERS: Final = 2
_KEY: Final = "providers/nhn-keys/keys/orders-key"
_AT_ONCE: Final = 16
_SERVED_OF_TEN: Final = 3
"""How many of ten calls reach the upstream. Policy denies the others."""
_PAGE: Final = 1000
_SECONDS_UP, _SECONDS_DOWN = 6.0, 1.0


@dataclass
class Figures:
    """The figures of a run, in the order of the checks. failed: the checks that failed."""

    lines: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        self.lines.append(text)
        print(text, flush=True)

    def check(self, what: str, *, holds: bool) -> None:
        self.note(f"{'ok' if holds else 'FAILED'}: {what}")
        if not holds:
            self.failed.append(what)


async def run(calls: int, folder: Path) -> Figures:
    """Run all checks."""
    figures = Figures()
    async with Stack() as stack, central_store(folder / "central") as central:
        gateways = [gateway_in(folder / f"gateway-{number}", stack, central) for number in range(GATEWAYS)]
        async with central_costs() as costs:
            async with serving(gateways) as addresses:
                await make_calls(gateways, addresses, calls, central, figures)
            await shipped(central, gateways, figures)
        await note_costs(central, costs.read(), figures)
        same = await compare_records(central, gateways, figures)
        async with serving(gateways) as addresses:
            await compare_lists(gateways, addresses, calls, figures)
        await shipped(central, gateways, figures)
        if same:
            await find_changes(central, gateways, figures)
    return figures


def gateway_in(folder: Path, stack: Stack, central: Central) -> Trusted:
    folder.mkdir()
    gateway = queryable(folder, stack, source="central", central=dict(central.query), timeout=60)
    gateway.configuration["audit"] |= {"ship": {**central.collector.ship, "rewind": 2}, "durability": "os"}
    gateway.write()
    return gateway


@contextlib.asynccontextmanager
async def serving(gateways: Sequence[Trusted]) -> AsyncIterator[list[str]]:
    """Run the gateways as processes, and stop them like an operator."""
    async with contextlib.AsyncExitStack() as exits:
        processes = [
            await exits.enter_async_context(
                Process(gateway.folder, "serve", "--config", "keyway.yaml", "--workers", str(WORKERS))
            )
            for gateway in gateways
        ]
        yield [await process.address() for process in processes]
        for process in processes:
            assert (await process.stopped()).code == 0


async def make_calls(
    gateways: Sequence[Trusted], addresses: Sequence[str], calls: int, central: Central, figures: Figures
) -> None:
    began, finished = time.monotonic(), asyncio.Event()
    restarts = asyncio.create_task(restart_collector(central, finished))
    numbers = iter(range(calls))
    async with contextlib.AsyncExitStack() as exits:
        callers = []
        for gateway, address in zip(gateways, addresses, strict=True):
            for _ in range(_AT_ONCE):
                stubs = [await exits.enter_async_context(gateway.caller(address, name)) for name in (ORDERS, AUDITOR)]
                callers.append(make_some(stubs, numbers))
        await asyncio.gather(*callers)
    finished.set()
    kills = await restarts
    seconds = time.monotonic() - began
    figures.note(
        f"{calls} calls over {GATEWAYS} gateways with {WORKERS} workers each: {seconds:.0f} s, "
        f"{calls / seconds:.0f} calls per second; the collector was killed {kills} times"
    )


async def make_some(stubs: Sequence[CallerStubs], numbers: Iterator[int]) -> None:
    orders, denied = stubs
    request = keys.EncryptRequest(name=_KEY, plaintext=b"order")
    for number in numbers:
        caller = orders if number % 10 < _SERVED_OF_TEN else denied
        with contextlib.suppress(grpc.aio.AioRpcError):
            await caller.keys.Encrypt(request, timeout=30)


async def restart_collector(central: Central, finished: asyncio.Event) -> int:
    """Kill the collector and start it again until the calls are finished. Returns how often."""
    kills = 0
    while not finished.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(finished.wait(), _SECONDS_UP)
        await central.collector.kill()
        await asyncio.sleep(_SECONDS_DOWN)
        await central.collector.start()
        kills += 1
    return kills


async def shipped(central: Central, gateways: Sequence[Trusted], figures: Figures) -> None:
    began = time.monotonic()
    await central.ship(*(gateway.audit for gateway in gateways))
    figures.note(f"the rest was shipped in {time.monotonic() - began:.0f} s")


async def note_costs(central: Central, seconds: Mapping[str, float], figures: Figures) -> None:
    """State the costs of a record, as often as the store received it: a killed collector causes duplicates."""
    rows = await central.store.query("* | stats count() as received")
    received = int(rows[0]["received"])
    parts = ", ".join(f"{program} {spent / received * 1e6:.0f}" for program, spent in seconds.items())
    figures.note(f"CPU µs per record that the store received, with all starts: {parts}")


async def compare_records(central: Central, gateways: Sequence[Trusted], figures: Figures) -> bool:
    """Compare the records of the store with those of the journals."""
    wanted = [
        (stored.record.chain, stored.record.sequence, stored.record.hash)
        for gateway in gateways
        for folder in chain_folders(gateway.audit)
        for stored in read_records(folder)
    ]
    columns = logsql.names(logsql.CHAIN, logsql.SEQUENCE, logsql.HASH)
    rows = await central.store.query(f"{logsql.quote(logsql.SEQUENCE)}:* | fields {columns}")
    found = [(row[logsql.CHAIN], int(row[logsql.SEQUENCE]), row[logsql.HASH]) for row in rows]
    duplicates = len(found) - len({*found})
    figures.note(f"{len(wanted)} records in the journals, {len(found)} in the store: {duplicates} duplicates")
    figures.check("the store has exactly the records of the journals", holds={*found} == {*wanted})
    began = time.monotonic()
    report = await verify_central(
        central.settings, [gateway.audit / PUBLIC_KEY for gateway in gateways], expected=heads(gateways)
    )
    seconds = time.monotonic() - began
    figures.note(f"verified in {seconds:.0f} s: {len(wanted) / seconds:.0f} records per second")
    figures.check("the store verifies up to the heads of the journals", holds=report.good)
    return report.good


def heads(gateways: Sequence[Trusted]) -> list[Any]:
    return [chain.head for gateway in gateways for chain in verify(gateway.audit).chains if chain.head is not None]


async def compare_lists(gateways: Sequence[Trusted], addresses: Sequence[str], calls: int, figures: Figures) -> None:
    lists = []
    for gateway, address in zip(gateways, addresses, strict=True):
        async with gateway.caller(address, FULL_AUDITOR) as auditor:
            began = time.monotonic()
            records, pages, coverage = await list_all(auditor)
            seconds = time.monotonic() - began
            figures.note(f"listed {len(records)} calls in {pages} pages: {seconds / pages * 1000:.0f} ms per page")
            lists.append(records)
            figures.check(f"the answer covers {GATEWAYS} journals", holds=len(coverage.journals) == GATEWAYS)
            figures.check(f"the answer is complete ({coverage.incomplete_reason})", holds=coverage.complete)
            await summarize(auditor, calls, figures)
    figures.check("the lists have every call", holds=len(lists[0]) == calls)
    figures.check("the list is the same through every gateway", holds=all(each == lists[0] for each in lists))


async def list_all(auditor: CallerStubs) -> tuple[list[AuditRecord], int, Any]:
    """Return all calls of Encrypt, the number of pages, and the coverage."""
    request = service.ListAuditRecordsRequest(parent=ALL_LOGS, page_size=_PAGE, filter=AuditFilter(action="Encrypt"))
    records: list[AuditRecord] = []
    pages = 0
    while True:
        answer = await auditor.audit.ListAuditRecords(request, timeout=120)
        records += answer.records
        pages += 1
        if not answer.next_page_token:
            return records, pages, answer.coverage
        request.page_token = answer.next_page_token


async def summarize(auditor: CallerStubs, calls: int, figures: Figures) -> None:
    began = time.monotonic()
    answer = await auditor.audit.SummarizeAuditRecords(
        service.SummarizeAuditRecordsRequest(
            parent=ALL_LOGS,
            filter=AuditFilter(action="Encrypt"),
            group_by=[AuditDimension.AUDIT_DIMENSION_CALLER, AuditDimension.AUDIT_DIMENSION_DAY],
        ),
        timeout=120,
    )
    figures.note(f"grouped by caller and day in {(time.monotonic() - began) * 1000:.0f} ms")
    counted = sum(group.calls for group in answer.groups)
    figures.check(f"the summary counts every call ({counted})", holds=counted == calls)


async def find_changes(central: Central, gateways: Sequence[Trusted], figures: Figures) -> None:
    """Remove one record from the store and alter another one, and find both."""
    first, *_, last = heads(gateways)
    removed, altered = first.sequence // 2, last.sequence // 2

    def place(receipt: Any, sequence: int) -> str:
        return f"{logsql.equals(logsql.CHAIN, receipt.chain)} {logsql.equals(logsql.SEQUENCE, str(sequence))}"

    await central.store.delete(place(first, removed))
    row, *_ = await central.store.query(place(last, altered))
    await central.store.delete(place(last, altered))
    await central.store.insert([{**row, "_msg": row["_msg"].replace('"time":1', '"time":2', 1)}])
    report = await verify_central(central.settings, [gateway.audit / PUBLIC_KEY for gateway in gateways])
    problems = {(chain.chain, str(problem)) for chain in report.chains for problem in chain.problems}
    figures.check(
        "the altered and the missing record are found, and nothing else",
        holds=problems
        == {
            (first.chain, f"record {removed}: not in the store"),
            (last.chain, f"record {altered}: the content does not match the hash"),
        },
    )


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.central_store", description=__doc__)
    parser.add_argument("--calls", type=int, default=100_000, help="number of calls; default 100000")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="keyway-central-") as folder:
        figures = asyncio.run(run(options.calls, Path(folder)))
    print("failed: " + "; ".join(figures.failed) if figures.failed else "all checks passed")
    return 1 if figures.failed else 0


if __name__ == "__main__":
    sys.exit(main())
