"""The commands `audit verify`, `tail`, `show`, `decompress`, and `ship`. They change no record."""

import argparse
import asyncio
import sys
from functools import wraps
from pathlib import Path
from typing import Final

import orjson

from gateway.audit import printing
from gateway.audit.query import Tail, events_of_request
from gateway.audit_query.settings import AuditSection
from gateway.cli.command import Run, add_config, print_error, subcommands
from gateway.cli.signals import stop_event
from gateway.config.base import ConfigError
from gateway.config.loading import load_section
from gateway.journal.format.records import MalformedRecord, Receipt, Record
from gateway.journal.format.segments import SegmentMissing
from gateway.journal.ship.shipper import run_shipper
from gateway.journal.verify.verification import Unverifiable, verify
from gateway.journal.write.compressed_journal import decompress_journal

_FOLLOW_SECONDS: Final = 0.2
_DEFAULT_LINES: Final = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their arguments."""
    add = subcommands(parser)
    _add_verify_arguments(add("verify", _verify, "verify all records, links, and checkpoints of a journal offline"))
    tail = add("tail", _reads_records(_tail), "print the newest events")
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
    show = add("show", _reads_records(_show), "print all records of one request")
    _add_directory(show)
    show.add_argument(
        "request_id", metavar="REQUEST_ID", help="request ID, from the trailer keyway-request-id or the logs"
    )
    _add_directory(
        add("decompress", _decompress, "decompress the segments of a journal that no gateway uses, for older versions")
    )
    add_config(add("ship", _ship, "ship the journal of a gateway that is not running; runs until a stop signal"))


def _add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    _add_directory(parser)
    parser.add_argument(
        "--public-key",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="trusted public key (PEM); repeatable; default: the key in the directory, which is then trusted",
    )
    parser.add_argument(
        "--expect",
        action="append",
        type=_receipt,
        default=[],
        metavar="RECEIPT",
        help=(
            "CHAIN:SEQUENCE:HASH of a record that must exist, such as a trailer keyway-audit-receipt or an earlier "
            "chain head; repeatable"
        ),
    )


def _add_directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("directory", type=Path, metavar="DIR", help="journal directory: audit.directory")
    parser.add_argument("--json", action="store_true", help="print JSON")


async def _verify(options: argparse.Namespace) -> int:
    try:
        report = verify(options.directory, public_keys=options.public_key, expected=options.expect)
    except Unverifiable as error:
        print_error(str(error))
        return 1
    if options.json:
        sys.stdout.write(orjson.dumps(report.as_json(), option=orjson.OPT_APPEND_NEWLINE).decode())
    else:
        print(*printing.report_lines(report), sep="\n")
    return 0 if report.good else 1


async def _tail(options: argparse.Namespace) -> int:
    tail = Tail(options.directory)
    _print_events(tail.newest(options.lines), options)
    while options.follow:
        sys.stdout.flush()
        await asyncio.sleep(_FOLLOW_SECONDS)
        _print_events(tail.added(), options)
    return 0


async def _show(options: argparse.Namespace) -> int:
    found = list(events_of_request(options.directory, options.request_id))
    for record in found:
        if options.json:
            sys.stdout.write(record.line.decode())
        else:
            print(*printing.record_lines(record), sep="\n")
    if not found:
        print_error(f"{options.directory}: no records for request {options.request_id}")
    return 0 if found else 1


async def _decompress(options: argparse.Namespace) -> int:
    count = decompress_journal(options.directory)
    print(orjson.dumps({"segments": count}).decode() if options.json else f"{count} segments decompressed")
    return 0


async def _ship(options: argparse.Namespace) -> int:
    """Read only the `audit` section: the other files and secrets need not exist."""
    stop = stop_event()
    audit = load_section(options.config, "audit", AuditSection)
    if audit is None or audit.ship is None:
        raise ConfigError(f"{options.config}: audit.ship: is required by this command")
    await run_shipper(audit.directory, audit.ship, stop, audit.signing_key_file)
    return 0


def _reads_records(run: Run) -> Run:
    """Return a command that reports unreadable records as a failure."""

    @wraps(run)
    async def read(options: argparse.Namespace) -> int:
        try:
            return await run(options)
        except (MalformedRecord, SegmentMissing) as error:
            print_error(f"{options.directory}: {error}; run `audit verify` to locate it")
            return 1

    return read


def _print_events(records: list[Record], options: argparse.Namespace) -> None:
    for record in records:
        if options.json:
            sys.stdout.write(record.line.decode())
        else:
            print(printing.event_line(record.value()))


def _receipt(text: str) -> Receipt:
    try:
        return Receipt.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _count(text: str) -> int:
    if text.isascii() and text.isdecimal():
        return int(text)
    raise argparse.ArgumentTypeError("must be a number")
