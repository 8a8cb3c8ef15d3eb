"""The command `keyway whoami`, which shows how the caller authenticates."""

import click

from keyway.cli.commands import Group, pass_session
from keyway.cli.session import Session


@click.command(
    cls=Group.command_class,
    examples="""
        keyway whoami
        keyway whoami --context production --json | jq -r .accepted
    """,
    notes="""
        The claims of a token are not verified, and the token is not printed. The exit
        code is 1 if the gateway rejects the caller or does not respond. A caller that
        has no permission for ListProviders is accepted.
    """,
)
@pass_session
def whoami(session: Session) -> int:
    """Show the caller's identity and whether it is accepted."""
    from keyway.cli.diagnosis.caller import show_caller  # noqa: PLC0415 - needs gRPC and cryptography

    return show_caller(session)
