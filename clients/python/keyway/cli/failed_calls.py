"""The error message of a failed call: what failed, the details from the gateway, and the fix."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import version
from typing import Final

from grpc import StatusCode

from keyway.cli import names
from keyway.cli.diagnosis.calls import problem_of
from keyway.cli.session import Session
from keyway.connection import Connection
from keyway.errors import KeywayError, text_of_grpc
from keyway.problems import BY_REASON

_OF_CALLER: Final = ("UNAUTHENTICATED", *BY_REASON)
_THIS_RESOURCE: Final = "this resource"
_UNSUPPORTED: Final = "METHOD_NOT_SUPPORTED_BY_PROVIDER"


def headline(error: KeywayError) -> str:
    """Return the first line of the message. In it, the name of a denied call's resource replaces `this resource`."""
    message = error.message.replace(_THIS_RESOURCE, error.resource or _THIS_RESOURCE)
    name = error.code.name if error.reason in ("", error.code.name) else f"{error.code.name} {error.reason}"
    # The violations follow, one per line.
    return f"{name}: {'the request is not valid' if error.violations else message}"


def details(error: KeywayError, session: Session) -> Iterator[str]:
    """Yield the lines below the first one."""
    yield from _fix(error, session)
    yield from _alternatives(error, session.method, session)
    width = max((len(violation.field) for violation in error.violations), default=0)
    for violation in error.violations:
        yield f"{violation.field:{width}}  {violation.description}"
    if session.verbose:
        yield from _verbose(error)
    if error.retry_delay is not None:
        yield f"retry after {error.retry_delay:g} s"
    if error.request_id:
        yield f"request {error.request_id}"
    elif session.gateway:
        yield from _where(error, session)


def fields(error: KeywayError) -> Mapping[str, object]:
    """Return the error for JSON."""
    found = {
        "code": error.code.name,
        "reason": error.reason,
        "problem": error.problem.name if error.problem else "",
        "message": error.message,
        "resource": error.resource,
        "metadata": dict(error.metadata),
        "violations": [{"field": each.field, "description": each.description} for each in error.violations],
        "retryDelay": error.retry_delay,
        "requestId": error.request_id,
        "receipt": error.receipt,
    }
    return {name: value for name, value in found.items() if value not in ("", {}, [], None)}


def _fix(error: KeywayError, session: Session) -> Iterator[str]:
    """Yield how to correct the identity of the caller or its permissions, in the words of `keyway doctor`."""
    if error.reason in _OF_CALLER:
        problem, lines = problem_of(error, Connection(**session.connection()))
        yield from (problem.value, *lines)


def _alternatives(error: KeywayError, method: str, session: Session) -> Iterator[str]:
    """Yield the other providers that support a method, or that the gateway does not have the method."""
    if error.code is not StatusCode.UNIMPLEMENTED or not method:
        return
    if error.reason == _UNSUPPORTED:
        with contextlib.suppress(KeywayError):  # the first error is more important
            serving = [names.short(each.name) for each in session.providers() if _serves(each.methods, method)]
            others = [name for name in serving if name != error.metadata.get("provider")]
            yield f"other providers of this gateway that support {method}: {', '.join(others) or 'none'}"
    elif not error.reason:
        yield f"the gateway has no method {method}: use a gateway of version {version('keyway-client')} or newer"


def _serves(methods: Iterable[str], name: str) -> bool:
    return any(method.endswith(f"/{name}") for method in methods)


def _verbose(error: KeywayError) -> Iterator[str]:
    yield from (f"{name}: {value}" for name, value in sorted(error.metadata.items()))
    if error.receipt:
        yield f"receipt: {error.receipt}"
    if text := text_of_grpc(error):
        yield f"gRPC: {text}"


def _where(error: KeywayError, session: Session) -> Iterator[str]:
    """Yield the address of a gateway that did not respond."""
    if error.problem is None:
        yield "to find the cause: keyway doctor"
    yield f"gateway: {session.gateway}"
