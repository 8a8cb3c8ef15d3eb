"""The commands `keyway-gateway audit …`: queries, verification, decompression, and shipping of a journal."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final

import orjson

from gateway.audit import printing
from gateway.audit.query import Tail, events_of_request
from gateway.audit_query.settings import AuditSection
from gateway.cli.audit_central import verify_store
from gateway.cli.audit_options import add_directory, add_index, add_options
from gateway.cli.audit_queries import export_calls, list_calls, reads_records, report_calls, show_call, tail_calls
from gateway.cli.command import Run, Subcommands, add_config, print_error, subcommands
from gateway.cli.signals import stop_event
from gateway.config.base import ConfigError
from gateway.config.loading import load_section
from gateway.journal.format.records import Receipt, Record
from gateway.journal.ship.shipper import run_shipper
from gateway.journal.verify.verification import Unverifiable, verify
from gateway.journal.write.compressed_journal import decompress_journal
from keyway.audit.options import EXPORT, LIST, REPORT, SHOW, TAIL, Option
from keyway.audit.query import OptionError, filters
from keyway.audit.report import KINDS
from keyway.v1.audit_record_pb2 import AuditFilter

_FOLLOW_SECONDS: Final = 0.2


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands and their arguments."""
    add = subcommands(parser)
    _add_verify_arguments(
        add("verify", _verify, "verify all records and signatures of a journal or of the central store")
    )
    _add_queries(add)
    add_directory(
        add(
            "decompress", _decompress, "decompress the segments of a journal for older versions; stop its gateway first"
        )
    )
    add_config(add("ship", _ship, "ship the journal of a gateway that is not running; runs until a stop signal"))


def _add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    verified = parser.add_mutually_exclusive_group(required=True)
    verified.add_argument("directory", nargs="?", type=Path, metavar="DIR", help="journal directory (audit.directory)")
    verified.add_argument(
        "--central",
        type=Path,
        metavar="FILE",
        help=(
            "verify the central store in audit.query.central of this configuration file; requires --public-key for "
            "each gateway"
        ),
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--public-key",
        action="append",
        type=Path,
        default=[],
        metavar="FILE",
        help="trusted public key (PEM); repeatable; by default, the key in the directory is trusted",
    )
    parser.add_argument(
        "--expect",
        action="append",
        type=_receipt,
        default=[],
        metavar="RECEIPT",
        help=(
            "CHAIN:SEQUENCE:HASH of a record that must exist: a receipt (trailer keyway-audit-receipt), or a chain "
            "head that an earlier verification printed; repeatable"
        ),
    )


def _add_queries(add: Subcommands) -> None:
    several: tuple[tuple[str, Run, str, tuple[Option, ...]], ...] = (
        ("list", list_calls, "list calls, newest first", LIST),
        ("export", export_calls, "export all calls of a time range", EXPORT),
        ("tail", reads_records(_tail), "print the newest calls; --json prints their journal records", TAIL),
        (
            "show",
            reads_records(_show),
            "print all records of one call; --json prints its journal records",
            SHOW,
        ),
        (
            "report",
            report_calls,
            "count calls: key usage, private material, denials, unknown outcomes, unauthenticated peers",
            REPORT,
        ),
    )
    parsers = {}
    for name, run, purpose, arguments in several:
        parsers[name] = add(name, run, purpose)
        add_directory(parsers[name])
        add_options(parsers[name], arguments)
    for name in ("list", "report", "export"):
        add_index(parsers[name])
    parsers["show"].add_argument(
        "request_id",
        metavar="REQUEST_ID",
        help="request ID, from the trailer keyway-request-id or the logs, or a receipt",
    )
    parsers["report"].add_argument("reports", nargs="*", metavar="REPORT", help=f"{', '.join(KINDS)}; default: all")


async def _verify(options: argparse.Namespace) -> int:
    if options.central is not None:
        return await verify_store(options)
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
    if not options.json:
        return await tail_calls(options)
    if filters(vars(options)) != [AuditFilter()]:
        raise OptionError("--json: cannot be combined with filters; use --format json")
    tail = Tail(options.directory)
    _print_lines(tail.newest(options.lines))
    while options.follow:
        sys.stdout.flush()
        await asyncio.sleep(_FOLLOW_SECONDS)
        _print_lines(tail.added())
    return 0


async def _show(options: argparse.Namespace) -> int:
    if not options.json:
        return await show_call(options)
    found = list(events_of_request(options.directory, options.request_id))
    _print_lines(found)
    if not found:
        print_error(f"{options.directory}: no records for request {options.request_id}")
    return 0 if found else 1


def _print_lines(records: list[Record]) -> None:
    for record in records:
        sys.stdout.write(record.line.decode())


async def _decompress(options: argparse.Namespace) -> int:
    count = decompress_journal(options.directory)
    print(orjson.dumps({"segments": count}).decode() if options.json else f"{count} segments decompressed")
    return 0


async def _ship(options: argparse.Namespace) -> int:
    """Ship the journal. Reads only the `audit` section, so other files and secrets need not exist."""
    stop = stop_event()
    audit = load_section(options.config, "audit", AuditSection)
    if audit is None or audit.ship is None:
        raise ConfigError(f"{options.config}: audit.ship: is required by this command")
    await run_shipper(audit.directory, audit.ship, stop, audit.signing_key_file)
    return 0


def _receipt(text: str) -> Receipt:
    try:
        return Receipt.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
