"""What Certificate Manager's result codes mean: one table, and the error that an answer becomes by it.

Source: the response codes of the v1.0 and v1.2 guides; 52009 is reported for v1.3. A known code decides, else the HTTP
status, else UNKNOWN. What no answer at all means is the HTTP client's business.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from google.rpc import code_pb2

from gateway.errors import CERTIFICATE_NOT_FOUND, Outcome, Reason, UpstreamError
from gateway.providers.base.capabilities import StatusRow
from gateway.providers.base.sanitizing import clean
from gateway.providers.nhn.envelope import Envelope
from gateway.upstream import outcomes
from gateway.upstream.client import HttpResponse
from keyway.v1 import error_reason_pb2 as reasons

FILE_TOO_LARGE_CODE: Final = 52008


@dataclass(frozen=True, slots=True)
class Row:
    """A code's meaning, worded for callers, and its outcome.

    stored: the outcome where it is not the caller's file but the stored one, on download.
    """

    meaning: str
    outcome: Outcome
    stored: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an answer is for.

    resource: the full name of the certificate, or of the provider where no certificate was named.
    uploading: whether the caller's own file was sent. secrets: all that was sent and must not be shown.
    """

    provider: str
    resource: str
    uploading: bool = False
    secrets: Sequence[str] = field(default=(), repr=False)

    @property
    def names_certificate(self) -> bool:
        """Whether the resource is a certificate."""
        return "/certificates/" in self.resource


def _invalid(reason: Reason) -> Outcome:
    return Outcome(code_pb2.INVALID_ARGUMENT, reason)


def _precondition(reason: Reason) -> Outcome:
    return Outcome(code_pb2.FAILED_PRECONDITION, reason)


def _file(meaning: str, reason: Reason) -> Row:
    """A fault in a file: the caller's argument on upload, the state of the upstream on download."""
    return Row(meaning, _invalid(reason), stored=_precondition(reason))


_FILE_NOT_FOUND: Final = Outcome(code_pb2.NOT_FOUND, reasons.ERROR_REASON_CERTIFICATE_FILE_NOT_FOUND)

TABLE: Final[Mapping[int, Row]] = {
    52000: Row("no certificate has this name", CERTIFICATE_NOT_FOUND),
    52001: Row("the certificate has no file", _FILE_NOT_FOUND),
    52002: Row(
        "more than one file is registered for the certificate",
        _precondition(reasons.ERROR_REASON_MULTIPLE_CERTIFICATE_FILES),
    ),
    52003: _file(
        "the certificate's file is not a PEM file of certificates, leaf first, with their private key",
        reasons.ERROR_REASON_NOT_A_PEM_FILE,
    ),
    52004: _file("the file is for another name than the certificate", reasons.ERROR_REASON_CERTIFICATE_NAME_MISMATCH),
    52005: Row("the certificate in the file has expired", _precondition(reasons.ERROR_REASON_CERTIFICATE_EXPIRED)),
    52006: _file(
        "the certificate authority in the file is not a valid one",
        reasons.ERROR_REASON_INVALID_CERTIFICATE_AUTHORITY,
    ),
    52007: Row("exactly one file has to be sent", _invalid(reasons.ERROR_REASON_NOT_EXACTLY_ONE_FILE)),
    FILE_TOO_LARGE_CODE: Row(
        "the file is larger than 512 KB (524288 bytes)", _invalid(reasons.ERROR_REASON_FILE_TOO_LARGE)
    ),
    52009: Row("no certificate has this id", CERTIFICATE_NOT_FOUND),
}

_NUMBER = re.compile(r"[0-9][0-9,]{0,29}")


def status_rows() -> list[StatusRow]:
    """Every code, twice where upload and download differ, then the rows that all upstreams share."""
    rows: list[StatusRow] = []
    for code, row in TABLE.items():
        if row.stored is None:
            rows.append(StatusRow(str(code), row.meaning, row.outcome))
            continue
        rows.append(StatusRow(str(code), f"{row.meaning} (upload)", row.outcome))
        rows.append(StatusRow(str(code), f"{row.meaning} (download: the stored file)", row.stored))
    return rows + [StatusRow(*row) for row in outcomes.HTTP_ROWS]


def failure(response: HttpResponse, envelope: Envelope | None, asked: Asked) -> UpstreamError:
    """The error of an answer that says failure, by its envelope or, without one, by its HTTP status."""
    row = TABLE.get(envelope.code) if envelope is not None and envelope.code is not None else None
    if envelope is None or row is None:
        return _unknown(response, envelope, asked)
    outcome = row.outcome if asked.uploading or row.stored is None else row.stored
    return UpstreamError(
        outcome,
        f"{asked.resource}: {row.meaning}",
        provider=asked.provider,
        upstream_code=str(envelope.code),
        upstream_message=clean(envelope.message, asked.secrets),
        http_status=response.status,
        metadata=_sizes(envelope.message) if envelope.code == FILE_TOO_LARGE_CODE else None,
        resource=asked.resource if outcome.code == code_pb2.NOT_FOUND and asked.names_certificate else None,
    )


def _unknown(response: HttpResponse, envelope: Envelope | None, asked: Asked) -> UpstreamError:
    code = str(envelope.code) if envelope is not None and envelope.code is not None else None
    what = f"code {code} (HTTP {response.status})" if code is not None else f"HTTP {response.status}"
    return UpstreamError(
        _outcome_of_status(response.status, enveloped=envelope is not None),
        f"{asked.resource}: provider {asked.provider} failed with {what}",
        provider=asked.provider,
        upstream_code=code,
        upstream_message=clean(envelope.message, asked.secrets) if envelope is not None else None,
        http_status=response.status,
        retry_after=response.retry_after,
    )


def _outcome_of_status(status: int, *, enveloped: bool) -> Outcome:
    """404 with an envelope came from the API itself: it says nothing about the address."""
    if status == 404 and enveloped:
        return outcomes.UNRECOGNIZED
    return outcomes.for_http_status(status)


def _sizes(message: str) -> dict[str, str]:
    """The maximum and the requested size in bytes, where the message has exactly these two numbers."""
    numbers = [match.replace(",", "") for match in _NUMBER.findall(message)]
    if len(numbers) != 2:
        return {}
    return {"maximum_bytes": numbers[0], "requested_bytes": numbers[1]}
