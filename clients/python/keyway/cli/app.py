"""The root command, and the conversion of results and errors to exit codes."""

import errno
import io
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from keyway.cli import failures
from keyway.cli.audit import audit
from keyway.cli.authorities import cas
from keyway.cli.certificates import certs
from keyway.cli.commands import Group
from keyway.cli.completion import VARIABLE, completion
from keyway.cli.console import console
from keyway.cli.contexts import context as contexts
from keyway.cli.doctor import doctor
from keyway.cli.envelopes import open_, seal
from keyway.cli.keys import keys
from keyway.cli.providers import providers
from keyway.cli.secrets import secrets
from keyway.cli.session import Session
from keyway.cli.whoami import whoami
from keyway.envelope import EnvelopeError
from keyway.errors import KeywayError


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples="""
        keyway certs list                                 list all certificates
        keyway certs show nhn-certs/www.example.com       show one certificate
        keyway keys encrypt nhn-keys/orders-key note.txt   encrypt a small file
        keyway seal dump.sql --key nhn-keys/orders-key    seal a file of any size
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


for command in (
    certs,
    cas,
    keys,
    secrets,
    seal,
    open_,
    providers,
    audit,
    console,
    contexts,
    whoami,
    doctor,
    completion,
):
    root.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run one command; return its exit code."""
    if instruction := os.environ.get(VARIABLE):
        return shell_complete(root, {}, "keyway", VARIABLE, instruction)
    for stream in (sys.stdout, sys.stderr):
        # Do not fail if the locale cannot encode a name.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    session = Session()
    try:
        # The `main` of click would exit the process itself.
        with root.make_context("keyway", list(arguments), obj=session) as context:
            answer = root.invoke(context)
        sys.stdout.flush()
        return answer if isinstance(answer, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except BrokenPipeError:
        _drop_output()  # the reader closed the pipe
        return failures.BROKEN_PIPE
    except click.exceptions.NoArgsIsHelpError as help_page:
        click.echo(help_page.format_message(), err=True)
        return failures.USAGE
    except (KeyboardInterrupt, click.Abort):
        return failures.interrupted(session)
    except (KeywayError, EnvelopeError, click.ClickException, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.EBADF:
            _drop_output()  # standard output is closed
        return failures.report(error, session)
    finally:
        session.close()


def _drop_output() -> None:
    """Drop what is still to be written. Otherwise, Python reports a second error at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
