"""Rows of audit queries: one AuditRecord from the events of a call.

All sources use this function, so that the same events make the same row in each source. It reads events of all versions
of the gateway. If a member of an event is missing or has another type, the field is empty. This is never an error.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import code_pb2

from gateway import errors
from gateway.audit.events import FAILURE, INTENT, MANY_ADDRESSES, OUTCOME, REFUSALS, REPETITIONS, SUCCESS
from gateway.audit_query.source import GATEWAY_LOG
from gateway.authz.actions import PRIVATE
from gateway.authz.targets import TARGETS
from gateway.contract.methods import BATCHES, METHODS
from gateway.contract.resource_names import WILDCARD
from gateway.errors import ErrorKind, reason_name
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_FAILURE,
    AUDIT_OUTCOME_PENDING,
    AUDIT_OUTCOME_SUCCESS,
    AUDIT_OUTCOME_UNKNOWN,
    AuditOutcome,
    AuditRecord,
)

AUDIT_LOGS: Final = "auditLogs/"
_PROVIDERS: Final = "providers/"
_MAXIMUM_SEGMENTS: Final = 8
"""More than the name of any resource has."""
_DENIED: Final = "PERMISSION_DENIED"
"""The reason of calls that policy denied. The status is not sufficient, because an upstream can cause it too."""
_CODES: Final = frozenset({INTENT, OUTCOME, REFUSALS, REPETITIONS})
_MERGED: Final = frozenset({REFUSALS, REPETITIONS})

_STATUSES: Final[Mapping[str, int]] = dict(code_pb2.Code.items())
_STATUSES_BY_REASON: Final[Mapping[str, int]] = {
    reason_name(kind.reason): kind.code for kind in vars(errors).values() if isinstance(kind, ErrorKind)
}
"""The status of each reason. Rejection events of older versions contain only the reason."""
_OUTCOMES: Final = {SUCCESS: AUDIT_OUTCOME_SUCCESS, FAILURE: AUDIT_OUTCOME_FAILURE}

_TARGETS: Final = {method.full_name: TARGETS.get(method.operation) for method in METHODS}
_BATCH_METHODS: Final = frozenset(method.full_name for method in METHODS if method.operation in BATCHES)

_EMPTY: Final[Mapping[str, Any]] = {}
_LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, which is the latest time of a Timestamp, in milliseconds since 1970."""
_MAXIMUM_DURATION_US: Final = 10**15
_MAXIMUM_CALLS: Final = 1 << 32


class RecordedEvent(NamedTuple):
    """An event with the receipt of its journal record."""

    receipt: str
    event: Mapping[str, Any]


def audit_record(journal: str, recorded: Sequence[RecordedEvent]) -> AuditRecord | None:
    """Return the record of a call; None if its latest event is of an unknown kind.

    journal: the ID of the journal. recorded: the intent, the outcome, or both, in this order; or one event of calls
    that were recorded together.
    """
    receipt, event = recorded[-1]
    code = _text(_object(event, "metadata"), "event_code")
    if code not in _CODES:
        return None
    is_merged = code in _MERGED
    actor, api = _object(event, "actor"), _object(event, "api")
    request, method = _object(api, "request"), _text(api, "operation").removeprefix("/")
    decisions = list(_items(actor, "authorizations"))
    action = _refused_action(event) if code == REFUSALS else _action(method, _object(request, "data"))
    resources = [name for each in _items(event, "resources") if (name := _text(each, "name"))]
    reason = "" if code == INTENT else _text(event, "status_detail")
    record = AuditRecord(
        request_id="" if is_merged else _text(request, "uid"),
        start_time=_timestamp(_start(recorded, code)),
        caller=_text(_object(actor, "user"), "uid"),
        action=action,
        private_material=action in PRIVATE,
        resources=resources,
        outcome=AUDIT_OUTCOME_PENDING if code == INTENT else _outcome(event),
        status=code_pb2.OK if code == INTENT else _status(event, reason),
        reason=reason,
        denied=reason == _DENIED or _denies_item(method, decisions),
        policies=_policies(decisions),
        calls=_number(event, "count", minimum=1, maximum=_MAXIMUM_CALLS) if is_merged else 1,
        peer_address=_peer(_object(event, "src_endpoint"), is_merged=is_merged),
        caller_request_id=_caller_request_id(event),
        audit_logs=[AUDIT_LOGS + log for log in audit_logs(resources)],
        journal=journal,
        receipt=receipt,
        surface=_text(_object(_object(event, "unmapped"), "surface"), "name"),
    )
    if code == OUTCOME and (microseconds := _duration_us(event)) is not None:
        record.duration.seconds, rest = divmod(microseconds, 1_000_000)
        record.duration.nanos = rest * 1000
    return record


def audit_logs(resources: Iterable[str]) -> Sequence[str]:
    """Return the IDs of the audit logs of a call that names these resources, sorted."""
    return sorted({_log(name) for name in resources} or {GATEWAY_LOG})


def resource_keys(name: str) -> frozenset[str]:
    """Return the texts that select a resource in `AuditFilter.resource`.

    These are its full name and those of its parents, and for each of them `PROVIDER/ID` and the ID. A name that is not
    valid can have any number of segments, but not of parents: otherwise one call could fill an index.
    """
    keys = {name}
    segments = name.split("/", _MAXIMUM_SEGMENTS)
    for end in range(2, min(len(segments), _MAXIMUM_SEGMENTS) + 1, 2):
        keys |= {"/".join(segments[:end]), segments[end - 1]}
        if end > 2:
            keys.add(f"{segments[1]}/{segments[end - 1]}")
    return frozenset(keys)


def _log(name: str) -> str:
    if not name.startswith(_PROVIDERS):
        return GATEWAY_LOG
    provider = name.split("/", 2)[1]
    return GATEWAY_LOG if provider in ("", WILDCARD) else provider


def _action(method: str, request: Mapping[str, Any]) -> str:
    """Return the policy action of a call. request: its description."""
    target = _TARGETS.get(method)
    if target is None or target.private_flag is None or target.private_action is None:
        return method.rpartition("/")[2]
    return target.private_action if request.get(target.private_flag) is True else target.action


def _refused_action(event: Mapping[str, Any]) -> str:
    """Return the action of rejected calls; an empty text if they are calls of several methods."""
    methods = _object(_object(event, "unmapped"), "methods")
    return next(iter(methods)).rpartition("/")[2] if len(methods) == 1 and "/" in next(iter(methods)) else ""


def _policies(decisions: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    found = (_text(_object(each, "policy"), "uid") for each in decisions)
    return sorted({policy for policies in found for policy in policies.split(",") if policy})


def _denies_item(method: str, decisions: Iterable[Mapping[str, Any]]) -> bool:
    """Return whether policy denied an item of a batch. Lists over all providers are not batches."""
    return method in _BATCH_METHODS and any(each.get("decision") == "deny" for each in decisions)


def _peer(endpoint: Mapping[str, Any], *, is_merged: bool) -> str:
    name = _text(endpoint, "name")
    return _text(endpoint, "ip") or ("" if is_merged and name == MANY_ADDRESSES else name)


def _caller_request_id(event: Mapping[str, Any]) -> str:
    values = (_text(each, "value") for each in _items(event, "observables") if each.get("name") == "x-request-id")
    return next(values, "")


def _start(recorded: Sequence[RecordedEvent], code: str) -> int:
    """Return the time when the call arrived, in milliseconds since 1970."""
    event = recorded[-1].event
    if type(event.get("start_time")) is int:
        return _number(event, "start_time", maximum=_LATEST_MS)
    if code == OUTCOME and len(recorded) == 1 and (duration := _duration_us(event)) is not None:
        return max(0, _number(event, "time", maximum=_LATEST_MS) - duration // 1000)
    return _number(recorded[0].event, "time", maximum=_LATEST_MS)


def _timestamp(milliseconds: int) -> Timestamp:
    return Timestamp(seconds=milliseconds // 1000, nanos=milliseconds % 1000 * 1_000_000)


def _outcome(event: Mapping[str, Any]) -> AuditOutcome.ValueType:
    status_id = event.get("status_id")
    return _OUTCOMES.get(status_id, AUDIT_OUTCOME_UNKNOWN) if type(status_id) is int else AUDIT_OUTCOME_UNKNOWN


def _status(event: Mapping[str, Any], reason: str) -> Any:
    name = _text(event, "status_code")
    if name:
        return _STATUSES.get(name, code_pb2.UNKNOWN)
    return _STATUSES_BY_REASON.get(reason, _STATUSES.get(reason, code_pb2.UNKNOWN))


def _duration_us(event: Mapping[str, Any]) -> int | None:
    value = _object(event, "unmapped").get("duration_us")
    return min(max(value, 0), _MAXIMUM_DURATION_US) if type(value) is int else None


def _object(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = value.get(name)
    return found if type(found) is dict else _EMPTY


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name)
    return found if type(found) is str else ""


def _number(event: Mapping[str, Any], name: str, *, minimum: int = 0, maximum: int) -> int:
    value = event.get(name)
    return min(max(value, minimum), maximum) if type(value) is int else minimum


def _items(value: Mapping[str, Any], name: str) -> Iterable[Mapping[str, Any]]:
    found = value.get(name)
    return [each for each in found if type(each) is dict] if type(found) is list else ()
