"""AuditService with several workers: each answers for the whole journal, and what they share ends with the gateway."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gateway.server.services.query_slots import QuerySlots
from keyway.v1 import audit_service_pb2 as service
from keyway.v1 import key_service_pb2 as keys
from tests.support.audit_queries import ALL_LOGS, FULL_AUDITOR, GATEWAY_LOG, indexed, queryable
from tests.support.processes import Process
from tests.support.stack import Stack
from tests.support.trusted import CallerStubs, Trusted
from tests.support.wire import failure_of
from tests.support.workers import KEY, children_running, gone, worker_pids

CONNECTIONS = 6
VERIFY = "gateway.journal.verify"
INDEX = "gateway.audit_query.index"


@contextlib.asynccontextmanager
async def connections(trusted: Trusted, address: str, name: str) -> AsyncIterator[Sequence[CallerStubs]]:
    """Connect a caller to all workers."""
    async with contextlib.AsyncExitStack() as stack:
        callers = (trusted.caller(address, name, own_connection=True) for _ in range(CONNECTIONS))
        yield [await stack.enter_async_context(caller) for caller in callers]


def with_workers(folder: Path, stack: Stack, workers: int = 2) -> Trusted:
    trusted = queryable(folder, stack)
    trusted.configuration["workers"] = workers
    return trusted


async def test_each_worker_returns_all_chains(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = with_workers(tmp_path, quiet_stack)
    async with Process(tmp_path, "serve", "--config", trusted.write()) as process:
        address = await process.address()
        async with trusted.caller(address) as operator:
            await operator.keys.Encrypt(keys.EncryptRequest(name=KEY, plaintext=b"x"))
        async with connections(trusted, address, FULL_AUDITOR) as auditors:
            await indexed(auditors[0])
            request = service.GetJournalStatusRequest(name=GATEWAY_LOG)
            found = [await auditor.audit.GetJournalStatus(request) for auditor in auditors]
        ended = await process.stopped()

    assert {tuple(chain.folder for chain in status.chains) for status in found} == {("worker-0", "worker-1")}
    assert len({status.journal for status in found}) == 1
    assert all(status.index.index_bytes > 0 for status in found)
    assert ended.code == 0


async def test_one_verification_runs_per_gateway_and_ends_with_it(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = with_workers(tmp_path, quiet_stack)
    async with Process(tmp_path, "serve", "--config", trusted.write()) as process:
        address = await process.address()
        workers = worker_pids(process.pid)
        async with connections(trusted, address, FULL_AUDITOR) as auditors:
            request = service.VerifyJournalRequest(name=GATEWAY_LOG, restart=True)
            found = await asyncio.gather(*(auditor.audit.VerifyJournal(request) for auditor in auditors))
            running = set.union(*(children_running(VERIFY, worker) for worker in workers))
            indexers = children_running(INDEX, process.pid)
        ended = await process.stopped()
        await gone(*running, *indexers)

    assert len(workers) == 2
    assert {answer.state for answer in found} == {service.VERIFICATION_STATE_RUNNING}
    assert len({answer.start_time.ToMicroseconds() for answer in found}) == 1
    assert len(running) == len(indexers) == 1
    assert ended.code == 0


async def test_second_query_of_a_caller_is_rejected_on_every_worker(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = with_workers(tmp_path, quiet_stack)
    request = service.ListAuditRecordsRequest(parent=ALL_LOGS)
    async with Process(tmp_path, "serve", "--config", trusted.write()) as process:
        address = await process.address()
        async with connections(trusted, address, FULL_AUDITOR) as auditors:
            await indexed(auditors[0])
            with QuerySlots(trusted.audit / "index", 1).held(FULL_AUDITOR):
                failures = [await failure_of(auditor.audit.ListAuditRecords(request)) for auditor in auditors]
            for auditor in auditors:
                await auditor.audit.ListAuditRecords(request)

    assert {failure.kind for failure in failures} == {("RESOURCE_EXHAUSTED", "AUDIT_QUERY_IN_PROGRESS")}
    assert all(failure.retry for failure in failures)


async def test_reload_without_queries_stops_the_indexer(quiet_stack: Stack, tmp_path: Path) -> None:
    trusted = with_workers(tmp_path, quiet_stack)
    async with Process(tmp_path, "serve", "--config", trusted.write()) as process:
        address = await process.address()
        indexers = children_running(INDEX, process.pid)
        trusted.configuration["audit"] = {"directory": "audit"}
        trusted.write()
        process.send(signal.SIGHUP)
        await process.logged("reloaded")
        await gone(*indexers)
        async with trusted.caller(address, FULL_AUDITOR) as auditor:
            request = service.ListAuditRecordsRequest(parent=ALL_LOGS)
            failure = await failure_of(auditor.audit.ListAuditRecords(request))

    assert len(indexers) == 1
    assert failure.kind == ("UNIMPLEMENTED", "AUDIT_QUERY_NOT_CONFIGURED")
