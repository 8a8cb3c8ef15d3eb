"""The commands `keyway audit …`: queries about recorded calls, and the state of the journal."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import click
from google.rpc import code_pb2

from keyway.audit import commands, options, query, report
from keyway.audit.columns import COLUMNS
from keyway.audit.options import Option
from keyway.audit.query import OptionError
from keyway.audit.reader import AuditReader
from keyway.audit.tail import tail_records
from keyway.cli import value_types
from keyway.cli.audit_status import CHAIN_COLUMNS, chain_rows, status_fields
from keyway.cli.commands import Group, pass_session
from keyway.cli.session import Session
from keyway.terminal.screen import Screen
from keyway.v1.audit_service_pb2 import GetJournalStatusRequest, GetJournalStatusResponse

_POLL_SECONDS: Final = 2.0
_KINDS: Final[dict[str, dict[str, Any]]] = {
    "flag": {"is_flag": True},
    "number": {"type": click.IntRange(min=0)},
    "several": {"multiple": True},
}
_COMPLETED: Final = {
    "columns": value_types.several_of(column.name for column in COLUMNS),
    "provider": value_types.PROVIDER,
    "resource": value_types.CERTIFICATE,
    "action": value_types.one_of([*query.ACTIONS, *query.GROUPS]),
    "reason": value_types.one_of(query.REASONS),
    "status": value_types.one_of(code_pb2.Code.keys()),
}


def audit_options(several: tuple[Option, ...]) -> Callable[[Any], Any]:
    """Return a decorator for the options of a command."""

    def decorate(function: Any) -> Any:
        for option in reversed(several):
            function = click.option(*option.flags, **_attributes(option))(function)
        return function

    return decorate


def _attributes(option: Option) -> dict[str, Any]:
    attributes: dict[str, Any] = {"help": f"{option.help[0].upper()}{option.help[1:]}.", **_KINDS.get(option.kind, {})}
    if option.metavar:
        attributes["metavar"] = option.metavar
    if option.choices:
        attributes["type"] = click.Choice(option.choices)
    if option.key in _COMPLETED:
        attributes["type"] = _COMPLETED[option.key]
    if option.default is not None:
        attributes["default"] = option.default
    return attributes


@click.group(cls=Group)
def audit() -> None:
    """List, count, export, and verify recorded calls."""


@audit.command(
    "list",
    examples="""
        keyway audit list --since 7d --action DownloadCertificateWithPrivateKey
        keyway audit list --since 24h --denied
        keyway audit list --caller sub:kim --since 2026-11-29 --until 2026-11-30
    """,
    notes="""
        One row per call, newest first. Times are in UTC. With --format ocsf, the
        command makes one additional call per row.
    """,
)
@audit_options(options.LIST)
@pass_session
def list_(session: Session, **values: Any) -> int:
    """List calls, newest first."""
    return _run(session, values, lambda reader, screen: commands.list_records(reader, values, screen))


@audit.command(
    examples="""
        keyway audit show 019ad3f0-5b1c-7c1e-9d0a-3f1f6f6f2a11
        keyway audit show gw-0123456789abcdef:1234:5f0c…
    """,
)
@click.argument("request_id_or_receipt")
@audit_options(options.SHOW)
@pass_session
def show(session: Session, request_id_or_receipt: str, **values: Any) -> int:
    """Show everything that is recorded about one call."""

    async def run(reader: AuditReader, screen: Screen) -> int:
        found = await reader.get_audit_record(commands.record_request(request_id_or_receipt))
        return commands.show_record(found, values, screen)

    return _run(session, values, run)


@audit.command(
    "report",
    examples="""
        keyway audit report --since 30d
        keyway audit report keys --since 30d --resource nhn-keys/orders-key
        keyway audit report denials peers --since 7d --format csv
    """,
    notes=f"""
        Reports: {", ".join(report.KINDS)}. Default: all.
        Times are in UTC.
    """,
)
@click.argument("reports", nargs=-1, metavar="[REPORT]")
@audit_options(options.REPORT)
@pass_session
def report_(session: Session, reports: tuple[str, ...], **values: Any) -> int:
    """Count calls by day, caller, and action."""
    return _run(
        session, values, lambda reader, screen: report.print_reports(reader, report.kinds_of(reports), values, screen)
    )


@audit.command(
    examples="""
        keyway audit export --since 2026-11-01 --until 2026-12-01 -o november.csv
        keyway audit export --pseudonymize callers,peers --pseudonym-key hmac.key
    """,
    notes="All rows, newest first. With --format ocsf, one additional call per row.",
)
@audit_options(options.EXPORT)
@pass_session
def export(session: Session, **values: Any) -> int:
    """Export all rows of a time range."""
    return _run(session, values, lambda reader, screen: commands.export_records(reader, values, screen))


@audit.command(
    examples="""
        keyway audit tail
        keyway audit tail --follow --denied
    """,
    notes="The gateway records the repeated queries of --follow in one row per hour.",
)
@audit_options(options.TAIL)
@pass_session
def tail(session: Session, **values: Any) -> int:
    """Print the newest calls. With --follow, also print new calls."""

    async def run(reader: AuditReader, screen: Screen) -> int:
        await tail_records(reader, values, screen, poll_seconds=_POLL_SECONDS)
        return 0

    return _run(session, values, run)


@audit.command(
    examples="keyway audit status",
    notes="Keep the heads on another machine, to detect later that records were removed.",
)
@pass_session
def status(session: Session) -> None:
    """Show the state of the journal: size, shipping, index, and chains."""

    from keyway.cli.audit_calls import GATEWAY_LOG, AuditCalls  # noqa: PLC0415 - needs gRPC

    async def get() -> GetJournalStatusResponse:
        async with AuditCalls(session) as calls:
            response: GetJournalStatusResponse = await calls.get_journal_status(
                GetJournalStatusRequest(name=GATEWAY_LOG)
            )
            return response

    response = asyncio.run(get())
    if session.json:
        session.output.json(response)
        return
    session.output.fields(status_fields(response))
    session.output.line("")
    session.output.table(CHAIN_COLUMNS, chain_rows(response))


@audit.command(
    examples="keyway audit verify",
    notes="""
        The exit code is 1 if the journal is not correct. Keep the printed heads on
        another machine. To detect later that records were removed, pass the heads to:
        keyway-gateway audit verify DIR --expect HEAD
        To verify a central store: keyway-gateway audit verify --central CONFIG
    """,
)
@click.option("--last", is_flag=True, help="Print the result of the last verification. If there is none, start one.")
@pass_session
def verify(session: Session, *, last: bool) -> int:
    """Verify the journal of the gateway: chains, signatures, and gaps."""
    from keyway.cli.audit_calls import verified  # noqa: PLC0415 - needs gRPC

    return asyncio.run(verified(session, restart=not last))


def _run(session: Session, values: dict[str, Any], command: Callable[[AuditReader, Screen], Awaitable[int]]) -> int:
    """Run a command with the connection of the session."""
    if session.json:
        values["format"] = "json"

    from keyway.cli.audit_calls import AuditCalls  # noqa: PLC0415 - needs gRPC

    async def run() -> int:
        async with AuditCalls(session) as reader:
            return await command(reader, Screen())

    try:
        return asyncio.run(run())
    except OptionError as error:
        raise click.UsageError(str(error)) from None
