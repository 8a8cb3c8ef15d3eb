"""The command `keyway doctor`, which explains why a connection fails."""

import json
from typing import TYPE_CHECKING, Any, Final

import click

from keyway.cli.commands import Group, pass_session
from keyway.cli.failures import NO
from keyway.cli.session import Session

if TYPE_CHECKING:
    from keyway.cli.diagnosis.steps import Step

_LONGEST: Final = 10.0
_WIDTH: Final = 20


@click.command(
    cls=Group.command_class,
    examples="""
        keyway doctor
        keyway doctor --address keyway.example.org:443 --ca ca.pem
        keyway doctor --context production --json | jq -r 'select(.ok | not).problem'
    """,
    notes="""
        The last step is a call of ListProviders, which changes nothing. The exit code
        is 0 if every step succeeds. Otherwise it is 1, and the failed step is last.
        Each step waits at most 10 seconds, or --timeout if that is shorter. --json
        prints an object per step: step, ok, details, and the name (problem) and the
        sentence of a problem.
    """,
)
@pass_session
def doctor(session: Session) -> int:
    """Connect to the gateway step by step, and explain problems."""
    # Loaded on use: these modules need gRPC and cryptography.
    from keyway.cli.diagnosis.diagnose import diagnose  # noqa: PLC0415
    from keyway.connection import Connection  # noqa: PLC0415

    failed = False
    with session.connect(retries=False) as client:
        connection = Connection(**session.connection())
        if not session.json:
            session.output.line(f"gateway: {session.gateway}")
        for step in diagnose(client, connection, min(connection.deadline, _LONGEST)):
            failed = step.problem is not None
            _report(session, step)
    return NO if failed else 0


def _report(session: Session, step: "Step") -> None:
    if session.json:
        click.echo(json.dumps(_fields(step), ensure_ascii=False))
    elif step.problem is None:
        session.output.line(f"ok      {step.name:{_WIDTH}} {', '.join(step.details)}".rstrip())
    else:
        session.output.line(f"failed  {step.name:{_WIDTH}} {step.problem.value}", "bold red")
        for detail in step.details:
            session.output.line(f"        {detail}")


def _fields(step: "Step") -> dict[str, Any]:
    fields: dict[str, Any] = {"step": step.name, "ok": step.problem is None, "details": step.details}
    if step.problem is not None:
        fields |= {"problem": step.problem.name, "sentence": step.problem.value}
    return fields
