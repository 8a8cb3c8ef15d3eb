"""The commands `audit list`, `show`, `report`, `export`, and `tail`: queries on a journal directory."""

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import wraps
from typing import Any, Final, NoReturn

from gateway.audit_query.direct import MAXIMUM_EVENTS, RecordTail, find_call
from gateway.audit_query.index.offline import open_offline
from gateway.audit_query.source import FoundRecord
from gateway.cli.audit_options import option_values
from gateway.cli.audit_reader import HeldRecords, SourceReader, response_of
from gateway.cli.command import Run, print_error
from gateway.errors import GatewayError
from gateway.journal.format.records import MalformedRecord, Receipt
from gateway.journal.format.segments import SegmentMissing
from keyway.audit import commands, report
from keyway.audit.formats import LineWriter, RecordWriter, record_writer
from keyway.audit.query import OptionError, filters
from keyway.terminal.screen import Screen
from keyway.v1.audit_record_pb2 import AuditFilter

_FOLLOW_SECONDS: Final = 0.2
_BY_SIGNAL: Final = 128
_CLOSED_PIPE: Final = 141
"""The exit code after a closed pipe, as for a process that SIGPIPE ended."""


def reads_records(run: Run) -> Run:
    """Return the command with error handling for invalid options, unreadable records, and a closed pipe."""

    @wraps(run)
    async def read(options: argparse.Namespace) -> int:
        try:
            code = await run(options)
            sys.stdout.flush()
            return code
        except OptionError as error:
            print_error(str(error))
            return 2
        except GatewayError as error:
            print_error(str(error))
            return 1
        except (MalformedRecord, SegmentMissing) as error:
            print_error(f"{options.directory}: {error}; run `audit verify` to locate it")
            return 1
        except BrokenPipeError:
            # Otherwise, Python reports a second error when it exits.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return _CLOSED_PIPE

    return read


@reads_records
async def list_calls(options: argparse.Namespace) -> int:
    """Print the newest calls."""
    values = option_values(options)
    async with _reader(options, values) as reader:
        return await commands.list_records(reader, values, Screen())


@reads_records
async def report_calls(options: argparse.Namespace) -> int:
    """Print reports."""
    values, kinds = option_values(options), report.kinds_of(options.reports)
    async with _reader(options, values) as reader:
        return await report.print_reports(reader, kinds, values, Screen())


@reads_records
async def export_calls(options: argparse.Namespace) -> int:
    """Write all calls of a time range."""
    values = option_values(options)
    async with _reader(options, values) as reader:
        return await commands.export_records(reader, values, Screen())


async def show_call(options: argparse.Namespace) -> int:
    """Print one call."""
    try:
        receipt = Receipt.parse(options.request_id) if ":" in options.request_id else None
    except ValueError as error:
        raise OptionError(str(error)) from None
    found = find_call(options.directory, request="" if receipt else options.request_id, receipt=receipt)
    if found is None:
        what = f"record with receipt {receipt}" if receipt else f"records for request {options.request_id}"
        print_error(f"{options.directory}: no {what}")
        return 1
    return commands.show_record(response_of(found), option_values(options), Screen())


async def tail_calls(options: argparse.Namespace) -> int:
    """Print the newest calls. With --follow, also print new calls."""
    values = option_values(options)
    screen = Screen()
    tail = RecordTail(options.directory, commands.selected(values, screen))
    held = HeldRecords()
    if values["format"] == "table":
        writer: RecordWriter = LineWriter(screen.write)
    else:
        writer = record_writer(values["format"], screen.write, screen, held)
    newest = tail.newest(values["lines"])
    await _write(newest, writer, held, screen)
    if len(newest) < values["lines"] and not tail.searched_all:
        screen.note(f"only the newest {MAXIMUM_EVENTS:,} events were searched; use audit list for older calls")
    while options.follow:
        await asyncio.sleep(_FOLLOW_SECONDS)
        await _write(tail.added(), writer, held, screen)
    return 0


async def _write(found: Sequence[FoundRecord], writer: RecordWriter, held: HeldRecords, screen: Screen) -> None:
    held.hold(found)
    for each in found:
        await writer.add(each.record)
    screen.flush()


@contextlib.asynccontextmanager
async def _reader(options: argparse.Namespace, values: dict[str, Any]) -> AsyncIterator[SourceReader]:
    since = _since(filters(values))
    with _exiting_on_signals():
        source = open_offline(options.directory, index=options.index, since=since, progress=_progress())
        try:
            yield SourceReader(source)
        finally:
            await source.close()


@contextlib.contextmanager
def _exiting_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into an exit, so that a temporary index, which contains names of callers, is removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, _exit) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _exit(number: int, _frame: object) -> NoReturn:
    raise SystemExit(_BY_SIGNAL + number)


def _progress() -> Callable[[int], None] | None:
    """Return a function that prints how many bytes of the journal have been read; None without a terminal."""
    if not sys.stderr.isatty():
        return None
    return lambda size: print(
        f"\rkeyway: building an index: {size >> 20} MiB read", end="\r", file=sys.stderr, flush=True
    )


def _since(criteria: Sequence[AuditFilter]) -> datetime | None:
    first = criteria[0]
    return first.start_time.ToDatetime(UTC) if first.HasField("start_time") else None
