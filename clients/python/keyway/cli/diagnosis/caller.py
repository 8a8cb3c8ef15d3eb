"""The identity of the caller: its certificate, its token, and whether the gateway accepts it."""

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import click

from keyway.cli import tokens
from keyway.cli.diagnosis import certificates
from keyway.cli.diagnosis.calls import check_call
from keyway.cli.diagnosis.steps import Step, StepFailed
from keyway.cli.failures import NO
from keyway.cli.session import Session
from keyway.connection import Connection
from keyway.problems import Problem

_SHOWN: Final = ("iss", "sub", "aud", "client_id", "azp", "scope")
_REJECTIONS: Final = (
    Problem.CLIENT_CERTIFICATE_MISSING,
    Problem.CLIENT_CERTIFICATE_EXPIRED,
    Problem.CLIENT_CERTIFICATE_REJECTED,
    Problem.CREDENTIALS_MISSING,
    Problem.CALLER_REJECTED,
    Problem.TOKEN_EXPIRED,
    Problem.TOKEN_REJECTED,
)
Field = tuple[str, str, str | list[str]]
"""The name in JSON, the label, and the value."""


def show_caller(session: Session) -> int:
    """Print the identity that the session sends, and return the exit code."""
    with session.connect() as client:
        connection = Connection(**session.connection())
        fields = [*_connection(session), *_certificate(connection), *_token(connection)]
        try:
            result = check_call(client, connection, connection.deadline)
        except StepFailed as failure:
            result = failure.step
    accepted = _accepted(result.problem)
    if session.json:
        made: dict[str, Any] = {name: value for name, _, value in fields if value}
        made["accepted"] = accepted
        if result.problem:
            made |= {"problem": result.problem.name, "sentence": result.problem.value, "details": result.details}
        click.echo(json.dumps(made, ensure_ascii=False))
    else:
        session.output.fields([(label, value) for _, label, value in fields] + [("Accepted", _lines(result))])
    return 0 if accepted else NO


def _accepted(problem: Problem | None) -> bool | None:
    """Return whether the gateway accepts the caller; None if it did not decide."""
    if problem in (None, Problem.NOT_PERMITTED):
        return True
    return False if problem in _REJECTIONS else None


def _lines(result: Step) -> list[str]:
    if result.problem is None:
        return ["yes"]
    word = {True: "yes", False: "no", None: "unknown"}[_accepted(result.problem)]
    return [f"{word}: {result.problem.value}", *result.details]


def _connection(session: Session) -> Iterator[Field]:
    yield "context", "Context", session.context or "none"
    yield "gateway", "Gateway", session.gateway


def _certificate(connection: Connection) -> Iterator[Field]:
    found = certificates.read(connection.certificate)
    if found is None:
        return
    yield "certificateSubject", "Certificate", found.subject.rfc4514_string()
    yield "certificateNames", "Names", certificates.names(found)
    yield "certificateIssuer", "Issuer", found.issuer.rfc4514_string()
    yield "certificateExpires", "Expires", _expiry(found.not_valid_after_utc)


def _token(connection: Connection) -> Iterator[Field]:
    token = connection.current_token()
    if not isinstance(token, str):
        if connection.certificate is None:
            yield "authentication", "Identity", "none: the caller sends no certificate and no token"
        return
    claims = tokens.claims(token)
    if not claims:
        yield "token", "Token", "the claims cannot be read"
    yield from ((f"token{name.title().replace('_', '')}", f"Token {name}", _claim(claims, name)) for name in _SHOWN)
    expires = tokens.expiry(claims)
    yield "tokenExpires", "Token expires", "" if expires is None else _expiry(expires)


def _claim(claims: Mapping[str, Any], name: str) -> str | list[str]:
    value = claims.get(name, "")
    return [str(each) for each in value] if isinstance(value, list) else str(value)


def _expiry(when: dt.datetime) -> str:
    return certificates.moment(when) + (" (expired)" if when < certificates.now() else "")
