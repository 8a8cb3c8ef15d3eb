"""The commands `audit verify`, `audit tail`, and `audit show`. They read the journal, and change nothing.

Exit codes: 0 success, 1 verification failed or record not found, 2 wrong usage.
"""

import argparse
import asyncio
import sys
from collections import deque
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

import orjson

from gateway.audit import printing
from gateway.journal.format.payloads import request_id
from gateway.journal.format.records import MalformedRecord, Receipt, Record
from gateway.journal.format.segments import ChainPosition, SegmentMissing, chain_folders, read_records, segment_starts
from gateway.journal.verify.verification import Unverifiable, verify

Command = Callable[[argparse.Namespace], Coroutine[Any, Any, int]]
AddCommand = Callable[
    ["argparse._SubParsersAction[argparse.ArgumentParser]", str, Command, str], argparse.ArgumentParser
]

_FOLLOW_SECONDS: Final = 0.2
_DEFAULT_LINES: Final = 20


def add_parsers(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", add_command: AddCommand
) -> "argparse._SubParsersAction[argparse.ArgumentParser]":
    """Add the `audit` command and its subcommands. The caller can add more to the returned object."""
    purpose = "verify, read, and ship the audit journal"
    parser = commands.add_parser(
        "audit", help=purpose, description=f"{purpose.capitalize()}. No command changes a record."
    )
    audit = parser.add_subparsers(
        required=True, metavar="COMMAND", title="commands", help="COMMAND --help shows its options"
    )

    checked = add_command(audit, "verify", _verify, "verify all records, links, and checkpoints of a journal offline")
    _add_directory(checked)
    checked.add_argument(
        "--public-key",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="trusted public key in PEM; repeatable; default: public-key.pem in the directory",
    )
    checked.add_argument(
        "--expect",
        action="append",
        type=_receipt,
        default=[],
        metavar="RECEIPT",
        help="receipt (CHAIN:SEQUENCE:HASH) of a record that must exist, from the trailer keyway-audit-receipt",
    )

    tail = add_command(audit, "tail", _reading(_tail), "print the newest events")
    _add_directory(tail)
    tail.add_argument(
        "-n",
        dest="lines",
        type=_count,
        default=_DEFAULT_LINES,
        metavar="N",
        help=f"number of events; default {_DEFAULT_LINES}",
    )
    tail.add_argument("--follow", action="store_true", help="keep printing new events")

    show = add_command(audit, "show", _reading(_show), "print all records of one request")
    _add_directory(show)
    show.add_argument(
        "request_id", metavar="REQUEST_ID", help="the request id, from the trailer x-request-id or the logs"
    )
    return audit


async def _verify(options: argparse.Namespace) -> int:
    try:
        report = verify(options.directory, public_keys=options.public_key, expected=options.expect)
    except Unverifiable as error:
        print(f"keyway: {error}", file=sys.stderr)
        return 1
    if options.json:
        _print_json(report.as_json())
    else:
        print(*printing.report_lines(report), sep="\n")
    return 0 if report.good else 1


async def _tail(options: argparse.Namespace) -> int:
    folders = _chains(options.directory)
    newest: list[tuple[int, Record]] = []
    ends: dict[Path, ChainPosition | None] = {}
    for folder in folders:
        kept, ends[folder] = _newest(folder, options.lines)
        newest += [(_time(record), record) for record in kept]
    newest.sort(key=lambda item: item[0])
    for _, record in newest[len(newest) - min(options.lines, len(newest)) :]:
        _print_record(record, options)
    while options.follow:
        sys.stdout.flush()
        await asyncio.sleep(_FOLLOW_SECONDS)
        come: list[Record] = []
        for folder in _chains(options.directory):  # a new worker may have begun a chain
            for stored in read_records(folder, ends.get(folder)):
                ends[folder] = stored.end
                if stored.record.kind == "event":
                    come.append(stored.record)
        for record in sorted(come, key=_time):
            _print_record(record, options)
    return 0


async def _show(options: argparse.Namespace) -> int:
    wanted = options.request_id.encode()
    found = [
        stored.record
        for folder in _chains(options.directory)
        for stored in read_records(folder)
        if stored.record.kind == "event" and wanted in stored.record.body and _is_of(stored.record, options.request_id)
    ]
    for record in found:
        if options.json:
            _print_record(record, options)
        else:
            print(*printing.record_lines(record), sep="\n")
    if not found:
        print(f"keyway: {options.directory}: no records for request {options.request_id}", file=sys.stderr)
    return 0 if found else 1


def _reading(command: Command) -> Command:
    """Report records that can't be read."""

    async def read(options: argparse.Namespace) -> int:
        try:
            return await command(options)
        except (MalformedRecord, SegmentMissing) as error:
            print(f"keyway: {options.directory}: {error}; run `audit verify` to locate it", file=sys.stderr)
            return 1

    return read


def _chains(directory: Path) -> list[Path]:
    if not (folders := chain_folders(directory)):
        raise FileNotFoundError(2, "the directory contains no journal", str(directory))
    return folders


def _newest(folder: Path, lines: int) -> tuple[list[Record], ChainPosition | None]:
    """The last events of a chain, and the position of the next one. Reads as few segments as possible."""
    end: ChainPosition | None = None
    kept: deque[Record] = deque(maxlen=lines)
    for start in reversed(segment_starts(folder)):
        kept.clear()
        for stored in read_records(folder, ChainPosition(start, 0)):
            end = stored.end
            if stored.record.kind == "event":
                kept.append(stored.record)
        if len(kept) == lines:
            break
    return list(kept), end


def _is_of(record: Record, request: str) -> bool:
    return request_id(record.value()) == request


def _time(record: Record) -> int:
    value = record.value().get("time")
    return value if isinstance(value, int) else 0


def _print_record(record: Record, options: argparse.Namespace) -> None:
    if options.json:
        sys.stdout.write(record.line.decode())
    else:
        print(printing.event_line(record.value()))


def _print_json(value: object) -> None:
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE).decode())


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory", type=Path, metavar="DIR", help="the journal directory (audit.directory in the configuration)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _receipt(text: str) -> Receipt:
    try:
        return Receipt.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError("must be a number")
