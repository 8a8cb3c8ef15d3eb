"""The recorder that both audit interceptors share: writes the intent and the outcome of each call to the journal.

Decides what is recorded, and when the call may continue. `audit/events.py` defines the format of the records, and
`gateway.journal` stores them.
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway import errors
from gateway.audit import events
from gateway.audit.call_facts import CallDetails, CallResult, Moment
from gateway.audit.description import Describer
from gateway.audit.events import CallEvents
from gateway.authz.principals import caller_id
from gateway.contract.methods import BATCHES
from gateway.errors import GatewayError, UpstreamError, reason_name
from gateway.identity.caller import ANONYMOUS
from gateway.journal.errors import JournalUnavailable
from gateway.journal.write.entries import IntentEntry, OutcomeEntry
from gateway.journal.write.journal import Journal
from gateway.server.batch_limits import size_fault
from gateway.server.rejections import Rejection, Rejections
from gateway.server.rpc_context import RpcContext
from gateway.server.tarpit import Tarpit
from keyway.v1 import error_reason_pb2 as reasons

# An outcome repeats the members of its intent. These are the bytes that it can need in addition: for the call, for each
# batch item, and for each character of an item's name.
_ROOM: Final = 4096
_ROOM_PER_ITEM: Final = 256
_ROOM_PER_CHARACTER: Final = 6

_MAXIMUM_ATTEMPTS: Final = 16

_DELAYED_REJECTIONS: Final = frozenset({errors.PERMISSION_DENIED, errors.CALLER_RATE_LIMITED})
_REJECTION_RATE: Final = 100.0
_TOTAL_REJECTION_RATE: Final = 1000.0
"""Responses per second to rejected calls, per authenticated caller and in total. Calls that cannot be decoded, that
policy denies, or that exceed a rate limit are not rate-limited themselves, but take space in the journal."""

_UNKNOWN_RESULT_REASONS: Final = frozenset(
    {
        reasons.ERROR_REASON_PROVIDER_CONNECTION_LOST,
        reasons.ERROR_REASON_PROVIDER_TIMEOUT,
        reasons.ERROR_REASON_PROVIDER_UNAVAILABLE,
        reasons.ERROR_REASON_MALFORMED_PROVIDER_RESPONSE,
        reasons.ERROR_REASON_SERVER_DRAINING,
        reasons.ERROR_REASON_INTERNAL_ERROR,
    }
)
"""Reasons after which the upstream may have executed the request, if the gateway sent it."""


class AuditRecorder:
    """Records every call in a journal.

    rejections: counts the calls that end before authentication. tarpit: delays responses to rejected callers.
    """

    def __init__(
        self, journal: Journal, describer: Describer, rejections: Rejections, tarpit: Tarpit | None = None
    ) -> None:
        self._journal = journal
        self._describer = describer
        self._tarpit = tarpit or rejected_calls_tarpit()
        self.rejections = rejections

    def record_intent(self, call: RpcContext) -> None:
        """Append the intent, and reserve space for the outcome. Raises GatewayError if the journal is unavailable."""
        call_events = CallEvents(self._details(call), call.received_at)
        intent = call_events.intent()
        try:
            call.receipt = self._journal.append(IntentEntry(call.request_id, intent, len(intent) + _room(call)))
        except JournalUnavailable as error:
            raise unavailable(call) from error
        call.events = call_events

    async def sync(self, call: RpcContext) -> None:
        """Return when the latest record of the call is durable. Raises GatewayError if the journal is unavailable."""
        assert call.receipt is not None
        try:
            await self._journal.commit(call.receipt)
        except JournalUnavailable as error:
            raise unavailable(call) from error

    async def record_success(self, call: RpcContext, response: Message, ended_at: Moment) -> None:
        """Record the outcome of a successful call, and wait until it is durable."""
        await self._record_outcome(call, partial(self._success, call, response, ended_at))

    async def record_failure(self, call: RpcContext, error: GatewayError) -> None:
        """Record a failed or rejected call. Returns when the gateway may respond."""
        if call.caller is None or (call.caller is ANONYMOUS and call.request is None):
            # Without identity, every peer could fill the journal with messages that cannot be decoded.
            await self.rejections.count_and_delay(call, _rejection(error))
        elif error.kind is not errors.AUDIT_UNAVAILABLE:
            await self._record_outcome(call, partial(_failure, call, error, Moment.now()))
            if error.kind in _DELAYED_REJECTIONS or call.request is None:
                await self._tarpit.delay_response(caller_id(call.caller))
        elif call.events is not None:
            # The journal has the intent, but could not sync it. It still takes the outcome, and syncs it later.
            with contextlib.suppress(GatewayError):
                self._append_outcome(call, partial(_failure, call, error, Moment.now()))

    def record_cancellation(self, call: RpcContext) -> None:
        """Record a canceled call. Nobody waits for the response, so the record is synced with the next one."""
        if call.caller is None:
            self.rejections.count(call, Rejection("CANCELLED", "CANCELLED"))
            return
        # An unavailable journal logs that itself.
        with contextlib.suppress(GatewayError):
            self._append_outcome(call, partial(_cancellation, call, Moment.now()))

    def record_notice(self, details: CallDetails, result: CallResult) -> None:
        """Record something that has happened on a stream, as a call that has ended. It is synced with the next record.

        Raises GatewayError if the journal is unavailable.
        """
        call_events = CallEvents(details, result.moment)
        intent = call_events.intent()
        try:
            self._journal.append(IntentEntry(details.request_id, intent, len(intent) + _ROOM))
            self._journal.append(OutcomeEntry(details.request_id, partial(call_events.outcome, result)))
        except JournalUnavailable as error:
            raise GatewayError(errors.AUDIT_UNAVAILABLE, "the audit journal is unavailable") from error

    def stop_delaying(self) -> None:
        """Release all delayed responses, because the gateway is about to stop."""
        self._tarpit.stop()
        self.rejections.stop_delaying()

    def _details(self, call: RpcContext) -> CallDetails:
        return CallDetails(
            method=call.method,
            request_id=call.request_id,
            caller_request_id=call.caller_request_id,
            caller=call.caller or ANONYMOUS,
            source=call.source,
            resources=call.resources,
            decisions=call.decisions,
            request=self._describer.request(call.request) if call.request is not None else {},
            trace_id=call.trace.trace_id if call.trace is not None else "",
            span_id=call.trace.span_id if call.trace is not None else "",
        )

    async def _record_outcome(self, call: RpcContext, make: Callable[[], bytes]) -> None:
        """Append the outcome, and wait until it is durable."""
        if call.events is None:
            AuditRecorder.record_intent(self, call)  # also if a subclass has decided to record no intent
        try:
            call.receipt = await self._journal.commit(OutcomeEntry(call.request_id, make))
        except JournalUnavailable as error:
            raise unavailable(call) from error

    def _append_outcome(self, call: RpcContext, make: Callable[[], bytes]) -> None:
        """Append the outcome, which becomes durable with the next record that is synced."""
        if call.events is None:
            AuditRecorder.record_intent(self, call)  # also if a subclass has decided to record no intent
        try:
            call.receipt = self._journal.append(OutcomeEntry(call.request_id, make))
        except JournalUnavailable as error:
            raise unavailable(call) from error

    def _success(self, call: RpcContext, response: Message, ended_at: Moment) -> bytes:
        described = self._describer.response(response)
        version: Any = described.pop("key_version", None)
        return _outcome(call, CallResult(events.SUCCESS, "OK", ended_at, key_version=version, response=described))


def rejected_calls_tarpit() -> Tarpit:
    """Return what delays responses to rejected calls of authenticated callers."""
    return Tarpit(peer_rate=_REJECTION_RATE, total_rate=_TOTAL_REJECTION_RATE)


def _room(call: RpcContext) -> int:
    """Return the bytes that the outcome can need in addition to the size of its intent."""
    if call.method.operation not in BATCHES or call.request is None:
        return _ROOM
    request: Any = call.request
    items = request.requests
    if size_fault(items) is not None:
        return _ROOM  # an oversized batch is rejected, so its outcome has no items
    return _ROOM + sum(_ROOM_PER_ITEM + _ROOM_PER_CHARACTER * len(item.name) for item in items)


def _rejection(error: GatewayError) -> Rejection:
    return Rejection(code_pb2.Code.Name(error.kind.code), reason_name(error.kind.reason))


def _cancellation(call: RpcContext, ended_at: Moment) -> bytes:
    status_id = events.UNKNOWN if call.attempts else events.FAILURE
    return _outcome(call, CallResult(status_id, code_pb2.Code.Name(call.cancellation_code), ended_at))


def _failure(call: RpcContext, error: GatewayError, ended_at: Moment) -> bytes:
    is_unknown = bool(call.attempts) and error.kind.reason in _UNKNOWN_RESULT_REASONS
    status_id = events.UNKNOWN if is_unknown else events.FAILURE
    code = code_pb2.Code.Name(error.kind.code)
    result = CallResult(status_id, code, ended_at, reason_name(error.kind.reason))
    if isinstance(error, UpstreamError):
        result.upstream_code = error.upstream_code or ""
        result.upstream_message = error.upstream_message or ""
        result.http_status = error.http_status
    return _outcome(call, result)


def _outcome(call: RpcContext, result: CallResult) -> bytes:
    assert call.events is not None
    result.attempts, result.items = _attempts(call), call.items
    return call.events.outcome(result)


def _attempts(call: RpcContext) -> Sequence[dict[str, object]]:
    return [
        {
            "provider": attempt.provider,
            "method": attempt.method,
            "http_status": attempt.http_status,
            "duration_us": round(attempt.seconds * 1_000_000),
        }
        for attempt in call.attempts[:_MAXIMUM_ATTEMPTS]
    ]


def unavailable(call: RpcContext) -> GatewayError:
    """Return the error of a call that cannot be recorded. It says whether an upstream may have executed the request."""
    if call.attempts:
        message = "the gateway called the upstream, but cannot record the outcome in the audit journal"
        return GatewayError(errors.AUDIT_OUTCOME_LOST, message)
    return GatewayError(errors.AUDIT_UNAVAILABLE, "the audit journal is unavailable; the call was not executed")
