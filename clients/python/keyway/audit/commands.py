"""The commands `list`, `show`, and `export`, for any source of records. They return the exit code."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

from google.protobuf.json_format import MessageToJson

from keyway.audit import pseudonyms, query
from keyway.audit.formats import event_line, json_line, record_writer
from keyway.audit.query import OptionError
from keyway.audit.reader import EVERY_LOG, AuditReader, Completeness, records
from keyway.audit.story import story_lines
from keyway.new_files import new_file
from keyway.terminal.screen import Screen, Write
from keyway.v1.audit_record_pb2 import AuditFilter, AuditRecord
from keyway.v1.audit_service_pb2 import GetAuditRecordRequest, GetAuditRecordResponse

INCOMPLETE: Final = 1
"""The exit code if records are missing from the answers."""

Values = Mapping[str, Any]
"""The options of a command by key, as `keyway.audit.options` defines them."""


async def list_records(reader: AuditReader, values: Values, screen: Screen) -> int:
    """Print the newest records. Raises OptionError."""
    completeness = Completeness()
    filters = selected(values, screen)
    count = 0
    with screen.paged(pager=not values["no_pager"]) as write:
        writer = record_writer(values["format"], write, screen, reader, values["columns"])
        async for record in records(reader, filters, completeness, values["limit"] or None):
            await writer.add(record)
            count += 1
        writer.finish()
    if not count:
        screen.note("no records")
    if completeness.more:
        shown = "row is" if count == 1 else f"{count} rows are"
        screen.note(f"only the newest {shown} shown; for more, pass --limit N, or --limit 0 for all rows")
    return finished(completeness, screen)


def selected(values: Values, screen: Screen) -> list[AuditFilter]:
    """Return the filters for the options, and print notes about unknown names. Raises OptionError."""
    filters = query.filters(values)
    for note in query.unknown_names(values):
        screen.note(note)
    return filters


def show_record(found: GetAuditRecordResponse, values: Values, screen: Screen) -> int:
    """Print all records of one call, and return the exit code."""
    completeness = Completeness()
    completeness.take(found.coverage)
    with screen.paged(pager=not values["no_pager"]) as write:
        match values["format"]:
            case "json":
                text = MessageToJson(found.record, indent=None, ensure_ascii=False)
                write(json_line(text, terminal=screen.terminal))
            case "ocsf":
                for each in found.journal_records:
                    write(event_line(each, terminal=screen.terminal))
            case _:
                for line in story_lines(found, color=screen.color):
                    write(f"{line}\n")
    return finished(completeness, screen)


def record_request(identifier: str) -> GetAuditRecordRequest:
    """Return the request for a record. identifier: a request ID or a receipt."""
    name = "receipt" if ":" in identifier else "request_id"
    return GetAuditRecordRequest(parent=EVERY_LOG, **{name: identifier})


async def export_records(reader: AuditReader, values: Values, screen: Screen) -> int:
    """Write all matching records to a file or to standard output. Raises OptionError, OSError."""
    filters = selected(values, screen)
    replaced = await _replacement(reader, values, filters[0])
    completeness = Completeness()
    count = 0
    with _destination(values, screen) as write:
        writer = record_writer(values["format"], write, screen, reader, values["columns"])
        async for record in records(reader, filters, completeness):
            await writer.add(replaced(record))
            count += 1
        writer.finish()
    screen.note(f"{count} rows")
    return finished(completeness, screen)


async def _replacement(reader: AuditReader, values: Values, criteria: AuditFilter) -> Any:
    """Return the function that replaces callers and peers in a record, if that is requested."""
    if not values["pseudonymize"]:
        return _unchanged
    if values["format"] == "ocsf":
        raise OptionError("--pseudonymize: not possible with --format ocsf; use csv or json")
    kinds = pseudonyms.kinds_of(values["pseudonymize"])
    key = pseudonyms.key_of(values["pseudonym_key"])
    return (await pseudonyms.pseudonyms(reader, key, kinds, criteria)).replaced


def _unchanged(record: AuditRecord) -> AuditRecord:
    return record


@contextlib.contextmanager
def _destination(values: Values, screen: Screen) -> Iterator[Write]:
    """Yield the function that writes to the file, or to standard output."""
    if values["output"] in (None, "-"):
        yield screen.write
        screen.flush()
        return
    with new_file(values["output"], force=values["force"], private=True) as file:
        yield lambda text: _write(file, text)


def _write(file: Any, text: str) -> None:
    file.write(text.encode())


def finished(completeness: Completeness, screen: Screen) -> int:
    """Print notes about missing records, and return the exit code."""
    for note in completeness.notes():
        screen.note(note)
    return INCOMPLETE if completeness.incomplete else 0
