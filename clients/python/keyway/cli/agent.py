"""The commands `keyway agent …`: the renewal agent of this machine."""

import asyncio
import datetime as dt
import logging
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from keyway.cli.commands import Group, pass_session
from keyway.cli.failures import NO, Refused
from keyway.cli.session import Session
from keyway.terminal.table import TableColumn

if TYPE_CHECKING:
    from keyway.agent.settings import AgentSettings

_FILE: Final = click.option(
    "--file",
    "-f",
    metavar="FILE",
    default="/etc/keyway-agent/agent.yaml",
    help="Configuration of the agent. Default: /etc/keyway-agent/agent.yaml.",
)
_COLUMNS: Final = tuple(TableColumn(title) for title in ("Name", "State", "Expires", "Installed", "Problem"))


@click.group(
    cls=Group,
    notes="""
        The agent keeps the certificate files of this machine up to date. Its
        connection to the gateway is in its configuration file. docs/agent.md
        explains the file.
    """,
)
def agent() -> None:
    """Run the renewal agent, and show what it does."""


@agent.command(examples="keyway agent run --file /etc/keyway-agent/agent.yaml")
@_FILE
@pass_session
def run(session: Session, *, file: str) -> None:
    """Keep the certificates up to date until SIGTERM or Ctrl-C."""
    settings = _settings(file)

    from keyway.agent.service import AlreadyRunningError, serve  # noqa: PLC0415 - needs gRPC

    level = logging.DEBUG if session.verbose else logging.INFO
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log = logging.getLogger("keyway.agent")
    log.addHandler(handler)
    log.setLevel(level)
    try:
        asyncio.run(serve(settings))
    except AlreadyRunningError as error:
        raise Refused(str(error)) from error
    except ValueError as error:  # options of the connection that contradict each other
        raise Refused(f"{file}: gateway: {error}") from error


@agent.command(examples="keyway agent check --file agent.yaml")
@_FILE
@pass_session
def check(session: Session, *, file: str) -> None:
    """Check the configuration file, without a connection."""
    settings = _settings(file)
    # Only a warning, because the agent can run as another user, and the file can be written later.
    for path in settings.input_files():
        if not os.path.isfile(path):
            session.output.note(f"warning: {path}: no such file, or no permission for its folder")
    names = ", ".join(each.name for each in settings.certificates)
    session.output.line(f"{file}: correct; certificates: {names}")


@agent.command(
    examples="""
        keyway agent status
        keyway agent status --json | jq '.certificates[] | select(.state == "failed")'
    """,
    notes="""
        The exit code is 1 if a certificate is missing, expired, or could not be
        installed.
    """,
)
@_FILE
@pass_session
def status(session: Session, *, file: str) -> int:
    """Show the installed certificates and what failed."""
    found = _ask(_settings(file), {"command": "status"})
    if session.json:
        session.output.json(found)
    else:
        session.output.table(_COLUMNS, [_row(each) for each in found["certificates"]])
        for each in found["certificates"]:
            for problem in each["problems"]:
                since, attempts = _time(problem["since"]), problem["attempts"]
                text = f"{each['name']}: {problem['reason']}: {problem['message']}"
                session.output.note(f"{text} (since {since}, attempts: {attempts})", "yellow")
        if found["problem"]:
            session.output.note(found["problem"], "yellow")
    return 0 if found["healthy"] else NO


@agent.command(
    examples="""
        keyway agent rotate www
        keyway agent rotate www --force    # also if the certificate is not new
    """,
    notes="It does not wait for the jitter, for a maintenance window, or for a retry.",
)
@click.argument("name")
@click.option("--force", is_flag=True, help="Write the files and reload even if the certificate is not new.")
@_FILE
@pass_session
def rotate(session: Session, name: str, *, force: bool, file: str) -> None:
    """Install the newest certificate NAME now."""
    answer = _ask(_settings(file), {"command": "rotate", "name": name, "force": force})
    if session.json:
        session.output.json(answer)
    else:
        session.output.line(answer["text"])


def _settings(file: str) -> "AgentSettings":
    if any(find_spec(package) is None for package in ("yaml", "cryptography")):
        raise click.ClickException(
            "missing packages: run pip install './clients/python[cli,agent]' in the Keyway repository"
        )
    from keyway.agent.fields import ConfigurationError  # noqa: PLC0415 - requires the optional packages
    from keyway.agent.settings_file import load  # noqa: PLC0415 - requires the optional packages

    try:
        return load(Path(file))
    except ConfigurationError as error:
        raise Refused(str(error)) from error


def _ask(settings: "AgentSettings", request: Mapping[str, Any]) -> Mapping[str, Any]:
    from keyway.agent.control import ControlError, NotRunningError, ask  # noqa: PLC0415 - loaded on use

    try:
        return ask(settings.state_directory, request)
    except NotRunningError as error:
        raise Refused(f"{error}: start it with keyway agent run") from error
    except ControlError as error:
        raise click.ClickException(str(error)) from error


def _row(certificate: Mapping[str, Any]) -> list[str]:
    state, found = certificate["state"], certificate["found"]
    if state == "waiting":
        state = f"new version at {_time(found['due'])}"
    problems = ", ".join(problem["reason"] for problem in certificate["problems"])
    return [certificate["name"], state, _time(certificate["expires"]), _time(certificate["installed"]), problems]


def _time(text: str) -> str:
    return f"{dt.datetime.fromisoformat(text).astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC" if text else ""
