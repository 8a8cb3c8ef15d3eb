"""A central store for tests: VictoriaLogs, the collector in front of it, and journals that are shipped to it."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.audit_query.central import logsql
from gateway.audit_query.central.settings import CentralSettings
from gateway.audit_query.central.source import CentralSource
from gateway.audit_query.source import AuditSource, Scope
from gateway.journal.format.manifest import load
from gateway.journal.format.segments import CURSOR, chain_folders, read_records
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from tests.support.authority import CertificateAuthority
from tests.support.shipping import shipping
from tests.support.victoria_logs import PASSWORD, USERNAME, CentralCollector, VictoriaLogs
from tests.support.waiting import eventually

EVERYTHING = Scope()
QUERY_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Central:
    """A running central store. query: `audit.query.central` in the configuration of a gateway."""

    store: VictoriaLogs
    collector: CentralCollector
    query: Mapping[str, Any]

    @property
    def settings(self) -> CentralSettings:
        """The settings of a gateway."""
        return CentralSettings.model_validate(self.query)

    @asynccontextmanager
    async def source(self, **changes: Any) -> AsyncIterator[CentralSource]:
        """Open a source of the gateway. changes: to its settings."""
        source = CentralSource(CentralSettings.model_validate({**self.query, **changes}), QUERY_SECONDS)
        try:
            yield source
        finally:
            await source.close()

    async def ship(self, *directories: Path) -> None:
        """Ship journals that no gateway writes, until the store has all their records."""
        for directory in directories:
            async with shipping(directory, **self.collector.ship):
                await self.has(directory)

    async def ship_again(self, directory: Path) -> None:
        """Ship all records of a journal a second time, as after the loss of the cursor."""
        journal = logsql.equals(logsql.JOURNAL, journal_id(directory))
        before = len(await self.store.query(f"{journal} | fields {logsql.SEQUENCE}"))
        for folder in chain_folders(directory):
            (folder / CURSOR).unlink(missing_ok=True)

        async def doubled() -> bool:
            return len(await self.store.query(f"{journal} | fields {logsql.SEQUENCE}")) >= 2 * before

        async with shipping(directory, **self.collector.ship):
            await eventually(doubled)

    async def has(self, *directories: Path) -> None:
        """Wait until the store has all records of these journals, at least once."""
        for directory in directories:
            wanted = {stored.record.receipt for folder in chain_folders(directory) for stored in read_records(folder)}
            journal = logsql.equals(logsql.JOURNAL, journal_id(directory))

            async def all_stored(journal: str = journal, count: int = len(wanted)) -> bool:
                rows = await self.store.query(f"{journal} | stats count_uniq({logsql.quote(logsql.HASH)}) as found")
                if bool(rows) and int(rows[0]["found"]) >= count:
                    return True
                await asyncio.sleep(count / 50_000)  # each query makes the store flush and count all records
                return False

            await eventually(all_stored, 300.0)


@asynccontextmanager
async def central_store(folder: Path) -> AsyncIterator[Central]:
    """Run a central store. Skips the test without VictoriaLogs."""
    authority = CertificateAuthority()
    async with (
        VictoriaLogs(folder / "store", authority) as store,
        CentralCollector(folder / "collector", authority, store) as collector,
    ):
        query = {"endpoint": store.endpoint, "username": USERNAME, "password": PASSWORD}
        yield Central(store, collector, {**query, "ca_certificates": authority.pem.decode()})


def journal_id(directory: Path) -> str:
    manifest = load(directory)
    assert manifest is not None
    return manifest.journal


async def listed(source: AuditSource, criteria: AuditFilter, scope: Scope = EVERYTHING) -> list[AuditRecord]:
    """Return all records of a list, page by page."""
    found: list[AuditRecord] = []
    after = None
    while True:
        page = await source.list(criteria, scope, limit=70, after=after)
        found += page.records
        if page.next is None:
            return found
        after = page.next


def in_order(records: Iterable[AuditRecord]) -> list[AuditRecord]:
    """Sort records like every source, and those of the same millisecond in the same order for every source."""
    return sorted(records, key=lambda record: (-record.start_time.ToMilliseconds(), record.receipt))
