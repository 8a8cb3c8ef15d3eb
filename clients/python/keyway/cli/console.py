"""The command `keyway console`, which serves a read-only web page about the gateway on this machine."""

import asyncio
from importlib.util import find_spec
from typing import Final

import click

from keyway.cli.commands import Group, pass_session
from keyway.cli.session import Session

_PACKAGES: Final = ("aiohttp", "jinja2")
_MINUTE: Final = 60.0


@click.command(
    cls=Group.command_class,
    examples="""
        keyway console
        keyway console --context production
        keyway console --no-browser --port 8443   # ssh -L 8443:127.0.0.1:8443
    """,
    notes="""
        The page shows certificates, providers, audit records, and the journal. It is
        read-only. All calls use your identity, so policy and audit apply. You can
        open the page only on this machine, and the printed link works once. To stop
        the command, press Ctrl-C.
    """,
)
@click.option("--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Default: a free port.")
@click.option("--no-browser", is_flag=True, help="Do not open a browser; only print the link.")
@click.option(
    "--idle-minutes",
    type=click.IntRange(1, 1440),
    default=30,
    metavar="MINUTES",
    help="Stop after this time without a request. Default: 30.",
)
@pass_session
def console(session: Session, *, port: int, no_browser: bool, idle_minutes: int) -> None:
    """Open a read-only web page about the gateway."""
    if any(find_spec(package) is None for package in _PACKAGES):
        raise click.ClickException(
            "missing packages: run pip install './clients/python[cli,console]' in the Keyway repository"
        )
    from keyway.console.server import ConsoleServer  # noqa: PLC0415 - requires the optional packages

    connection = session.connection()
    server = ConsoleServer(
        connection, gateway=session.gateway, context=session.context, port=port, idle_seconds=idle_minutes * _MINUTE
    )

    def announce(link: str) -> None:
        session.output.line(f"console of {session.gateway}: {link}")
        session.output.note("The link works once. To stop the console, press Ctrl-C.", "dim")

    try:
        asyncio.run(server.serve(announce, browser=not no_browser))
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    session.output.note(f"The console stopped after {idle_minutes} min without a request.", "dim")
