"""The state of a gateway's journal as text: size, shipping, index, and chains."""

from collections.abc import Iterator

from rich.filesize import decimal

from keyway.audit.times import duration_text, time_text
from keyway.terminal.table import TableColumn
from keyway.v1.audit_service_pb2 import GetJournalStatusResponse

CHAIN_COLUMNS = (
    TableColumn("Folder"),
    TableColumn("Segments", right=True),
    TableColumn("Unshipped", right=True),
    TableColumn("Lag", right=True),
    TableColumn("Head"),
)


def status_fields(status: GetJournalStatusResponse) -> Iterator[tuple[str, str]]:
    """Yield the fields of the journal for display."""
    yield "Journal", status.journal
    yield "Size", decimal(status.size_bytes)
    used = f" ({status.disk_used:.0%} used)" if status.disk_used else ""
    yield "Free space", f"{decimal(status.free_bytes)}{used}"
    yield "Time to full", duration_text(status.time_to_full) if status.HasField("time_to_full") else "no estimate"
    yield "Shipping", "on" if status.shipping else "off"
    if status.HasField("index"):
        yield "Index", f"{decimal(status.index.index_bytes)}, records pending: {status.index.pending_records}"
        if status.index.HasField("indexed_time"):
            yield "Indexed until", time_text(status.index.indexed_time)


def chain_rows(status: GetJournalStatusResponse) -> Iterator[tuple[str, str, str, str, str]]:
    """Yield a row for each chain."""
    for chain in status.chains:
        lag = duration_text(chain.shipping_lag) if chain.HasField("shipping_lag") else ""
        yield chain.folder, str(chain.segments), str(chain.unshipped_records), lag, chain.head
