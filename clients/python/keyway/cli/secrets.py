"""The commands `keyway secrets …`."""

import click

from keyway.cli import files, names, value_types
from keyway.cli.commands import Group, pass_session
from keyway.cli.session import Session
from keyway.v1.key_service_pb2 import GetSecretRequest


@click.group(cls=Group)
def secrets() -> None:
    """Get secrets."""


@secrets.command(
    examples="""
        DB_PASSWORD=$(keyway secrets get nhn-keys/demo-secret)
        keyway secrets get nhn-keys/demo-secret -o db.password
    """,
    notes="The secret is printed even if standard output is a terminal.",
)
@click.argument("secret", type=value_types.SECRET)
@files.output_options
@pass_session
def get(session: Session, secret: str, *, output: str | None, force: bool) -> None:
    """Print SECRET, or write it to a file with mode 0600."""
    files.check_free(output, force=force)
    name = names.full(session, names.SECRET, secret, "KeyService/GetSecret")
    response = session.call(session.client.keys.GetSecret, GetSecretRequest(name=name))
    if session.json and output is None:
        session.output.json(response)
    else:
        files.write(session, response.payload, output, force=force, private=output not in (None, files.STDIO))
