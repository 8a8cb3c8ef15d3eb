"""From the ZIP archives of `export` and `csr/download` to the contract's messages.

FormatError where an archive is not what it should be: every file in it must be readable as what was asked for.
"""

from typing import Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.pem import CERTIFICATE_LABELS, PRIVATE_KEY_LABELS, REQUEST_LABELS
from gateway.providers.base import filenames, pem
from gateway.providers.base.formats import FormatError
from gateway.providers.base.x509 import encode, read_certificates, to_pem
from gateway.providers.base.zipfiles import ZipEntry, read_zip
from gateway.upstream.client import HttpResponse
from keyway.v1 import certificate_service_pb2 as service

_LABELS: Final = REQUEST_LABELS | CERTIFICATE_LABELS | PRIVATE_KEY_LABELS
_REQUEST_NAME: Final = "certificate.csr"


def exported_certificate(
    response: HttpResponse, form: service.CertificateFormat.ValueType, default_name: str
) -> service.DownloadCertificateResponse:
    """All certificates of an `export`, leaf first, in the format asked for. default_name: without an ending."""
    entries = read_zip(response.body)
    found = {certificate: None for entry in entries for certificate in read_certificates(entry.content)}
    if not found:
        raise FormatError("the ZIP archive holds no certificate")
    if len(found) > pem.MAXIMUM_BLOCKS:
        raise FormatError(f"the ZIP archive holds more than {pem.MAXIMUM_BLOCKS} certificates")
    chain = pem.order_chain(list(found))
    encoded = encode(chain, form)
    return service.DownloadCertificateResponse(
        content=encoded.content,
        filename=filenames.with_ending(_filename(entries, response) or default_name, encoded.suffix),
        media_type=encoded.media_type,
        certificate_chain=to_pem(chain),
    )


def signing_request(response: HttpResponse) -> service.GetCertificateSigningRequestResponse:
    """The one signing request of a `csr/download`."""
    entries = read_zip(response.body)
    if len(entries) != 1:
        raise FormatError(f"the ZIP archive holds {len(entries)} files, not one signing request")
    content = entries[0].content
    return service.GetCertificateSigningRequestResponse(
        csr_pem=_request_pem(content),
        filename=filenames.safe_name(entries[0].path) or _REQUEST_NAME,
        content=content,
    )


def _filename(entries: list[ZipEntry], response: HttpResponse) -> str:
    """The name of the only file, or that of the archive where it holds several; empty where there is none."""
    if len(entries) == 1:
        return filenames.safe_name(entries[0].path)
    return filenames.from_content_disposition(response.headers.get("Content-Disposition", "")) or ""


def _request_pem(content: bytes) -> str:
    """PKCS#10 in DER or in PEM (under either of its labels) as PEM."""
    try:
        request = x509.load_der_x509_csr(_request_der(content))
        return request.public_bytes(Encoding.PEM).decode()
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm) as error:
        raise FormatError("the file is no signing request") from error


def _request_der(content: bytes) -> bytes:
    if not pem.is_pem(content):
        return content
    requests = [block.der for block in pem.read_blocks(content, _LABELS) if block.label in REQUEST_LABELS]
    if len(requests) != 1:
        raise FormatError("the file does not hold exactly one signing request")
    return requests[0]
