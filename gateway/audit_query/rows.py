"""Rows of audit records: one AuditRecord from the events of a call.

Every source uses this function, so that the same events make the same row everywhere. Reads events of all versions of
the gateway. Events are data: a member that is missing or of another type makes an empty field, never an error.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from google.rpc import code_pb2

from gateway import errors
from gateway.audit.events import FAILURE, INTENT, MANY_ADDRESSES, OUTCOME, REFUSALS, REPETITIONS, SUCCESS
from gateway.audit_query.source import GATEWAY_LOG
from gateway.authz.actions import PRIVATE
from gateway.authz.targets import TARGETS
from gateway.contract.methods import BATCHES, METHODS
from gateway.contract.resource_names import WILDCARD
from gateway.errors import ErrorKind
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_FAILURE,
    AUDIT_OUTCOME_PENDING,
    AUDIT_OUTCOME_SUCCESS,
    AUDIT_OUTCOME_UNKNOWN,
    AuditRecord,
)
from keyway.v1.error_reason_pb2 import ErrorReason

AUDIT_LOGS: Final = "auditLogs/"
_PROVIDERS: Final = "providers/"
_DENIED: Final = "PERMISSION_DENIED"
"""The reason of calls that policy denied. The status alone is not enough: upstreams can cause it too."""
_CODES: Final = frozenset({INTENT, OUTCOME, REFUSALS, REPETITIONS})
_MERGED: Final = frozenset({REFUSALS, REPETITIONS})

_STATUSES: Final[Mapping[str, int]] = dict(code_pb2.Code.items())
_STATUSES_BY_REASON: Final[Mapping[str, int]] = {
    ErrorReason.Name(kind.reason).removeprefix("ERROR_REASON_"): kind.code
    for kind in vars(errors).values()
    if isinstance(kind, ErrorKind)
}
"""The status of each reason. Rejections of older versions state only the reason."""
_OUTCOMES: Final = {SUCCESS: AUDIT_OUTCOME_SUCCESS, FAILURE: AUDIT_OUTCOME_FAILURE}

_TARGETS: Final = {method.full_name: TARGETS.get(method.operation) for method in METHODS}
_BATCH_METHODS: Final = frozenset(method.full_name for method in METHODS if method.operation in BATCHES)

_LATEST_MS: Final = 253_402_300_799_999
"""The end of the year 9999, the latest time of a Timestamp."""
_MAXIMUM_DURATION_US: Final = 10**15
_MAXIMUM_CALLS: Final = 1 << 53


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
    code = _text(event, "metadata", "event_code")
    if code not in _CODES:
        return None
    record = AuditRecord(
        request_id="" if code in _MERGED else _text(event, "api", "request", "uid"),
        caller=_text(event, "actor", "user", "uid"),
        action=_refused_action(event) if code == REFUSALS else _action(event),
        resources=_names(event),
        policies=sorted(_policies(event)),
        calls=_number(event, "count", minimum=1, maximum=_MAXIMUM_CALLS) if code in _MERGED else 1,
        peer_address=_peer(event, merged=code in _MERGED),
        caller_request_id=_caller_request_id(event),
        journal=journal,
        receipt=receipt,
    )
    record.start_time.FromMilliseconds(_start(recorded, code))
    _set_result(record, event, code)
    record.private_material = record.action in PRIVATE
    record.denied = record.reason == _DENIED or _denies_item(event)
    record.audit_logs.extend(AUDIT_LOGS + log for log in audit_logs(record.resources))
    return record


def audit_logs(resources: Iterable[str]) -> Sequence[str]:
    """Return the IDs of the audit logs of a call that names these resources, sorted."""
    return sorted({_log(name) for name in resources} or {GATEWAY_LOG})


def resource_keys(name: str) -> frozenset[str]:
    """Return the texts that select a resource in `AuditFilter.resource`.

    These are its full name and those of its parents, and for each of them `PROVIDER/ID` and the ID.
    """
    keys = {name}
    segments = name.split("/")
    for end in range(2, len(segments) + 1, 2):
        keys |= {"/".join(segments[:end]), segments[end - 1]}
        if end > 2:
            keys.add(f"{segments[1]}/{segments[end - 1]}")
    return frozenset(keys)


def _log(name: str) -> str:
    if not name.startswith(_PROVIDERS):
        return GATEWAY_LOG
    provider = name.split("/", 2)[1]
    return GATEWAY_LOG if provider in ("", WILDCARD) else provider


def _action(event: Mapping[str, Any]) -> str:
    """Return the policy action of a call."""
    method = _text(event, "api", "operation").removeprefix("/")
    target = _TARGETS.get(method)
    if target is None or target.private_flag is None or target.private_action is None:
        return method.rpartition("/")[2]
    requested = _member(event, "api", "request", "data", target.private_flag) is True
    return target.private_action if requested else target.action


def _refused_action(event: Mapping[str, Any]) -> str:
    """Return the action of rejected calls if all of them are calls of one method."""
    methods = _member(event, "unmapped", "methods")
    if not isinstance(methods, Mapping) or len(methods) != 1:
        return ""
    (method,) = methods
    return str(method).rpartition("/")[2] if "/" in str(method) else ""


def _names(event: Mapping[str, Any]) -> Iterator[str]:
    return (name for each in _items(event.get("resources")) if (name := _text(each, "name")))


def _policies(event: Mapping[str, Any]) -> set[str]:
    found = (_text(each, "policy", "uid") for each in _decisions(event))
    return {policy for policies in found for policy in policies.split(",") if policy}


def _denies_item(event: Mapping[str, Any]) -> bool:
    """Return whether policy denied an item of a batch. Lists over all providers leave out what policy denies."""
    is_batch = _text(event, "api", "operation").removeprefix("/") in _BATCH_METHODS
    return is_batch and any(each.get("decision") == "deny" for each in _decisions(event))


def _decisions(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    return _items(_member(event, "actor", "authorizations"))


def _peer(event: Mapping[str, Any], *, merged: bool) -> str:
    name = _text(event, "src_endpoint", "name")
    return _text(event, "src_endpoint", "ip") or ("" if merged and name == MANY_ADDRESSES else name)


def _caller_request_id(event: Mapping[str, Any]) -> str:
    values = (_text(each, "value") for each in _items(event.get("observables")) if each.get("name") == "x-request-id")
    return next(values, "")


def _start(recorded: Sequence[RecordedEvent], code: str) -> int:
    """Return the time when the call arrived, in milliseconds since 1970."""
    event = recorded[-1].event
    if type(event.get("start_time")) is int:
        return _number(event, "start_time", maximum=_LATEST_MS)
    if code == OUTCOME and len(recorded) == 1 and (duration := _duration_us(event)) is not None:
        return max(0, _number(event, "time", maximum=_LATEST_MS) - duration // 1000)
    return _number(recorded[0].event, "time", maximum=_LATEST_MS)


def _set_result(record: AuditRecord, event: Mapping[str, Any], code: str) -> None:
    if code == INTENT:
        record.outcome = AUDIT_OUTCOME_PENDING
        return
    status_id = event.get("status_id")
    record.outcome = (
        _OUTCOMES.get(status_id, AUDIT_OUTCOME_UNKNOWN) if type(status_id) is int else AUDIT_OUTCOME_UNKNOWN
    )
    record.reason = _text(event, "status_detail")
    record.status = _status(event, record.reason)
    if code == OUTCOME and (duration := _duration_us(event)) is not None:
        record.duration.FromMicroseconds(duration)


def _status(event: Mapping[str, Any], reason: str) -> Any:
    name = _text(event, "status_code")
    if name:
        return _STATUSES.get(name, code_pb2.UNKNOWN)
    return _STATUSES_BY_REASON.get(reason, _STATUSES.get(reason, code_pb2.UNKNOWN))


def _duration_us(event: Mapping[str, Any]) -> int | None:
    value = _member(event, "unmapped", "duration_us")
    return min(max(value, 0), _MAXIMUM_DURATION_US) if type(value) is int else None


def _member(value: object, *path: str) -> Any:
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value if isinstance(value, (str, int, dict, list)) else None


def _text(value: object, *path: str) -> str:
    found = _member(value, *path)
    return found if isinstance(found, str) else ""


def _number(event: Mapping[str, Any], name: str, *, minimum: int = 0, maximum: int) -> int:
    value = event.get(name)
    return min(max(value, minimum), maximum) if type(value) is int else minimum


def _items(value: object) -> Iterator[Mapping[str, Any]]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
