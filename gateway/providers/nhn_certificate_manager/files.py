"""A certificate's file: what is refused before an upload, and what a download is handed out as.

Works on what was read already; sends nothing.
"""

from collections.abc import Sequence
from typing import Final

from cryptography import x509

from gateway.errors import InvalidRequest, Violation
from gateway.pem import CERTIFICATE_LABELS, PRIVATE_KEY_LABELS
from gateway.providers.base import filenames, pem
from gateway.providers.base import x509 as formats
from gateway.providers.base.formats import FormatError
from gateway.upstream.client import HttpResponse
from keyway.v1 import certificate_service_pb2 as service
from keyway.v1 import error_reason_pb2 as reasons

MAXIMUM_UPLOAD_BYTES: Final = 512 * 1024
"""512 KB, as the v1.0 guide says for code 52008."""


def check_upload(request: service.UploadCertificateRequest) -> None:
    """InvalidRequest where the file is larger than Certificate Manager takes."""
    size = len(request.content)
    if size > MAXIMUM_UPLOAD_BYTES:
        description = f"at most {MAXIMUM_UPLOAD_BYTES} bytes (512 KB), and this has {size}"
        raise InvalidRequest([Violation("content", description, reasons.ERROR_REASON_FILE_TOO_LARGE)])


def key_material(content: bytes) -> Sequence[str]:
    """What is secret in a file that is sent, so that it can be taken out of the answer: the lines of its keys.

    A file that can't be read can hold a key all the same: all its lines count then.
    """
    try:
        blocks = pem.read_blocks(content, CERTIFICATE_LABELS | PRIVATE_KEY_LABELS)
    except FormatError:
        lines = (line.strip() for line in content.decode(errors="replace").splitlines())
        return [line for line in lines if line and not line.startswith("-----")]
    return [line for block in blocks if block.label in PRIVATE_KEY_LABELS for line in block.lines if line]


def downloaded(
    request: service.DownloadCertificateRequest, response: HttpResponse, bundle: pem.PemBundle, certificate: str
) -> service.DownloadCertificateResponse:
    """The bundle in the format that was asked for; the private key only where it was asked for."""
    chain = ordered(bundle)
    encoded = formats.encode(chain, request.format)
    said = filenames.from_content_disposition(response.headers.get("Content-Disposition", ""))
    name = said or filenames.safe_name(certificate) or "certificate"
    return service.DownloadCertificateResponse(
        content=encoded.content,
        filename=filenames.with_ending(name, encoded.suffix),
        media_type=encoded.media_type,
        certificate_chain=formats.to_pem(chain),
        private_key_pem=(bundle.private_key_pem or "") if request.include_private_key else "",
    )


def ordered(bundle: pem.PemBundle) -> Sequence[x509.Certificate]:
    """The certificates of the bundle, leaf first."""
    return pem.order_chain(bundle.certificates, bundle.private_key_pem)
