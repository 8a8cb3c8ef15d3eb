"""The steps of one call, from its record and its journal records."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyway.audit.story import decisions, event_of, member, private_text
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.audit_service_pb2 import GetAuditRecordResponse

_MILLISECOND: Final = 1000


@dataclass(frozen=True, slots=True)
class StoryAttempt:
    """One request to the upstream. status: of the response; empty if none arrived."""

    provider: str
    method: str
    status: str
    milliseconds: str


@dataclass(frozen=True, slots=True)
class StoryEvent:
    """One journal record. code: `intent`, `outcome`, … text: the event as indented JSON."""

    code: str
    receipt: str
    text: str


class CallStory:
    """What the gateway recorded about one call.

    record: its row. decisions: of policy. attempts: to call the upstream. events: its journal records, oldest first.
    """

    def __init__(self, found: GetAuditRecordResponse) -> None:
        events = [event_of(record) for record in found.journal_records]
        self._last: Mapping[str, Any] = events[-1] if events else {}
        self.record: AuditRecord = found.record
        self.complete: bool = found.coverage.complete
        self.private: str = private_text(found.record)
        self.decisions = list(decisions(self._last))
        self.attempts = [_attempt(each) for each in _several(member(self._last, "unmapped", "attempts"))]
        self.events = [
            StoryEvent(_text(event, "metadata", "event_code"), record.receipt, _indented(event))
            for record, event in zip(found.journal_records, events, strict=True)
        ]

    @property
    def caller(self) -> Sequence[tuple[str, str]]:
        """Facts about the caller."""
        user = member(self._last, "actor", "user")
        kind = _text(user, "type")
        groups = [_text(each, "name") for each in _several(member(user, "groups"))]
        return [
            ("Type", "" if kind == "Unknown" else kind),
            ("Issuer", _text(user, "domain")),
            ("Groups", ", ".join(groups)),
            ("Service name, as sent by the caller", _text(self._last, "actor", "app_name")),
            ("User agent", _text(self._last, "http_request", "user_agent")),
        ]

    @property
    def upstream(self) -> Sequence[tuple[str, str]]:
        """Facts about the error of the upstream."""
        return [
            ("Upstream error code", _text(self._last, "unmapped", "upstream_code")),
            ("HTTP status", _text(self._last, "unmapped", "http_status")),
            ("Message", _text(self._last, "api", "response", "error_message")),
        ]


def _text(value: object, *path: str) -> str:
    """Return a member of an event as text; empty if it does not exist."""
    found = member(value, *path)
    return "" if found is None else str(found)


def _attempt(value: object) -> StoryAttempt:
    microseconds = member(value, "duration_us")
    duration = f"{microseconds / _MILLISECOND:,.1f}" if isinstance(microseconds, int) else ""
    return StoryAttempt(_text(value, "provider"), _text(value, "method"), _text(value, "http_status"), duration)


def _several(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else []


def _indented(event: Mapping[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, indent=2)
