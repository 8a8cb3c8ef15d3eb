"""Journal records in the output of a real OpenTelemetry Collector, across failures of the collector and the shipper."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway.journal.format.records import NO_HASH, encode
from gateway.journal.ship.lag import shipping_lag
from gateway.journal.ship.process import ShipperProcess
from gateway.journal.ship.settings import ShipSettings
from tests.support.authority import CertificateAuthority
from tests.support.chains import CHAIN, ChainWriter
from tests.support.collector import Collector, CollectorTls, ExportedItem
from tests.support.shipping import shipping
from tests.support.waiting import eventually

OPTIONS: Mapping[str, Any] = {
    "rewind": 0.6,
    "interval": 0.02,
    "maximum_backoff": 0.1,
    "timeout": 2.0,
    "batch_records": 50,
}


class Source:
    """A writer under load: appends and rotates."""

    def __init__(self, folder: Path, *, most: int = 5, length: int = 2000) -> None:
        self.writer = ChainWriter(folder)
        self._most = most
        self._length = length
        self._random = random.Random(7)

    async def __aenter__(self) -> "Source":
        self._task = asyncio.create_task(self._write())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _write(self) -> None:
        while True:
            self.writer.append(self._random.randint(1, self._most), text="x" * self._random.randint(0, self._length))
            if self._random.random() < 0.05:
                self.writer.rotate()
            await asyncio.sleep(0.005)


@asynccontextmanager
async def shipper(directory: Path, collector: Collector, **options: Any) -> AsyncIterator[ShipperProcess]:
    settings = ShipSettings(**{"endpoint": collector.endpoint, **OPTIONS, **options})
    async with ShipperProcess(directory, settings) as process:
        yield process


async def all_safe(directory: Path) -> bool:
    return all(behind.records == 0 for behind in shipping_lag(directory).values())


def check(items: list[ExportedItem], writer: ChainWriter, *, repeats: bool = False) -> None:
    """Check that every record is in the output in order, exactly as in the journal, and that repeats are identical.

    repeats: expect more repeated records than an idle shipper causes, which resends only the last record.
    """
    sequence = 0
    first: dict[int, ExportedItem] = {}
    for item in items:
        attributes = item.attributes
        found = attributes["keyway.audit.sequence"]
        known = first.setdefault(found, item)
        assert (known.attributes, known.body) == (attributes, item.body)
        assert attributes["keyway.audit.chain"] == CHAIN
        if known is item:
            assert found == sequence + 1, f"{found} after {sequence}"
            sequence = found
    assert list(map(line_of, first.values())) == writer.lines
    assert repeats or len(items) - len(first) < 5


def line_of(item: ExportedItem) -> bytes:
    """Rebuild the journal line from the output of the collector."""
    sent = {key.removeprefix("keyway.audit."): value for key, value in item.attributes.items()}
    return encode(sent["chain"], sent["sequence"], sent["previous"], sent["kind"], item.body.encode())[0]


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    return tmp_path / "audit"


async def test_output_has_every_record_once_and_verifies(tmp_path: Path, audit: Path) -> None:
    async with Collector(tmp_path) as collector, shipper(audit.parent / "audit", collector):
        async with Source(audit / "worker-0") as source:
            await eventually(lambda: at_least(source.writer, 300))
        await eventually(lambda: all_safe(audit))
        items = list(await collector.logs())
    check(items, source.writer)
    assert items[0].attributes["keyway.audit.previous"] == NO_HASH
    assert items[0].resource["service.name"] == "keyway"
    assert items[0].resource["service.instance.id"] == CHAIN
    assert items[0].scope == "keyway.audit"
    assert items[0].name == "keyway.audit.intent"


async def at_least(writer: ChainWriter, count: int) -> bool:
    return len(writer.lines) >= count


async def test_collector_restarts_under_load_lose_no_record(tmp_path: Path, audit: Path) -> None:
    """A few small records stay in the buffer of the exporter until it flushes, so a kill loses most of them."""
    chance = random.Random(11)
    async with Collector(tmp_path, flush_interval="1s") as collector, shipper(audit, collector, rewind=1.5):
        async with Source(audit / "worker-0", most=2, length=20) as source:
            for way in ("kill", "stop", "kill", "kill", "pause", "kill"):
                await asyncio.sleep(chance.uniform(0.2, 0.6))
                if way == "pause":
                    collector.pause()
                    await asyncio.sleep(0.8)
                    collector.resume()
                    continue
                await (collector.stop() if way == "stop" else collector.kill())
                await asyncio.sleep(chance.choice((0.0, 0.2)))
                await collector.start()
        await eventually(lambda: all_safe(audit))
        check(list(await collector.logs()), source.writer, repeats=True)


async def test_collector_that_hangs_beyond_the_timeout_loses_no_record(tmp_path: Path, audit: Path) -> None:
    async with Collector(tmp_path) as collector, shipper(audit, collector, timeout=0.4):
        async with Source(audit / "worker-0") as source:
            await eventually(lambda: at_least(source.writer, 200))
            collector.pause()
            await asyncio.sleep(1.2)
            collector.resume()
        await eventually(lambda: all_safe(audit))
        check(list(await collector.logs()), source.writer, repeats=True)


async def test_killed_shipper_is_restarted_and_loses_no_record(tmp_path: Path, audit: Path) -> None:
    async with Collector(tmp_path) as collector, shipper(audit, collector) as process:
        async with Source(audit / "worker-0") as source:
            for _ in range(2):
                written = output_size(collector)
                await eventually(lambda: larger(collector, written))  # noqa: B023 - awaited at once
                killed = process.pid
                assert killed is not None
                os.kill(killed, signal.SIGKILL)
                await eventually(lambda: another(process, killed))  # noqa: B023
        await eventually(lambda: all_safe(audit))
        check(list(await collector.logs()), source.writer, repeats=True)


def output_size(collector: Collector) -> int:
    output = collector.output("logs")
    return output.stat().st_size if output.exists() else 0


async def larger(collector: Collector, size: int) -> bool:
    return output_size(collector) > size


async def another(process: ShipperProcess, killed: int) -> bool:
    return process.pid not in (None, killed)


async def test_records_are_shipped_only_with_mutual_trust(tmp_path: Path, audit: Path) -> None:
    """Shipping needs mutual TLS and a token. With other credentials, the shipper sends nothing and waits."""
    authority, other_authority = CertificateAuthority(), CertificateAuthority()
    (tmp_path / "ca.pem").write_bytes(authority.pem)
    tls = CollectorTls(*authority.server().write(tmp_path, "server"), clients=tmp_path / "ca.pem")
    right, wrong = credentials(authority, "s3cret"), credentials(other_authority, "wr0ng")
    writer = ChainWriter(audit / "worker-0")
    writer.append(20)
    async with Collector(tmp_path, tls=tls, token="s3cret") as collector:
        # The host name can resolve first to an address without a listener.
        endpoint = collector.endpoint.replace("127.0.0.1", "localhost")
        for lacking, event in (
            ("headers", "audit_shipping_denied"),
            ("ca_certificates", "audit_collector_unreachable"),
            ("client_certificate", "audit_collector_unreachable"),
        ):
            with structlog.testing.capture_logs() as logs:
                async with shipping(audit, endpoint, **{**right, lacking: wrong[lacking]}):
                    await eventually(lambda: is_logged(logs, event))  # noqa: B023 - awaited at once
            assert "s3cret" not in repr(logs)
            assert "wr0ng" not in repr(logs)
        assert await collector.logs() == []
        async with shipper(audit, collector, **right, endpoint=endpoint) as process:
            await eventually(lambda: all_safe(audit))
            assert "s3cret" not in visible(process)
        check(list(await collector.logs()), writer)


async def is_logged(logs: list[Any], event: str) -> bool:
    return any(entry["event"] == event for entry in logs)


def credentials(authority: CertificateAuthority, token: str) -> dict[str, Any]:
    own = authority.issue("keyway")
    return {
        "headers": {"authorization": f"Bearer {token}"},
        "ca_certificates": authority.pem,
        "client_certificate": {"certificate": own.chain_pem, "private_key": own.key_pem},
    }


def visible(process: ShipperProcess) -> str:
    """Return the command line and environment of the process, which other users of the machine can read."""
    return "".join(Path(f"/proc/{process.pid}/{name}").read_text() for name in ("cmdline", "environ"))


async def test_shipper_ends_with_its_gateway(tmp_path: Path, audit: Path) -> None:
    ChainWriter(audit / "worker-0").append()
    script = (
        "import asyncio, sys\n"
        "from pathlib import Path\n"
        "from gateway.journal.ship.settings import ShipSettings\n"
        "from gateway.journal.ship.process import ShipperProcess\n"
        "async def main():\n"
        "    settings = ShipSettings(endpoint='http://127.0.0.1:9', interval=0.1)\n"
        "    async with ShipperProcess(Path(sys.argv[1]), settings) as process:\n"
        "        while process.pid is None:\n"
        "            await asyncio.sleep(0.01)\n"
        "        print(process.pid, flush=True)\n"
        "        await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, audit, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    assert running(child)
    parent.kill()
    await parent.wait()

    async def gone() -> bool:
        return not running(child)

    await eventually(gone)


def running(pid: int) -> bool:
    """Return whether the process runs. A zombie process does not run."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
