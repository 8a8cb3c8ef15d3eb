"""Audit journals for tests: small ones with known records, and the events that they hold."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson

from gateway.journal.format.records import Record
from gateway.journal.format.segments import chain_folder, read_records
from gateway.journal.settings import AuditSettings
from gateway.journal.verify.report import ChainReport
from gateway.journal.verify.verification import verify
from gateway.journal.write.journal import Journal
from gateway.journal.write.starting import UnknownOutcome
from tests.support.waiting import eventually

ROOM = 1024


def event(code: str, request: str, **members: object) -> bytes:
    """As much of an OCSF event as the journal relies on."""
    return orjson.dumps(
        {
            "api": {"operation": "/keyway.v1.KeyService/Encrypt", "request": {"uid": request}},
            "metadata": {"event_code": code},
            "time": 1_700_000_000_000,
            **members,
        }
    )


def unknown_outcome(intent: dict[str, Any]) -> dict[str, Any]:
    return {**intent, "metadata": {"event_code": "outcome"}, "status": "Unknown"}


def audit_settings(directory: Path, **values: Any) -> AuditSettings:
    return AuditSettings.model_validate({"directory": directory, **values})


@contextlib.asynccontextmanager
async def journal_in(
    directory: Path, *, unknown_outcome: UnknownOutcome = unknown_outcome, retry_seconds: float = 0.01, **values: Any
) -> AsyncIterator[Journal]:
    """A journal that is closed at the end of the block."""
    journal = await Journal.open(
        audit_settings(directory, **values), 0, unknown_outcome=unknown_outcome, retry_seconds=retry_seconds
    )
    try:
        yield journal
    finally:
        await journal.close()


async def record_call(journal: Journal, request: str) -> None:
    """The two records of a call, durable."""
    journal.intent(request, event("intent", request), ROOM)
    await journal.synced(journal.outcome(request, event("outcome", request)))


def as_a_crash_leaves_it(directory: Path) -> Path:
    """A copy of what is on disk at this moment, while the journal still runs."""
    return Path(shutil.copytree(directory, directory.with_name(f"{directory.name}-crashed")))


def records(directory: Path, kind: str | None = None) -> list[Record]:
    """The records of worker 0's chain."""
    found = [stored.record for stored in read_records(chain_folder(directory, 0))]
    return [record for record in found if kind in (None, record.kind)]


def bodies(directory: Path, kind: str) -> list[dict[str, Any]]:
    return [record.value() for record in records(directory, kind)]


def events(directory: Path) -> list[tuple[str, str]]:
    """Each event's request id and code."""
    found = bodies(directory, "event")
    return [(body["api"]["request"]["uid"], body["metadata"]["event_code"]) for body in found]


def verified(directory: Path) -> ChainReport:
    """The report of worker 0's chain, which must be good."""
    (chain,) = verify(directory).chains
    assert chain.problem is None, str(chain.problem)
    return chain


async def until_available(journal: Journal) -> None:
    async def available() -> bool:
        return journal.available

    await eventually(available)
