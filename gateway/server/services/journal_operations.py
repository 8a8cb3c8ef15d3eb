"""The methods of AuditService for the state and the verification of the journal."""

import asyncio
import contextlib
import datetime as dt
from dataclasses import dataclass

from gateway.audit_query.journal_status import index_status, journal_status
from gateway.audit_query.settings import AuditSection
from gateway.audit_query.source import AuditSource
from gateway.audit_query.verification import JournalVerifier
from gateway.call_context import CallContext
from gateway.errors import AUDIT_QUERY_UNAVAILABLE, GatewayError
from gateway.journal.verify.run import NOT_VERIFIED, RUNNING, VERIFIED, VerificationRun
from gateway.journal.write.journal import Journal
from gateway.server.services.audit_checks import check_gateway_log
from gateway.server.services.query_slots import QuerySlots
from keyway.v1 import audit_service_pb2 as service

_STATES = {
    VERIFIED: service.VERIFICATION_STATE_VERIFIED,
    NOT_VERIFIED: service.VERIFICATION_STATE_NOT_VERIFIED,
}


@dataclass(frozen=True, slots=True)
class JournalOperations:
    """Returns the state of the whole journal, including the chains of other workers."""

    audit: AuditSection
    journal: Journal
    source: AuditSource
    slots: QuerySlots
    verifier: JournalVerifier

    async def get_journal_status(
        self, request: service.GetJournalStatusRequest, call: CallContext
    ) -> service.GetJournalStatusResponse:
        """Return the state of the journal and of its index."""
        check_gateway_log(request.name)
        return await self.slots.run(call, self._status)

    async def _status(self) -> service.GetJournalStatusResponse:
        journal = self.journal
        try:
            response = await asyncio.to_thread(
                journal_status, self.audit, journal.folder, journal.public_key, journal.disk.seconds_to_full
            )
        except OSError as error:
            raise GatewayError(AUDIT_QUERY_UNAVAILABLE, "the files of the journal cannot be read") from error
        # Without its index, the state of the journal is still known.
        with contextlib.suppress(GatewayError):
            index = await self.source.state()
            if index is not None:
                response.index.CopyFrom(index_status(index))
        return response

    async def verify_journal(
        self, request: service.VerifyJournalRequest, _call: CallContext
    ) -> service.VerifyJournalResponse:
        """Start a verification if necessary, and return its state."""
        check_gateway_log(request.name)
        try:
            run, in_progress = await self.verifier.run(restart=request.restart)
        except OSError as error:
            raise GatewayError(
                AUDIT_QUERY_UNAVAILABLE, "the verification cannot be started, or its state cannot be read"
            ) from error
        return _response(run, in_progress=in_progress)


def _response(run: VerificationRun, *, in_progress: bool) -> service.VerifyJournalResponse:
    state = _STATES.get(run.state, service.VERIFICATION_STATE_INTERRUPTED)
    if run.state == RUNNING and in_progress:
        state = service.VERIFICATION_STATE_RUNNING
    response = service.VerifyJournalResponse(
        state=state,
        checked_records=run.records,
        progress_percent=run.percent,
        problems=run.problems,
        heads=run.heads,
        signing_key_ids=run.keys,
    )
    response.start_time.FromDatetime(dt.datetime.fromtimestamp(run.started, dt.UTC))
    if run.ended:
        response.end_time.FromDatetime(dt.datetime.fromtimestamp(run.ended, dt.UTC))
    return response
