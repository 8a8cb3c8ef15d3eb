"""What ASTERIA's error codes mean: the one table, and the errors made of it. Finding the code is `answers.py`'s work.

Source: the error cases of the 24 calls of the management API's module `certificate`. Where a code is known it decides,
whatever the status line says; else the row of the HTTP status does.
"""

import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final
from urllib.parse import quote, quote_plus

from google.rpc import code_pb2

from gateway import errors
from gateway.errors import Outcome, UpstreamError
from gateway.providers.base.capabilities import StatusRow
from gateway.providers.base.sanitizing import clean
from gateway.upstream import outcomes
from gateway.upstream.client import HttpResponse
from keyway.v1 import error_reason_pb2 as reasons

NOT_LOGGED_IN: Final = "3001"
NO_SUCH_CERTIFICATE: Final = "4012"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code becomes, and what it says in English."""

    outcome: Outcome
    text: str


def _invalid(reason: errors.Reason, text: str) -> Meaning:
    return Meaning(Outcome(code_pb2.INVALID_ARGUMENT, reason), text)


def _not_found(reason: errors.Reason, text: str) -> Meaning:
    return Meaning(Outcome(code_pb2.NOT_FOUND, reason), text)


def _precondition(reason: errors.Reason, text: str) -> Meaning:
    return Meaning(Outcome(code_pb2.FAILED_PRECONDITION, reason), text)


def _internal(reason: errors.Reason, text: str) -> Meaning:
    return Meaning(Outcome(code_pb2.INTERNAL, reason), text)


CERTIFICATE_CODES: Final[Mapping[str, Meaning]] = {
    "2002": _invalid(reasons.ERROR_REASON_MISSING_PARAMETER, "a parameter is missing"),
    "2003": _invalid(reasons.ERROR_REASON_INVALID_PARAMETER, "a parameter's value is not accepted"),
    "2004": _invalid(reasons.ERROR_REASON_PASSWORD_TOO_SHORT, "a password of the import has fewer than 6 characters"),
    "2101": _invalid(reasons.ERROR_REASON_INVALID_PARAMETER, "a value in the JSON data is not accepted"),
    "2102": _invalid(reasons.ERROR_REASON_MISSING_PARAMETER, "a required item of the JSON data is missing"),
    "2103": _invalid(reasons.ERROR_REASON_INVALID_PARAMETER, "a value in the JSON data has the wrong type"),
    "2107": _invalid(
        reasons.ERROR_REASON_PASSWORD_TOO_SHORT, "a password of the new certificate has fewer than 6 characters"
    ),
    "2202": _invalid(reasons.ERROR_REASON_INVALID_UPLOAD, "the name of the uploaded file could not be read"),
    "2203": _invalid(reasons.ERROR_REASON_INVALID_UPLOAD, "the data of the uploaded file could not be read"),
    "2204": _invalid(
        reasons.ERROR_REASON_UNPARSABLE_CERTIFICATE, "the uploaded certificate or key store could not be parsed"
    ),
    "2301": _invalid(reasons.ERROR_REASON_INVALID_UPLOAD, "the uploaded data could not be parsed"),
    "2401": Meaning(
        Outcome(code_pb2.PERMISSION_DENIED, reasons.ERROR_REASON_KEYSTORE_PASSWORD_INCORRECT),
        "the password is not correct",
    ),
    "2801": _precondition(
        reasons.ERROR_REASON_PUBLIC_KEY_MISMATCH, "the certificate does not belong to the stored private key"
    ),
    "2802": _precondition(reasons.ERROR_REASON_CERTIFICATE_EXPIRED, "the certificate has expired"),
    NOT_LOGGED_IN: Meaning(
        outcomes.CREDENTIALS_REJECTED, "the gateway is not logged in, also after a new login where it has an account"
    ),
    NO_SUCH_CERTIFICATE: Meaning(errors.CERTIFICATE_NOT_FOUND, "there is no such certificate"),
    "5001": _internal(reasons.ERROR_REASON_PROVIDER_STORAGE, "the server could not read a file"),
    "5002": _internal(reasons.ERROR_REASON_PROVIDER_STORAGE, "the server could not write a file"),
    "5006": _internal(reasons.ERROR_REASON_PROVIDER_STORAGE, "the server could not pack a ZIP file"),
    "5101": Meaning(
        Outcome(code_pb2.UNAVAILABLE, reasons.ERROR_REASON_PROVIDER_INTERNAL_COMMUNICATION),
        "parts of the server could not reach each other",
    ),
    "5102": Meaning(outcomes.INTERNAL, "the server failed internally"),
    "5303": _internal(
        reasons.ERROR_REASON_PROVIDER_CERTIFICATE_UNREADABLE, "the server could not read the stored certificate"
    ),
    "5304": _internal(
        reasons.ERROR_REASON_PROVIDER_CERTIFICATE_UNREADABLE, "the server could not parse a stored certificate"
    ),
    "5305": _internal(reasons.ERROR_REASON_PROVIDER_KEYSTORE, "the server could not save its key store"),
    "5306": _internal(
        reasons.ERROR_REASON_PROVIDER_KEYSTORE, "the server could not read its key store or delete from it"
    ),
    "5307": _internal(reasons.ERROR_REASON_PROVIDER_KEY_GENERATION, "the server could not make the key"),
    "5308": _internal(reasons.ERROR_REASON_PROVIDER_KEY_GENERATION, "the server could not get at the private key"),
    "5309": _internal(reasons.ERROR_REASON_PROVIDER_KEY_GENERATION, "the server could not make the signing request"),
    "5310": _not_found(reasons.ERROR_REASON_CSR_NOT_FOUND, "there is no signing request"),
}

AUTHORITY_CODES: Final[Mapping[str, Meaning]] = {
    **CERTIFICATE_CODES,
    NO_SUCH_CERTIFICATE: _not_found(
        reasons.ERROR_REASON_AUTHORITY_NOT_FOUND, "there is no such authority in the trust store"
    ),
}
"""The codes of the `ca/…` calls, which look for an authority where the others look for a certificate."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What an answer says of its failure. code: None where it has none; message: not cleaned yet.

    enveloped: whether it came as an answer of the API, rather than of some HTTP server on the way.
    """

    code: str | None = None
    message: str = field(default="", repr=False)
    enveloped: bool = False


def to_error(
    failure: Failure,
    response: HttpResponse,
    *,
    provider: str,
    resource: str,
    codes: Mapping[str, Meaning] = CERTIFICATE_CODES,
    secrets: Sequence[str] = (),
) -> UpstreamError:
    """The error of a failed call on `resource`. `secrets`: what was sent and must not come back in a message."""
    known = codes.get(failure.code) if failure.code is not None else None
    outcome = known.outcome if known else _without_code(failure, response.status)
    text = known.text if known else f"the server refused or failed with HTTP {response.status}"
    return UpstreamError(
        outcome,
        f"{resource}: {text}",
        provider=provider,
        # A known code tells nothing else; an unknown one could be an echo.
        upstream_code=failure.code if known or failure.code not in secrets else None,
        upstream_message=clean_message(failure.message, secrets) or None,
        http_status=response.status,
        resource=resource if outcome.code == code_pb2.NOT_FOUND else None,
        retry_after=None if known else response.retry_after,
    )


def clean_message(text: str, secrets: Iterable[str]) -> str:
    """Text of the server without secrets, in whatever spelling an echo of a form or of JSON would have them."""
    return clean(text, (spelling for secret in secrets for spelling in _spellings(secret)))


def _spellings(secret: str) -> Iterable[str]:
    if not secret:
        return ()
    return (secret, quote(secret, safe=""), quote_plus(secret), html.escape(secret), json.dumps(secret)[1:-1])


def _without_code(failure: Failure, status: int) -> Outcome:
    """By the HTTP status; a 404 in the API's own words is no missing API."""
    if failure.enveloped and status == HTTPStatus.NOT_FOUND:
        return outcomes.UNRECOGNIZED
    return outcomes.for_http_status(status)


def status_rows() -> Sequence[StatusRow]:
    """The whole table: ASTERIA's codes, then the rows that all upstreams share."""
    authority = AUTHORITY_CODES[NO_SUCH_CERTIFICATE]
    return (
        *(StatusRow(code, meaning.text, meaning.outcome) for code, meaning in CERTIFICATE_CODES.items()),
        StatusRow(NO_SUCH_CERTIFICATE, f"{authority.text} (calls under ca/)", authority.outcome),
        *(StatusRow(*row) for row in outcomes.HTTP_ROWS),
    )
