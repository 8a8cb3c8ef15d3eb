"""Calls to AuditService with the connection of a session, and the verification of a journal."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import click
from google.protobuf.message import Message

from keyway import aio
from keyway.audit.times import time_text
from keyway.cli.failures import NO
from keyway.cli.session import Session
from keyway.terminal.text import clean
from keyway.v1 import audit_service_pb2 as contract
from keyway.v1.audit_service_pb2 import VerifyJournalRequest, VerifyJournalResponse

GATEWAY_LOG: Final = "auditLogs/keyway:gateway"
_POLL_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Trailers:
    """The trailers of a finished call, as `keyway.errors` reads them."""

    values: Any

    def trailing_metadata(self) -> Any:
        return self.values


class AuditCalls:
    """The AuditReader of a gateway. It prints each call if the session is verbose."""

    def __init__(self, session: Session) -> None:
        self._session = session
        try:
            self._client = aio.connect(**session.connection())
        except ValueError as error:
            raise click.UsageError(str(error)) from error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._client.close()

    async def list_audit_records(self, request: contract.ListAuditRecordsRequest, /) -> Any:
        """Return one page of records, newest first."""
        return await self._call(self._client.audit.list_audit_records, request)

    async def get_audit_record(self, request: contract.GetAuditRecordRequest, /) -> Any:
        """Return one record with its events."""
        return await self._call(self._client.audit.get_audit_record, request)

    async def summarize_audit_records(self, request: contract.SummarizeAuditRecordsRequest, /) -> Any:
        """Return groups of calls."""
        return await self._call(self._client.audit.summarize_audit_records, request)

    async def get_journal_status(self, request: contract.GetJournalStatusRequest, /) -> Any:
        """Return the state of the journal."""
        return await self._call(self._client.audit.get_journal_status, request)

    async def verify_journal(self, request: VerifyJournalRequest, /) -> Any:
        """Start a verification if necessary, and return its progress or its result."""
        return await self._call(self._client.audit.verify_journal, request)

    async def _call(self, method: Callable[..., Any], request: Message) -> Any:
        began = time.monotonic()
        call = method(request)
        response = await call
        self._session.note_call(request, _Trailers(await call.trailing_metadata()), began)
        return response


async def verified(session: Session, *, restart: bool) -> int:
    """Verify the journal, print the progress and the result, and return the exit code."""
    async with AuditCalls(session) as calls:
        response = await calls.verify_journal(VerifyJournalRequest(name=GATEWAY_LOG, restart=restart))
        shown = -1
        while response.state == contract.VERIFICATION_STATE_RUNNING:
            if response.progress_percent != shown and session.output.interactive:
                shown = response.progress_percent
                session.output.note(f"{shown} %, {response.checked_records} records checked", "dim")
            await asyncio.sleep(_POLL_SECONDS)
            response = await calls.verify_journal(VerifyJournalRequest(name=GATEWAY_LOG))
    if session.json:
        session.output.json(response)
    else:
        for line in result_lines(response):
            session.output.line(line)
    return 0 if response.state == contract.VERIFICATION_STATE_VERIFIED else NO


def result_lines(response: VerifyJournalResponse) -> Iterator[str]:
    """Yield the result of a verification for display."""
    times = f"started at {time_text(response.start_time)}"
    if response.HasField("end_time"):
        times += f" and ended at {time_text(response.end_time)}"
    yield f"{response.checked_records} records checked; the verification {times}"
    for problem in response.problems:
        yield f"BAD: {clean(problem)}"
    for head in response.heads:
        yield f"head: {head}"
    for key in response.signing_key_ids:
        yield f"key: {key}"
    match response.state:
        case contract.VERIFICATION_STATE_VERIFIED:
            yield "verified"
        case contract.VERIFICATION_STATE_INTERRUPTED:
            yield "interrupted: the verification ended without a result; run keyway audit verify again"
        case _:
            yield "NOT VERIFIED"
