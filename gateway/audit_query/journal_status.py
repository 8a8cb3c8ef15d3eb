"""The state of a journal, read from its files: chains, shipping lag, and disk space.

All workers use the same files, so each worker can return the state of all chains. Blocks while it reads.
"""

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.audit_query.settings import AuditSection
from gateway.audit_query.source import IndexState
from gateway.journal.format import manifest
from gateway.journal.format.keys import JournalPublicKey
from gateway.journal.format.manifest import MalformedManifest
from gateway.journal.format.records import MalformedRecord
from gateway.journal.format.segments import chain_folders, segment_starts
from gateway.journal.format.tail import last_record
from gateway.journal.ship.lag import Lag, shipping_lag
from gateway.journal.write.disk_usage import measure
from keyway.v1.audit_service_pb2 import AuditIndexStatus, GetJournalStatusResponse, JournalChain

_LONGEST_SECONDS: Final = 100 * 366 * 24 * 3600.0


def journal_status(
    audit: AuditSection, folder: Path, key: JournalPublicKey | None, seconds_to_full: float | None
) -> GetJournalStatusResponse:
    """Return the state of the journal, without the state of the index. Raises OSError.

    folder: the folder of any chain. key: the signing key, which signs shipping cursors. seconds_to_full: as last
    measured.
    """
    usage = measure(folder)
    lags = shipping_lag(audit.directory, key=key) if audit.ship is not None else {}
    chains = (_chain(each, lags) for each in chain_folders(audit.directory))
    response = GetJournalStatusResponse(
        journal=_journal_id(audit.directory),
        chains=[chain for chain in chains if chain is not None],
        size_bytes=usage.journal,
        free_bytes=usage.free,
        disk_used=usage.used_share,
        shipping=audit.ship is not None,
    )
    if seconds_to_full is not None:
        response.time_to_full.FromTimedelta(dt.timedelta(seconds=min(seconds_to_full, _LONGEST_SECONDS)))
    return response


def index_status(state: IndexState) -> AuditIndexStatus:
    """Return the state of an index."""
    status = AuditIndexStatus(pending_records=state.pending, index_bytes=state.size)
    if state.indexed is not None:
        status.indexed_time.FromDatetime(state.indexed)
    return status


def _chain(folder: Path, lags: Mapping[str, Lag]) -> JournalChain | None:
    try:
        head = last_record(folder)
    except (OSError, MalformedRecord):
        return JournalChain(folder=folder.name)
    if head is None:  # a start that failed before the first record
        return None
    chain = JournalChain(
        chain=head.chain, folder=folder.name, head=str(head.receipt), segments=len(segment_starts(folder))
    )
    lag = lags.get(head.chain)
    if lag is not None:
        chain.unshipped_records = lag.records
        chain.shipping_lag.FromTimedelta(dt.timedelta(seconds=lag.seconds))
    return chain


def _journal_id(directory: Path) -> str:
    try:
        listed = manifest.load(directory)
    except MalformedManifest:
        return ""
    return listed.journal if listed is not None else ""
