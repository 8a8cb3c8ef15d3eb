"""SQL conditions for filters and scopes. Texts are always passed as parameters."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import orjson

from gateway.audit_query.index.texts import key_digest
from gateway.audit_query.source import GATEWAY_LOG, Scope
from keyway.v1.audit_record_pb2 import AUDIT_OUTCOME_PENDING, AUDIT_OUTCOME_SUCCESS, AuditFilter

_IS_TEXT: Final = "= (SELECT id FROM texts WHERE text = ?)"
_VISIBLE_LOGS: Final = (
    "SELECT logs FROM log_members WHERE log IN (SELECT value FROM json_each(?))"
    " GROUP BY logs HAVING count(*) = max(members)"
)


class Condition(NamedTuple):
    """An SQL condition with its parameters."""

    sql: str
    values: tuple[object, ...]


def call_conditions(criteria: AuditFilter, scope: Scope) -> list[Condition]:
    """Return the conditions of a filter and a scope, without time range and resource: for `calls` and for `rollups`."""
    found = [*scope_conditions(scope), *_result_conditions(criteria)]
    texts = (
        ("caller", criteria.caller),
        ("action", criteria.action),
        ("reason", criteria.reason),
        ("surface", criteria.surface),  # a column of `calls` only
    )
    for column, text in texts:
        if text:
            found.append(Condition(f"{column} {_IS_TEXT}", (text,)))
    if criteria.provider:
        provider = "" if criteria.provider == GATEWAY_LOG else criteria.provider
        found.append(Condition("logs IN (SELECT logs FROM log_members WHERE log = ?)", (provider,)))
    for column in ("denied", "private"):
        name = "private_material" if column == "private" else column
        if criteria.HasField(name):  # type: ignore[arg-type]
            # A constant, so that SQLite recognizes the partial indexes.
            found.append(Condition(f"{column} = {int(getattr(criteria, name))}", ()))
    return found


def resource_condition(resource: str, *, use_index: bool = True) -> Condition:
    """Return the condition that a call names a resource or a part of it."""
    column = "resources" if use_index else "+resources"
    return Condition(f"{column} IN (SELECT resources FROM resource_keys WHERE key = ?)", (key_digest(resource),))


def scope_conditions(scope: Scope) -> list[Condition]:
    """Return the condition that the scope contains all audit logs of a call."""
    if scope.logs is None:
        return []
    return [Condition(f"logs IN ({_VISIBLE_LOGS})", (orjson.dumps(sorted(scope.logs)).decode(),))]


def where(conditions: Sequence[Condition]) -> tuple[str, list[object]]:
    """Return a WHERE clause, and its parameters."""
    sql = " AND ".join(each.sql for each in conditions) or "1"
    return f"WHERE {sql}", [value for each in conditions for value in each.values]


def _result_conditions(criteria: AuditFilter) -> list[Condition]:
    # Some terms are redundant, so that SQLite recognizes the partial indexes.
    found = []
    if criteria.HasField("status"):
        found.append(Condition(f"status = {int(criteria.status)} AND outcome <> {AUDIT_OUTCOME_PENDING}", ()))
        if criteria.status:
            found.append(Condition("status <> 0", ()))
    if criteria.outcome:
        found.append(Condition(f"outcome = {int(criteria.outcome)}", ()))
        if criteria.outcome != AUDIT_OUTCOME_SUCCESS:
            found.append(Condition(f"outcome <> {AUDIT_OUTCOME_SUCCESS}", ()))
    return found
