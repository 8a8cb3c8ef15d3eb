"""All commands under one name, and what becomes of a run: its output, its failure, its exit code."""

import io
import os
import sys
from collections.abc import Sequence

import click
from click.shell_completion import shell_complete

from keyway.cli import failures
from keyway.cli.authorities import cas
from keyway.cli.certificates import certs
from keyway.cli.commands import Group
from keyway.cli.completion import VARIABLE, completion
from keyway.cli.envelopes import open_, seal
from keyway.cli.keys import keys
from keyway.cli.providers import providers
from keyway.cli.secrets import secrets
from keyway.cli.session import Session
from keyway.envelope import EnvelopeError
from keyway.errors import KeywayError


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    examples="""
        keyway certs list                              of all providers
        keyway certs show nhn-certs/www.example.com    one of them
        keyway keys encrypt orders-key note.txt        a small file
        keyway seal dump.sql --key orders-key          a file of any size
    """,
    notes="""
        Names: providers/nhn-keys/keys/orders-key, or nhn-keys/orders-key, or
        orders-key where one provider alone can be meant.

        Variables: every option from --address on has one, such as KEYWAY_ADDRESS,
        KEYWAY_TOKEN_FILE; and there is KEYWAY_TOKEN.

        Exit codes: 0 done, 1 the answer is no or is not whole, 2 wrong usage or a
        local file, 3 an envelope can't be opened, 10 + gRPC's number of the status
        that a call ended with (NOT_FOUND: 15), 130 Ctrl-C or "no".
    """,
)
@click.version_option(package_name="keyway-client", message="keyway %(version)s")
def root() -> None:
    """Certificates and keys through a Keyway gateway."""


for command in (certs, cas, keys, secrets, seal, open_, providers, completion):
    root.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """One command; its exit code."""
    if instruction := os.environ.get(VARIABLE):
        return shell_complete(root, {}, "keyway", VARIABLE, instruction)
    for stream in (sys.stdout, sys.stderr):
        # A locale that can't spell a name is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    session = Session()
    try:
        # Not click's own `main`, which ends the process where it sees fit.
        with root.make_context("keyway", list(arguments), obj=session) as context:
            answer = root.invoke(context)
        sys.stdout.flush()
        return answer if isinstance(answer, int) else 0
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except BrokenPipeError:
        # Whoever read has enough. Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failures.BROKEN_PIPE
    except click.exceptions.NoArgsIsHelpError as asked:
        click.echo(asked.format_message(), err=True)
        return failures.USAGE
    except (KeyboardInterrupt, click.Abort):
        return failures.interrupted(session)
    except (KeywayError, EnvelopeError, click.ClickException, OSError) as error:
        return failures.tell(error, session)
    finally:
        session.close()
