"""`keyway secrets …`."""

import click

from keyway.cli import files, names
from keyway.cli.commands import Group, pass_session
from keyway.cli.session import Session
from keyway.v1.key_service_pb2 import GetSecretRequest


@click.group(cls=Group)
def secrets() -> None:
    """Read secrets."""


@secrets.command(
    examples="""
        DB_PASSWORD=$(keyway secrets get nhn-keys/demo-secret)
        keyway secrets get nhn-keys/demo-secret -o db.password
    """,
    notes="It is printed on a terminal too: that is what it is for.",
)
@click.argument("secret")
@files.output_options
@pass_session
def get(session: Session, secret: str, *, output: str | None, force: bool) -> None:
    """Print SECRET, or write it into a file of yours alone."""
    files.check_free(output, force=force)
    name = names.full(session, names.SECRET, secret, "KeyService/GetSecret")
    response = session.call(session.client.keys.GetSecret, GetSecretRequest(name=name))
    if session.json and output is None:
        session.output.json(response)
    else:
        files.write(session, response.payload, output, force=force, private=output not in (None, files.STDIO))
