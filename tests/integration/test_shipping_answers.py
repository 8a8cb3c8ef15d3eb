"""Audit shipping with scripted collector responses: no response causes a skipped record."""

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import structlog
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse

from gateway.journal.format import cursor as cursor_file
from gateway.journal.format.cursor import Cursor, store
from gateway.journal.format.keys import SigningKey
from gateway.journal.format.segments import CURSOR
from tests.support.chains import ChainWriter
from tests.support.journals import stored_cursor
from tests.support.scripted_collector import ScriptedCollector, abort_with_delay, rejecting
from tests.support.shipping import shipping
from tests.support.waiting import eventually

Context = grpc.aio.ServicerContext[Any, Any]


@pytest.fixture
def writer(tmp_path: Path) -> ChainWriter:
    return ChainWriter(tmp_path / "worker-0")


async def test_records_are_shipped_once_and_the_cursor_advances(writer: ChainWriter) -> None:
    writer.append(25)
    async with (
        ScriptedCollector() as collector,
        shipping(writer.folder.parent, collector.endpoint, rewind=0.2, batch_records=10),
    ):
        await eventually(lambda: collector.has(*range(1, 26)))
        writer.append(2)
        await eventually(lambda: cursor_at(writer, 27))
        assert collector.taken == [*range(1, 28), 27]  # the last record is sent again to probe the connection
        assert [len(export) for export in collector.exports if export][:3] == [10, 10, 5]


async def cursor_at(writer: ChainWriter, sequence: int) -> bool:
    cursor = stored_cursor(writer.folder)
    return cursor is not None and cursor.sequence == sequence


async def test_acknowledged_records_are_not_yet_safe(writer: ChainWriter) -> None:
    writer.append(3)
    async with ScriptedCollector() as collector:
        async with shipping(writer.folder.parent, collector.endpoint, rewind=3600):
            await eventually(lambda: collector.has(1, 2, 3))
        assert stored_cursor(writer.folder) is None
        async with shipping(writer.folder.parent, collector.endpoint, rewind=0.2):
            await eventually(lambda: cursor_at(writer, 3))
        assert collector.taken == [1, 2, 3, 1, 2, 3, 3]


async def test_new_connection_resends_from_the_last_safe_record(writer: ChainWriter) -> None:
    """This includes a collector that restarts between two exports."""
    async with ScriptedCollector() as collector, shipping(writer.folder.parent, collector.endpoint, rewind=0.2):
        writer.append(3)
        await eventually(lambda: cursor_at(writer, 3))
    async with (
        ScriptedCollector() as collector,
        shipping(writer.folder.parent, collector.endpoint, rewind=3600, interval=0.3),
    ):
        writer.append(2)
        await eventually(lambda: collector.has(4, 5))
        for _ in range(3):
            count = len(collector.taken)
            await collector.stop()
            await collector.start()
            await eventually(partial(taken_more, collector, count))
    assert collector.taken == [4, 5] * 4


async def taken_more(collector: ScriptedCollector, count: int) -> bool:
    return len(collector.taken) > count


@pytest.mark.parametrize(
    "code",
    [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.ABORTED, grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.UNKNOWN],
)
async def test_temporary_rejection_is_retried_over_the_same_connection(
    writer: ChainWriter, code: grpc.StatusCode
) -> None:
    refusals = 3

    async def answer(sequences: list[int], context: Context) -> None:
        nonlocal refusals
        if 2 in sequences and refusals:
            refusals -= 1
            await context.abort(code, "not now")

    writer.append(4)
    async with (
        ScriptedCollector(answer) as collector,
        shipping(writer.folder.parent, collector.endpoint, batch_records=1),
    ):
        await eventually(lambda: collector.has(1, 2, 3, 4))
        assert collector.taken == [1, 2, 3, 4]


async def test_shipper_honors_the_retry_delay_of_the_collector(writer: ChainWriter) -> None:
    moments: list[float] = []

    async def answer(sequences: list[int], context: Context) -> None:
        moments.append(asyncio.get_running_loop().time())
        if len(moments) == 1:
            await abort_with_delay(context, grpc.StatusCode.RESOURCE_EXHAUSTED, 0.4)

    writer.append(4)
    async with ScriptedCollector(answer) as collector, shipping(writer.folder.parent, collector.endpoint):
        await eventually(lambda: collector.has(1, 2, 3, 4))
        assert collector.exports[:2] == [[1, 2, 3, 4], [1, 2, 3, 4]]
        assert moments[1] - moments[0] > 0.35


async def test_too_large_export_is_split(writer: ChainWriter) -> None:
    async def answer(sequences: list[int], context: Context) -> None:
        if len(sequences) > 2:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "received message larger than max")

    writer.append(9)
    async with ScriptedCollector(answer) as collector, shipping(writer.folder.parent, collector.endpoint):
        await eventually(lambda: collector.has(*range(1, 10)))
        assert collector.taken == list(range(1, 10))


@pytest.mark.parametrize("in_ok", [False, True])
async def test_permanently_rejected_record_blocks_the_chain_and_is_logged(writer: ChainWriter, in_ok: bool) -> None:
    refusing = True

    async def answer(sequences: list[int], context: Context) -> ExportLogsServiceResponse | None:
        if refusing and 5 in sequences:
            if in_ok:
                return rejecting(1, "invalid record")
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "invalid record")
        return None

    writer.append(8)
    async with ScriptedCollector(answer) as collector:
        with structlog.testing.capture_logs() as logs:
            async with shipping(writer.folder.parent, collector.endpoint, rewind=0.2):
                await eventually(lambda: cursor_at(writer, 4))  # the records before it become safe
                await eventually(lambda: tried_alone(collector, 5, 3))
                assert await collector.has(1, 2, 3, 4)
                refusing = False
                await eventually(lambda: collector.has(*range(1, 9)))
    (held_up,) = (entry for entry in logs if entry["event"] == "audit_shipping_held_up")
    assert held_up["log_level"] == "error"
    assert "rejects record 5 permanently" in held_up["error"]
    assert "[14 characters, hmac-sha256:" in held_up["error"]
    assert any(entry["event"] == "audit_shipping_resumed" for entry in logs)


async def tried_alone(collector: ScriptedCollector, sequence: int, times: int) -> bool:
    return collector.exports.count([sequence]) >= times


async def test_warning_in_a_successful_response_is_not_a_rejection(writer: ChainWriter) -> None:
    async def answer(sequences: list[int], context: Context) -> ExportLogsServiceResponse | None:
        collector.taken += sequences
        return rejecting(0, "deprecated")

    writer.append(2)
    async with ScriptedCollector(answer) as collector, shipping(writer.folder.parent, collector.endpoint, rewind=0.2):
        await eventually(lambda: cursor_at(writer, 2))
        assert collector.taken == [1, 2, 2]


async def test_export_is_retried_after_a_timeout(writer: ChainWriter) -> None:
    hanging = asyncio.Event()

    async def answer(sequences: list[int], context: Context) -> None:
        if not hanging.is_set():
            hanging.set()
            await asyncio.sleep(3600)

    writer.append(2)
    async with ScriptedCollector(answer) as collector, shipping(writer.folder.parent, collector.endpoint, timeout=0.3):
        await eventually(lambda: collector.has(1, 2))
        assert collector.exports[:2] == [[1, 2], [1, 2]]


async def test_invalid_chain_does_not_block_other_chains(writer: ChainWriter) -> None:
    other = ChainWriter(writer.folder.parent / "worker-1", chain="gw-fedcba9876543210")
    writer.append(2)
    whole = writer.path.read_bytes()
    writer.write(b'{"chain":"forged"}\n')
    other.append(3)
    with structlog.testing.capture_logs() as logs:
        async with ScriptedCollector() as collector, shipping(writer.folder.parent, collector.endpoint, rewind=0.2):
            await eventually(lambda: cursor_at(writer, 2))
            await eventually(lambda: cursor_at(other, 3))
            writer.path.write_bytes(whole)
            writer.append(1)
            await eventually(lambda: cursor_at(writer, 3))
    assert [entry["chain"] for entry in logs if entry["event"] == "audit_shipping_held_up"] == ["worker-0"]


async def test_operator_can_resume_a_chain_after_lost_records(writer: ChainWriter) -> None:
    """Records that were removed before shipping block the chain until an operator deletes the cursor."""
    writer.append(4)
    async with ScriptedCollector() as collector:
        async with shipping(writer.folder.parent, collector.endpoint, rewind=0.1):
            await eventually(lambda: cursor_at(writer, 4))
        writer.append(2)
        writer.rotate()
        writer.remove(1)
        with structlog.testing.capture_logs() as logs:
            async with shipping(writer.folder.parent, collector.endpoint, rewind=0.1):
                await eventually(lambda: is_logged(logs, "audit_shipping_held_up"))
                (writer.folder / CURSOR).unlink()
                await eventually(lambda: cursor_at(writer, 7))
    assert list(dict.fromkeys(collector.taken)) == [1, 2, 3, 4, 7]


async def test_unwritable_cursor_neither_stops_nor_repeats_shipping(
    writer: ChainWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = True

    def store_unless_full(folder: Path, cursor: Cursor, key: SigningKey | None) -> None:
        if full:
            raise OSError(28, "No space left on device")
        store(folder, cursor, key)

    monkeypatch.setattr(cursor_file, "store", store_unless_full)
    with structlog.testing.capture_logs() as logs:
        async with ScriptedCollector() as collector, shipping(writer.folder.parent, collector.endpoint, rewind=0.1):
            writer.append(3)
            await eventually(lambda: is_logged(logs, "audit_cursor_not_written"))
            await collector.stop()
            await collector.start()
            writer.append(1)
            await eventually(lambda: collector.has(1, 2, 3, 4))
            full = False
            await eventually(lambda: cursor_at(writer, 4))
    assert [sequence for sequence in collector.taken if sequence < 3] == [1, 2]


async def test_headers_are_sent_and_never_logged(writer: ChainWriter) -> None:
    async def answer(sequences: list[int], context: Context) -> None:
        sent = dict(context.invocation_metadata() or ())
        await context.abort(grpc.StatusCode.UNAUTHENTICATED, f"not {sent['authorization']!r}")

    writer.append()
    with structlog.testing.capture_logs() as logs:
        async with (
            ScriptedCollector(answer) as collector,
            shipping(writer.folder.parent, collector.endpoint, headers={"authorization": "Bearer s3cret"}),
        ):
            await eventually(lambda: tried_alone(collector, 1, 2))
    assert collector.headers["authorization"] == "Bearer s3cret"
    assert any(entry["event"] == "audit_shipping_denied" for entry in logs)
    assert "s3cret" not in repr(logs)


async def test_records_are_not_safe_while_the_collector_exporter_fails(writer: ChainWriter) -> None:
    """The file exporter behaves like this after a failed flush: it runs, and rejects all records."""
    failed = asyncio.Event()

    async def answer(sequences: list[int], context: Context) -> None:
        if failed.is_set() and sequences:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "no space left on device")

    writer.append(3)
    async with ScriptedCollector(answer) as collector, shipping(writer.folder.parent, collector.endpoint, rewind=0.2):
        await eventually(lambda: collector.has(1, 2, 3))
        failed.set()
        await eventually(lambda: tried_alone(collector, 3, 3))
        assert stored_cursor(writer.folder) is None
        failed.clear()
        await eventually(lambda: cursor_at(writer, 3))


async def test_only_one_shipper_ships_a_chain_at_a_time(writer: ChainWriter) -> None:
    writer.append()
    with structlog.testing.capture_logs() as logs:
        async with ScriptedCollector() as first, ScriptedCollector() as second:
            async with shipping(writer.folder.parent, first.endpoint):
                await eventually(lambda: first.has(1))
                async with shipping(writer.folder.parent, second.endpoint):
                    await eventually(lambda: is_logged(logs, "audit_shipper_already_running"))
            assert second.exports == []


async def is_logged(logs: list[Any], event: str) -> bool:
    return any(entry["event"] == event for entry in logs)
