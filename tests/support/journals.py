"""Audit journals for tests: small journals with known records, and the events in them."""

import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import PrivateFormat

from gateway.journal.format.cursor import Cursor, load
from gateway.journal.format.records import Record, parse
from gateway.journal.format.segments import CHECKPOINTS, chain_folder, read_records, segment_path, segment_starts
from gateway.journal.settings import AuditSettings
from gateway.journal.verify.report import ChainReport
from gateway.journal.verify.verification import verify
from gateway.journal.write.entries import IntentEntry, OutcomeEntry
from gateway.journal.write.journal import Journal
from gateway.journal.write.starting import UnknownOutcome
from tests.support.waiting import eventually
from tests.support.x509_chain import key_pem

ROOM = 1024


def event(code: str, request: str, **members: object) -> bytes:
    """Return the members of an OCSF event that the journal reads."""
    return orjson.dumps(
        {
            "api": {"operation": "/keyway.v1.KeyService/Encrypt", "request": {"uid": request}},
            "metadata": {"event_code": code},
            "time": 1_700_000_000_000,
            **members,
        }
    )


def intent(request: str, room: int = ROOM, **members: object) -> IntentEntry:
    return IntentEntry(request, event("intent", request, **members), room)


def outcome(request: str, **members: object) -> OutcomeEntry:
    return OutcomeEntry(request, lambda: event("outcome", request, **members))


def unknown_outcome(intent: dict[str, Any]) -> dict[str, Any]:
    return {**intent, "metadata": {"event_code": "outcome"}, "status": "Unknown"}


def audit_settings(directory: Path, **values: Any) -> AuditSettings:
    return AuditSettings.model_validate({"directory": directory, **values})


def new_signing_key(path: Path) -> Path:
    """Write a new signing key, and return its path."""
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(key_pem(Ed25519PrivateKey.generate(), PrivateFormat.PKCS8))
    return path


@contextlib.asynccontextmanager
async def journal_in(
    directory: Path,
    *,
    worker: int = 0,
    unknown_outcome: UnknownOutcome = unknown_outcome,
    retry_seconds: float = 0.01,
    **values: Any,
) -> AsyncIterator[Journal]:
    """Open the journal of a worker."""
    journal = await Journal.open(
        audit_settings(directory, **values), worker, unknown_outcome=unknown_outcome, retry_seconds=retry_seconds
    )
    try:
        yield journal
    finally:
        await journal.close()


async def record_call(journal: Journal, request: str) -> None:
    """Write the intent and the outcome of a call, and make them durable."""
    journal.append(intent(request))
    await journal.commit(journal.append(outcome(request)))


async def open_and_close(directory: Path, **values: Any) -> None:
    """Start the journal of a worker, and stop it."""
    async with journal_in(directory, **values):
        pass


def crashed_copy(directory: Path) -> Path:
    """Return a copy of the files at this moment, while the journal runs."""
    return Path(shutil.copytree(directory, directory.with_name(f"{directory.name}-crashed")))


def records(directory: Path, kind: str | None = None) -> list[Record]:
    """Return the records in the chain of worker 0."""
    return [record for record in chain_records(chain_folder(directory, 0)) if kind in (None, record.kind)]


def chain_records(folder: Path) -> list[Record]:
    """Return all records in the chain of a folder."""
    return [stored.record for stored in read_records(folder)]


def stored_cursor(folder: Path) -> Cursor | None:
    """The shipping cursor of a chain, whoever signed it."""
    file = load(folder)
    return file.cursor if file is not None else None


def roll_back(folder: Path, keep: int) -> None:
    """Remove the records after `keep`, and the copies of their checkpoints, so that the rest verifies by itself."""
    for start in segment_starts(folder):
        path = segment_path(folder, start)
        if not path.exists() and start <= keep:
            continue  # compressed
        lines = [line for line in path.read_bytes().splitlines(keepends=True) if parse(line).sequence <= keep]
        path.write_bytes(b"".join(lines)) if lines else path.unlink()
    copies = folder / CHECKPOINTS
    kept = [line for line in copies.read_bytes().splitlines(keepends=True) if parse(line).sequence <= keep]
    copies.write_bytes(b"".join(kept))


def bodies(directory: Path, kind: str) -> list[dict[str, Any]]:
    return [record.value() for record in records(directory, kind)]


def events(directory: Path) -> list[tuple[str, str]]:
    """Return the request id and code of each event."""
    found = bodies(directory, "event")
    return [(body["api"]["request"]["uid"], body["metadata"]["event_code"]) for body in found]


def verified(directory: Path) -> ChainReport:
    """Return the report on the chain of worker 0, which must be valid."""
    (chain,) = verify(directory).chains
    assert chain.problem is None, str(chain.problem)
    return chain


def problems(directory: Path) -> str:
    """Return all problems that verification reports about the manifest and the chains, one a line."""
    report = verify(directory)
    manifest = report.manifest.problems if report.manifest is not None else ()
    chains = [str(chain.problem) for chain in report.chains if chain.problem is not None]
    return "\n".join([*manifest, *chains])


async def until_available(journal: Journal) -> None:
    async def available() -> bool:
        return journal.available

    await eventually(available)
