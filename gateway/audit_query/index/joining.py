"""Combination of the intents and outcomes of one chain into audit records."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from gateway.audit.events import INTENT, OUTCOME
from gateway.audit_query.index.call_writer import Place, start_ms
from gateway.audit_query.rows import RecordedEvent, audit_record
from gateway.journal.format.payloads import event_code, request_id
from gateway.journal.format.records import decode_body
from keyway.v1.audit_record_pb2 import AuditRecord

_INTENT: Final = b'"event_code":"intent"'
_REQUEST: Final = re.compile(rb'"request":\{"uid":"([0-9a-f-]{36})"')
"""Occurs in the body of each intent, but in no text of a body, because JSON escapes quotation marks."""

Call = tuple[AuditRecord, Place]


class _Intent(NamedTuple):
    """An intent without an outcome. body: None if its row is already written. time: the time of that row."""

    sequence: int
    hash: bytes
    body: bytes | None
    segment: int
    time: int = 0


@dataclass(slots=True)
class JoinedCalls:
    """The calls of one turn. completed: calls whose row already exists, without an outcome."""

    calls: list[Call] = field(default_factory=list)
    completed: list[Call] = field(default_factory=list)


class CallJoiner:
    """Combines events. chain: its number. pending: request ID, time, and sequence number of each pending call."""

    def __init__(self, chain: int, pending: Iterable[tuple[str, int, int]]) -> None:
        self._chain = chain
        self._pending = {request: _Intent(first, b"", None, 0, time) for request, time, first in pending}
        self._joined = JoinedCalls()

    def add(self, sequence: int, hash_: bytes, body: bytes, segment: int) -> None:
        """Add an event. hash_: in hexadecimal digits. segment: its number. Raises MalformedRecord."""
        if _INTENT in body and (request := _REQUEST.search(body)) is not None:
            # The outcome contains all members of the intent, so most intents need not be parsed.
            self._pending[request[1].decode()] = _Intent(sequence, hash_, body, segment)
            return
        event = decode_body(body)
        code, uid = event_code(event), request_id(event)
        if code == INTENT and uid:
            self._pending[uid] = _Intent(sequence, hash_, body, segment)
            return
        intent = self._pending.pop(uid, None) if code == OUTCOME and uid else None
        row = audit_record("", [*_needed_intent(intent, event), RecordedEvent("", event)])
        if row is None:
            return
        first = intent.sequence if intent is not None else sequence
        place = Place(self._chain, first, sequence, segment, bytes.fromhex(hash_.decode()))
        if intent is None or intent.body is not None:
            self._joined.calls.append((row, place))
        else:
            # The start time is part of the primary key, so it must not change.
            row.start_time.FromMilliseconds(intent.time)
            self._joined.completed.append((row, place))

    def take(self) -> JoinedCalls:
        """Return the calls since the previous `take`, including calls that have no outcome yet."""
        for request, intent in self._pending.items():
            if intent.body is None:
                continue
            row = audit_record("", _needed_intent(intent, {}))
            if row is not None:
                hash_ = bytes.fromhex(intent.hash.decode())
                place = Place(self._chain, intent.sequence, intent.sequence, intent.segment, hash_)
                self._joined.calls.append((row, place))
                self._pending[request] = intent._replace(body=None, time=start_ms(row))
        joined, self._joined = self._joined, JoinedCalls()
        return joined


def _needed_intent(intent: _Intent | None, outcome: Mapping[str, Any]) -> list[RecordedEvent]:
    """Return the intent if the outcome has no start time, as in older versions; otherwise, nothing."""
    if intent is None or intent.body is None or type(outcome.get("start_time")) is int:
        return []
    return [RecordedEvent("", decode_body(intent.body))]
