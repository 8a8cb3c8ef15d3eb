"""The indexer of the audit journal in tests: its process, and single runs."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from gateway.audit_query.index import indexer
from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.source import Scope
from gateway.errors import GatewayError
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import AUDIT_DIMENSION_DAY, AUDIT_DIMENSION_STATUS
from tests.support.audit_answers import groups, records_of


def index_of(directory: Path) -> Path:
    """Return the folder of the index of a journal."""
    return directory / "index"


def index_now(directory: Path) -> None:
    """Index everything that the journal contains now, as the process does."""
    stop = threading.Event()
    original = indexer.Indexer.turn

    def turn(self: indexer.Indexer) -> bool:
        has_more = original(self)
        if not has_more:
            stop.set()
        return has_more

    indexer.Indexer.turn = turn  # type: ignore[method-assign]
    try:
        indexer.run_indexer(directory, index_of(directory), stop)
    finally:
        indexer.Indexer.turn = original  # type: ignore[method-assign]


@contextmanager
def indexer_process(directory: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the indexer process; close its input at the end."""
    settings = {
        "directory": str(directory),
        "index": str(index_of(directory)),
        "log_level": "info",
        "log_format": "json",
    }
    command = (sys.executable, "-m", "gateway.audit_query.index")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdin is not None
        process.stdin.write(orjson.dumps(settings) + b"\n")
        process.stdin.flush()
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait()


async def until_indexed(source: LocalSource, seconds: float = 60.0) -> None:
    """Wait until the index contains the whole journal."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        try:
            if (await source.state()).pending == 0:
                return
        except GatewayError:
            pass  # the indexer has not created the index yet, or builds a new one
        await asyncio.sleep(0.05)
    raise TimeoutError("the indexer did not catch up")


async def indexed_records(directory: Path) -> list[AuditRecord]:
    """Return all records in the index, newest first."""
    source = LocalSource(directory, index_of(directory))
    try:
        return list((await source.list(AuditFilter(), Scope(), limit=1_000_000, after=None)).records)
    finally:
        await source.close()


def by_receipt(records: list[AuditRecord]) -> list[AuditRecord]:
    return sorted(records, key=lambda record: record.receipt)


async def assert_complete(directory: Path) -> None:
    """The index answers as an evaluation of every record in the journal does."""
    expected = records_of(directory)
    assert by_receipt(await indexed_records(directory)) == by_receipt(expected)
    source = LocalSource(directory, index_of(directory))
    dimensions = (AUDIT_DIMENSION_DAY, AUDIT_DIMENSION_STATUS)
    summary = await source.summarize(AuditFilter(), Scope(frozenset(), True), group_by=dimensions, limit=10_000)
    assert summary.omitted == sum(record.calls for record in expected)
    summary = await source.summarize(AuditFilter(), Scope(), group_by=dimensions, limit=10_000)
    counted = {tuple(group.values): group.calls for group in summary.groups}
    assert counted == {key: group.calls for key, group in groups(expected, dimensions).items()}
    await source.close()
