"""Error messages and exit codes."""

import json
import shlex
from collections.abc import Iterator
from typing import Final

import click
from rich.text import Text

from keyway.audit.text import clean
from keyway.cli.diagnosis.calls import problem_of
from keyway.cli.session import Session
from keyway.connection import Connection
from keyway.envelope import EnvelopeError
from keyway.errors import KeywayError, text_of_grpc

_OF_CALLER: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED", "SERVER_DRAINING")
NO: Final = 1
"""Negative result (invalid signature, provider not ready) or incomplete list."""
USAGE: Final = 2
ENVELOPE: Final = 3
STATUS: Final = 10
"""Offset of the exit code for a gRPC status."""
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141


class Refused(click.ClickException):
    """An action that the program rejects. The message states an alternative."""

    exit_code = USAGE


def exit_code(error: Exception) -> int:
    """Return the exit code for an error."""
    if isinstance(error, KeywayError):
        number: int = error.code.value[0]
        return STATUS + number
    return ENVELOPE if isinstance(error, EnvelopeError) else USAGE


def interrupted(session: Session) -> int:
    """Report Ctrl-C or an aborted prompt; return the exit code."""
    session.output.errors.print()
    session.output.errors.print("keyway: interrupted", style="yellow")
    return INTERRUPTED


def report(error: Exception, session: Session) -> int:
    """Print the error on standard error; return the exit code."""
    code = exit_code(error)
    if session.json:
        # click.echo handles a standard error that cannot encode the text.
        click.echo(json.dumps({"error": _fields(error), "exitCode": code}, ensure_ascii=False), err=True)
        return code
    output = session.output
    first = Text("keyway: ", style="bold red")
    first.append(clean(_headline(error)), style="default not bold")
    output.error(first)
    lines = (*_fix(error, session), *_below(error, verbose=session.verbose), *_where(error, session))
    for line in lines:
        output.error(Text(f"  {clean(line)}"))
    return code


def _headline(error: Exception) -> str:
    match error:
        case KeywayError():
            name = error.code.name if error.reason in ("", error.code.name) else f"{error.code.name} {error.reason}"
            # The violations follow, one per line.
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
        if text := text_of_grpc(error):
            yield f"gRPC: {text}"
    if error.retry_delay is not None:
        yield f"retry after {error.retry_delay:g} s"
    if error.request_id:
        yield f"request {error.request_id}"


def _fix(error: Exception, session: Session) -> Iterator[str]:
    """Yield how to correct the identity of the caller, or its permissions, as `keyway doctor` says it."""
    if isinstance(error, KeywayError) and error.reason in _OF_CALLER:
        problem, details = problem_of(error, Connection(**session.connection()))
        yield from (problem.value, *details)


def _where(error: Exception, session: Session) -> Iterator[str]:
    """Yield the address of a gateway that did not respond."""
    if isinstance(error, KeywayError) and not error.request_id and session.gateway:
        if error.problem is None:
            yield "to find the cause: keyway doctor"
        yield f"gateway: {session.gateway}"


def _fields(error: Exception) -> dict[str, object]:
    if not isinstance(error, KeywayError):
        kind = "ENVELOPE" if isinstance(error, EnvelopeError) else "USAGE"
        return {"code": kind, "message": _headline(error)}
    fields = {
        "code": error.code.name,
        "reason": error.reason,
        "problem": error.problem.name if error.problem else "",
        "message": error.message,
        "metadata": dict(error.metadata),
        "violations": [{"field": each.field, "description": each.description} for each in error.violations],
        "retryDelay": error.retry_delay,
        "requestId": error.request_id,
        "receipt": error.receipt,
    }
    return {name: value for name, value in fields.items() if value not in ("", {}, [], None)}


def quoted(*words: str) -> str:
    """Return a command line, quoted for a shell."""
    return shlex.join(words)
