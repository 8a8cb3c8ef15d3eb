"""Failures as a person reads them and as a script does: a line or two on standard error, and the exit code."""

import json
import shlex
from collections.abc import Iterator
from typing import Final

import click
from rich.text import Text

from keyway.cli.output import clean
from keyway.cli.session import Session
from keyway.envelope import EnvelopeError
from keyway.errors import KeywayError

NO: Final = 1
"""The answer is no (a signature that does not fit, a provider that is not ready), or the list is not whole."""
USAGE: Final = 2
ENVELOPE: Final = 3
STATUS: Final = 10
"""Added to the number of gRPC's status."""
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141


class Refused(click.ClickException):
    """What this program does not do, and what to do instead."""

    exit_code = USAGE


def exit_code(error: Exception) -> int:
    """Of the program that fails so."""
    if isinstance(error, KeywayError):
        number: int = error.code.value[0]
        return STATUS + number
    return ENVELOPE if isinstance(error, EnvelopeError) else USAGE


def interrupted(session: Session) -> int:
    """Ctrl-C, or no answer to a prompt."""
    session.output.errors.print()
    session.output.errors.print("keyway: interrupted", style="yellow")
    return INTERRUPTED


def tell(error: Exception, session: Session) -> int:
    """Say it on standard error; answers the exit code."""
    code = exit_code(error)
    if session.json:
        # click.echo copes with a standard error that can't spell it.
        click.echo(json.dumps({"error": _fields(error), "exitCode": code}, ensure_ascii=False), err=True)
        return code
    output = session.output
    first = Text("keyway: ", style="bold red")
    first.append(clean(_headline(error)), style="default not bold")
    output.error(first)
    for line in (*_below(error, verbose=session.verbose), *_where(error, session)):
        output.error(Text(f"  {clean(line)}"))
    return code


def _headline(error: Exception) -> str:
    match error:
        case KeywayError():
            name = error.code.name if error.reason in ("", error.code.name) else f"{error.code.name} {error.reason}"
            # Violations follow, one a line.
            return f"{name}: {'the request is not valid' if error.violations else error.message}"
        case click.ClickException():
            return " ".join(error.format_message().split())
        case OSError() if error.filename is not None:
            return f"{error.filename}: {error.strerror}"
        case _:
            return str(error)


def _below(error: Exception, *, verbose: bool) -> Iterator[str]:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        yield f"Try: {error.ctx.command_path} --help"
    if not isinstance(error, KeywayError):
        return
    width = max((len(violation.field) for violation in error.violations), default=0)
    for violation in error.violations:
        yield f"{violation.field:{width}}  {violation.description}"
    if verbose:
        yield from (f"{name}: {value}" for name, value in sorted(error.metadata.items()))
        if error.receipt:
            yield f"receipt: {error.receipt}"
    if error.retry_delay is not None:
        yield f"may be repeated after {error.retry_delay:g} s"
    if error.request_id:
        yield f"request {error.request_id}"


def _where(error: Exception, session: Session) -> Iterator[str]:
    """Where nobody answered, which gateway that was."""
    if isinstance(error, KeywayError) and not error.request_id and session.gateway:
        yield f"the gateway at {session.gateway}"


def _fields(error: Exception) -> dict[str, object]:
    if not isinstance(error, KeywayError):
        kind = "ENVELOPE" if isinstance(error, EnvelopeError) else "USAGE"
        return {"code": kind, "message": _headline(error)}
    fields = {
        "code": error.code.name,
        "reason": error.reason,
        "message": error.message,
        "metadata": dict(error.metadata),
        "violations": [{"field": each.field, "description": each.description} for each in error.violations],
        "retryDelay": error.retry_delay,
        "requestId": error.request_id,
        "receipt": error.receipt,
    }
    return {name: value for name, value in fields.items() if value not in ("", {}, [], None)}


def quoted(*words: str) -> str:
    """A command line to try instead, as a shell takes it."""
    return shlex.join(words)
