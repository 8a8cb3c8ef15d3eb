"""The details of one call: the record, the policy decisions, and all members of its events."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keyway.audit.columns import duration, outcome, status
from keyway.audit.times import time_text
from keyway.terminal.styles import painted
from keyway.terminal.text import clean
from keyway.v1 import audit_record_pb2 as contract
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.audit_service_pb2 import GetAuditRecordResponse, JournalRecord

_LABEL_WIDTH = 18


def story_lines(found: GetAuditRecordResponse, *, color: bool = False) -> Iterator[str]:
    """Yield the lines, with control characters escaped."""
    events = [event_of(record) for record in found.journal_records]
    for label, value in (*_facts(found.record), *_decisions(events[-1] if events else {})):
        if value:
            title = f"{label:{_LABEL_WIDTH}}"
            yield f"{painted(title, 'bold' if color else '')}{clean(value)}"
    for record, event in zip(found.journal_records, events, strict=True):
        yield ""
        yield clean(record.receipt)
        for name, value in _members(event):
            yield f"  {clean(name)}: {clean(value)}"


def _facts(record: AuditRecord) -> Iterator[tuple[str, str]]:
    yield "Request", record.request_id
    yield "Time", time_text(record.start_time)
    yield "Caller", record.caller
    yield "Peer", record.peer_address
    yield "Surface", record.surface
    yield "Action", record.action
    yield "Private material", private_text(record)
    for name in record.resources:
        yield "Resource", name
    yield "Outcome", outcome(record)
    yield "Status", " ".join(part for part in (status(record), record.reason) if part)
    yield "Policies", ", ".join(record.policies)
    yield "Duration", f"{duration(record)} ms" if record.HasField("duration") else ""
    yield "Calls", str(record.calls) if record.calls > 1 else ""
    yield "Caller's request ID", record.caller_request_id
    yield "Audit logs", ", ".join(record.audit_logs)
    yield "Journal", record.journal
    yield "Receipt", record.receipt


def private_text(record: AuditRecord) -> str:
    """Return whether the caller received private material; empty if the action reads none."""
    if not record.private_material:
        return ""
    match record.outcome:
        case contract.AUDIT_OUTCOME_SUCCESS:
            return "requested and received"
        case contract.AUDIT_OUTCOME_FAILURE:
            return "requested, not received"
        case _:
            return "requested, possibly received"


def _decisions(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for each in decisions(event):
        yield "Decision", f"{each.decision} {each.action} on {each.resource}: {each.policies or 'no policy permits it'}"


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """The decision of policy about one resource. policies: the deciding policies; empty if none permits the action."""

    decision: str
    action: str
    resource: str
    policies: str


def decisions(event: Mapping[str, Any]) -> Iterator[PolicyDecision]:
    """Yield the policy decisions of a call."""
    several = member(event, "actor", "authorizations")
    targets = member(event, "unmapped", "authorizations")
    if not isinstance(several, list):
        return
    for number, each in enumerate(several):
        target = targets[number] if isinstance(targets, list) and number < len(targets) else {}
        yield PolicyDecision(
            str(member(each, "decision")),
            str(member(target, "action")),
            str(member(target, "resource")),
            str(member(each, "policy", "uid") or ""),
        )


def event_of(record: JournalRecord) -> Mapping[str, Any]:
    """Return the event. If it is not a JSON object, because the journal was altered, return its text."""
    try:
        event = json.loads(record.event_json)
    except ValueError:
        event = None
    return event if isinstance(event, dict) else {"event": record.event_json}


def member(value: object, *path: str) -> Any:
    """Return a member of an event by its path; None if it does not exist."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _members(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, member in value.items():
        if isinstance(member, Mapping) and member:
            yield from _members(member, f"{prefix}{name}.")
        elif isinstance(member, str):
            yield f"{prefix}{name}", member
        else:
            yield f"{prefix}{name}", json.dumps(member, ensure_ascii=False, separators=(",", ":"))
