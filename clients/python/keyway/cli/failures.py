"""Error messages and exit codes.

`failed_calls` describes errors of calls. It is loaded only for such an error, because it needs gRPC.
"""

import json
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from keyway.cli.session import Session

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


def is_expected(error: BaseException) -> bool:
    """Return whether an error has a message for the user. Other errors are defects."""
    local = (click.ClickException, click.Abort, KeyboardInterrupt, OSError)
    return isinstance(error, local) or _is_of_call(error) or _is_of_envelope(error)


def exit_code(error: BaseException) -> int:
    """Return the exit code for an expected error."""
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return INTERRUPTED
    if _is_of_call(error):
        failed: Any = error
        return STATUS + int(failed.code.value[0])
    return ENVELOPE if _is_of_envelope(error) else USAGE


def report(error: BaseException, session: Session) -> int:
    """Print an expected error on standard error; return the exit code."""
    from keyway.terminal.screen import STANDARD_OUTPUT  # noqa: PLC0415

    if isinstance(error, OSError) and error.filename in (None, STANDARD_OUTPUT):
        drop_output(sys.stdout)  # it is closed, or its disk is full
    try:
        _print(error, session)
    except BrokenPipeError:
        drop_output(sys.stderr)
    return exit_code(error)


def drop_output(stream: Any) -> None:
    """Discard buffered output of a standard stream. Otherwise, Python reports a second error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _print(error: BaseException, session: Session) -> None:
    if isinstance(error, KeyboardInterrupt | click.Abort):
        session.output.note("")
        session.output.note("keyway: interrupted", "yellow")
    elif isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message(), err=True)
    elif session.json:
        # click.echo handles a standard error that cannot encode the text.
        fields = {"error": _fields(error), "exitCode": exit_code(error)}
        click.echo(json.dumps(fields, ensure_ascii=False), err=True)
    else:
        session.output.note(f"keyway: {_headline(error)}", "red")
        for line in _below(error, session):
            session.output.note(f"  {line}")


def _is_of_call(error: BaseException) -> bool:
    # If the module is not loaded, the error cannot be one of its exceptions.
    module: Any = sys.modules.get("keyway.errors")
    return module is not None and isinstance(error, module.KeywayError)


def _is_of_envelope(error: BaseException) -> bool:
    module: Any = sys.modules.get("keyway.envelope.errors")
    return module is not None and isinstance(error, module.EnvelopeError)


def _headline(error: BaseException) -> str:
    match error:
        case click.ClickException():
            return " ".join(error.format_message().split())
        case OSError() if error.filename is not None:
            return f"{error.filename}: {error.strerror}"
        case OSError() if error.strerror is not None:
            return error.strerror
        case _ if _is_of_call(error):
            return str(_failed_calls().headline(error))
        case _:
            return str(error)


def _below(error: BaseException, session: Session) -> Iterator[str]:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        yield f"Try: {error.ctx.command_path} --help"
    if _is_of_call(error):
        yield from _failed_calls().details(error, session)


def _fields(error: BaseException) -> dict[str, object]:
    if _is_of_call(error):
        return dict(_failed_calls().fields(error))
    return {"code": "ENVELOPE" if _is_of_envelope(error) else "USAGE", "message": _headline(error)}


def _failed_calls() -> Any:
    from keyway.cli import failed_calls  # noqa: PLC0415

    return failed_calls
