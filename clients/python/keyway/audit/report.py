"""Reports: counts of calls in groups, such as the denials of each caller on each day."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from keyway.audit.commands import INCOMPLETE, finished, selected
from keyway.audit.csv_text import csv_line
from keyway.audit.query import GROUPS, OptionError
from keyway.audit.reader import EVERY_LOG, AuditReader, Completeness
from keyway.audit.times import milliseconds
from keyway.terminal.screen import Screen
from keyway.terminal.table import TableColumn, table
from keyway.terminal.text import clean_json
from keyway.v1 import audit_record_pb2 as records
from keyway.v1 import audit_service_pb2 as contract
from keyway.v1.audit_record_pb2 import AuditFilter
from keyway.v1.audit_service_pb2 import AuditDimension, AuditGroup, SummarizeAuditRecordsRequest

_LARGEST_GROUPS: Final = 10_000
_DAY, _CALLER, _ACTION = contract.AUDIT_DIMENSION_DAY, contract.AUDIT_DIMENSION_CALLER, contract.AUDIT_DIMENSION_ACTION
_RESOURCE, _PEER = contract.AUDIT_DIMENSION_RESOURCE, contract.AUDIT_DIMENSION_PEER_ADDRESS
_STATUS, _REASON = contract.AUDIT_DIMENSION_STATUS, contract.AUDIT_DIMENSION_REASON


@dataclass(frozen=True, slots=True)
class ReportKind:
    """A report. group_by: the columns before the counts. select: a filter for the calls of the report.

    actions: the actions of the calls; empty for all actions.
    """

    name: str
    title: str
    group_by: Sequence[AuditDimension.ValueType]
    select: AuditFilter
    actions: Sequence[str] = ()


KINDS: Final[Mapping[str, ReportKind]] = {
    kind.name: kind
    for kind in (
        ReportKind("keys", "Key usage", (_DAY, _CALLER, _ACTION, _RESOURCE), AuditFilter(), sorted(GROUPS["UseKeys"])),
        ReportKind(
            "private",
            "Private keys, symmetric keys, and secrets",
            (_DAY, _CALLER, _ACTION, _RESOURCE),
            AuditFilter(private_material=True),
        ),
        ReportKind("denials", "Denials", (_DAY, _CALLER, _ACTION), AuditFilter(denied=True)),
        ReportKind(
            "unknown",
            "Unknown outcomes",
            (_DAY, _CALLER, _ACTION, _RESOURCE),
            AuditFilter(outcome=records.AUDIT_OUTCOME_UNKNOWN),
        ),
        ReportKind("peers", "Unauthenticated peers", (_DAY, _PEER, _STATUS, _REASON), AuditFilter(caller="unknown")),
    )
}

_NAMES: Final = {
    _DAY: "day",
    _CALLER: "caller",
    _PEER: "peer",
    _ACTION: "action",
    _RESOURCE: "resource",
    _STATUS: "status",
    _REASON: "reason",
}
_COUNTS: Final[Mapping[str, Callable[[AuditGroup], str]]] = {
    "calls": lambda group: str(group.calls),
    "denied_calls": lambda group: str(group.denied_calls),
    "failed_calls": lambda group: str(group.failed_calls),
    "unknown_calls": lambda group: str(group.unknown_calls),
    "p50_ms": lambda group: milliseconds(group.p50) if group.HasField("p50") else "",
    "p99_ms": lambda group: milliseconds(group.p99) if group.HasField("p99") else "",
}
_COUNT_COLUMNS: Final = (
    TableColumn("Calls", right=True),
    TableColumn("Denied", right=True, terminal=60),
    TableColumn("Failed", right=True, terminal=80),
    TableColumn("Unknown", right=True, terminal=80),
    TableColumn("p50 ms", right=True, terminal=120),
    TableColumn("p99 ms", right=True, terminal=120),
)
"""The columns of `_COUNTS` in a table."""

Row = Mapping[str, str]


async def print_reports(reader: AuditReader, kinds: Sequence[str], values: Mapping[str, Any], screen: Screen) -> int:
    """Print reports by name; without names, all of them. Return the exit code. Raises OptionError."""
    completeness = Completeness()
    filters = selected(values, screen)
    with screen.paged(pager=not values["no_pager"]) as write:
        if values["format"] == "csv":
            write(csv_line(["report", *_NAMES.values(), *_COUNTS]))
        for number, name in enumerate(kinds or KINDS):
            kind = KINDS[name]
            rows = [row async for row in _rows(reader, kind, filters, completeness)]
            for line in _lines(kind, sorted(rows, key=_day), values["format"], screen, first=number == 0):
                write(line)
    if completeness.more:
        screen.note("a report has too many groups, and shows only the largest; select a shorter time range")
    code = finished(completeness, screen)
    return INCOMPLETE if completeness.more else code


async def _rows(
    reader: AuditReader, kind: ReportKind, filters: Sequence[AuditFilter], completeness: Completeness
) -> AsyncIterator[Row]:
    for criteria in _narrowed(kind, filters):
        request = SummarizeAuditRecordsRequest(
            parent=EVERY_LOG, filter=criteria, group_by=kind.group_by, max_groups=_LARGEST_GROUPS
        )
        answer = await reader.summarize_audit_records(request)
        completeness.take(answer.coverage, answer.omitted_calls)
        completeness.more |= answer.truncated
        for group in answer.groups:
            row = {_NAMES[dimension]: value for dimension, value in zip(kind.group_by, group.values, strict=True)}
            yield row | {name: count(group) for name, count in _COUNTS.items()}


def _narrowed(kind: ReportKind, filters: Sequence[AuditFilter]) -> Iterator[AuditFilter]:
    """Yield the filters for the options, combined with the filter of the report."""
    for given in filters:
        for action in _both(given.action, kind.actions):
            criteria = AuditFilter()
            criteria.CopyFrom(given)
            criteria.MergeFrom(kind.select)
            criteria.action = action
            if not _contradicts(given, kind.select):
                yield criteria


def _both(given: str, actions: Sequence[str]) -> Sequence[str]:
    """Return the actions that both the options and the report select."""
    if not actions or not given:
        return actions or (given,)
    return (given,) if given in actions else ()


def _contradicts(given: Any, select: AuditFilter) -> bool:
    return any(
        given.HasField(field.name) and getattr(given, field.name) != value
        if field.has_presence
        else getattr(given, field.name) not in (field.default_value, value)
        for field, value in select.ListFields()
    )


def _day(row: Row) -> str:
    return row["day"]


def _lines(kind: ReportKind, rows: Sequence[Row], form: str, screen: Screen, *, first: bool) -> Iterator[str]:
    match form:
        case "csv":
            for row in rows:
                yield csv_line([kind.name, *(row.get(name, "") for name in (*_NAMES.values(), *_COUNTS))])
        case "json":
            for row in rows:
                text = json.dumps({"report": kind.name, **_typed(row)}, ensure_ascii=False)
                yield f"{clean_json(text) if screen.terminal else text}\n"
        case _:
            yield f"{'' if first else chr(10)}{kind.title}\n"
            yield from (f"{line}\n" for line in _table(kind, rows, screen))


def _typed(row: Row) -> Mapping[str, object]:
    """Return the row as JSON values: counts as numbers, and no member for an absent duration."""
    return {
        name: (float(value) if name.endswith("_ms") else int(value)) if name in _COUNTS else value
        for name, value in row.items()
        if value or name not in _COUNTS
    }


def _table(kind: ReportKind, rows: Sequence[Row], screen: Screen) -> Iterator[str]:
    if not rows:
        yield "  none"
        return
    names = [_NAMES[dimension] for dimension in kind.group_by]
    columns = [*(TableColumn(name.capitalize()) for name in names), *_COUNT_COLUMNS]
    texts = [[row[name] for name in (*names, *_COUNTS)] for row in rows]
    yield from table(columns, texts, screen.width, color=screen.color)


def kinds_of(names: Sequence[str]) -> Sequence[str]:
    """Return the reports with these names; without names, all of them. Raises OptionError for an unknown name."""
    if wrong := [name for name in names if name not in KINDS]:
        raise OptionError(f"unknown report '{wrong[0]}'; choose from {', '.join(KINDS)}")
    return names
