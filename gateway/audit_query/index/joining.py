"""Joining of the intents and outcomes of one chain to audit records."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gateway.audit.events import INTENT, OUTCOME
from gateway.audit_query.index.call_writer import Place, start_ms
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.journal.format.payloads import event_code, request_id
from gateway.journal.format.records import Record, decode_body
from keyway.v1.audit_record_pb2 import AuditRecord

_INTENT: Final = b'"event_code":"intent"'
_REQUEST: Final = re.compile(rb'"request":\{"uid":"([0-9a-f-]{36})"')
"""In the body of an intent. Texts in a body cannot contain these bytes, because JSON escapes quotation marks."""

Call = tuple[AuditRecord, Place]


class _Intent(NamedTuple):
    """An intent without an outcome. body: None if its row is written already. time: of that row."""

    receipt: str
    body: bytes | None
    place: Place
    time: int = 0


@dataclass(slots=True)
class JoinedCalls:
    """The calls of one turn. completed: those whose row exists already, without an outcome."""

    calls: list[Call] = field(default_factory=list)
    completed: list[Call] = field(default_factory=list)


class CallJoiner:
    """Joins events. pending: the calls whose row has no outcome yet: request ID, time, and place of the intent."""

    def __init__(self, pending: Iterable[tuple[str, int, Place]]) -> None:
        self._pending = {request: _Intent("", None, place, time) for request, time, place in pending}
        self._joined = JoinedCalls()

    def add(self, record: Record, place: Place) -> None:
        """Add an event. Raises MalformedRecord."""
        if _INTENT in record.body and (request := _REQUEST.search(record.body)) is not None:
            # The outcome repeats the members of the intent, so most intents need not be parsed.
            self._pending[request[1].decode()] = _Intent(str(record.receipt), record.body, place)
            return
        recorded = RecordedEvent(str(record.receipt), decode_body(record.body))
        code, uid = event_code(recorded.event), request_id(recorded.event)
        if code == INTENT and uid:
            self._pending[uid] = _Intent(recorded.receipt, record.body, place)
        elif code == OUTCOME and uid and (intent := self._pending.pop(uid, None)) is not None:
            self._add_outcome(intent, recorded, place._replace(first=intent.place.first))
        elif (row := audit_record("", [recorded])) is not None:
            self._joined.calls.append((row, place))

    def take(self) -> JoinedCalls:
        """Return the calls since the last time, also those that have no outcome yet."""
        for request, intent in self._pending.items():
            if intent.body is not None and (row := _row(intent)) is not None:
                self._joined.calls.append((row, intent.place))
                self._pending[request] = intent._replace(body=None, time=start_ms(row))
        joined, self._joined = self._joined, JoinedCalls()
        return joined

    def _add_outcome(self, intent: _Intent, recorded: RecordedEvent, place: Place) -> None:
        has_start = type(recorded.event.get("start_time")) is int  # older versions recorded it only in the intent
        row = _row(intent, recorded) if intent.body is not None and not has_start else audit_record("", [recorded])
        if row is None:
            return
        if intent.body is not None:
            self._joined.calls.append((row, place))
            return
        # The start is a part of the key, so it must not change.
        row.start_time.FromMilliseconds(intent.time)
        self._joined.completed.append((row, place))


def _row(intent: _Intent, *outcome: RecordedEvent) -> AuditRecord | None:
    assert intent.body is not None
    return audit_record("", [RecordedEvent(intent.receipt, decode_body(intent.body)), *outcome])
