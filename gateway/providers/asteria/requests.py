"""The 24 calls of the management API's module `certificate`, written as the vendor documents them.

12 calls under `server/`, the same 12 under `client/`: paths, field names and their order, body formats. What the server
would refuse for sure is refused here (`check_…`), all of it at once and before anything is sent.
"""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from gateway.errors import InvalidRequest, Violation
from gateway.providers.asteria import filenames
from gateway.providers.asteria.api import ApiRequest
from gateway.providers.asteria.resources import SIDES, Resource, is_side
from gateway.providers.asteria.session import FORM
from gateway.upstream import multipart
from gateway.upstream.multipart import FilePart, Part, TextPart
from keyway.v1 import certificate_pb2 as certificates
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons

MINIMUM_PASSWORD_CHARACTERS: Final = 6
DEFAULT_KEY_ALGORITHM: Final = "RSA"
DEFAULT_KEY_SIZE: Final = 2048
DEFAULT_VALIDITY_DAYS: Final = 365
DEFAULT_SIGNATURE_ALGORITHM: Final = "SHA256withRSA"

_JSON: Final = "application/json; charset=UTF-8"
_FILE_PART: Final = "text/plain"  # whatever the file is: so the vendor's samples have it
_EXPORT_FORMATS: Final = {
    service.CERTIFICATE_FORMAT_UNSPECIFIED: ("X509", "PEM"),
    service.CERTIFICATE_FORMAT_PEM: ("X509", "PEM"),
    service.CERTIFICATE_FORMAT_DER: ("X509", "DER"),
    service.CERTIFICATE_FORMAT_PKCS7_PEM: ("PKCS7", "PEM"),
    service.CERTIFICATE_FORMAT_PKCS7_DER: ("PKCS7", "DER"),
}
_SUBJECT_PARTS: Final = (
    ("C", "country"),
    ("ST", "state"),
    ("L", "locality"),
    ("O", "organization"),
    ("OU", "organizational_unit"),
    ("CN", "common_name"),
)


def exist(certificate: Resource) -> ApiRequest:
    """`exist`: whether there is a certificate."""
    return _get(certificate, "exist")


def show(certificate: Resource, password: str) -> ApiRequest:
    """`show`: what a certificate says."""
    return _form(certificate, "show", {"password": password}, secrets=(password,))


def create(certificate: Resource, request: service.CreateCertificateRequest) -> ApiRequest:
    """`create`: a key pair, a self-signed certificate and a signing request. Only name parts that are set are sent."""
    subject = {key: part for key, name in _SUBJECT_PARTS if (part := getattr(request.subject, name))}
    document: dict[str, object] = {
        **subject,
        "password": request.keystore_password,
        "privateKeyPassword": request.private_key_password,
        "keySize": request.key_size or DEFAULT_KEY_SIZE,
        "keyAlgorithm": request.key_algorithm or DEFAULT_KEY_ALGORITHM,
        "validPeriod": request.validity_days or DEFAULT_VALIDITY_DAYS,
        "signatureAlgorithm": request.signature_algorithm or DEFAULT_SIGNATURE_ALGORITHM,
    }
    body = json.dumps({"certificate": document}, ensure_ascii=False, separators=(",", ":")).encode()
    return _post(certificate, "create", _JSON, body, (request.keystore_password, request.private_key_password))


def delete(certificate: Resource, password: str) -> ApiRequest:
    """`delete`: the certificate, its key and its signing request."""
    return _form(certificate, "delete", {"password": password}, secrets=(password,))


def import_keystore(certificate: Resource, request: service.ImportCertificateRequest) -> ApiRequest:
    """`import`: a certificate and its key from a PKCS#12 or JKS file."""
    filename = request.filename or filenames.for_keystore(request.keystore)
    parts: list[Part] = [
        TextPart("filePassword", request.file_password),
        TextPart("password", request.keystore_password),
        TextPart("privateKeyPassword", request.private_key_password),
        FilePart("filedata", filename, request.keystore, _FILE_PART),
    ]
    secrets = (request.file_password, request.keystore_password, request.private_key_password)
    return _multipart(certificate, "import", parts, secrets)


def download_signing_request(certificate: Resource, password: str, private_key_password: str) -> ApiRequest:
    """`csr/download`: the signing request, in a ZIP archive."""
    fields = {"password": password, "privateKeyPassword": private_key_password}
    return _form(certificate, "csr/download", fields, secrets=(password, private_key_password))


def install(certificate: Resource, request: service.InstallSignedCertificateRequest) -> ApiRequest:
    """`csr/response/upload`: the certificate that an authority signed, with its chain where there is one."""
    filename = request.certificate_filename or filenames.for_certificates("certificate", request.certificate)
    parts: list[Part] = [
        TextPart("password", request.keystore_password),
        TextPart("privateKeyPassword", request.private_key_password),
        FilePart("certFile", filename, request.certificate, _FILE_PART),
    ]
    if request.chain:
        filename = request.chain_filename or filenames.for_certificates("chain", request.chain)
        parts.append(FilePart("chainFile", filename, request.chain, _FILE_PART))
    secrets = (request.keystore_password, request.private_key_password)
    return _multipart(certificate, "csr/response/upload", parts, secrets)


def export(certificate: Resource, password: str, form: service.CertificateFormat.ValueType) -> ApiRequest:
    """`export`: the certificate and its chain, in a ZIP archive."""
    output_format, data_format = _EXPORT_FORMATS[form]
    fields = {"password": password, "outputFormat": output_format, "dataFormat": data_format}
    return _form(certificate, "export", fields, secrets=(password,))


def list_authorities(store: Resource) -> ApiRequest:
    """`ca/list`: the authorities of a trust store."""
    return _get(store, "ca/list")


def show_authority(authority: Resource) -> ApiRequest:
    """`ca/show`: what an authority's certificate says."""
    return _get(authority, f"ca/show?alias={quote(authority.alias, safe='')}")


def delete_authority(authority: Resource) -> ApiRequest:
    """`ca/delete`: answers the authorities that remain."""
    return _form(authority, "ca/delete", {"alias": authority.alias})


def import_authorities(store: Resource, request: service.ImportTrustedAuthorityRequest) -> ApiRequest:
    """`ca/import`: answers all authorities of the trust store."""
    filename = request.filename or filenames.for_certificates("authority", request.content)
    return _multipart(store, "ca/import", [FilePart("caFile", filename, request.content, _FILE_PART)])


def check_create(request: service.CreateCertificateRequest) -> None:
    """InvalidRequest with everything that `create` would refuse for sure."""
    violations = _short_passwords(request)
    if not is_side(request.certificate_id):
        violations.insert(0, Violation("certificate_id", f"must be one of {', '.join(SIDES)}"))
    _refuse(violations)


def check_import(request: service.ImportCertificateRequest) -> None:
    """InvalidRequest with everything that `import` would refuse for sure."""
    _refuse(_short_passwords(request))


def check_password(password: str) -> None:
    """InvalidRequest where there is no password, which other providers do not need."""
    if not password:
        _refuse([Violation("keystore_password", "must be set for this provider")])


def requested_subject(request: service.CreateCertificateRequest) -> certificates.DistinguishedName:
    """The subject as far as it is sent to the server."""
    parts = {name: getattr(request.subject, name) for _, name in _SUBJECT_PARTS}
    return certificates.DistinguishedName(**parts)


def _short_passwords(
    request: service.CreateCertificateRequest | service.ImportCertificateRequest,
) -> list[Violation]:
    """Source: codes 2004 and 2107. The password of an imported file has no such rule."""
    passwords = {
        "keystore_password": request.keystore_password,
        "private_key_password": request.private_key_password,
    }
    return [
        Violation(
            name,
            f"must have at least {MINIMUM_PASSWORD_CHARACTERS} characters, and has {len(password)}",
            reasons.ERROR_REASON_PASSWORD_TOO_SHORT,
        )
        for name, password in passwords.items()
        if len(password) < MINIMUM_PASSWORD_CHARACTERS
    ]


def _refuse(violations: Sequence[Violation]) -> None:
    if violations:
        raise InvalidRequest(violations)


def _get(resource: Resource, call: str) -> ApiRequest:
    return ApiRequest("GET", f"{resource.side}/{call}", resource.name, resource.codes)


def _form(resource: Resource, call: str, fields: dict[str, str], secrets: tuple[str, ...] = ()) -> ApiRequest:
    return _post(resource, call, FORM, urlencode(fields).encode(), secrets)


def _multipart(resource: Resource, call: str, parts: Sequence[Part], secrets: tuple[str, ...] = ()) -> ApiRequest:
    body, content_type = multipart.encode(parts)
    return _post(resource, call, f"{content_type}; charset=UTF-8", body, secrets)


def _post(resource: Resource, call: str, content_type: str, body: bytes, secrets: tuple[str, ...]) -> ApiRequest:
    return ApiRequest("POST", f"{resource.side}/{call}", resource.name, resource.codes, content_type, body, secrets)
