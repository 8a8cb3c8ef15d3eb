"""Text output for verification reports. Prints nothing itself."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from gateway.journal.verify.report import ChainReport, ManifestReport, Report

_ABSENT = "-"


def report_lines(report: Report) -> Iterator[str]:
    """Yield the lines of a verification report."""
    for chain in report.chains:
        # The texts of a chain may have been altered, so they are escaped.
        yield from map(printable, _chain_lines(chain))
    for receipt in report.missing:
        yield f"MISSING: {receipt}: the directory contains no such chain"
    if report.manifest is not None:
        yield from map(printable, _manifest_lines(report.manifest))
    keys = ", ".join(report.keys)
    if report.trusts_directory:
        yield f"key {keys}: read from the directory, because --public-key was not given"
    else:
        yield f"key {keys}: given with --public-key"
    yield "verified" if report.good else "NOT VERIFIED"


def time_text(milliseconds: object) -> str:
    """Return the text of a time in UTC with milliseconds."""
    if not isinstance(milliseconds, int):
        return _ABSENT
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError, OSError):
        return _ABSENT
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03}Z"


def _chain_lines(chain: ChainReport) -> Iterator[str]:
    yield f"{chain.name}: chain {chain.chain or _ABSENT}"
    yield (
        f"  {_counted(chain.records, 'record')} in {_counted(chain.segments, 'segment')}: "
        f"{_counted(chain.intents, 'intent')}, {_counted(chain.outcomes, 'outcome')}, "
        f"{_counted(chain.other_events, 'other event')}, {_counted(chain.checkpoints, 'checkpoint')} "
        f"({chain.copies} copied)"
    )
    if chain.unsigned:
        yield f"  {_counted(chain.unsigned, 'record')} after the last checkpoint"
    if chain.open:
        some = ", ".join(chain.open[:5])
        yield f"  {_counted(len(chain.open), 'open intent')}: {some}{', …' * (len(chain.open) > 5)}"
    for gap in chain.gaps:
        since, until = time_text(gap.get("since")), time_text(gap.get("time"))
        yield f"  gap: {since} to {until}: {gap.get('reason')}, {gap.get('refused')} records rejected"
    for change in chain.key_changes:
        yield f"  key: record {change['sequence']} changes the signing key from {change['from']} to {change['to']}"
    for found in chain.recovered:
        yield f"  unsigned: record {found['sequence']}: {_unsigned(found)}"
    for note in chain.notes:
        yield f"  note: {note}"
    if chain.problem is not None:
        yield f"  BAD: {chain.problem}"
    if chain.head is not None:
        yield f"  {'verified up to' if chain.problem else 'head'}: {chain.head}"


def _unsigned(found: Mapping[str, Any]) -> str:
    after, last = found["after"], found["last"]
    if after == last:
        return "a run ended without a signed stop; records after the last checkpoint may be missing"
    return f"a run ended without a signed stop; the next start found records {after + 1} to {last} unsigned"


def _manifest_lines(manifest: ManifestReport) -> Iterator[str]:
    if manifest.journal:
        yield f"manifest: {manifest.journal}, signed at {time_text(manifest.time)}"
    for problem in manifest.problems:
        yield f"BAD MANIFEST: {problem}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def printable(text: str) -> str:
    """Escape control characters: callers choose some of these texts, which must not control the terminal."""
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in text)
