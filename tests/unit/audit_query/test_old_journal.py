"""The journal of an older version is indexed and queried, also after this version continued it.

The journal in `data` was written by the version before the OCSF fixes: statuses as text, spans in `trace`, and the
action and resource of decisions in `actor`.
"""

import shutil
from pathlib import Path

import pytest

from gateway.audit_query.index.local_source import LocalSource
from gateway.audit_query.source import Scope
from keyway.v1.audit_record_pb2 import AuditFilter, AuditOutcome, AuditRecord
from keyway.v1.audit_service_pb2 import AUDIT_DIMENSION_ACTION, AUDIT_DIMENSION_DAY
from tests.support.audit_history import history, write_history
from tests.support.audit_indexer import index_now, index_of, indexed_records

DATA = Path(__file__).parent / "data" / "journal-v1"
BEGAN_MS = 1_764_000_000_250

EXPECTED = [  # newest first: action, outcome, status, reason, denied, private material, calls
    ("", "FAILURE", 14, "SERVER_BUSY", False, False, 3),
    ("Encrypt", "FAILURE", 16, "UNAUTHENTICATED", False, False, 3),
    ("Sign", "PENDING", 0, "", False, False, 1),
    ("GetSecret", "UNKNOWN", 14, "PROVIDER_TIMEOUT", False, True, 1),
    ("BatchEncrypt", "SUCCESS", 0, "", False, False, 1),
    ("DeleteCertificate", "FAILURE", 7, "PERMISSION_DENIED", True, False, 1),
    ("DownloadCertificate", "SUCCESS", 0, "", False, False, 1),
    ("DownloadCertificateWithPrivateKey", "SUCCESS", 0, "", False, True, 1),
    ("Encrypt", "SUCCESS", 0, "", False, False, 1),
]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    directory = Path(shutil.copytree(DATA, tmp_path / "audit"))
    index_now(directory)
    return directory


def columns(record: AuditRecord) -> tuple[object, ...]:
    outcome = AuditOutcome.Name(record.outcome).removeprefix("AUDIT_OUTCOME_")
    return (
        record.action, outcome, record.status, record.reason, record.denied, record.private_material, record.calls
    )  # fmt: skip


async def test_rows_of_an_older_journal(directory: Path) -> None:
    records = await indexed_records(directory)
    assert [columns(record) for record in records] == EXPECTED
    first = records[-1]
    assert first.start_time.ToMilliseconds() == BEGAN_MS + 1000
    assert first.duration.ToMicroseconds() == pytest.approx(2000, abs=1000)
    assert (first.caller, first.peer_address) == ("spiffe://example.org/web", "10.1.2.3")
    assert list(first.policies) == ["orders"]
    assert list(records[4].audit_logs) == ["auditLogs/asteria", "auditLogs/nhn-keys"]


async def test_older_records_are_found_after_this_version_continued_the_journal(directory: Path) -> None:
    before = await indexed_records(directory)
    await write_history(directory, history(10, days=1))
    index_now(directory)
    source = LocalSource(directory, index_of(directory))
    page = await source.list(AuditFilter(resource="www.example.com"), Scope(), limit=100, after=None)
    assert [record.action for record in page.records] == [
        "DeleteCertificate", "DownloadCertificate", "DownloadCertificateWithPrivateKey",
    ]  # fmt: skip
    assert page.coverage.journals
    found = await source.get(Scope(), request_id=before[-1].request_id)
    assert found is not None
    assert len(found.journal_records) == 2
    dimensions = (AUDIT_DIMENSION_ACTION, AUDIT_DIMENSION_DAY)
    summary = await source.summarize(AuditFilter(caller="unknown"), Scope(), group_by=dimensions, limit=100)
    assert [(list(group.values), group.calls) for group in summary.groups][-2:] == [
        (["", "2025-11-24"], 3), (["Encrypt", "2025-11-24"], 3),
    ]  # fmt: skip
    await source.close()
