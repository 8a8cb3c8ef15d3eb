"""LogsQL conditions for filters and scopes, so that the store returns few candidates.

A LogsQL condition can match too many records, but never too few. `matching.matches` then compares the record that the
events make with the filter. So a filter has the same meaning for each source.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from google.rpc import code_pb2

from gateway.audit.events import FAILURE, REFUSALS, SUCCESS
from gateway.audit_query.central import fields, logsql
from gateway.audit_query.rows import AUDIT_LOGS
from gateway.audit_query.source import GATEWAY_LOG, Scope
from gateway.authz.actions import PRIVATE
from gateway.authz.targets import TARGETS
from gateway.contract.methods import METHODS
from keyway.v1.audit_record_pb2 import (
    AUDIT_OUTCOME_FAILURE,
    AUDIT_OUTCOME_PENDING,
    AUDIT_OUTCOME_SUCCESS,
    AUDIT_OUTCOME_UNKNOWN,
    AuditFilter,
)

_DENIED: Final = "PERMISSION_DENIED"
_SIMPLE_TEXT: Final = re.compile(r"[A-Za-z0-9_.:@%~ -]+")
"""Parts of names without characters that JSON can escape. Slashes separate the parts of a name."""
_STATUSES_WITH_ONE_NAME: Final = frozenset(code_pb2.Code.values()) - {code_pb2.UNKNOWN}
"""Statuses that the store can select by name. UNKNOWN also represents names that this version does not know."""
_NOTHING: Final = logsql.is_one_of(logsql.CHAIN, ())
"""Matches no record."""
_METHOD_NAME: Final = re.compile(r"[A-Za-z0-9_]+")

_STATUS_IDS: Final = {AUDIT_OUTCOME_SUCCESS: SUCCESS, AUDIT_OUTCOME_FAILURE: FAILURE}
_ACTIONS: Final = {
    method.full_name: {target.action, target.private_action}
    for method in METHODS
    if (target := TARGETS.get(method.operation)) is not None
}


def conditions(criteria: AuditFilter) -> Iterator[str]:
    """Yield the conditions for a filter, except those for the time range and for the result of a call."""
    if criteria.caller:
        yield logsql.equals(fields.CALLER, criteria.caller)
    if criteria.surface:
        yield logsql.equals(fields.SURFACE, criteria.surface)
    if criteria.action:
        yield from _action(criteria.action)
    if criteria.resource:
        yield from _contains_parts(criteria.resource)
    if criteria.provider:
        yield from _contains_parts(criteria.provider)
    if criteria.HasField("private_material") and criteria.private_material:
        operations = (name for name, actions in _ACTIONS.items() if actions & PRIVATE)
        yield logsql.any_of(
            [logsql.is_one_of(fields.OPERATION, operations), logsql.equals(fields.EVENT_CODE, REFUSALS)]
        )


def scope_conditions(scope: Scope) -> Iterator[str]:
    """Yield the condition that a record names a provider of the scope, unless the scope includes the gateway's log."""
    if scope.logs is not None and GATEWAY_LOG not in scope.logs:
        providers = [" ".join(_contains_parts(provider)) for provider in sorted(scope.logs)]
        yield logsql.any_of(f"({parts or '*'})" for parts in providers) if providers else _NOTHING


def result_conditions(criteria: AuditFilter) -> Iterator[str]:
    """Yield the conditions for the result of a call."""
    if criteria.HasField("status") and criteria.status in _STATUSES_WITH_ONE_NAME:
        names = (code_pb2.Code.Name(criteria.status), "")  # rejection events of older versions have no status
        yield logsql.any_of(logsql.equals(fields.STATUS_CODE, name) for name in names)
    if criteria.reason:
        yield logsql.equals(fields.STATUS_DETAIL, criteria.reason)
    if criteria.HasField("denied") and criteria.denied:
        denials = (logsql.equals(fields.STATUS_DETAIL, _DENIED), logsql.contains(fields.AUTHORIZATIONS, "deny"))
        yield logsql.any_of(denials)
    if criteria.outcome in _STATUS_IDS:
        yield logsql.equals(fields.STATUS_ID, str(_STATUS_IDS[criteria.outcome]))
    elif criteria.outcome == AUDIT_OUTCOME_UNKNOWN:
        yield f"!{logsql.is_one_of(fields.STATUS_ID, _STATUS_IDS.values())}"


def allows_pending(criteria: AuditFilter) -> bool:
    """Return whether calls without an outcome can match the filter."""
    return criteria.outcome in (0, AUDIT_OUTCOME_PENDING) and not (criteria.HasField("status") or criteria.reason)


def is_visible(scope: Scope, audit_logs: Sequence[str]) -> bool:
    """Return whether the scope contains all audit logs of a record. audit_logs: as in AuditRecord."""
    return scope.logs is None or all(log.removeprefix(AUDIT_LOGS) in scope.logs for log in audit_logs)


def _action(action: str) -> Iterator[str]:
    """Yield the condition for an action. For a method that this version does not know, the action is its name."""
    if not _METHOD_NAME.fullmatch(action):
        return
    methods = {action, *(name.rpartition("/")[2] for name, actions in _ACTIONS.items() if action in actions)}
    places = [logsql.contains(fields.OPERATION, f"/{method}") for method in sorted(methods)]
    yield logsql.any_of([*places, logsql.contains(fields.METHODS, f"/{action}")])


def _contains_parts(text: str) -> Iterator[str]:
    """Yield the conditions that the resources contain all parts of a name. Omits parts that JSON can escape."""
    return (logsql.contains(fields.RESOURCES, part) for part in _SIMPLE_TEXT.findall(text))
