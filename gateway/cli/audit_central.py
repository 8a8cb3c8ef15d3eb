"""The command `audit verify --central`: verification of the central store, which has the records of all gateways."""

import argparse
import sys
from collections.abc import Iterator

import orjson

from gateway.audit.printing import printable
from gateway.audit_query.central.verification import verify_central
from gateway.audit_query.central.verification_report import CentralChainReport, CentralReport
from gateway.audit_query.settings import AuditSection
from gateway.cli.command import print_error
from gateway.config.base import ConfigError
from gateway.config.loading import load_section
from gateway.errors import GatewayError
from gateway.journal.verify.verification import Unverifiable


async def verify_store(options: argparse.Namespace) -> int:
    """Verify the central store of the configuration file, print the report, and return the exit code."""
    audit = load_section(options.central, "audit", AuditSection)
    if audit is None or audit.query is None or audit.query.central is None:
        raise ConfigError(f"{options.central}: audit.query.central: is required by this command")
    try:
        report = await verify_central(audit.query.central, options.public_key, expected=options.expect)
    except (Unverifiable, GatewayError) as error:
        print_error(str(error))
        return 1
    if options.json:
        sys.stdout.write(orjson.dumps(report.as_json(), option=orjson.OPT_APPEND_NEWLINE).decode())
    else:
        print(*map(printable, _lines(report)), sep="\n")
    return 0 if report.good else 1


def _lines(report: CentralReport) -> Iterator[str]:
    for chain in report.chains:
        yield from _chain_lines(chain)
    for receipt in report.missing_receipts:
        yield f"MISSING: {receipt}: the store does not have this record"
    for journal in report.missing_journals:
        yield f"MISSING: the store has no records of {journal}"
    if not report.chains:
        yield "MISSING: the store has no records"
    yield f"key {', '.join(report.keys)}: given with --public-key"
    yield "verified" if report.good else "NOT VERIFIED"


def _chain_lines(chain: CentralChainReport) -> Iterator[str]:
    yield f"{chain.journal or 'unknown journal'}: chain {chain.chain}"
    counts = (
        f"{chain.records} records from {chain.first} on",
        f"{chain.checkpoints} checkpoints",
        f"{chain.missing} missing",
        f"{chain.altered} altered",
        f"{chain.duplicates} duplicates",
    )
    yield f"  {', '.join(counts)}"
    if chain.unsigned:
        yield f"  {chain.unsigned} records after the last checkpoint"
    for change in chain.key_changes:
        yield f"  key: record {change['sequence']} changes the signing key from {change['from']} to {change['to']}"
    for note in chain.notes:
        yield f"  note: {note}"
    for problem in chain.problems:
        yield f"  BAD: {problem}"
    if chain.problem_count > len(chain.problems):
        yield f"  BAD: {chain.problem_count - len(chain.problems)} more problems"
    if chain.head is not None:
        yield f"  head: {chain.head}"
