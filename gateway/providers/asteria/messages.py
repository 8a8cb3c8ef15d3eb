"""ASTERIA's messages: response data and ZIP archives to contract messages.

Every reader raises FormatError if the data does not have the documented format.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from gateway.pem import CERTIFICATE_LABELS, PRIVATE_KEY_LABELS, REQUEST_LABELS
from gateway.providers.asteria import distinguished_names, times
from gateway.providers.asteria.resources import Resource, authority_name
from gateway.providers.base import expiry, filenames, pem
from gateway.providers.base import x509 as formats
from gateway.providers.base.errors import FormatError
from gateway.providers.base.field_reader import FieldReader
from gateway.providers.base.json_object import JsonObject
from gateway.providers.base.zipfiles import ZipEntry, read_zip
from gateway.upstream.client import HttpResponse
from gateway.x509_reader.certificate import check_request, unique
from gateway.x509_reader.der import X509Error, to_pem
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import trusted_authority_pb2 as authorities

_LABELS: Final = REQUEST_LABELS | CERTIFICATE_LABELS | PRIVATE_KEY_LABELS
_REQUEST_NAME: Final = "certificate.csr"
_BASIC_FIELDS: Final = ("signature_algorithm", "expiration_date")
_KEY_USAGES: Final = {
    "digitalSignature": "digital_signature",
    "nonRepudiation": "non_repudiation",
    "keyEncipherment": "key_encipherment",
    "dataEncipherment": "data_encipherment",
    "keyAgreement": "key_agreement",
    "keyCertSign": "key_cert_sign",
    "cRLSign": "crl_sign",
    "encipherOnly": "encipher_only",
    "decipherOnly": "decipher_only",
}
_FINGERPRINTS: Final = {
    "sha1": ("fingerprintSha1", 20),
    "md5": ("fingerprintMd5", 16),
    "sha256": ("fingerprintSha256", 32),
}


class Calendar(NamedTuple):
    """The provider's time zone, and its clock."""

    timezone: ZoneInfo
    now: Callable[[], datetime]


def exists(data: JsonObject) -> bool:
    """Read the response of `exist`."""
    return data.boolean("exist")


def listed_certificate(resource: Resource) -> certificates.Certificate:
    """Return what is known about a certificate without its password."""
    return certificates.Certificate(name=resource.name, display_name=resource.side)


def basic_certificate(data: JsonObject, resource: Resource, calendar: Calendar) -> certificates.Certificate:
    """Read the response of `show`, in CERTIFICATE_VIEW_BASIC."""
    full = full_certificate(data, resource, calendar)
    return certificates.Certificate(
        name=full.name,
        display_name=full.display_name,
        authority=full.authority,
        signature_algorithm=full.signature_algorithm,
        expiration_date=full.expiration_date if full.HasField("expiration_date") else None,
        state=full.state,
        unreadable_fields=[name for name in full.unreadable_fields if name in _BASIC_FIELDS],
    )


def full_certificate(data: JsonObject, resource: Resource, calendar: Calendar) -> certificates.Certificate:
    """Read the response of `show` or `import`, in CERTIFICATE_VIEW_FULL."""
    source = data.object("certificate")
    message = listed_certificate(resource)
    fields = FieldReader(message)
    _fill(fields, source, calendar.timezone)
    _require_any(message)
    _fill_details(fields, source)
    message.authority = formats.authority(message.issuer)
    fields.set("expiration_date", lambda: expiry.to_message(times.parse(source.text("notAfter")).day))
    expiry.set_state(message, calendar.timezone, now=calendar.now())
    fields.set("chain", lambda: source.texts_or_empty("chainInfo"))
    return message


def imported_certificate(data: JsonObject, resource: Resource, calendar: Calendar) -> certificates.Certificate | None:
    """Read the response of `import`; None if it reports success without a certificate."""
    return full_certificate(data, resource, calendar) if "certificate" in data else None


def remaining_authorities(
    data: JsonObject, store: Resource, calendar: Calendar
) -> list[authorities.TrustedAuthority] | None:
    """Read the response of `ca/import` or `ca/delete`; None if it reports success without a list."""
    return listed_authorities(data, store, calendar) if data.names() else None


def authority(data: JsonObject, resource: Resource, calendar: Calendar) -> authorities.TrustedAuthority:
    """Read the response of `ca/show`."""
    source = data.object("certificate")
    message = authorities.TrustedAuthority(name=resource.name, alias=resource.alias)
    fields = FieldReader(message)
    _fill(fields, source, calendar.timezone)
    _require_any(message)
    _fill_details(fields, source)
    return message


def listed_authorities(data: JsonObject, store: Resource, calendar: Calendar) -> list[authorities.TrustedAuthority]:
    """Read the response of `ca/list`, `ca/import`, and `ca/delete`.

    `name` is empty if the alias cannot be part of a resource name, or cannot be read. A server can omit an empty list,
    and can return a list of one item as an object.
    """
    empty = not data.names() or "certificate" in data.names()
    rows = data.rows_or_empty("certificate") if empty else data.rows("certificate")
    found = [_listed_authority(row, store, calendar) for row in rows]
    if found and not any(message.alias for message in found):
        raise FormatError("no item of the list has an alias")
    return found


def _listed_authority(source: JsonObject, store: Resource, calendar: Calendar) -> authorities.TrustedAuthority:
    message = authorities.TrustedAuthority()
    fields = FieldReader(message)
    fields.set("alias", lambda: source.text("alias"))
    message.name = authority_name(store, message.alias)
    _fill(fields, source, calendar.timezone)
    return message


def new_aliases(
    before: Sequence[authorities.TrustedAuthority], after: Sequence[authorities.TrustedAuthority]
) -> list[str]:
    """Return the aliases in `after` that are not in `before`."""
    known = {item.alias for item in before}
    return [item.alias for item in after if item.alias not in known]


def _fill(fields: FieldReader, source: JsonObject, timezone: ZoneInfo) -> None:
    """Set the fields that lists and single responses have. All of them are documented as required."""
    fields.set("subject", lambda: distinguished_names.read(source.get("subject")))
    fields.set("issuer", lambda: distinguished_names.read(source.get("issuer")))
    fields.set("not_before", lambda: times.moment(times.parse(source.text("notBefore")), timezone))
    fields.set("not_after", lambda: times.moment(times.parse(source.text("notAfter")), timezone))


def _require_any(message: certificates.Certificate | authorities.TrustedAuthority) -> None:
    """Raise FormatError if none of the required fields was read: the response describes no certificate."""
    if not message.HasField("subject") and not message.HasField("issuer") and not message.HasField("not_after"):
        raise FormatError("the certificate has no readable field")


def _fill_details(fields: FieldReader, source: JsonObject) -> None:
    """Set the fields that only single responses have. Missing fields stay empty."""
    fields.set("signature_algorithm", lambda: _text(source, "signatureAlgorithm"))
    fields.set("version", lambda: _text(source, "version"))
    fields.set("serial_number", lambda: _text(source, "serialNumber"))
    fields.set("key_usage", lambda: _key_usage(source.object_or_empty("usage")))
    fields.set("fingerprints", lambda: _fingerprints(source))


def _text(source: JsonObject, name: str) -> str:
    """Return text, or a number as text; empty if the field is missing."""
    value = source.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else source.text(name, default="")


def _key_usage(source: JsonObject) -> certificates.KeyUsage | None:
    """Return the uses, which can all be false; None if the response states none."""
    stated = {field: source.boolean(name) for name, field in _KEY_USAGES.items() if name in source}
    return certificates.KeyUsage(**stated) if stated else None


def _fingerprints(source: JsonObject) -> certificates.Fingerprints | None:
    message = certificates.Fingerprints()
    for field, (name, length) in _FINGERPRINTS.items():
        text = source.text(name, default="")
        if text:
            setattr(message, field, _fingerprint(text, name, length))
    return message if message.ByteSize() else None


def _fingerprint(text: str, name: str, length: int) -> str:
    """Return lowercase hexadecimal bytes with colons, whatever the separator."""
    try:
        content = bytes.fromhex(text.replace(":", " ").replace("-", " "))
    except ValueError:
        raise FormatError(f"{name} is not hexadecimal") from None
    if len(content) != length:
        raise FormatError(f"{name} does not have {length} bytes")
    return content.hex(":")


def exported_certificate(
    response: HttpResponse, form: service.CertificateFormat.ValueType, default_name: str
) -> service.DownloadCertificateResponse:
    """Read the archive of `export`: all certificates, leaf first, in the requested format. Other files are skipped.

    default_name: a file name without extension.
    """
    entries = [entry for entry in read_zip(response.body) if not formats.is_foreign(entry.content)]
    found = unique([each for entry in entries for each in formats.read_certificates(entry.content)])
    if not found:
        raise FormatError("the ZIP archive contains no certificate")
    if len(found) > pem.MAXIMUM_BLOCKS:
        raise FormatError(f"the ZIP archive contains more than {pem.MAXIMUM_BLOCKS} certificates")
    chain = pem.order_chain(found)
    encoded = formats.encode(chain, form)
    return service.DownloadCertificateResponse(
        content=encoded.content,
        filename=filenames.for_download(_filename(entries, response), default_name, encoded.suffix),
        media_type=encoded.media_type,
        certificate_chain=[each.pem for each in chain],
    )


def signing_request(response: HttpResponse) -> service.GetCertificateSigningRequestResponse:
    """Read the archive of `csr/download`: one CSR. Files of another kind are skipped."""
    entries = read_zip(response.body)
    if len(entries) > 1:
        entries = [entry for entry in entries if _can_be_request(entry.content)]
    if len(entries) != 1:
        raise FormatError(f"the ZIP archive contains {len(entries)} files instead of one CSR")
    content = entries[0].content
    return service.GetCertificateSigningRequestResponse(
        csr_pem=_request_pem(content),
        filename=filenames.from_bytes(entries[0].path, filenames.JAPANESE) or _REQUEST_NAME,
        content=content,
    )


def _can_be_request(content: bytes) -> bool:
    """Return whether a file is a CSR, damaged or not."""
    if pem.is_pem(content):
        return pem.has_label(content, REQUEST_LABELS)
    return not formats.is_foreign(content)


def _filename(entries: list[ZipEntry], response: HttpResponse) -> str:
    """Return the name of the only file, or of the archive if it contains several files; empty if it has none."""
    if len(entries) == 1:
        return filenames.from_bytes(entries[0].path, filenames.JAPANESE)
    header = response.headers.get("Content-Disposition", "")
    return filenames.from_content_disposition(header, filenames.JAPANESE) or ""


def _request_pem(content: bytes) -> str:
    """Return a PKCS#10 request, in DER or PEM with either of its labels, as PEM."""
    try:
        return to_pem(check_request(_request_der(content)), "CERTIFICATE REQUEST")
    except X509Error as error:
        raise FormatError("the file is not a CSR") from error


def _request_der(content: bytes) -> bytes:
    if not pem.is_pem(content):
        return content
    requests = [block.der for block in pem.read_blocks(content, _LABELS) if block.label in REQUEST_LABELS]
    if len(requests) != 1:
        raise FormatError("the file does not contain exactly one CSR")
    return requests[0]
