"""The two audit stages: the outer one records what became of a call, the inner one its intent before the handler.

Responsible for what is recorded and when the call may go on. How records are kept is the journal's business, and what
they look like that of `audit/events.py`.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from google.protobuf.message import Message
from google.rpc import code_pb2

from gateway import errors
from gateway.audit import events
from gateway.audit.description import Describer
from gateway.audit.events import CallEvents, Ended, Known
from gateway.authz.principals import caller_id
from gateway.contract.methods import BATCHES
from gateway.errors import GatewayError, UpstreamError
from gateway.identity.caller import ANONYMOUS
from gateway.journal.errors import JournalUnavailable
from gateway.journal.write.journal import Journal
from gateway.server.rejections import Refusals
from gateway.server.rpc import Handler, Rpc, internal_error
from gateway.server.services.batches import size_fault
from gateway.server.status import reason_name
from gateway.server.tarpit import Pacing
from keyway.v1 import error_reason_pb2 as reasons

# An outcome has the intent's members, and these many bytes more at most: for the call, for each item of a batch, and
# for each character of an item's name.
_ROOM: Final = 4096
_ROOM_PER_ITEM: Final = 256
_ROOM_PER_CHARACTER: Final = 6

_REFUSED_TO_CALLERS: Final = frozenset({errors.PERMISSION_DENIED, errors.CALLER_RATE_LIMITED})
_REFUSALS_RATE: Final = 100.0
_ALL_REFUSALS_RATE: Final = 1000.0
"""Refusals a second to one known caller, and to all: limits hold only for what policy allows, and disks are finite."""

_IN_DOUBT: Final = frozenset(
    {
        reasons.ERROR_REASON_PROVIDER_CONNECTION_LOST,
        reasons.ERROR_REASON_PROVIDER_TIMEOUT,
        reasons.ERROR_REASON_PROVIDER_UNAVAILABLE,
        reasons.ERROR_REASON_MALFORMED_PROVIDER_RESPONSE,
        reasons.ERROR_REASON_SERVER_DRAINING,
        reasons.ERROR_REASON_INTERNAL_ERROR,
    }
)
"""Reasons after which the upstream may have acted, where it was asked at all."""


class Auditor:
    """Keeps the record of every call in a journal. refusals: counts those of strangers."""

    def __init__(self, journal: Journal, describer: Describer, refusals: Refusals) -> None:
        self._journal = journal
        self._describer = describer
        self._pacing = Pacing(peers_rate=_REFUSALS_RATE, rate=_ALL_REFUSALS_RATE)
        self.refusals = refusals

    def audit(self, following: Handler) -> Handler:
        """The stage that records outcomes: also of calls that were refused on their way, failed, or were given up."""

        async def handle(rpc: Rpc) -> Message:
            try:
                response = await following(rpc)
            except asyncio.CancelledError:
                self._given_up(rpc)
                raise
            except GatewayError as error:
                await self._failed(rpc, error)
                raise
            except Exception as error:
                failure = internal_error(error, rpc.call)
                await self._failed(rpc, failure)
                raise failure from error
            await self._record(rpc, partial(self._succeeded, rpc, response, time.time()))
            return response

        return handle

    def intend(self, following: Handler) -> Handler:
        """The stage that records intents: on disk before an upstream is asked to change anything."""

        async def handle(rpc: Rpc) -> Message:
            self._begin(rpc)
            if rpc.method.state_changing:
                await self._synced(rpc)
            return await following(rpc)

        return handle

    def drain(self) -> None:
        """Hold no refusal back any more: the gateway is about to end."""
        self._pacing.end()
        self.refusals.answer_at_once()

    def _begin(self, rpc: Rpc) -> None:
        assert rpc.request is not None
        known = Known(
            method=rpc.method,
            request_id=rpc.call.request_id,
            callers_id=rpc.callers_id,
            caller=rpc.caller or ANONYMOUS,
            peer=rpc.peer,
            resources=rpc.resources,
            decisions=rpc.decisions,
            request=self._describer.describe(rpc.request),
            trace_id=rpc.call.trace.trace_id if rpc.call.trace is not None else "",
            span_id=rpc.call.trace.span_id if rpc.call.trace is not None else "",
        )
        made = CallEvents(known, rpc.began)
        intent = made.intent()
        try:
            rpc.receipt = self._journal.intent(rpc.call.request_id, intent, len(intent) + _room(rpc))
        except JournalUnavailable as error:
            raise _unavailable(rpc) from error
        rpc.events = made

    async def _failed(self, rpc: Rpc, error: GatewayError) -> None:
        if rpc.caller is None:
            await self.refusals.count(rpc, reason_name(error.outcome.reason))
        elif error.outcome is not errors.AUDIT_UNAVAILABLE:
            await self._record(rpc, partial(_failure, rpc, error, time.time()))
            if error.outcome in _REFUSED_TO_CALLERS:
                await self._pacing.turn(caller_id(rpc.caller))
        elif rpc.events is not None:
            # The intent was written, and could not be synced. Its outcome is taken all the same, and synced later.
            with contextlib.suppress(GatewayError):
                self._write(rpc, partial(_failure, rpc, error, time.time()))

    async def _record(self, rpc: Rpc, make: Callable[[], bytes]) -> None:
        """The outcome on record, and on disk."""
        if rpc.events is None:
            self._begin(rpc)
        try:
            rpc.receipt = await self._journal.ended(rpc.call.request_id, make)
        except JournalUnavailable as error:
            raise _unavailable(rpc) from error

    def _write(self, rpc: Rpc, make: Callable[[], bytes]) -> None:
        """The outcome on record, and on disk with the next call's."""
        if rpc.events is None:
            self._begin(rpc)
        try:
            rpc.receipt = self._journal.outcome(rpc.call.request_id, make())
        except JournalUnavailable as error:
            raise _unavailable(rpc) from error

    async def _synced(self, rpc: Rpc) -> None:
        assert rpc.receipt is not None
        try:
            await self._journal.synced(rpc.receipt)
        except JournalUnavailable as error:
            raise _unavailable(rpc) from error

    def _given_up(self, rpc: Rpc) -> None:
        """Nobody waits for this any more: it is written, and synced with the next call's."""
        if rpc.caller is None:
            self.refusals.add(rpc, "CANCELLED")
            return
        # The journal says itself where it is not available.
        with contextlib.suppress(GatewayError):
            self._write(rpc, partial(_given_up, rpc, time.time()))

    def _succeeded(self, rpc: Rpc, response: Message, moment: float) -> bytes:
        described = self._describer.describe(response)
        version: Any = described.pop("key_version", None)
        return _outcome(rpc, Ended(events.SUCCESS, "OK", moment, key_version=version, response=described))


def _room(rpc: Rpc) -> int:
    """What an outcome may take beyond its intent."""
    if rpc.method.operation not in BATCHES:
        return _ROOM
    request: Any = rpc.request
    items = request.requests
    if size_fault(items) is not None:
        return _ROOM  # nothing becomes of the items of a batch that is refused
    return _ROOM + sum(_ROOM_PER_ITEM + _ROOM_PER_CHARACTER * len(item.name) for item in items)


def _given_up(rpc: Rpc, moment: float) -> bytes:
    status_id = events.UNKNOWN if rpc.call.attempts else events.FAILURE
    return _outcome(rpc, Ended(status_id, code_pb2.Code.Name(rpc.given_up_code), moment))


def _failure(rpc: Rpc, error: GatewayError, moment: float) -> bytes:
    in_doubt = bool(rpc.call.attempts) and error.outcome.reason in _IN_DOUBT
    status_id = events.UNKNOWN if in_doubt else events.FAILURE
    ended = Ended(status_id, code_pb2.Code.Name(error.outcome.code), moment, reason_name(error.outcome.reason))
    if isinstance(error, UpstreamError):
        ended.upstream_code = error.upstream_code or ""
        ended.upstream_message = error.upstream_message or ""
        ended.http_status = error.http_status
    return _outcome(rpc, ended)


def _outcome(rpc: Rpc, ended: Ended) -> bytes:
    assert rpc.events is not None
    ended.attempts, ended.items = _attempts(rpc), rpc.call.items
    return rpc.events.outcome(ended)


def _attempts(rpc: Rpc) -> Sequence[dict[str, object]]:
    return [
        {
            "provider": attempt.provider,
            "method": attempt.method,
            "http_status": attempt.http_status,
            "duration_us": round(attempt.seconds * 1_000_000),
        }
        for attempt in rpc.call.attempts[:_MAXIMUM_ATTEMPTS]
    ]


_MAXIMUM_ATTEMPTS: Final = 16


def _unavailable(rpc: Rpc) -> GatewayError:
    """What the caller gets where a record can't be made: it depends on whether an upstream may have acted."""
    if rpc.call.attempts:
        message = "the upstream was asked, and what came of it can't be put on the audit record"
        return GatewayError(errors.AUDIT_OUTCOME_LOST, message)
    return GatewayError(errors.AUDIT_UNAVAILABLE, "the call can't be put on the audit record, so it was not made")
