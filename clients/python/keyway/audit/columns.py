"""The columns of audit records in tables and in CSV."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from google.rpc import code_pb2

from keyway.audit.query import OptionError
from keyway.audit.times import milliseconds, time_text
from keyway.terminal.table import TableColumn
from keyway.v1 import audit_record_pb2 as records
from keyway.v1.audit_record_pb2 import AuditOutcome, AuditRecord

SEPARATOR: Final = "; "
"""Separates the values in one cell."""
_SHOWN_RESOURCES: Final = 3
_DENIED: Final = {records.AUDIT_OUTCOME_SUCCESS: "partly denied", records.AUDIT_OUTCOME_FAILURE: "denied"}


@dataclass(frozen=True, slots=True)
class RecordColumn:
    """A column. name: the name in CSV. text: returns the cell of a record in CSV.

    shown: returns the cell in a table, if it differs. needed: whether a table has the column for these records.
    """

    name: str
    display: TableColumn
    text: Callable[[AuditRecord], str]
    shown: Callable[[AuditRecord], str] | None = None
    needed: Callable[[Sequence[AuditRecord]], bool] = lambda _: True

    def cell(self, record: AuditRecord) -> str:
        """Return the text in a table."""
        return (self.shown or self.text)(record)


def chosen(names: str | None) -> Sequence[RecordColumn]:
    """Return the columns with these names, separated by commas; all columns for None. Raises OptionError."""
    if names is None:
        return COLUMNS
    by_name = {column.name: column for column in COLUMNS}
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if wrong := [name for name in wanted if name not in by_name]:
        raise OptionError(f"--columns: '{wrong[0]}' is not one of {', '.join(by_name)}")
    return [
        replace(by_name[name], display=replace(by_name[name].display, terminal=0), needed=_always) for name in wanted
    ]


def _always(_: Sequence[AuditRecord]) -> bool:
    return True


def outcome(record: AuditRecord) -> str:
    """Return the result of a call, such as `success` or `partly denied`."""
    if record.denied and record.outcome in _DENIED:
        return _DENIED[record.outcome]
    return outcome_name(record.outcome)


def outcome_name(value: AuditOutcome.ValueType) -> str:
    """Return the name of an outcome, such as `success`; its number if this version does not know it."""
    return _name(AuditOutcome, value).removeprefix("AUDIT_OUTCOME_").lower()


def status(record: AuditRecord) -> str:
    """Return the name of the gRPC status; `PENDING` for a call without an outcome."""
    if record.outcome == records.AUDIT_OUTCOME_PENDING:
        return "PENDING"
    return _name(code_pb2.Code, record.status)


def duration(record: AuditRecord) -> str:
    """Return the duration of a call in milliseconds, or an empty text."""
    return milliseconds(record.duration) if record.HasField("duration") else ""


def _name(enum: type, number: int) -> str:
    value = enum.DESCRIPTOR.values_by_number.get(number)  # type: ignore[attr-defined]
    return str(number) if value is None else str(value.name)


def _shown_resources(record: AuditRecord) -> str:
    names = list(record.resources[:_SHOWN_RESOURCES])
    more = len(record.resources) - len(names)
    return SEPARATOR.join([*names, f"and {more} more"] if more else names)


def _shown_duration(record: AuditRecord) -> str:
    text = duration(record)
    return f"{text} ms" if text else ""


COLUMNS: Final[Sequence[RecordColumn]] = (
    RecordColumn("time", TableColumn("Time", fixed=True), lambda record: time_text(record.start_time)),
    RecordColumn("caller", TableColumn("Caller"), lambda record: record.caller),
    RecordColumn("peer", TableColumn("Peer", terminal=180), lambda record: record.peer_address),
    RecordColumn("action", TableColumn("Action"), lambda record: record.action),
    RecordColumn(
        "resource", TableColumn("Resource"), lambda record: SEPARATOR.join(record.resources), _shown_resources
    ),
    RecordColumn("outcome", TableColumn("Outcome", fixed=True), outcome),
    RecordColumn("status", TableColumn("Status", terminal=100), status),
    RecordColumn("reason", TableColumn("Reason", terminal=120), lambda record: record.reason),
    RecordColumn("policy", TableColumn("Policy", terminal=140), lambda record: SEPARATOR.join(record.policies)),
    RecordColumn("duration_ms", TableColumn("Duration", terminal=140, right=True), duration, _shown_duration),
    RecordColumn("request_id", TableColumn("Request ID", terminal=100), lambda record: record.request_id),
    RecordColumn(
        "calls",
        TableColumn("Calls", right=True),
        lambda record: str(record.calls),
        needed=lambda found: any(record.calls > 1 for record in found),
    ),
    RecordColumn(
        "surface",
        TableColumn("Surface"),
        lambda record: record.surface,
        needed=lambda found: any(record.surface for record in found),
    ),
)
