"""Certificate Manager's messages: response bodies to contract messages, and the checks of an upload."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from google.type import date_pb2

from gateway.contract import resource_names
from gateway.errors import GatewayError, InvalidRequest, Violation
from gateway.known_messages import KnownMessages
from gateway.pem import CERTIFICATE_LABELS, PRIVATE_KEY_LABELS
from gateway.providers.base import expiry, filenames, pem
from gateway.providers.base import x509 as formats
from gateway.providers.base.envelope import Envelope
from gateway.providers.base.errors import FormatError, UnsupportedFile
from gateway.providers.base.field_reader import FieldReader
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.listing import LazyRows
from gateway.providers.nhn import envelope as nhn
from gateway.providers.nhn_certificate_manager.status_table import (
    FILE_TOO_LARGE,
    FILE_TOO_LARGE_MESSAGES,
    NOT_A_PEM_FILE,
)
from gateway.upstream.client import HttpResponse
from gateway.x509_reader.certificate import ParsedCertificate
from keyway.v1 import certificate_pb2
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons

MAXIMUM_UPLOAD_BYTES: Final = 512 * 1024
"""512 KB, according to code 52008 in the v1.0 guide."""

_FILE_TOO_LARGE: Final = KnownMessages(FILE_TOO_LARGE_MESSAGES)


def read_envelope(response: HttpResponse) -> Envelope:
    """Return the envelope of a response. Code 52008 adds the maximum and the actual size of the file as metadata."""
    envelope = nhn.read_envelope(response)
    if envelope.successful or envelope.code != FILE_TOO_LARGE:
        return envelope
    return replace(envelope, metadata=_sizes(envelope.message))


def _sizes(message: str) -> dict[str, str]:
    """Return the maximum and the requested size in bytes, if the message is one of the documented ones."""
    found = _FILE_TOO_LARGE.match(message)
    if found is None:
        return {}
    maximum, requested = found.numbers
    return {"maximum_bytes": maximum, "requested_bytes": requested}


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the certificate list, in the BASIC view, as the upstream describes it.

    count: the number of rows on the page. A search keeps only rows with the wanted name in `certificates`.
    number counts from 1. total is the number of rows in the whole list.
    """

    certificates: Sequence[certificate_pb2.Certificate]
    count: int
    number: int
    size: int
    total: int


def page(
    body: JsonObject, provider: str, timezone: ZoneInfo, *, number: int, size: int, name: str | None = None
) -> Page:
    """Return a page of the list. number, size: the requested values, which apply if the response has none.

    name: keep only rows with this name, which is compared character by character, because policy has decided about
    this spelling.
    """
    total = body.integer("totalCount")
    items = body.rows("data") if total or "data" in body else []
    if items and not any(isinstance(item.get("certificateName"), str) for item in items):
        raise FormatError("no row of the list has a name")
    wanted = items if name is None else [item for item in items if item.get("certificateName") == name]
    read = Page(
        certificates=LazyRows(partial(_row, item, provider, timezone) for item in wanted),
        count=len(items),
        number=body.integer("currentPage") if "currentPage" in body else number,
        size=body.integer("pageSize") if "pageSize" in body else size,
        total=total,
    )
    if total < 0 or read.size < 0 or read.number < 0:
        raise FormatError("a count is negative")
    return read


def _row(item: JsonObject, provider: str, timezone: ZoneInfo) -> certificate_pb2.Certificate:
    """Return a row. One without a readable name is only listed, like one whose name is not a valid segment."""
    message = certificate_pb2.Certificate()
    fields = FieldReader(message)
    fields.set("display_name", lambda: item.text("certificateName"))
    message.name = _resource_name(provider, message.display_name)
    fields.set("authority", lambda: item.text("authority", default=""))
    fields.set("domains", lambda: item.texts_or_empty("domains"))
    fields.set("signature_algorithm", lambda: item.text("signatureAlgorithm", default=""))
    fields.set("file_creation_date", lambda: _date(item, "fileCreationDate"))
    fields.set("expiration_date", lambda: _date(item, "expirationDate"))
    expiry.set_state(message, timezone)
    return message


def _date(item: JsonObject, name: str) -> date_pb2.Date | None:
    text = item.text(name, default="")
    return expiry.to_message(expiry.parse_day(text)) if text else None


def _resource_name(provider: str, certificate_name: str) -> str:
    """Return the resource name; empty if no request could contain it. The certificate is then only listed."""
    name = resource_names.CERTIFICATE.format(provider=provider, certificate=certificate_name)
    return name if resource_names.CERTIFICATE.parse(name) is not None else ""


def certificate_file(response: HttpResponse, resource: str) -> pem.PemBundle:
    """Return the certificates and the private key of a downloaded file: PEM, or certificates as DER or PKCS#7.

    resource: the name of the certificate. Raises NOT_A_PEM_FILE for a complete file that the gateway does not support.
    """
    try:
        return formats.read_bundle(response.body)
    except UnsupportedFile as error:
        metadata = {"provider": resource_names.provider_id(resource)}
        message = f"{resource}: the stored file is not supported: {error}"
        raise GatewayError(NOT_A_PEM_FILE, message, metadata=metadata, resource=resource) from error


def full_certificate(
    response: HttpResponse, message: certificate_pb2.Certificate, timezone: ZoneInfo, resource: str
) -> certificate_pb2.Certificate:
    """Add the fields of the FULL view, which come from the certificate's file, to a row of the list."""
    formats.fill_certificate(message, _ordered(certificate_file(response, resource)), timezone)
    return message


def downloaded(
    response: HttpResponse, request: service.DownloadCertificateRequest, certificate: str
) -> service.DownloadCertificateResponse:
    """Return a downloaded file in the requested format, with the private key only if it was requested."""
    bundle = certificate_file(response, request.name)
    chain = _ordered(bundle)
    key, unchecked = _checked_key(bundle, chain[0]) if request.include_private_key else ("", False)
    encoded = formats.encode(chain, request.format)
    header = response.headers.get("Content-Disposition", "")
    name = filenames.from_content_disposition(header, filenames.KOREAN)
    return service.DownloadCertificateResponse(
        content=encoded.content,
        filename=filenames.for_download(name, certificate, encoded.suffix),
        media_type=encoded.media_type,
        certificate_chain=[each.pem for each in chain],
        private_key_pem=key,
        private_key_unchecked=unchecked,
    )


def _checked_key(bundle: pem.PemBundle, leaf: ParsedCertificate) -> tuple[str, bool]:
    """Return the private key (empty if there is none), and whether it could not be compared with the leaf."""
    if bundle.private_key_pem is None:
        return "", False
    match = pem.match(bundle.private_key_pem, leaf)
    if match is pem.KeyMatch.NO:
        raise FormatError("the private key in the file belongs to none of its certificates")
    return bundle.private_key_pem, match is pem.KeyMatch.UNKNOWN


def _ordered(bundle: pem.PemBundle) -> Sequence[ParsedCertificate]:
    return pem.order_chain(bundle.certificates, bundle.private_key_pem)


def check_upload(request: service.UploadCertificateRequest) -> None:
    """Raise InvalidRequest if the file is larger than Certificate Manager accepts."""
    size = len(request.content)
    if size > MAXIMUM_UPLOAD_BYTES:
        description = f"must have at most {MAXIMUM_UPLOAD_BYTES} bytes (512 KB), but has {size}"
        metadata = {
            "provider": resource_names.provider_id(request.name),
            "maximum_bytes": str(MAXIMUM_UPLOAD_BYTES),
            "requested_bytes": str(size),
        }
        violation = Violation("content", description, reasons.ERROR_REASON_FILE_TOO_LARGE)
        raise InvalidRequest([violation], metadata=metadata)


def key_material(content: bytes) -> Sequence[str]:
    """Return the lines of an uploaded file that are secret because they belong to a private key.

    If the file cannot be read, it can still contain a key: all its lines are secret then.
    """
    try:
        blocks = pem.read_blocks(content, CERTIFICATE_LABELS | PRIVATE_KEY_LABELS)
    except FormatError:
        lines = (line.strip() for line in content.decode(errors="replace").splitlines())
        return [line for line in lines if line and not line.startswith("-----")]
    return [line for block in blocks if block.label in PRIVATE_KEY_LABELS for line in block.lines if line]
