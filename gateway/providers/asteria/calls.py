"""The 24 calls of ASTERIA's management API, module `certificate`, as the vendor documents them.

12 calls under `server/`, and the same 12 under `client/`: paths, field names in their order, and body formats. The
`check_…` functions reject what the server would certainly reject, all violations together, before anything is sent.
"""

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlencode

from gateway.contract import resource_names
from gateway.errors import InvalidRequest, Violation
from gateway.providers.asteria.resources import SIDES, Resource, is_side
from gateway.providers.asteria.session import FORM
from gateway.providers.base import filenames
from gateway.providers.base.api_client import ApiRequest
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

_BASE: Final = "/mcapi/certificate/"
_JSON: Final = "application/json; charset=UTF-8"
_FILE_PART: Final = "text/plain"  # for every file, as in the vendor's samples
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
    """`exist`: whether the certificate exists."""
    return _get(certificate, "exist")


def show(certificate: Resource, password: str) -> ApiRequest:
    """`show`: the content of a certificate."""
    return _form(certificate, "show", {"password": password}, secrets=(password,))


def create(certificate: Resource, request: service.CreateCertificateRequest) -> ApiRequest:
    """`create`: creates a key pair, a self-signed certificate, and a CSR. Empty parts of the subject are not sent."""
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
    return _request(
        "POST", certificate, "create", (_JSON, body), (request.keystore_password, request.private_key_password)
    )


def delete(certificate: Resource, password: str) -> ApiRequest:
    """`delete`: deletes the certificate, its key, and its CSR."""
    return _form(certificate, "delete", {"password": password}, secrets=(password,))


def import_keystore(certificate: Resource, request: service.ImportCertificateRequest) -> ApiRequest:
    """`import`: imports a certificate and its key from a PKCS#12 or JKS file."""
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
    """`csr/download`: the CSR in a ZIP archive."""
    fields = {"password": password, "privateKeyPassword": private_key_password}
    return _form(certificate, "csr/download", fields, secrets=(password, private_key_password))


def install(certificate: Resource, request: service.InstallSignedCertificateRequest) -> ApiRequest:
    """`csr/response/upload`: installs the certificate that an authority signed, optionally with its chain."""
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
    """`export`: the certificate and its chain in a ZIP archive."""
    output_format, data_format = _EXPORT_FORMATS[form]
    fields = {"password": password, "outputFormat": output_format, "dataFormat": data_format}
    return _form(certificate, "export", fields, secrets=(password,))


def list_authorities(store: Resource) -> ApiRequest:
    """`ca/list`: the authorities in a trust store."""
    return _get(store, "ca/list")


def show_authority(authority: Resource) -> ApiRequest:
    """`ca/show`: the content of an authority's certificate."""
    return _get(authority, f"ca/show?alias={quote(authority.alias, safe='')}")


def delete_authority(authority: Resource) -> ApiRequest:
    """`ca/delete`: deletes an authority; returns the remaining ones."""
    return _form(authority, "ca/delete", {"alias": authority.alias})


def import_authorities(store: Resource, request: service.ImportTrustedAuthorityRequest) -> ApiRequest:
    """`ca/import`: imports authorities; returns all authorities in the trust store."""
    filename = request.filename or filenames.for_certificates("authority", request.content)
    return _multipart(store, "ca/import", [FilePart("caFile", filename, request.content, _FILE_PART)])


def check_create(request: service.CreateCertificateRequest) -> None:
    """Raise InvalidRequest with everything that `create` would certainly reject."""
    violations = _short_passwords(request)
    if not is_side(request.certificate_id):
        violations.insert(0, Violation("certificate_id", f"must be one of {', '.join(SIDES)}"))
    _reject(request.parent, violations)


def check_import(request: service.ImportCertificateRequest) -> None:
    """Raise InvalidRequest with everything that `import` would certainly reject."""
    _reject(request.name, _short_passwords(request))


def check_password(certificate: Resource, password: str) -> None:
    """Raise InvalidRequest if the password is empty. Other providers do not need it."""
    if not password:
        what = "is required for this provider"
        _reject(certificate.name, [Violation("keystore_password", what, reasons.ERROR_REASON_MISSING_PARAMETER)])


def requested_subject(request: service.CreateCertificateRequest) -> certificates.DistinguishedName:
    """Return the parts of the subject that are sent to the server."""
    parts = {name: getattr(request.subject, name) for _, name in _SUBJECT_PARTS}
    return certificates.DistinguishedName(**parts)


def _short_passwords(
    request: service.CreateCertificateRequest | service.ImportCertificateRequest,
) -> list[Violation]:
    """Return violations of codes 2004 and 2107. The password of an imported file can be shorter."""
    passwords = {
        "keystore_password": request.keystore_password,
        "private_key_password": request.private_key_password,
    }
    return [
        Violation(
            name,
            f"must have at least {MINIMUM_PASSWORD_CHARACTERS} characters, but has {_utf16_units(password)}",
            reasons.ERROR_REASON_PASSWORD_TOO_SHORT,
        )
        for name, password in passwords.items()
        if _utf16_units(password) < MINIMUM_PASSWORD_CHARACTERS
    ]


def _utf16_units(text: str) -> int:
    """Return the length as the server counts it: a Java string consists of UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _reject(name: str, violations: Sequence[Violation]) -> None:
    """Raise InvalidRequest if there are violations. name: a name with the provider, which the metadata states."""
    if violations:
        raise InvalidRequest(violations, metadata={"provider": resource_names.provider_id(name)})


def _get(resource: Resource, call: str) -> ApiRequest:
    return _request("GET", resource, call)


def _form(resource: Resource, call: str, fields: dict[str, str], secrets: tuple[str, ...] = ()) -> ApiRequest:
    return _request("POST", resource, call, (FORM, urlencode(fields).encode()), secrets)


def _multipart(resource: Resource, call: str, parts: Sequence[Part], secrets: tuple[str, ...] = ()) -> ApiRequest:
    body, content_type = multipart.encode(parts)
    return _request("POST", resource, call, (f"{content_type}; charset=UTF-8", body), secrets)


def _request(
    method: str,
    resource: Resource,
    call: str,
    content: tuple[str, bytes] | tuple[None, None] = (None, None),
    secrets: tuple[str, ...] = (),
) -> ApiRequest:
    """Return a request for a call, which can have a query. content: the content type and the body.

    Names of authorities occur only in the query and the body, so the path is the URL template.
    """
    content_type, body = content
    target = f"{_BASE}{resource.side}/{call}"
    return ApiRequest(
        method,
        target,
        target.partition("?")[0],
        resource.name,
        body,
        content_type,
        scope=resource.scope,
        secrets=secrets,
    )
