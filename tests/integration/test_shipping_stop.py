"""Audit shipping at shutdown: remaining records are sent, and connections to the collector are closed."""

import asyncio
import socket
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from gateway.journal.ship import shipper
from gateway.journal.ship.connection import CollectorConnection
from gateway.journal.ship.export_results import ExportStatus
from gateway.journal.ship.settings import ShipSettings
from tests.support.chains import ChainWriter
from tests.support.scripted_collector import ScriptedCollector
from tests.support.shipping import shipping
from tests.support.waiting import eventually


@pytest.fixture
def writer(tmp_path: Path) -> ChainWriter:
    return ChainWriter(tmp_path / "worker-0")


async def test_closed_connection_is_reported_as_lost() -> None:
    """gRPC keeps a connection open while any object of a finished call is in memory."""
    async with ScriptedCollector() as collector:
        async with CollectorConnection(ShipSettings(endpoint=collector.endpoint, timeout=2.0)) as connection:
            answer = await connection.export(ExportLogsServiceRequest())
        assert answer.status is ExportStatus.ACCEPTED
        assert connection.lost.done()
        assert not connection.lost.cancelled()


async def test_remaining_records_are_shipped_at_shutdown(writer: ChainWriter) -> None:
    async with ScriptedCollector() as collector:
        async with shipping(writer.folder.parent, collector.endpoint, interval=30):
            writer.append()
            await eventually(lambda: collector.has(1))
            writer.append(1200)
        assert collector.taken == list(range(1, 1202))


async def test_unresponsive_collector_does_not_delay_shutdown(
    writer: ChainWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipper, "LAST_SECONDS", -0.9)
    writer.append()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        port = silent.getsockname()[1]
        async with asyncio.timeout(10), shipping(writer.folder.parent, f"http://127.0.0.1:{port}", timeout=600):
            connection, _ = await asyncio.get_running_loop().sock_accept(silent)
        connection.close()
