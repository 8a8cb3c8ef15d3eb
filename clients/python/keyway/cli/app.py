"""The root command, and the conversion of results and errors to exit codes."""

import io
import os
import sys
from collections.abc import Sequence
from typing import Final

import click
from click.shell_completion import shell_complete

from keyway.cli import failures
from keyway.cli.commands import Group, LazyCommands
from keyway.cli.completion import VARIABLE
from keyway.cli.session import Session

_COMMANDS: Final = {
    "certs": "keyway.cli.certificates:certs",
    "cas": "keyway.cli.authorities:cas",
    "keys": "keyway.cli.keys:keys",
    "secrets": "keyway.cli.secrets:secrets",
    "seal": "keyway.cli.envelopes:seal",
    "open": "keyway.cli.envelopes:open_",
    "providers": "keyway.cli.providers:providers",
    "audit": "keyway.cli.audit:audit",
    "context": "keyway.cli.contexts:context",
    "console": "keyway.cli.console:console",
    "agent": "keyway.cli.agent:agent",
    "whoami": "keyway.cli.whoami:whoami",
    "doctor": "keyway.cli.doctor:doctor",
    "completion": "keyway.cli.completion:completion",
    "help": "keyway.cli.help_pages:help_",
}


@click.group(
    cls=Group,
    commands=LazyCommands(_COMMANDS),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples="""
        keyway certs list                                 list all certificates
        keyway certs show nhn-certs/www.example.com       show one certificate
        keyway keys encrypt nhn-keys/orders-key note.txt   encrypt a small file
        keyway seal dump.sql --key nhn-keys/orders-key    seal a file of any size
        keyway help certs list                            explain a command
    """,
    notes="""
        Names: nhn-keys/orders-key, or in full providers/nhn-keys/keys/orders-key.
        The provider is optional if only one provider serves the command.

        Environment variables: each option from --address to --config has one, such
        as KEYWAY_ADDRESS and KEYWAY_TOKEN_FILE. KEYWAY_TOKEN is the token itself.

        Exit codes: 0 success, 1 negative or incomplete result, 2 wrong usage or
        local file error, 3 envelope cannot be opened, 10 + gRPC status code of a
        failed call (NOT_FOUND: 15), 130 Ctrl-C or a declined confirmation.
    """,
)
@click.version_option(package_name="keyway-client", message="keyway %(version)s")
def root() -> None:
    """Manage certificates and keys through a Keyway gateway."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # Do not fail if the locale cannot encode a name.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    session = Session()
    try:
        return _invoked(arguments, session)
    except BrokenPipeError:
        failures.drop_output(sys.stdout)  # the reader closed the pipe
        return failures.BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if not failures.is_expected(error):
            raise
        return failures.report(error, session)
    finally:
        session.close()


def _invoked(arguments: Sequence[str], session: Session) -> int:
    if instruction := os.environ.get(VARIABLE):
        code: int = shell_complete(root, {"obj": session}, "keyway", VARIABLE, instruction)
        return code
    try:
        # The `main` of click would exit the process itself.
        with root.make_context("keyway", list(arguments), obj=session) as context:
            answer = root.invoke(context)
    except click.exceptions.Exit as ended:
        answer = ended.exit_code
    sys.stdout.flush()
    return answer if isinstance(answer, int) else 0
