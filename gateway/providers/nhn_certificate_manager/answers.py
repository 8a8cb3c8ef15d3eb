"""Reads Certificate Manager's answers: the envelope first, then a page of the list or a certificate's file.

A download succeeds with the file itself and fails with JSON: which of the two came is decided by the body, whatever
content type and HTTP status say. Every failure becomes a `gateway.errors` exception here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from gateway.contract import resource_names
from gateway.errors import MalformedResponse, UpstreamError
from gateway.providers.base import expiry, pem
from gateway.providers.base.formats import FormatError, JsonObject
from gateway.providers.nhn.envelope import Envelope, read_envelope
from gateway.providers.nhn_certificate_manager.errors import Asked, failure
from gateway.upstream.client import HttpResponse
from keyway.v1 import certificate_pb2


@dataclass(frozen=True, slots=True)
class Page:
    """One page as the upstream describes it, in the BASIC view.

    number counts from 1; total is the length of the whole list.
    """

    certificates: Sequence[certificate_pb2.Certificate]
    number: int
    size: int
    total: int


def read_page(response: HttpResponse, asked: Asked, timezone: ZoneInfo, *, number: int, size: int) -> Page:
    """A page of the list. number, size: what was asked for, where the answer does not say them."""
    envelope = _success(response, asked)
    try:
        return _page(envelope.body, asked.provider, timezone, number, size)
    except FormatError as error:
        raise _malformed(response, asked, f"the list can't be read: {error}") from error


def read_file(response: HttpResponse, asked: Asked) -> pem.PemBundle:
    """The certificates and the private key of a downloaded file."""
    envelope = _envelope(response)
    if envelope is not None and envelope.successful:
        raise _malformed(response, asked, "it answered with JSON in place of the file")
    if envelope is not None or not _is_success(response):
        raise failure(response, envelope, asked)
    try:
        return pem.read_bundle(response.body)
    except FormatError as error:
        raise _malformed(response, asked, f"the file can't be read: {error}") from error


def read_confirmation(response: HttpResponse, asked: Asked) -> None:
    """An answer that says success and nothing else."""
    _success(response, asked)


def _success(response: HttpResponse, asked: Asked) -> Envelope:
    """The envelope of a success. Its header decides, not the HTTP status."""
    envelope = _envelope(response)
    if envelope is not None and envelope.successful:
        return envelope
    if envelope is None and _is_success(response):
        raise _malformed(response, asked, "its answer is not the JSON that it should be")
    raise failure(response, envelope, asked)


def _envelope(response: HttpResponse) -> Envelope | None:
    try:
        return read_envelope(response)
    except FormatError:
        return None


def _is_success(response: HttpResponse) -> bool:
    return 200 <= response.status <= 299


def _malformed(response: HttpResponse, asked: Asked, fault: str) -> UpstreamError:
    """An answer that can't be understood; where its HTTP status says failure, it is that failure."""
    if not _is_success(response):
        return failure(response, None, asked)
    return MalformedResponse(
        f"{asked.resource}: provider {asked.provider}: {fault}", provider=asked.provider, http_status=response.status
    )


def _page(body: JsonObject | None, provider: str, timezone: ZoneInfo, number: int, size: int) -> Page:
    if body is None:
        raise FormatError("body is missing")
    total = body.integer("totalCount")
    page = Page(
        certificates=_rows(body, provider, timezone) if total or "data" in body else (),
        number=body.integer("currentPage") if "currentPage" in body else number,
        size=body.integer("pageSize") if "pageSize" in body else size,
        total=total,
    )
    if total < 0 or page.size < 0 or page.number < 0:
        raise FormatError("a count is negative")
    return page


def _rows(body: JsonObject, provider: str, timezone: ZoneInfo) -> list[certificate_pb2.Certificate]:
    return [_row(item, provider, timezone) for item in body.objects("data")]


def _row(item: JsonObject, provider: str, timezone: ZoneInfo) -> certificate_pb2.Certificate:
    certificate_name = item.text("certificateName")
    message = certificate_pb2.Certificate(
        name=_resource_name(provider, certificate_name),
        display_name=certificate_name,
        authority=item.text("authority", default=""),
        domains=item.texts("domains") if "domains" in item else (),
        signature_algorithm=item.text("signatureAlgorithm", default=""),
    )
    created, expires = item.text("fileCreationDate", default=""), item.text("expirationDate", default="")
    if created:
        message.file_creation_date.CopyFrom(expiry.to_message(expiry.parse_day(created)))
    if expires:
        expiry.set_expiration(message, expiry.parse_day(expires), timezone)
    return message


def _resource_name(provider: str, certificate_name: str) -> str:
    """Empty for a name that can't be a segment: such a certificate is listed, and can't be asked for."""
    if not resource_names.is_segment(certificate_name):
        return ""
    return resource_names.CERTIFICATE.format(provider=provider, certificate=certificate_name)
