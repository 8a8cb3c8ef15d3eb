"""Output formats of records: table, lines, JSON, CSV, and OCSF events."""

from collections.abc import Sequence
from typing import Final, Protocol

from google.protobuf.json_format import MessageToJson

from keyway.audit.columns import COLUMNS, RecordColumn, chosen, outcome, status
from keyway.audit.csv_text import csv_line
from keyway.audit.query import OptionError
from keyway.audit.reader import EVERY_LOG, RecordReader
from keyway.terminal.screen import Screen, Write
from keyway.terminal.styles import painted
from keyway.terminal.table import table
from keyway.terminal.text import clean, clean_json
from keyway.v1.audit_record_pb2 import AuditRecord
from keyway.v1.audit_service_pb2 import GetAuditRecordRequest, JournalRecord

_ABSENT: Final = "-"


class RecordWriter(Protocol):
    """Writes records in one format."""

    async def add(self, record: AuditRecord) -> None:
        """Write a record, or keep it for `finish`."""

    def finish(self) -> None:
        """Write the records that were kept."""


class TableWriter:
    """A table. It is written at the end, because the width of a column depends on all rows."""

    def __init__(self, write: Write, screen: Screen, columns: Sequence[RecordColumn]) -> None:
        self._write = write
        self._screen = screen
        self._columns = columns
        self._records: list[AuditRecord] = []

    async def add(self, record: AuditRecord) -> None:
        """Keep the record."""
        self._records.append(record)

    def finish(self) -> None:
        """Write the table, if it has rows."""
        if not self._records:
            return
        columns = [column for column in self._columns if column.needed(self._records)]
        rows = [[column.cell(record) for column in columns] for record in self._records]
        shown = [column.display for column in columns]
        for line in table(shown, rows, self._screen.width, color=self._screen.color):
            self._write(f"{line}\n")
        if self._screen.terminal:
            count = f"{len(self._records):,} {'row' if len(self._records) == 1 else 'rows'}"
            self._write(f"{painted(count, 'dim') if self._screen.color else count}\n")


class LineWriter:
    """One line per record, written immediately."""

    def __init__(self, write: Write) -> None:
        self._write = write

    async def add(self, record: AuditRecord) -> None:
        """Write the line."""
        self._write(f"{record_line(record)}\n")

    def finish(self) -> None:
        """Do nothing."""


class CsvWriter:
    """CSV with a header."""

    def __init__(self, write: Write, columns: Sequence[RecordColumn]) -> None:
        self._write = write
        self._columns = columns
        write(csv_line(column.name for column in columns))

    async def add(self, record: AuditRecord) -> None:
        """Write the row."""
        self._write(csv_line(column.text(record) for column in self._columns))

    def finish(self) -> None:
        """Do nothing."""


class JsonWriter:
    """Protobuf JSON, one record per line."""

    def __init__(self, write: Write, screen: Screen) -> None:
        self._write = write
        self._terminal = screen.terminal

    async def add(self, record: AuditRecord) -> None:
        """Write the line."""
        self._write(json_line(MessageToJson(record, indent=None, ensure_ascii=False), terminal=self._terminal))

    def finish(self) -> None:
        """Do nothing."""


class OcsfWriter:
    """The unchanged events of each record. Makes one additional query per record."""

    def __init__(self, write: Write, screen: Screen, reader: RecordReader) -> None:
        self._write = write
        self._terminal = screen.terminal
        self._reader = reader

    async def add(self, record: AuditRecord) -> None:
        """Write the events of the record."""
        request = GetAuditRecordRequest(parent=EVERY_LOG, receipt=record.receipt)
        for each in (await self._reader.get_audit_record(request)).journal_records:
            self._write(event_line(each, terminal=self._terminal))

    def finish(self) -> None:
        """Do nothing."""


def record_writer(
    form: str, write: Write, screen: Screen, reader: RecordReader, columns: str | None = None
) -> RecordWriter:
    """Return the writer of a format. columns: the names of the columns of a table or of CSV. Raises OptionError."""
    if columns is not None and form not in ("table", "csv"):
        raise OptionError(f"--columns: not possible with --format {form}; use table or csv")
    match form:
        case "csv":
            return CsvWriter(write, chosen(columns))
        case "json":
            return JsonWriter(write, screen)
        case "ocsf":
            return OcsfWriter(write, screen, reader)
        case _:
            return TableWriter(write, screen, chosen(columns))


def record_line(record: AuditRecord) -> str:
    """Return a record as one line. Two spaces separate the values."""
    cells = {column.name: column.cell(record) for column in COLUMNS}
    result = "/".join(part for part in (status(record), record.reason) if part)
    caller = f"{record.caller} ({record.peer_address})" if record.caller == "unknown" else record.caller
    parts = [cells["time"], outcome(record), caller, cells["action"], cells["resource"], result, cells["duration_ms"]]
    if record.calls > 1:
        parts.append(f"{record.calls} calls")
    return "  ".join(clean(part) or _ABSENT for part in (*parts, record.request_id))


def json_line(text: str, *, terminal: bool) -> str:
    """Return JSON as a line. terminal: whether to escape control characters that JSON permits."""
    return f"{clean_json(text) if terminal else text}\n"


def event_line(record: JournalRecord, *, terminal: bool) -> str:
    """Return the event of a journal record as a line. terminal: whether to escape control characters."""
    return json_line(record.event_json, terminal=terminal)
